"""Every code block of docs/ is run beside the practice portal, or a comment before it says why it is not.

The blocks of a page are run in order in one kernel. A comment before a block is `<!-- not run: REASON -->`, or
`<!-- setup: CODE -->` with what the reader has at that point. The Chinese pages have the blocks of the English ones.
"""

import re
from pathlib import Path
from typing import NamedTuple

import pytest
from signed_in import signed_in

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))
BLOCK = re.compile(
    r"^(?P<indent> *)(?:<!-- (?P<word>setup|not run):\s(?P<told>[^>]*?)\s-->\n\s*)?"
    r"```(?P<language>[^\n]*)\n(?P<code>.*?)^ *```",
    re.M | re.S,
)


class Block(NamedTuple):
    language: str
    code: str
    setup: str
    reason: str


def blocks(page: str) -> list[Block]:
    found = []
    for match in BLOCK.finditer((DOCS / page).read_text("utf-8")):
        if match["language"].startswith("{"):  # a directive of Sphinx
            continue
        code = re.sub(f"^{match['indent']}", "", match["code"], flags=re.M)
        told = match["told"] or ""
        setup, reason = (told, "") if match["word"] == "setup" else ("", told)
        found.append(Block(match["language"], code, setup, reason))
    return found


RUN = [page for page in PAGES if any(not block.reason for block in blocks(page))]


def test_blocks_are_found():
    assert "python.md" in RUN


@pytest.mark.parametrize("page", PAGES)
def test_only_cells_are_run_and_a_reason_is_a_sentence(page):
    for block in blocks(page):
        assert block.reason or block.language in ("python", ""), block.code
        assert not block.reason or len(block.reason.split()) >= 3, block.reason


@pytest.mark.kernel
@pytest.mark.slow
@pytest.mark.parametrize("page", RUN)
def test_the_blocks_of_a_page_run(page, tmp_path):
    import nbformat
    from nbclient import NotebookClient

    sources = ["%load_ext openclaw_ipython\nimport openclaw_ipython as oc"]
    for block in blocks(page):
        if not block.reason:
            sources += [source for source in (block.setup, block.code) if source]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    with signed_in(tmp_path) as environ:
        client = NotebookClient(
            notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
        )
        client.execute(env=environ)
