"""The front-end extension in real JupyterLab and Notebook: colours, buttons, keys; and nothing where it is not wanted.

Screenshots are kept in `artifacts/` (or where OPENCLAW_TEST_SHOTS says): look at them.
"""

import json
import os
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from hostile import HOSTILE
from lab import find_chromium, jupyterlab
from scripted_portal import Portal

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        find_chromium() is None, reason="no Chromium on this machine (Debian: apt-get install chromium)"
    ),
]

SHOTS = Path(os.environ.get("OPENCLAW_TEST_SHOTS") or Path(__file__).parents[2] / "artifacts")
QUESTION = (
    """%%qwen
# What's *wrong* with the customer's table?
- it doesn't add up

A line that is longer than the cell is wide. """
    + "It goes on. " * 15
)
CELLS = [
    "%load_ext openclaw_ipython",
    "%openclaw login --set-default",
    QUESTION,
    "first = 1 / 0",
    "second = [][1]",
    "x = 'python'  # as ever",
]
ANSWER = (
    "Two of your rows are strings:\n\n```python\ntotals = rows.astype(float)\n```\n\n",
    "1. Install it\n\n   ```console\n   $ pip install x\n   Collecting x\n   $ pip list\n   ```\n",
    "\n```sql\nselect 1\n```\n",
)


@contextmanager
def front_end(work, **options):
    """A front end with a portal that is scripted by the test, as `lab.portal`."""
    portal = Portal().approve_after()
    with portal.serve() as origin:
        environ = {"OPENCLAW_HOME": str(work / "home"), "OPENCLAW_IPYTHON_OAUTH_ORIGIN": origin}
        with jupyterlab(work, environ, SHOTS, **options) as lab:
            lab.work, lab.portal = work, portal
            lab.page.add_init_script("window.hit = []; window.alert = (x) => window.hit.push(String(x))")
            yield lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with front_end(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


def opened(lab, cells, name="n", first_id="cell-0", outputs=()) -> None:
    """Open a notebook of `cells`, of which the first has an id and saved outputs."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    notebook.cells[0].outputs = list(outputs)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}" if number else first_id
    lab.path = lab.work / f"{name}.ipynb"
    lab.path.write_text(json.dumps(notebook), "utf-8")
    lab.open(lab.path.name)
    if lab.app == "jupyterlab" and lab.page.locator(".jp-FileBrowser").is_visible():
        lab.page.keyboard.press("Control+b")


def signed_in(lab) -> None:
    for at in (0, 1):
        lab.run(at)
        lab.finished(at)
    lab.wait(lambda: "Signed in" in lab.output(1).inner_text())


def sources(lab) -> list[str]:
    return [cell.source for cell in nbformat.reads(lab.save(lab.path), 4).cells]


def buttons(place) -> list[str]:
    return [one.inner_text() for one in place.locator(".oc-bar button").all() if one.is_visible()]


def language(lab, at: int) -> tuple[str, bool, list[str]]:
    """The language of a cell's editor, whether its lines wrap, and the lines that are marked as the magic."""
    editor = lab.cell(at).locator(".cm-content")
    return (
        editor.get_attribute("data-language"),
        "cm-lineWrapping" in editor.get_attribute("class"),
        editor.locator(".oc-magic").all_inner_texts(),
    )


@pytest.mark.parametrize(("app", "theme"), [("jupyterlab", "dark"), ("notebook", "light")])
def test_colours_and_buttons(tmp_path, app, theme):
    pytest.importorskip(app)
    with front_end(tmp_path, app=app, theme=theme, height=1700) as lab:
        portal = lab.portal
        opened(lab, CELLS)
        lab.wait(lambda: language(lab, 2) == ("markdown", True, ["%%qwen"]))
        lab.wait(lambda: language(lab, 5) == ("python", False, []))
        lab.run(3)
        lab.finished(3)
        lab.wait(lambda: lab.output(3).locator(".oc-bar").count() == 1)
        assert buttons(lab.page) == []  # the extension is not loaded in the kernel
        signed_in(lab)
        lab.wait(lambda: buttons(lab.output(3)) == ["Fix", "Explain"])

        # the code of an answer
        portal.says(*ANSWER)
        lab.run(2)
        lab.finished(2)
        answer = lab.output(2)
        lab.wait(lambda: len(buttons(answer)) == 5)
        assert buttons(answer) == ["Copy", "Insert below", "Copy", "Insert below", "Copy"]
        lab.page.context.grant_permissions(["clipboard-read"])
        answer.get_by_role("button", name="Copy", exact=True).last.click()
        lab.wait(lambda: buttons(answer)[-1] == "Copied")
        assert lab.page.evaluate("navigator.clipboard.readText()") == "select 1"
        for at in (0, 1):
            answer.get_by_role("button", name="Insert below").nth(at).click()
        added = ["totals = rows.astype(float)", "%%bash\npip install x\npip list"]
        assert sources(lab)[3:5] == added
        assert [lab.prompt(at) for at in (3, 4)] == ["[ ]:", "[ ]:"]  # not run

        # a repair of the cell with the button, which is not the one that failed last
        for at, number in ((5, "[5]:"), (6, "[6]:")):
            lab.run(at)
            lab.wait(lambda at=at, number=number: lab.prompt(at) == number)
            lab.wait(lambda at=at: buttons(lab.output(at)) == ["Fix", "Explain"])
        portal.says("Divide by something.\n\n```python\nfirst = 1 / 1\n```\n")
        lab.cell(5).locator(".jp-InputPrompt").first.click()
        for _ in range(20):  # past what the front end has in a cell
            if lab.page.evaluate("document.activeElement.textContent") != "Fix":
                lab.page.keyboard.press("Tab")
        assert lab.page.evaluate("document.activeElement.matches('.oc-bar button:focus-visible')")
        lab.shot(f"extension-{app}-{theme}")
        lab.page.keyboard.press("Enter")
        lab.wait(lambda: "the repaired cell is below" in lab.output(6).inner_text())
        repaired = ["first = 1 / 0", "%openclaw fix --cell cell-3", "first = 1 / 1"]
        lab.wait(lambda: sources(lab)[5:8] == repaired)
        asked = [r for r in portal.requests if r.path.endswith("/chat/completions")][-1].json()
        assert "first = 1 / 0" in asked["messages"][-1]["content"]
        lab.shot(f"extension-{app}-{theme}-fixed")


def test_colours_follow_what_is_typed(lab):
    opened(lab, ["x = 1"], "typed")
    lab.cell(0).locator(".cm-content").click()
    lab.page.keyboard.press("Control+a")
    lab.page.keyboard.type("%%qwen -i fig\nDon't")
    lab.wait(lambda: language(lab, 0) == ("markdown", True, ["%%qwen -i fig"]))
    lab.page.keyboard.press("Control+Home")
    lab.page.keyboard.type("# ")
    lab.wait(lambda: language(lab, 0) == ("python", False, []))


def test_buttons_come_and_go_with_the_extension(lab):
    load, unload = "%load_ext openclaw_ipython", "%unload_ext openclaw_ipython"
    opened(lab, [load, "1 / 0", unload, "%qwen", "raise KeyboardInterrupt"], "loaded")
    for at in (0, 1, 3, 4):
        lab.run(at)
        lab.finished(at)
    lab.wait(lambda: buttons(lab.output(1)) == ["Fix", "Explain"])
    lab.wait(lambda: "KeyboardInterrupt" in lab.output(4).inner_text())
    assert buttons(lab.output(3)) == []  # an error of ours says itself what to do
    assert buttons(lab.output(4)) == []
    lab.save(lab.path)
    lab.open(lab.path.name)
    lab.wait(lambda: buttons(lab.output(1)) == ["Fix", "Explain"])
    lab.run(2)
    lab.wait(lambda: buttons(lab.output(1)) == [])
    lab.run(0)
    lab.wait(lambda: buttons(lab.output(1)) == ["Fix", "Explain"])
    for _ in range(2):
        lab.page.keyboard.press("0")
    lab.page.get_by_role("button", name="Confirm Kernel Restart").click()
    lab.wait(lambda: buttons(lab.output(1)) == [])


def test_the_id_of_a_cell_from_a_file_is_not_run(lab):
    """A button runs a line with the id of its cell, and the id stands in a file that somebody else may have written."""
    error = nbformat.v4.new_output("error", ename="E", evalue="v", traceback=["E: v"])
    opened(lab, ["pass", "%load_ext openclaw_ipython"], "ids", "x\nprint('hit')", [error])
    lab.run(1)
    lab.wait(lambda: lab.page.locator(".oc-loaded").count() == 1)
    assert lab.output(0).locator("pre").count() == 1
    assert buttons(lab.output(0)) == []


def test_nothing_hostile_acts_when_every_button_is_pressed(lab):
    foreign: list[str] = []
    opened(lab, [*CELLS[:2], "%%qwen\nhostile"], "hostile")
    lab.page.on(
        "request", lambda request: foreign.append(request.url) if "127.0.0.1" not in request.url else None
    )
    signed_in(lab)
    fence = "~" * 20
    texts = [f"{fence}python\n{text}\n{fence}\n\n{text}\n\n" for _, text in HOSTILE if len(text) < 2000]
    lab.portal.says(*texts, pace=0)
    lab.run(2)
    lab.finished(2)
    answer = lab.output(2)
    lab.wait(lambda: answer.locator(".oc-code").count() >= 40)
    lab.shot("extension-hostile")
    labels = answer.locator(".oc-bar button").evaluate_all(
        "all => all.map(one => (one.click(), one.textContent))"
    )
    below = labels.count("Insert below")
    lab.page.wait_for_timeout(1000)
    saved = nbformat.reads(lab.save(lab.path), 4).cells[3:]
    assert [(cell.cell_type, cell.execution_count, cell.outputs) for cell in saved] == [
        ("code", None, [])
    ] * below
    assert "<img src=x onerror=alert(1)>" in {cell.source for cell in saved}
    assert lab.page.evaluate("window.hit") == []
    assert foreign == []
    acting = "script, iframe, object, embed, form, input, svg:not(mjx-container svg), img, link, meta, style"
    assert answer.locator(".jp-OutputArea-output").locator(acting).count() == 0
