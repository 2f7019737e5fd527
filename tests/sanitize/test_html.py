"""Text from elsewhere inside HTML: escaped, as links, and as a page in a frame."""

import re
import time
from html import unescape

import pytest
from frontends import Page, commonmark, notebook
from hostile import HOSTILE
from hypothesis import given, settings
from hypothesis import strategies as st

from openclaw_ipython.sanitize.html import (
    MAX_ADDRESS_LENGTH,
    MAX_PAGE_LENGTH,
    framed,
    html_code,
    html_text,
    preformatted,
    rewritten,
    safe_link,
)

# -- text and code ---------------------------------------------------------------------------

CODE = st.text(alphabet=st.sampled_from("ab \n\t`~$\\[]()<>&#*_|!\"':;1"), max_size=80)


def test_dollars_and_backslashes_stand_alone_so_that_no_typesetter_pairs_them():
    page = Page.of(html_text(r"\(\href{javascript:x}{y}\) $a$ <b>"))
    assert page.text == r"\(\href{javascript:x}{y}\) $a$ <b>"
    assert all(run in ("\\", "$") or "\\" not in run + "$" or "$" not in run for run in page.runs)
    assert max(run.count("$") + run.count("\\") for run in page.runs) == 1


@given(CODE)
def test_preformatted_code_is_one_block_without_blank_lines(code):
    block = preformatted(html_code(code))
    assert all(line.strip() for line in block.split("\n"))
    assert Page.of(block).text.removesuffix("\n") == code


@pytest.mark.parametrize("prefix", ["", "- ", "10. ", "> ", "> - "])
@pytest.mark.parametrize("front_end", [commonmark, notebook])
@settings(deadline=None)  # the first call of a front end imports it
@given(CODE.filter(str.strip))
def test_code_reads_the_same_inside_any_container(front_end, prefix, code):
    later = "".join(char if char == ">" else " " for char in prefix)
    block = preformatted(html_code(code), nested=True)
    markdown = prefix + block.replace("\n", "\n" + later)
    page = Page.of(front_end(markdown))
    assert page.faults == []
    assert page.text.strip() == code.strip()


# -- links -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://a.example/b?c=d&e=f#g", "https://a.example/b?c=d&e=f#g"),
        ("HTTP://A.example", "http://A.example"),
        ("http://localhost:8888/lab", "http://localhost:8888/lab"),
        ("https://en.wikipedia.org/wiki/Foo_(bar)", "https://en.wikipedia.org/wiki/Foo_%28bar%29"),
        ("https://a.example/重", "https://a.example/%E9%87%8D"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://a.example/100%", "https://a.example/100%25"),
        ("https://a.example/%20", "https://a.example/%20"),
        ("https://a.example/$x$|`*", "https://a.example/%24x%24%7C%60%2A"),
        ("mailto:someone@example.org", "mailto:someone@example.org"),
        ("mailto:a@example.org?subject=hello%20there", "mailto:a@example.org?subject=hello%20there"),
        ("#section", "#section"),
        ("#a#b", "#a%23b"),
    ],
)
def test_web_mail_and_fragments_may_be_linked(url, target):
    assert safe_link(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "java\nscript:alert(1)", " javascript:x",
        "\x01javascript:x", "javascript%3Aalert(1)", "java&#115;cript:x", "vbscript:x", "data:text/html,x",
        "file:///etc/passwd", "blob:http://a/b", "ftp://a.example/", "about:blank", "ws://a.example", "view-source:http://a",
        "", "relative/path", "/absolute", "//a.example/", "?q", "http:", "http://", "http:///path", "http:a.example",
        "https://user:password@a.example/", "https://bank.example@a.example/", "https://a.example\\@b.example/",
        "https:\\\\a.example", "https://a.example/ b", "https://a.example/\u202egpj.exe", "https://a.example/\u200b",
        "https://a.ex\x00ample/", 'https://a.example/"onclick="x', "https://a.example/<b>", "https://a b/",
        "https://[::1]/", "https://a.example:99999999/", "https://%61.example/", "https://a.example\ud800/",
        "https://-/", "https://.../", "https://:80/", "mailto:", "mailto:a", "mailto:a@b\r\nBcc: c@d", "mailto:a b@c.d",
        "https://a.example/" + "a" * MAX_ADDRESS_LENGTH,
    ],
)  # fmt: skip
def test_everything_else_stays_text(url):
    assert safe_link(url) is None


@given(st.one_of(st.text(), st.from_regex(r"(https?://[^/]{1,9}/?|mailto:[^@]*@|#).*", fullmatch=True)))
def test_a_link_is_plain_ascii_of_a_known_kind_and_stable(url):
    target = safe_link(url)
    if target is not None:
        assert re.fullmatch(r"(https?://|mailto:|#)[A-Za-z0-9._~/?#@!&=+,;:%-]*", target)
        assert safe_link(target) == target
        assert not re.match(r"https?://[^/?#]*@", target)


# -- pages in a frame ------------------------------------------------------------------------


def inside(page: str) -> str:
    """The document in the frame."""
    return unescape(re.search(r'srcdoc="([^"]*)"', framed(page))[1])


def test_the_frame_has_no_permission_and_the_page_loads_nothing():
    frame = framed("<p>hi</p>")
    assert re.findall(r'sandbox="([^"]*)"', frame) == [""]
    document = inside("<p>hi</p>")
    assert document.index("Content-Security-Policy") < document.index("<p>")
    assert "default-src 'none'" in document
    assert "script-src" not in document


@pytest.mark.parametrize(
    "page",
    [
        "<h1 class='a' id=b>Title</h1><p style='color:red'>text &amp; more</p>",
        "<table><tr><td colspan=2>1 &lt; 2</td></tr></table>",
        "<style>body > p { color: red }</style><p>x</p>",
        "<svg viewBox='0 0 1 1'><circle cx=1 r='2'/></svg>",
        '<img src="data:image/png;base64,AAAA" alt=x>',
        '<a href="#below">down</a>',
        "<details open><summary>x</summary>y</details>",
    ],
)
def test_what_a_page_is_made_of_stays(page):
    def plain(text: str) -> str:
        return re.sub(r"[\s'\"/]", "", text.lower())

    assert plain(rewritten(page)) in {
        plain(page),
        plain(page.replace("<circle cx=1 r='2'/>", "<circle cx=1 r='2'></circle>")),
    }


@pytest.mark.parametrize(
    ("page", "left"),
    [
        ("<script>alert(1)</script>a", "a"),
        ("<script>a</script><b>b</b>", "<b>b</b>"),
        ('<p onclick="x()">a</p>', "<p>a</p>"),
        ('<a href="https://evil.invalid/">a</a>', '<a title="https://evil.invalid/">a</a>'),
        ('<img src="https://evil.invalid/x.png">', "<img>"),
        ('<img srcset="https://evil.invalid/x.png 2x" alt="a">', '<img alt="a">'),
        ('<link rel="dns-prefetch" href="//evil.invalid">a', "a"),
        ('<meta http-equiv="refresh" content="0;url=//evil.invalid">a', "a"),
        ('<base href="//evil.invalid"><form action="//evil.invalid"><input></form>', "<form><input></form>"),
        ('<iframe src="//evil.invalid">x</iframe>a', "a"),
        ('<object data="x"><object data="y">b</object>c</object>a', "a"),
        ("<embed src=x>a", "a"),
        (
            '<svg><use href="//evil.invalid#a"/><a xlink:href="//evil.invalid">t</a></svg>',
            "<svg><use></use><a>t</a></svg>",
        ),
        ('<video src="//evil.invalid" autoplay></video><audio><source src=x></audio>a', "a"),
        ("<!-- <script>alert(1)</script> -->a<?php x ?>", "a"),
        (
            "<style>@import 'x'; a{b:url(//evil.invalid)}</style>",
            "<style>@none 'x'; a{b:none(//evil.invalid)}</style>",
        ),
        (
            '<p style="background:U\\52L( //evil.invalid)">a</p>',
            '<p style="background:none( //evil.invalid)">a</p>',
        ),
        ("<p style=\"a:image-set('//e' 1x)\">a</p>", '<p style="a:none(&#x27;//e&#x27; 1x)">a</p>'),
        ('<rect fill="url(//evil.invalid#a)">', '<rect fill="none(//evil.invalid#a)">'),
        ('<rect fill="url(#a)"><p style="a:url(data:image/png;base64,AA)">', None),
        ('<p title="a url(b)" class="my-image(x) a\\31">', '<p title="a url(b)" class="my-image(x) a1">'),
        ("<style>a</style><b></b>", "<style>a</style><b></b>"),
        ("<style>a{content:'</styl'}</style>b", "<style>a{content:' /styl'}</style>b"),
        ("1 < 2", "1 &lt; 2"),
        (
            '<!doctype html><html><head><title>t</title></head><body style="color:red" onload=x()>a</body></html>',
            '<html><body style="color:red">a',
        ),
        (
            '<svg><a><set attributeName="href" to="//evil.invalid"/>a</a></svg>',
            '<svg><a><set to="//evil.invalid"></set>a</a></svg>',
        ),
        ("<script>never closed", ""),
    ],
)
def test_what_acts_loads_or_leads_away_goes(page, left):
    assert rewritten(page) == (page if left is None else left)


@pytest.mark.parametrize(("name", "page"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_nothing_hostile_is_left(name, page):
    written = rewritten(page).lower()
    assert not re.search(r"<(script|iframe|object|embed|link|meta|base|video|audio)\b", written)
    for attribute, value in re.findall(r'\s([a-z:-]+)="([^"]*)"', written):
        assert not attribute.startswith("on")
        if attribute in ("href", "src", "action", "data", "xlink:href", "srcset"):
            assert value.startswith(("#", "data:image/"))


def test_the_frame_itself_has_no_markup_of_the_page():
    frame = framed('"><script>alert(1)</script><img src=x onerror=alert(1)>$\\href{a}{b}$')
    assert frame.count("<") == 4  # div and iframe, opened and closed
    assert "$" not in frame


def test_hidden_characters_are_shown():
    assert "⟨U+202E⟩" in inside("<p>a\u202eb</p>")


def test_a_page_of_excessive_length_has_no_frame():
    assert framed("<p>" + "x" * MAX_PAGE_LENGTH) is None


@given(st.text(alphabet="<>/!-=\"' abclinkscriptmeta&#;\n", max_size=300))
@settings(max_examples=500, deadline=None)
def test_any_text_can_be_framed(text):
    frame = framed(text)
    assert frame is None or frame.count("<") == 4
    assert not re.search(r"<(script|link|meta|iframe)\b", rewritten(text).lower())


@given(st.text(alphabet="<>/\"' abstyle&;\n", max_size=200))
@settings(max_examples=300, deadline=None)
def test_writing_anew_twice_changes_no_element(text):
    elements = re.compile(r"</?[a-z][a-z0-9-]*")
    once = rewritten(text)
    assert elements.findall(rewritten(once)) == elements.findall(once)


@pytest.mark.parametrize(
    "piece", ["<", "<!--", "</", "<a ", "<a b='", "<script>", "<style>url(", "<object>", "\\41 "]
)
def test_the_time_for_a_page_grows_with_its_length_only(piece):
    started = time.process_time()
    rewritten(piece * (MAX_PAGE_LENGTH // len(piece)))
    assert time.process_time() - started < 2
