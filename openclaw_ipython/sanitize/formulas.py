r"""Which formulas written by a model may reach the typesetter of a front end, and in which form.

TeX is a programming language and its web typesetters have commands that link, style and load. A formula also
passes two readers that disagree: some front ends take math out before they read Markdown (JupyterLab,
nbconvert), others afterwards or never. So what leaves here means the same, or nothing, to both.
"""

from __future__ import annotations

import re

from openclaw_ipython.patterns import pattern

CLOSERS = {"$": "$", "$$": "$$", r"\(": r"\)", r"\[": r"\]"}
"""How a formula is opened in text, and what closes it."""

MAX_LENGTH = 10_000
MAX_DEPTH = 60

# Commands that act outside their formula: links, HTML attributes, styles, files, other extensions,
# definitions (a later formula could be built from them), references (ids of the page), raw characters.
# The lists of MathJax (ui/safe, html, action, bbox, require, newcommand, mathtools) and of KaTeX ("trust").
_DENIED = pattern(
    r"""\\(?:
        href|url|nolinkurl|hyperref|class|cssId|style|data|html\w*|mmlToken|bbox|toggle|mathtip|texttip|tooltip
      | require|include\w*|input|import|special|write\w*|read|openin|openout|catcode|immediate
      | unicode|char|symbol|csname|endcsname|expandafter|noexpand|futurelet|string|detokenize|scantokens
      | [gex]?def|let|global|long|outer|new(?!line(?![A-Za-z]))\w*|(?:re|provide)new\w*|provide\w*|Declare\w*|New\w*
      | define\w*|mathtoolsset|\w*tagform|setOptions|label|ref|eqref|autoref|pageref|cref|Cref|cite\w*
    )(?![A-Za-z])""",
    re.X,
)
_LABEL = pattern(r"\\label\s*\{[^{}]*\}")  # means nothing here, and is an error when painted a second time
_COMMENT = pattern(r"(?<!\\)((?:\\\\)*)%[^\n]*")
_TOKEN = pattern(r"\\.|[{}$]", re.S)
_REFUSED = pattern(r"`|://|www\.|(?<!\\)\$|\\\\\$|\\\Z", re.I)
_SHIELDED = (
    (pattern(r"<"), r"\\lt "),
    (pattern(r">"), r"\\gt "),
    (pattern(r"&(?=[#\w])"), "& "),  # would be an entity to a Markdown reader
    (pattern(r"!(?=\[)"), "! "),
    (pattern(r"\](?=[(\[:])"), "] "),  # a link, or the definition of one
    (pattern(r"\\\\(?=[{}$(\[])"), r"\\\\ "),  # readers differ on what the second backslash belongs to
    (pattern(r"@@"), "@ @"),  # how JupyterLab marks where a formula was
)
_BAR = pattern(r"\\\||(?<!\\)\|")


def safe_formula(tex: str, *, in_table: bool = False) -> str | None:
    r"""The formula `tex`, without its delimiters, as one line that may stand between dollars; None if it may not.

    `<` and `>` become `\lt` and `\gt`, comments go, `|` becomes `\vert` where it would end a table cell.
    None means: show it as code.
    """
    if len(tex) > MAX_LENGTH:
        return None
    tex = _LABEL.sub("", _COMMENT.sub(r"\1", tex))
    for sign, replacement in _SHIELDED:
        tex = sign.sub(replacement, tex)
    if in_table:
        tex = _BAR.sub(lambda match: r"\Vert " if len(match[0]) > 1 else r"\vert ", tex)
    tex = " ".join(tex.split())
    if not tex or _REFUSED.search(tex) or not _balanced(tex):
        return None
    return None if _DENIED.search(tex) else tex


def _balanced(tex: str) -> bool:
    depth = 0
    for match in _TOKEN.finditer(tex):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if not 0 <= depth <= MAX_DEPTH:
            return False
    return depth == 0
