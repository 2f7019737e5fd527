"""Colour for code in answers: Pygments' tokens as `<span>`s whose colours follow the front end's theme."""

from __future__ import annotations

from openclaw_ipython.sanitize.html import html_code

MAX_LENGTH = 20_000
"""Characters; longer code stays plain. Colour multiplies the size of a message."""

# Only languages with lexers that take hostile input calmly, and that models write.
_LEXERS = {
    "python": "python", "py": "python", "python3": "python", "ipython": "python", "pycon": "pycon",
    "bash": "bash", "sh": "bash", "shell": "bash", "zsh": "bash", "console": "console",
    "json": "json", "jsonc": "json", "yaml": "yaml", "yml": "yaml", "toml": "toml", "ini": "ini",
    "html": "html", "xml": "xml", "css": "css", "javascript": "javascript", "js": "javascript",
    "jsx": "javascript", "typescript": "typescript", "ts": "typescript", "tsx": "typescript", "sql": "sql",
    "c": "c", "cpp": "cpp", "c++": "cpp", "java": "java", "go": "go", "golang": "go", "rust": "rust",
    "rs": "rust", "r": "r", "julia": "julia", "jl": "julia", "ruby": "ruby", "rb": "ruby", "php": "php",
    "kotlin": "kotlin", "swift": "swift", "scala": "scala", "lua": "lua", "csharp": "csharp", "cs": "csharp",
    "c#": "csharp", "haskell": "haskell", "matlab": "matlab", "powershell": "powershell", "diff": "diff",
    "dockerfile": "docker", "docker": "docker", "makefile": "make", "make": "make", "latex": "tex", "tex": "tex",
}  # fmt: skip

# Token type, JupyterLab's variable for it, and what a front end without that variable shows.
_COLOURS = (
    ("Comment", "comment", "#408080"),
    ("Keyword", "keyword", "#008000"),
    ("Operator.Word", "keyword", "#008000"),
    ("Literal.String", "string", "#ba2121"),
    ("Literal.Number", "number", "#080"),
    ("Name.Function", "def", "#00f"),
    ("Name.Class", "def", "#00f"),
    ("Name.Builtin", "builtin", "#008000"),
    ("Name.Decorator", "meta", "#a2f"),
    ("Name.Tag", "tag", "#170"),
    ("Name.Attribute", "attribute", "#00c"),
    ("Generic.Deleted", "string", "#ba2121"),
    ("Generic.Inserted", "keyword", "#008000"),
)


def highlighted(code: str, language: str) -> str:
    """`code` as the content of `<code>`, coloured when the language is known and the code not too long."""
    name = _LEXERS.get(language.lower())
    if name is None or len(code) > MAX_LENGTH:
        return html_code(code)
    runs = _runs(code, name)
    if "".join(text for text, _ in runs) != code:
        return html_code(code)  # the lexer changed the text: what is shown must be what was written
    return "".join(_span(text, style) for text, style in runs)


def _runs(code: str, name: str) -> list[tuple[str, str]]:
    """Pieces of `code` with their style, neighbours of one style joined."""
    from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]  # it ships no types

    lexer = get_lexer_by_name(name, stripnl=False, ensurenl=False)
    runs: list[tuple[str, str]] = []
    for kind, text in lexer.get_tokens(code):
        style = _style(str(kind).removeprefix("Token."))
        if runs and (runs[-1][1] == style or text.isspace()):
            runs[-1] = (runs[-1][0] + text, runs[-1][1])
        else:
            runs.append((text, style))
    return runs


def _style(kind: str) -> str:
    for prefix, variable, fallback in _COLOURS:
        if kind.startswith(prefix):
            return f"color:var(--jp-mirror-editor-{variable}-color,{fallback})"
    return ""


def _span(text: str, style: str) -> str:
    return f'<span style="{style}">{html_code(text)}</span>' if style else html_code(text)
