import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.sanitize.links import MAX_LENGTH, safe_link


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
        "https://a.example/" + "a" * MAX_LENGTH,
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
