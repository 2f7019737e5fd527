"""Saved answers as nbconvert's exporters read them, with pandoc."""

from __future__ import annotations

import re
import shutil

import nbformat
import pytest
from frontends import Page
from hostile import HOSTILE

from openclaw_ipython.sanitize.markdown import safe_markdown

pytestmark = pytest.mark.skipif(
    shutil.which("pandoc") is None, reason="no pandoc on this machine (Debian: apt-get install pandoc)"
)

ANSWER = r"""# A title

**Note:** it costs $5 (or $6), is *36.7* degrees in `my_var`, R&D at C:\temp, see [1].

1. Install it:

    ```bash
    export A=$HOME/a
    export B=$HOME/b
    ```
2. Run it:
   - with Python

     ```python
     def f(x):
         return x
     ```

> ```sql
> select 1
> ```

Then $x^2$ and

$$\int x\,dx$$
"""
CODE = ["export A=$HOME/a", "def f(x):", "    return x", "select 1"]


def exported(kind: str, *answers: str) -> str:
    from nbconvert.exporters import get_exporter

    outputs = [
        nbformat.v4.new_output("display_data", {"text/markdown": safe_markdown(text), "text/plain": text})
        for text in answers
    ]
    cell = nbformat.v4.new_code_cell("%%qwen\nhi", outputs=outputs)
    return str(get_exporter(kind)().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))[0])


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            "latex",
            [r"\begin{Highlighting}", r"\KeywordTok{def}", r"\texttt{my\_var}", r"\emph{36.7}", r"R\&D"],
        ),
        ("asciidoc", ["[source,python]\n----", "[source,bash]\n----", "`my_var`", "_36.7_", "R&D", *CODE]),
        ("rst", [".. code:: python", ".. code:: bash", "``my_var``", "*36.7*", "R&D", ":math:`x^2`", *CODE]),
        ("markdown", ["```python", "```bash", "`my_var`", "*36.7*", "R&D", "$x^2$", "**Note:**", *CODE]),
    ],
)
def test_an_export_keeps_code_emphasis_and_formulas(kind, words):
    text = exported(kind, ANSWER)
    assert [word for word in words if word not in text] == []
    assert not re.search(r"<pre|<span style|&#\d|&amp;", text)


def test_nothing_hostile_is_tex_or_html_to_pandoc():
    from nbconvert.filters import markdown2html_pandoc, markdown2latex

    answers = [safe_markdown(text) for _, text in HOSTILE if len(text) < 2000]
    markdown = "\n\n".join(answer.encode("utf-8", "replace").decode() for answer in answers)
    tex = re.sub(r"(?s)\\begin\{(verbatim|Highlighting)\}.*?\\end\{\1\}", "", markdown2latex(markdown))
    assert re.findall(r"\\(?:input|write18|include|immediate)\b(?!\\)", tex) == []
    page = Page.of(markdown2html_pandoc(markdown))
    assert [
        fault for fault in page.faults if re.match(r"<(script|img|iframe|svg|form|input)>|\w+ on\w+=", fault)
    ] == []
