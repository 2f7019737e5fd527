"""Text from elsewhere inside HTML: escaped, as code, as links, and as a page in a frame.

Front ends typeset TeX found in *any* text of an output, also in HTML, and TeX can link and load. The typesetters
(MathJax 2 to 4) look for delimiters within one run of text between two tags and pass over `<pre>` and `<code>`; so a
dollar or a backslash that could open a formula gets a tag around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape, unescape
from urllib.parse import quote

from openclaw_ipython.sanitize.text import HIDDEN, SURROGATES, visible

QUIET = "opacity:.7"
"""The style of what is read second: the front end's own colour of text, weaker: in JupyterLab a contrast of 5.9 in the
light and 9.4 in the dark theme. No one grey has 4.5 on both. In an untrusted notebook variables are lost, this is not.
"""

DOLLAR = "<span>&#36;</span>"
BACKSLASH = "<span>&#92;</span>"

_TEX = r"\$|\\"
_CODE = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;", "\\": "&#92;", "`": "&#96;"})
_BLANK_LINE = r"(?m)^([ \t]*)\n"
_LINE_START = r"(?m)^([ \t]*)(\[|~)"


def html_text(text: str) -> str:
    """`text` as the content of an element: escaped, nothing hidden, nothing a typesetter would take."""
    escaped = escape(visible(text))
    return re.sub(_TEX, lambda match: DOLLAR if match[0] == "$" else BACKSLASH, escaped)


def html_code(text: str) -> str:
    """`text` as part of a `<code>` inside `<pre>`, where all white space counts. See `preformatted`."""
    return text.translate(_CODE).replace("](", "]&#40;")


def preformatted(content: str, *, style: str = "", nested: bool = False) -> str:
    """`<pre><code>` around `content`, which is made of `html_code` and tags of ours.

    The result is one HTML block for every Markdown reader: it has no blank line, at which some of them would
    end it (CommonMark §4.6, inside list items), and no line that starts a reference or a fence. `nested` says
    that it will be indented, which tabs do not survive.
    """
    content = re.sub(_BLANK_LINE, r"\1&#10;", content)
    content = re.sub(_LINE_START, lambda match: f"{match[1]}&#{ord(match[2])};", content)
    if nested:
        content = content.replace("\t", "&#9;")
    pre = f'<pre style="{style}">' if style else "<pre>"
    return f"{pre}<code>{content}</code></pre>"


# -- links: a list of what may become one, not of what may not ------------------------------

MAX_ADDRESS_LENGTH = 4096
"""Characters; longer addresses are shown as text. Front ends and people give up well before."""

# Anything that browsers skip, turn into a slash, or that ends an address early (WHATWG URL §4.4).
_FORBIDDEN = rf"[\s\\<>\"{HIDDEN}{SURROGATES}]"
_WEB = r"(?s)(?i)(https?)://([^/?#]+)(.*)"
_HOST = r"(?i)(?=[^:]*[a-z0-9])[a-z0-9_](?:[a-z0-9._-]*[a-z0-9._])?(:[0-9]{1,5})?"
_MAIL = r"(?i)mailto:([a-z0-9.!#%&'*+/=?^_{|}~-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)*)(\?[^#]*)?"
_STRAY_PERCENT = r"%(?![0-9A-Fa-f]{2})"

# Everything else is percent-encoded: quotes, brackets, `$`, `*`, `|`, backtick and non-ASCII could mean
# something to the Markdown, table, math or HTML reader that the address passes through.
_KEPT = "-._~/?#@!&=+,;:%"


def safe_link(url: str) -> str | None:
    """The address to link to, percent-encoded, or None when it has to stay plain text.

    Only `http`, `https` (with a host, without user info), `mailto` and `#fragment`. The result consists of
    ASCII letters, digits and ``-._~/?#@!&=+,;:%``; the caller still writes `&` as an entity in HTML.
    Applying it twice changes nothing.
    """
    if len(url) > MAX_ADDRESS_LENGTH or re.search(_FORBIDDEN, url):
        return None
    if url.startswith("#"):
        return "#" + _encoded(url[1:]).replace("#", "%23")
    if mail := re.fullmatch(_MAIL, url):
        return "mailto:" + _encoded(mail[1] + (mail[2] or ""))
    if web := re.fullmatch(_WEB, url):
        host = _ascii_host(web[2])
        return None if host is None else f"{web[1].lower()}://{host}{_encoded(web[3])}"
    return None


def _encoded(text: str) -> str:
    return quote(re.sub(_STRAY_PERCENT, "%25", text), safe=_KEPT)


def _ascii_host(host: str) -> str | None:
    """`host` in ASCII (RFC 3490), or None when it is not a plain host name with an optional port."""
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    return host if re.fullmatch(_HOST, host) else None


# -- pages in a frame ------------------------------------------------------------------------
#
# Three walls, each enough for what it is there for: the page is *written anew* from its tokens, without anything that
# runs, loads or leads away; the frame is sandboxed without a single permission (HTML §4.8.5: no scripts, no forms, no
# windows, an origin of its own); and a content security policy lets it load nothing but what stands in it. The first
# one is there for what the other two do not cover: addresses that a browser looks up in advance, and a request that is
# begun before it is forbidden.

MAX_PAGE_LENGTH = 400_000
"""Characters; a longer page is not framed."""

HEIGHT = 400
"""Pixels at first. What stands in the frame cannot tell its size; the reader pulls at the corner."""

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "form-action 'none'; base-uri 'none'"
)
_HEAD = (
    '<!doctype html><meta charset="utf-8">'
    f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    '<meta http-equiv="x-dns-prefetch-control" content="off">'
    "<style>body{font-family:system-ui,sans-serif}</style>"
)
_OUTER = (
    f"height:{HEIGHT}px;resize:vertical;overflow:hidden;box-sizing:border-box;"
    "border:1px solid var(--jp-border-color2,#ccc)"
)
# White, as pages are written for; a front end's dark page would show through.
_FRAME = "width:100%;height:100%;border:0;background:#fff;color-scheme:light"

_NOT_WRITTEN = frozenset({"link", "meta", "base", "head", "param", "source", "track", "frame", "embed"})
_NOT_WRITTEN_WITH_CONTENT = frozenset(
    {"script", "iframe", "frameset", "object", "applet", "portal", "fencedframe", "template", "noscript", "noembed",
     "noframes", "audio", "video", "title", "xmp", "plaintext", "listing"}
)  # fmt: skip
_RAW = frozenset({"script", "style", "iframe", "noscript", "noembed", "noframes", "title", "xmp", "textarea"})
_VOID = frozenset({"area", "br", "col", "hr", "img", "input", "wbr"})
_NOT_CLOSED = _VOID | {"html", "body"}  # these two are there once; what a second one says is added to them
_ADDRESSES = frozenset(
    {"href", "xlink:href", "src", "srcset", "imagesrcset", "action", "formaction", "ping", "poster", "background",
     "data", "cite", "longdesc", "usemap", "manifest", "archive", "codebase", "classid", "lowsrc", "dynsrc",
     "profile", "icon", "itemid", "itemtype", "attributionsrc"}
)  # fmt: skip
_SENTENCES = frozenset({"alt", "title", "placeholder", "value", "label", "aria-label", "content"})

# A comment, a declaration, a tag. Possessive, and without an end each takes the rest: time is linear in the text.
_MARKUP = (
    r"(?s)<!--.*?(?:-->|\Z)|<[!?][^>]*+>?"
    r"|<(?P<end>/?)(?P<name>[a-zA-Z][^\s/>]*+)(?P<attributes>(?:=\s*+\"[^\"]*+\"|=\s*+'[^']*+'|[^>])*+)>?"
)
_ATTRIBUTE = r"([^\s=\"'/>]+)(?:\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s\"'>]+))?"

# Addresses in CSS (css-values-4 §4.5, css-images-4 §2): all but a place on the page and a picture written out.
_CSS_ESCAPE = r"\\(?:([0-9a-fA-F]{1,6})[ \t\r\n\f]?|([^0-9a-fA-F\r\n\f]))"
_CSS_ADDRESS = (
    r"(?i)@import|(?<![\w-])(?:url\((?!\s*[\"']?\s*(?:#|data:image/))"
    r"|(?:-\w+-)?image-set\(|image\(|src\(|cross-fade\()"
)


def framed(page: str) -> str | None:
    """`page` (a document or a piece of one) as HTML that shows it in a sandboxed frame; None if it is too long.

    For any text. Scripts, embedded documents, media, remote images, styles and fonts are left out, links lead nowhere
    and say where they would have led.
    """
    if len(page) > MAX_PAGE_LENGTH:
        return None
    document = escape(_HEAD + rewritten(visible(page))).replace("$", "&#36;").replace("\n", "&#10;")
    return (
        f'<div style="{_OUTER}"><iframe sandbox="" srcdoc="{document}" style="{_FRAME}" '
        'referrerpolicy="no-referrer" loading="lazy"></iframe></div>'
    )


def rewritten(page: str) -> str:
    """`page` written anew from its tokens: nothing of it runs, loads or leads away.

    What is left open is closed by the browser, in the frame.
    """
    return "".join(_written(page))


def _written(page: str) -> Iterator[str]:
    at = 0
    while (tag := re.compile(_MARKUP).search(page, at)) is not None:
        yield _page_text(page[at : tag.start()])
        at = tag.end()
        name = (tag["name"] or "").lower()
        if not name or not _is_name(name):
            continue
        closed = tag["attributes"].rstrip().endswith("/")  # as in SVG
        if tag["end"]:
            yield _end_tag(name)
        elif name in _NOT_WRITTEN_WITH_CONTENT:
            at = at if closed else _after(name, page, at)
        elif name not in _NOT_WRITTEN:
            yield f"<{name}{''.join(_attributes(name, tag['attributes']))}>"
            if name in _RAW and not closed:
                content = _content(name, page, at)
                at += len(content)
                # In <style> nothing is an entity. A `<` could end it, and means nothing to CSS but in a string.
                yield _css(content).replace("<", " ") if name == "style" else _page_text(content)
            yield _end_tag(name) if closed else ""
    yield _page_text(page[at:])


def _page_text(text: str) -> str:
    return escape(unescape(text), quote=False)


def _end_tag(name: str) -> str:
    unwritten = name in _NOT_CLOSED or name in _NOT_WRITTEN or name in _NOT_WRITTEN_WITH_CONTENT
    return "" if unwritten else f"</{name}>"


def _content(name: str, page: str, at: int) -> str:
    """What stands between the tag that ends at `at` and its end, where no tag is a tag."""
    end = re.compile(rf"</{name}(?![\w-])", re.I).search(page, at)
    return page[at : end.start() if end else len(page)]


def _after(name: str, page: str, at: int) -> int:
    """Where the element ends whose tag ends at `at`. Others of its name may stand in it."""
    if name in _RAW:
        return at + len(_content(name, page, at))
    depth = 1
    while depth and (tag := re.compile(_MARKUP).search(page, at)) is not None:
        at = tag.end()
        if (tag["name"] or "").lower() == name:
            depth += -1 if tag["end"] else 1
    return len(page) if depth else at


def _is_name(tag: str) -> bool:
    return tag.replace("-", "").isalnum() and tag.isascii()


def _attributes(tag: str, typed: str) -> Iterator[str]:
    """Each as ` name="value"`, without those that could act or load."""
    for name, value in re.findall(_ATTRIBUTE, typed):
        yield _attribute(tag, name.lower(), unescape(value[1:-1] if value[:1] in {'"', "'"} else value))


def _attribute(tag: str, name: str, value: str) -> str:
    if not name.replace("-", "").replace(":", "").replace("_", "").isalnum() or not name.isascii():
        return ""
    if name.startswith("on") or name in {"http-equiv", "srcdoc", "autofocus", "nonce"}:
        return ""
    if name == "attributename" and value.lower().endswith("href"):  # an SVG animation of where a link leads
        return ""
    # a place on the page, or a picture that stands in it
    stays = value.startswith("#") or value.lower().startswith("data:image/")
    if name in _ADDRESSES and not stays:
        return f' title="{escape(value)}"' if tag in {"a", "area"} and name == "href" else ""
    if not value:
        return f" {name}"
    return f' {name}="{escape(value if name in _SENTENCES else _css(value))}"'


def _css(text: str) -> str:
    """CSS, or an attribute that may be some, without what would be loaded. Letters that are escaped are written out."""
    if "(" not in text and "@" not in text and "\\" not in text:
        return text
    # What stands in their place ends where they would: the rules after it are still read.
    return re.sub(
        _CSS_ADDRESS,
        lambda match: "@none" if match[0].startswith("@") else "none(",
        re.sub(_CSS_ESCAPE, _unescaped, text),
    )


def _unescaped(match: re.Match[str]) -> str:
    code = int(match[1], 16) if match[1] else ord(match[2])
    return chr(code) if code < 0x80 and (chr(code).isalnum() or chr(code) in "@(-") else match[0]
