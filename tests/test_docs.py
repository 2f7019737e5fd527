"""The docs say what is true: generated tables are fresh, links lead somewhere, the README's commands exist."""

import importlib.util
import re
from pathlib import Path
from textwrap import indent

import pytest
from PIL import Image, ImageSequence

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "README.zh-CN.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


def test_the_tables_of_commands_and_options_are_fresh():
    spec = importlib.util.spec_from_file_location("docs_script", ROOT / "scripts" / "docs.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.PAGE.read_text("utf-8") == script.page(), "run: python scripts/docs.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_to_files_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_links_of_the_readme_work_on_a_package_index_and_lead_to_files(name):
    text = (ROOT / name).read_text("utf-8")
    targets = re.findall(r"\]\(([^)]+)\)|href=\"([^\"]+)\"", text)
    own = r"https://(?:github|raw\.githubusercontent)\.com/openclaw/openclaw-ipython/(?:blob/)?main/([^#]+)"
    for target in filter(None, (a or b for a, b in targets)):
        assert target.startswith("https://"), target
        if found := re.match(own, target):
            assert (ROOT / found[1]).is_file(), target


def test_the_first_cells_of_the_readme_work_as_they_are_typed():
    """No cell before the table of every day uses a name that the reader has not defined."""
    text = (ROOT / "README.md").read_text("utf-8").partition("## Every day")[0]
    assert "{name}" not in text
    assert "-a " not in text


def test_the_test_in_the_docs_is_from_the_file_that_is_run():
    *_, block = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "compare.md").read_text("utf-8"), re.S)
    assert indent(block, "    ") in (ROOT / "notebooks" / "test_prompt.py").read_text("utf-8")


def test_pictures_are_small():
    for picture in (ROOT / "docs" / "images").iterdir():
        assert picture.stat().st_size < 150_000, picture


def test_the_answer_in_the_readme_streams():
    """Both READMEs show it: 5 to 10 seconds of frames that differ, again and again."""
    for page in ("README.md", "README.zh-CN.md"):
        assert "/docs/images/stream.gif)" in (ROOT / page).read_text("utf-8")
    with Image.open(ROOT / "docs" / "images" / "stream.gif") as picture:
        frames = [
            (frame.info["duration"], frame.convert("RGB").tobytes())
            for frame in ImageSequence.Iterator(picture)
        ]
        assert picture.info["loop"] == 0
    assert 5_000 < sum(duration for duration, _pixels in frames) < 10_000
    assert len({pixels for _duration, pixels in frames}) == len(frames) > 10


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_openclaw_command_in_the_docs_exists(page):
    from openclaw_ipython.shell.commands import find

    for line in re.findall(r"`%openclaw ([a-z][^`…]*)`", page.read_text("utf-8")):
        words = [w for w in re.split(r"[\s|]+", line) if w]
        if words[0] != "help":
            find(words)


HABITS = ROOT / "docs" / "from-jupyter-ai.md"


def _ours(page: Path) -> list[str]:
    """What a page says to type here: the second column of its tables, and the prose around them."""
    told = []
    for line in page.read_text("utf-8").splitlines():
        columns = re.split(r"(?<!\\)\|", line)
        text = " ".join(columns[2:]) if line.startswith("|") else line
        told += re.findall(r"`(%%?(?:qwen|openclaw|config OpenClaw)\b[^`]*)`", text)
    return told


@pytest.mark.parametrize("typed", sorted(set(_ours(HABITS))))
def test_every_habit_is_given_something_that_can_be_typed(typed):
    from openclaw_ipython.shell.commands import find
    from openclaw_ipython.shell.magics import OpenClaw
    from openclaw_ipython.shell.options import CELL
    from openclaw_ipython.shell.parser import parse, words

    magic, _, rest = typed.partition(" ")
    if magic in ("%%qwen", "%qwen"):
        parse(words(rest), CELL)
    elif magic == "%openclaw" and rest:
        command, arguments = find(words(rest))
        parse(arguments, command.spec)
    elif magic == "%config":
        assert rest.partition(".")[2].partition(" ")[0] in OpenClaw.class_own_traits(config=True)


def test_every_make_target_in_the_readme_exists():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"\bmake ([a-z]+)", (ROOT / "README.md").read_text("utf-8")):
        if target not in ("", "nothing"):
            assert re.search(rf"^{target}:", makefile, re.M) or target in ("needs",), target


def test_both_readmes_show_the_same_commands_and_lead_to_the_same_places():
    def told(name: str) -> tuple[set[str], set[str]]:
        text = (ROOT / name).read_text("utf-8")
        links = {link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("README")}
        return set(re.findall(r"`(%openclaw [a-z][^`]*|make [^`]*)`", text)), links

    assert told("README.zh-CN.md") == told("README.md")
