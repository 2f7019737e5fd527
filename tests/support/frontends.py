"""Stand-ins for the front ends that show an answer, and what of it would act.

`commonmark` and `notebook` are two unrelated Markdown readers, both with raw HTML switched on; `jupyterlab`
takes math out before it reads Markdown, as JupyterLab 4.6's `removeMath` and `replaceMath` do. `typeset` finds in the
page what MathJax would take for a formula.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from html import escape
from html.parser import HTMLParser

from markdown_it import MarkdownIt

_TEXT_TAGS = ("p", "h1", "h2", "h3", "h4", "h5", "h6", "em", "strong", "s", "del", "a", "code", "span", "br")
_BLOCK_TAGS = ("div", "pre", "blockquote", "ul", "ol", "li", "hr", "details", "summary")
_TABLE_TAGS = ("table", "thead", "tbody", "tr", "th", "td")
ALLOWED_TAGS = frozenset(_TEXT_TAGS + _BLOCK_TAGS + _TABLE_TAGS)
_STYLE = re.compile(
    r"(color:var\(--jp-[a-z-]+,#?[0-9a-z]+\)|white-space:pre-wrap|text-align:\s*(left|right|center))"
)
_CLASS = re.compile(r"language-[A-Za-z0-9_+#.-]+")
_PYGMENTS = {
    "div": re.compile("highlight(-[a-z]+)?|hl-[a-z0-9]+|highlight hl-[a-z0-9]+"),
    "span": re.compile("[a-z0-9]{1,3}"),
}
_SPLIT = re.compile(
    r"(\$\$?|\\(?:begin|end)\{[a-z]*\*?\}|\\[{}$]|[{}]|(?:\n\s*)+|@@\d+@@|\\\\[()\[\]])", re.I
)
_FENCE = re.compile(r"^(?P<fence>`{3,}|(~T){3,})[^`\n]*\n([\s\S]*?)^(?P=fence)`*$", re.M)
_CODE_SPAN = re.compile(r"(^|[^\\])(`+)([^\n]*?[^`\n])\2(?!`)", re.M)


@cache
def _markdown_it() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def commonmark(markdown: str) -> str:
    return str(_markdown_it().render(markdown))


def notebook(markdown: str) -> str:
    """nbconvert's reader (mistune), also with bare addresses made links."""
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    return MarkdownWithMath(renderer=IPythonRenderer(escape=False, exclude_anchor_links=True)).render(
        markdown
    )


def jupyterlab(markdown: str) -> str:
    text, formulas = remove_math(markdown)
    page = commonmark(text)
    return re.sub(
        r"@@(\d+)@@", lambda m: formulas[int(m[1])] if int(m[1]) < len(formulas) else "undefined", page
    )


FRONT_ENDS = (commonmark, notebook, jupyterlab)


def remove_math(text: str) -> tuple[str, list[str]]:
    """The text with formulas replaced by `@@n@@`, and the formulas, escaped for HTML (but not their quotes)."""
    formulas: list[str] = []
    has_code = "`" in text or "~~~" in text
    if has_code:
        text = text.replace("~", "~T")
        for code in (_FENCE, _CODE_SPAN):
            text = code.sub(lambda match: match[0].replace("$", "~D"), text)
    blocks = _SPLIT.split(text)
    start = last = closer = None
    depth = 0

    def take(first: int, final: int) -> None:
        formula = escape("".join(blocks[first : final + 1]), quote=False)
        for i in range(first, final + 1):
            blocks[i] = ""
        blocks[first] = f"@@{len(formulas)}@@"
        formulas.append(restored(formula))

    def restored(part: str) -> str:
        return re.sub("~([TD])", lambda m: "~" if m[1] == "T" else "$", part) if has_code else part

    for i in range(1, len(blocks), 2):
        block = blocks[i]
        if block.startswith("@"):
            blocks[i] = f"@@{len(formulas)}@@"
            formulas.append(block)
        elif start is not None:
            if block == closer:
                if depth:
                    last = i
                else:
                    take(start, i)
                    start = last = closer = None
            elif re.search(r"\n.*\n", block):
                if last is not None:
                    take(start, last)
                start = last = closer = None
                depth = 0
            elif block == "{":
                depth += 1
            elif block == "}" and depth:
                depth -= 1
        elif block in ("$", "$$"):
            start, closer, depth = i, block, 0
        elif block in ("\\\\(", "\\\\["):
            start, closer, depth = i, "\\\\)" if block[-1] == "(" else "\\\\]", 0
        elif block[1:6] == "begin":
            start, closer, depth = i, "\\end" + block[6:], 0
    if start is not None and last is not None:
        take(start, last)
    return restored("".join(blocks)), formulas


@dataclass
class Page(HTMLParser):
    """What a page consists of: tags, links, the text a reader sees, and the runs a typesetter looks at."""

    faults: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    text: str = ""
    runs: list[str] = field(default_factory=lambda: [""])
    _skipped: int = 0

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    @classmethod
    def of(cls, html: str) -> Page:
        page = cls()
        page.feed(html)
        page.close()
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ALLOWED_TAGS:
            self.faults.append(f"<{tag}>")
        for name, value in attrs:
            self._attribute(tag, name, value or "")
        if tag in ("pre", "code"):
            self._skipped += 1
        if tag == "br":
            self.runs[-1] += "\n"
            self.text += "\n"
        else:
            self.runs.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("pre", "code"):
            self._skipped -= 1
        self.runs.append("")
        if tag in ("p", "li", "td", "th", "pre", "summary") or tag.startswith("h"):
            self.text += "\n"

    def handle_data(self, data: str) -> None:
        self.text += data
        if not self._skipped:
            self.runs[-1] += data

    def handle_comment(self, data: str) -> None:
        self.faults.append("comment")

    handle_decl = unknown_decl = handle_pi = handle_comment

    def _attribute(self, tag: str, name: str, value: str) -> None:
        from openclaw_ipython.sanitize.html import safe_link

        if (tag, name) == ("a", "href"):
            self.links.append(value)
            good = safe_link(value) is not None
        elif name == "style":
            good = _STYLE.fullmatch(value) is not None
        elif name == "class":
            known = _PYGMENTS.get(tag, _CLASS)
            good = tag in ("code", "pre", "div", "span") and known.fullmatch(value) is not None
        else:
            good = ((tag, name) == ("ol", "start") and value.isdigit()) or (tag[0] == "h" and name == "id")
        if not good:
            self.faults.append(f"{tag} {name}={value!r}")


_DELIMITED = re.compile(
    r"\$\$(?P<a>(?:\\.|[^\\])+?)\$\$|\$(?P<b>(?:\\.|[^$\\])+?)\$|\\\((?P<c>.*?)\\\)|\\\[(?P<d>.*?)\\\]"
    r"|\\begin\{(?P<env>[^}]*)\}(?P<e>.*?)\\end\{(?P=env)\}|(?P<f>\\(?:eq)?ref\{[^}]*\})",
    re.S,
)


def typeset(page: Page) -> list[str]:
    """The formulas a typesetter would find in the page."""
    return [
        next(group for name, group in match.groupdict().items() if group is not None and name != "env")
        for run in page.runs
        for match in _DELIMITED.finditer(run)
    ]
