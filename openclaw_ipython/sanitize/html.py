"""Text from elsewhere inside HTML of ours: inert for the HTML reader and for a math typesetter.

Front ends typeset TeX found in *any* text of an output, also in HTML, and TeX can link and load. The
typesetters (MathJax 2 to 4) look for delimiters within one run of text between two tags and pass over `<pre>`
and `<code>`; so a dollar or a backslash that could open a formula gets a tag around it.
"""

from __future__ import annotations

import re
from html import escape

from openclaw_ipython.patterns import pattern
from openclaw_ipython.sanitize.characters import visible

DOLLAR = "<span>&#36;</span>"
BACKSLASH = "<span>&#92;</span>"

_TEX = pattern(r"\$|\\")
_CODE = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;", "\\": "&#92;", "`": "&#96;"})
_BLANK_LINE = pattern(r"^([ \t]*)\n", re.M)
_LINE_START = pattern(r"^([ \t]*)(\[|~)", re.M)


def html_text(text: str) -> str:
    """`text` as the content of an element: escaped, nothing hidden, nothing a typesetter would take."""
    escaped = escape(visible(text))
    return _TEX.sub(lambda match: DOLLAR if match[0] == "$" else BACKSLASH, escaped)


def html_code(text: str) -> str:
    """`text` as part of a `<code>` inside `<pre>`, where all white space counts. See `preformatted`."""
    return text.translate(_CODE).replace("](", "]&#40;")


def preformatted(content: str, *, code_class: str = "", style: str = "", nested: bool = False) -> str:
    """`<pre><code>` around `content`, which is made of `html_code` and tags of ours.

    The result is one HTML block for every Markdown reader: it has no blank line, at which some of them would
    end it (CommonMark §4.6, inside list items), and no line that starts a reference or a fence. `nested` says
    that it will be indented, which tabs do not survive.
    """
    content = _BLANK_LINE.sub(r"\1&#10;", content)
    content = _LINE_START.sub(lambda match: f"{match[1]}&#{ord(match[2])};", content)
    if nested:
        content = content.replace("\t", "&#9;")
    pre = f'<pre style="{style}">' if style else "<pre>"
    code = f'<code class="{code_class}">' if code_class else "<code>"
    return f"{pre}{code}{content}</code></pre>"
