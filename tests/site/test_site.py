"""The documentation site that `make docs` has built: links, public names, weight, contrast, labels."""

import importlib.util
import re
from pathlib import Path

import pytest
from contrast import CONTRAST
from lab import find_chromium

import openclaw_ipython as oc

ROOT = Path(__file__).parents[2]
HTML = ROOT / "build" / "site" / "html"
PAGES = sorted(path.relative_to(HTML).as_posix() for path in HTML.rglob("*.html"))
CONTENT = [page for page in PAGES if page not in ("genindex.html", "search.html")]

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PAGES, reason="make docs has not built the site")]

AUDIT = r"""
() => {
  const found = [];
  const text = (element) => (element.innerText || element.textContent || "").trim();
  const named = (element) => element.getAttribute("aria-label") || element.title || text(element)
      || element.querySelector("img[alt]:not([alt=''])") || element.querySelector("svg title");
  const visible = (element) => element.checkVisibility({checkOpacity: true, checkVisibilityCSS: true});
  const contrast = CONTRAST;
  if (!document.documentElement.lang) found.push("no language");
  const headings = [...document.querySelectorAll("h1")].filter(visible).length;
  if (headings !== 1) found.push(headings + " h1");
  for (const image of document.images)
    if (image.alt === "" || !image.complete || !image.naturalWidth) found.push("image " + image.src);
  for (const element of document.querySelectorAll("a[href], button, input, label, summary"))
    if (visible(element) && !named(element) && element.type !== "hidden" && !element.placeholder)
      found.push("no name: " + element.outerHTML.slice(0, 120));
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || ["SCRIPT", "STYLE", "NOSCRIPT"].includes(element.tagName)) continue;
    if (element.closest("svg") || !visible(element)) continue;
    const kind = element.tagName + "." + element.className;
    const ratio = contrast(element);
    if (ratio < 4.5 && !seen.has(kind)) {
      seen.add(kind);
      found.push(ratio.toFixed(2) + ": " + kind + " " + walker.currentNode.data.trim().slice(0, 40));
    }
  }
  if (document.documentElement.scrollWidth > innerWidth + 1) found.push("wider than the window");
  return found;
}
""".replace("CONTRAST", CONTRAST)


@pytest.fixture(scope="module")
def chromium():
    if not find_chromium():
        pytest.skip("no Chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.browser
@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_text_has_contrast_and_pictures_buttons_and_links_have_names(chromium, theme, width):
    page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
    outside = []
    page.on(
        "request",
        lambda request: outside.append(request.url) if not request.url.startswith("file:") else None,
    )
    found = {}
    for name in CONTENT:
        page.goto((HTML / name).as_uri())
        if faults := page.evaluate(AUDIT):
            found[name] = faults
    assert not found
    assert not [url for url in outside if not url.startswith(("data:", "blob:"))]


SEARCHES = [
    ("try without account", "start/no-account"),
    ("openrouter api key", "start/api-key"),
    ("local model ollama", "start/local-server"),
    ("ask about a dataframe", "images-and-data"),
    ("describe an image", "images-and-data"),
    ("classify 1000 rows cheaply", "scale"),
    ("spending limit", "money"),
    ("fix error in cell", "ask"),
    ("ask my own agent", "agents"),
    ("use mcp server tools", "mcp"),
    ("install jupyterhub for all users", "jupyterhub"),
    ("budget", "money"),
    ("proxy", "providers"),
]


@pytest.fixture(scope="module")
def search(chromium):
    page = chromium.new_page()
    page.goto((HTML / "search.html").as_uri())
    page.wait_for_function("typeof Search === 'object' && Search.hasIndex()")
    return page


@pytest.mark.browser
@pytest.mark.parametrize(("query", "target"), SEARCHES)
def test_the_search_leads_a_newcomer_to_the_page(search, query, target):
    """Among the first three results is the page on which the task was done; see "Tasks tried" in CONTRIBUTING.md."""
    search.evaluate(
        """(query) => {
          document.getElementById("search-results").replaceChildren();
          history.replaceState(null, "", "?q=" + encodeURIComponent(query));
          Search.performSearch(query);
        }""",
        query,
    )
    search.wait_for_function("document.querySelector('#search-results .search-summary').innerText")
    links = search.locator("#search-results li > a")
    found = links.evaluate_all("all => all.slice(0, 3).map(a => a.getAttribute('href').split(/[?#]/)[0])")
    assert f"{target}.html" in found


def test_every_link_inside_the_site_leads_somewhere():
    spec = importlib.util.spec_from_file_location("site_script", ROOT / "scripts" / "site.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert list(script.broken(HTML)) == []


@pytest.mark.parametrize("name", sorted({*oc.__all__, "filter", "map"} - {"__version__"}))
def test_every_public_name_is_in_the_reference(name):
    assert f'id="openclaw_ipython.{name}"' in (HTML / "api.html").read_text("utf-8")


@pytest.mark.parametrize("name", CONTENT)
def test_a_page_is_light(name):
    """With all that it loads, a page has less than 900 kB, its text less than 300 kB."""
    text = (HTML / name).read_text("utf-8")
    targets = re.findall(
        r'(?:<link[^>]*rel="[^"]*stylesheet[^"]*"[^>]*href|<(?:img|script)[^>]*src)="([^"#?]+)', text
    )
    loaded = {((HTML / name).parent / target).resolve() for target in targets if "://" not in target}
    assert len(text.encode()) < 300_000
    assert len(text.encode()) + sum(file.stat().st_size for file in loaded if file.is_file()) < 900_000
