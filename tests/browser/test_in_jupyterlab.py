"""The whole story in real JupyterLab, pressed and looked at in headless Chromium.

Screenshots are kept in `artifacts/` (or where OPENCLAW_TEST_SHOTS says): look at them.
"""

import os
from pathlib import Path

import nbformat
import pytest
from hostile import HOSTILE
from lab import find_chromium, jupyterlab
from scripted_portal import Portal

from openclaw_ipython.practice.answers import pieces

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        find_chromium() is None, reason="no Chromium on this machine (Debian: apt-get install chromium)"
    ),
]

SHOTS = Path(os.environ.get("OPENCLAW_TEST_SHOTS") or Path(__file__).parents[2] / "artifacts")
CELLS = [
    "%load_ext openclaw_ipython",
    "%openclaw login --set-default",
    "%%qwen\nwhat an answer can look like",
    "%openclaw login --force",
    "%%qwen\nhostile",
]

TOUR = r"""This page shows what an answer can look like.

## Text
Some **bold**, some *slanted*, some `inline code`, and a [link](https://jupyter.org).

- a list
- with two entries
  1. and a numbered one
  2. inside

> A quotation, for the record.

## A table
| name | value | squared |
|---|---:|---:|
| one | 1 | 1 |
| two | 2 | 4 |
| three | 3 | 9 |

## Mathematics
Inline, $e^{i\pi} + 1 = 0$, and on its own line:

$$\int_{-\infty}^{\infty} e^{-x^2}\,dx = \sqrt{\pi}$$

## Code
```python
def squares(n: int) -> list[int]:
    return [i * i for i in range(n)]
```

<b>HTML stays text</b>, and so does <script>alert("this")</script>.
"""


@pytest.fixture
def work(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
    }
    nbformat.write(notebook, tmp_path / "story.ipynb")
    return tmp_path


def test_sign_in_ask_cancel_and_nothing_hostile_acts(work):
    portal = Portal(pace=0.02)
    foreign: list[str] = []
    with (
        portal.serve() as origin,
        jupyterlab(
            work, {"OPENCLAW_IPYTHON_OAUTH_ORIGIN": origin, "OPENCLAW_HOME": str(work / "home")}, SHOTS
        ) as lab,
    ):
        lab.page.on(
            "request", lambda request: foreign.append(request.url) if "127.0.0.1" not in request.url else None
        )
        lab.open("story.ipynb")
        lab.page.keyboard.press("Control+b")  # room for the notebook
        foreign.clear()
        lab.run(0)
        lab.finished(0)

        # sign in: the cell is back at once, the panel waits
        lab.run(1)
        lab.finished(1)
        panel = lab.output(1)
        lab.wait(lambda: "Waiting for your approval" in panel.inner_text())
        assert panel.locator("img").count() == 1  # the QR code
        lab.shot("1-sign-in")
        code = panel.locator("span[title='click to select']").inner_text()
        panel.get_by_role("button", name="Copy").click()
        lab.wait(lambda: "Copied" in panel.inner_text())

        # approve on the portal's own page
        with lab.page.context.expect_page() as opened:
            panel.get_by_text("Open the sign-in page").click()
        page = opened.value
        page.wait_for_load_state()
        assert code in page.inner_text("body")
        page.screenshot(path=str(SHOTS / "2-approval-page.png"))
        page.get_by_role("button", name="Approve").click()
        page.wait_for_load_state()
        page.close()
        lab.page.bring_to_front()
        lab.wait(lambda: "Signed in to Qwen" in panel.inner_text())
        lab.wait(lambda: code not in panel.inner_text())
        lab.shot("3-signed-in")

        # ask: the stream grows, and is Markdown in the end
        portal.says(*pieces(TOUR))
        lab.run(2)
        answer = lab.output(2)
        lab.wait(lambda: len(answer.inner_text()) > 20)
        early = len(answer.inner_text())
        lab.wait(lambda: len(answer.inner_text()) > early)
        lab.shot("4-streaming")
        lab.finished(2)
        lab.wait(lambda: answer.locator("table").count() == 1)
        assert answer.locator("ul > li ol > li").count() == 2
        assert answer.locator("pre").count() == 1
        lab.wait(lambda: answer.locator("mjx-container").count() == 2)
        assert answer.locator("script").count() == 0
        assert "<script>" in answer.inner_text()
        lab.shot("5-answer")

        # a second sign-in, cancelled by its button
        lab.run(3)
        lab.finished(3)
        second = lab.output(3)
        lab.wait(lambda: "Waiting for your approval" in second.inner_text())
        second.get_by_role("button", name="Cancel").click()
        lab.wait(lambda: "Cancelled" in second.inner_text())
        lab.shot("6-cancelled")

        # everything hostile we know of, in one answer
        portal.says(*("\n\n".join(text for _, text in HOSTILE)).splitlines(keepends=True), pace=0)
        lab.page.evaluate(
            "() => { window.hit = []; window.alert = window.print = (x) => window.hit.push(String(x)) }"
        )
        lab.run(4)
        lab.finished(4)
        lab.page.wait_for_timeout(1500)
        lab.shot("7-hostile")
        hostile = lab.output(4).locator(".jp-OutputArea-output")
        assert lab.page.evaluate("window.hit") == []
        acting = hostile.locator(
            "script, iframe, object, embed, form, input, svg, img, video, audio, link, meta, style"
        )
        assert acting.evaluate_all("all => all.map(e => e.outerHTML)") == []
        links = hostile.locator("a").evaluate_all("all => all.map(a => a.getAttribute('href') || '')")
        assert [link for link in links if not link.startswith(("http://", "https://", "mailto:", "#"))] == []
        handlers = "all => all.flatMap(e => e.getAttributeNames()).filter(n => n.startsWith('on'))"
        assert hostile.locator("*").evaluate_all(handlers) == []
        assert foreign == []

        saved = lab.save(work / "story.ipynb")

    assert code not in saved
    assert "authorize?user_code" not in saved
    profile = next((work / "home").rglob("auth-profiles.json")).read_text("utf-8")
    import json

    for record in json.loads(profile)["profiles"].values():
        assert record["access"] not in saved
        assert record["refresh"] not in saved
    notebook = nbformat.reads(saved, 4)
    assert (
        "This page shows what an answer can look like" in notebook.cells[2].outputs[0]["data"]["text/plain"]
    )
