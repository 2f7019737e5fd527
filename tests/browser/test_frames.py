"""Pages that a model wrote, in their frames, in a real browser: nothing in them acts, loads or leads away."""

from html import escape

import pytest
from hostile import HOSTILE
from lab import find_chromium

from openclaw_ipython.sanitize.html import framed

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        find_chromium() is None, reason="no Chromium on this machine (Debian: apt-get install chromium)"
    ),
]

PAGE = """<html><head><meta http-equiv="refresh" content="0;url=https://tracker.invalid/refresh">
<link rel="preconnect" href="https://tracker.invalid"><link rel="stylesheet" href="https://tracker.invalid/a.css">
<style>@import "https://tracker.invalid/i.css"; h1 { color: rgb(1, 2, 3); background: url(https://tracker.invalid/b) }
@font-face { font-family: x; src: url(https://tracker.invalid/f) }
p { font-family: x; content: u\\72l(//tracker.invalid/c) }
</style></head><body onload="hit('load')" style="background: rgb(4, 5, 6)"><h1>Title</h1>
<p>words <img src="https://tracker.invalid/p.png" onerror="hit('error')" alt="cat">
<a href="https://tracker.invalid/a" target="_top">away</a></p>
<form action="https://tracker.invalid/post"><button>send</button></form>
<svg><image href="https://tracker.invalid/s.png"/><script>hit('svg')</script></svg>
<script>hit('script')</script></body></html>"""


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    """An empty page that keeps what was asked for from elsewhere, and what was run, in `page.events`."""
    page = browser.new_page()
    page.events = []
    page.on("request", lambda request: page.events.append(request.url))
    page.on("dialog", lambda dialog: (page.events.append(dialog.message), dialog.dismiss()))
    page.expose_function("hit", lambda what: page.events.append(what))
    yield page
    page.close()


def test_a_page_is_shown_and_nothing_in_it_acts(page):
    page.set_content(framed(PAGE))
    frame = page.frame_locator("iframe")
    frame.locator("h1").wait_for()
    assert frame.locator("h1").inner_text() == "Title"
    assert frame.locator("h1").evaluate("h => getComputedStyle(h).color") == "rgb(1, 2, 3)"
    assert frame.locator("body").evaluate("b => getComputedStyle(b).backgroundColor") == "rgb(4, 5, 6)"
    frame.get_by_text("away").click()
    frame.get_by_text("send").click()
    page.wait_for_timeout(300)
    assert page.events == []
    assert frame.locator("h1").inner_text() == "Title"
    assert len(page.context.pages) == 1


ACTS = "<p>there</p><script>hit('script')</script><img src=x onerror=\"hit('error')\">"


def test_the_sandbox_alone_runs_nothing(page):
    """The walls do not lean on each other: what was written by mistake is still only looked at."""
    page.set_content(framed("<p>MARK</p>").replace(escape("<p>MARK</p>"), escape(ACTS)))
    page.frame_locator("iframe").get_by_text("there").wait_for()
    page.wait_for_timeout(300)
    assert page.events == []
    page.set_content(f'<iframe srcdoc="{escape(ACTS)}">')  # without it, it would
    page.frame_locator("iframe").get_by_text("there").wait_for()
    page.wait_for_timeout(300)
    assert "script" in page.events


def test_nothing_hostile_acts_in_its_frame(page):
    frames = [frame for _, text in HOSTILE if (frame := framed(text)) is not None]
    assert len(frames) > 50
    page.set_content("".join(frames).replace('loading="lazy"', ""))
    page.frame_locator("iframe").last.locator("body").wait_for(state="attached")
    page.wait_for_timeout(500)
    assert page.events == []
