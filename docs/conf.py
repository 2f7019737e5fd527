"""The documentation site, built by `make docs`: scripts/site.py puts docs and notebooks into one folder first."""

import re
from pathlib import Path

from openclaw_ipython import __version__

project = "openclaw-ipython"
author = copyright = "The openclaw-ipython authors"  # noqa: A001 - Sphinx's name
version = release = __version__
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx_copybutton"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
nb_execution_mode = "off"  # scripts/site.py has executed them, each in a home of its own
nb_ipywidgets_js = {}  # nothing is loaded from elsewhere; a saved sign-in panel is its text
nb_merge_streams = True
myst_heading_anchors = 4
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", ".*")
]  # types of Python and of inner modules have no page; there is no network to ask
default_role = "code"  # docstrings have single backticks, as comments do
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 80

html_theme = "furo"
html_title = "openclaw-ipython"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_search_scorer = str(Path(__file__).with_name("_static") / "scorer.js")
search_words = dict(re.findall(r'^  "(.+?)": "(.+)",$', Path(html_search_scorer).read_text("utf-8"), re.M))
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "source_repository": "https://github.com/openclaw/openclaw-ipython/",
    "source_branch": "main",
    "source_directory": "docs/",
    "top_of_page_buttons": [],
}
copybutton_exclude = ".linenos, .gp, .go"

REPOSITORY = "https://github.com/openclaw/openclaw-ipython/blob/main/"


def links(app, docname: str, source: list[str]) -> None:
    """Links become links of the site, a picture gets its dark version if there is one, the search gets more words."""
    if docname.startswith("notebooks/"):
        source[0] = re.sub(r"\]\(\.\./docs/", "](../", source[0])
        return
    folder = Path(docname).parent

    def link(found: re.Match[str]) -> str:
        target = Path("docs", folder, found[1]).as_posix()
        parts: list[str] = []
        for part in target.split("/"):
            if part == "..":
                parts.pop()
            else:
                parts.append(part)
        up = "../" * (len(folder.parts))
        match parts:
            case ["docs", *_]:
                return found[0]
            case ["notebooks", name] if name.endswith(".ipynb"):
                return f"]({up}notebooks/{name}{found[2] or ''})"
        return f"]({REPOSITORY}{'/'.join(parts)}{found[2] or ''})"

    def picture(found: re.Match[str]) -> str:
        alt, path = found.groups()
        dark = path.replace(".png", "-dark.png")
        if not (Path(app.srcdir) / folder / dark).exists():
            return found[0]
        return "".join(
            f"```{{image}} {file}\n:alt: {alt}\n:class: only-{theme}\n```\n\n"
            for file, theme in ((path, "light"), (dark, "dark"))
        )

    text = re.sub(r"\]\(((?:\.\./)+[^)#\s]+)(#[^)\s]*)?\)", link, source[0])
    source[0] = re.sub(r"^!\[([^]]*)\]\(([^)\s]+\.png)\)$", picture, text, flags=re.M)
    if words := app.config.search_words.get(docname):
        source[0] = f"---\nmyst:\n  html_meta:\n    keywords: {words.replace(' ', ', ')}\n---\n\n{source[0]}"


def chinese(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Pages below `zh/` say that they are Chinese."""
    if "/zh/" in f"/{pagename}":
        context["language"] = "zh-CN"


LABELS = {
    'class="nav': "Pages",
    'class="toc': "On this page",
    'for="toctree-checkbox': "Pages below this one",
}


def name_labels(app, error) -> None:
    """The theme's labels that are only a symbol get names."""
    for file in () if error else Path(app.outdir).rglob("*.html"):
        text = file.read_text("utf-8")
        for begin, name in LABELS.items():
            text = text.replace(f"<label {begin}", f'<label aria-label="{name}" {begin}')
        file.write_text(text, "utf-8")


def examples(*signature) -> None:
    """An indented paragraph of a docstring is code."""
    code = False
    lines: list[str] = signature[-1]
    told: list[str] = []
    for line in lines:
        if line and not code and line.startswith("    ") and told and not told[-1]:
            told += [".. code-block:: python", ""]
        code = bool(code and not line) or line.startswith("    ")
        told.append(line)
    lines[:] = told


def setup(app) -> None:
    """Called by Sphinx."""
    app.add_config_value("search_words", {}, "env")  # a change is a reason to read the pages again
    app.connect("autodoc-process-docstring", examples)
    app.connect("build-finished", name_labels)
    app.connect("source-read", links)
    app.connect("html-page-context", chinese)
