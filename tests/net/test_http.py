"""The one line out: what every request has, what none does, and whose error it becomes."""

import asyncio
import gzip
import os
import re
import socket
import ssl
import subprocess
import sys
import textwrap
import tracemalloc
from importlib.util import find_spec

import httpx
import pytest
from scripted_portal import Portal

from openclaw_ipython.errors import (
    ConfigError,
    OpenClawError,
    ProtocolError,
    ServiceError,
    ServiceUnavailable,
)
from openclaw_ipython.net.http import (
    BODY_LIMIT,
    USER_AGENT,
    HttpClient,
    body_pieces,
    read_capped,
    service_error,
    translated,
    undelivered,
)
from openclaw_ipython.net.urls import (
    base_url_problem,
    checked_base_url,
    https_host,
    is_loopback,
    is_private,
    same_origin,
)

# -- errors --------------------------------------------------------------------------------


def below(kind):
    for child in kind.__subclasses__():
        yield child
        yield from below(child)


CLASSES = sorted(
    {kind for kind in below(httpx.HTTPError) if kind.__module__.startswith("httpx")},
    key=lambda kind: kind.__name__,
)
SAID = "oops Authorization: Bearer abcdefgh12345678"


def made(kind, text=SAID):
    request = httpx.Request("GET", "https://host.example")
    if kind is httpx.HTTPStatusError:
        return kind(text, request=request, response=httpx.Response(500))
    return kind(text)


def test_the_table_has_all_the_classes_of_httpx():
    assert len(CLASSES) >= 20
    assert {httpx.ConnectError, httpx.ReadTimeout, httpx.DecodingError, httpx.TooManyRedirects} <= set(
        CLASSES
    )


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_of_httpx_becomes_one_of_ours(kind):
    with pytest.raises(ServiceError) as caught, translated("the portal"):
        raise made(kind)
    assert type(caught.value) in {ServiceUnavailable, ProtocolError}
    assert "the portal" in str(caught.value)
    assert "abcdefgh" not in f"{caught.value} {caught.value.hint}"
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (httpx.ConnectTimeout(""), ServiceUnavailable, "did not answer within 10 s"),
        (httpx.ReadTimeout(""), ServiceUnavailable, "stopped answering"),
        (httpx.ConnectError("refused"), ServiceUnavailable, "cannot be reached"),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]"), ServiceUnavailable, "not trusted"),
        (httpx.ConnectError("[SSL: WRONG_VERSION_NUMBER]"), ServiceUnavailable, "does not speak TLS"),
        (httpx.ConnectError("[SSL: TLSV1_ALERT_PROTOCOL_VERSION]"), ServiceUnavailable, "in common"),
        (httpx.ProxyError("407 user:password"), ServiceUnavailable, "proxy"),
        (httpx.UnsupportedProtocol(""), ProtocolError, "https://"),
        (
            httpx.RemoteProtocolError("Server disconnected without …"),
            ServiceUnavailable,
            "closed the connection",
        ),
        (httpx.RemoteProtocolError("illegal status line"), ProtocolError, "illegal status line"),
        (httpx.LocalProtocolError("Illegal header value b'odd~token'"), ProtocolError, "not valid HTTP"),
        (httpx.ReadError(""), ServiceUnavailable, "broke"),
    ],
)
def test_the_sentence_fits_the_trouble(error, kind, said):
    ours = service_error(error, "the portal")
    assert type(ours) is kind
    assert said in str(ours)
    assert "odd~token" not in str(ours)
    assert "password" not in str(ours)


def test_a_bad_address_becomes_ours_and_our_errors_stay():
    with pytest.raises(ProtocolError, match="not a valid URL"), translated("the portal"):
        httpx.URL("https://host:port/")
    mine = ServiceUnavailable("mine")
    with pytest.raises(ServiceUnavailable) as caught, translated("the portal"):
        raise mine
    assert caught.value is mine


@pytest.mark.parametrize("kind", CLASSES)
def test_only_what_did_not_arrive_counts_as_undelivered(kind):
    expected = kind in {httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadError, httpx.WriteError}
    assert undelivered(made(kind)) is expected


def test_nobody_listening_is_an_error_of_ours():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def get():
        async with HttpClient() as http:
            with translated("the portal"):
                await http.send("GET", f"http://127.0.0.1:{port}/")

    with pytest.raises(ServiceUnavailable, match="cannot be reached"):
        asyncio.run(get())


# -- what every request has, and what none does --------------------------------------------------


def got(handler, *urls):
    async def get():
        async with HttpClient(httpx.MockTransport(handler)) as http:
            return [await http.send("GET", url) for url in urls]

    return asyncio.run(get())


def test_requests_say_who_they_are():
    seen = []
    got(lambda request: seen.append(request.headers) or httpx.Response(200), "https://host.example/")
    assert seen[0]["user-agent"] == USER_AGENT
    assert seen[0]["accept-encoding"] == "gzip"
    assert "authorization" not in seen[0]


def test_redirects_are_not_followed():
    seen = []

    def handler(request):
        seen.append(request.url.host)
        return httpx.Response(307, headers={"location": "https://elsewhere.example/"})

    (response,) = got(handler, "https://host.example/")
    assert response.status_code == 307
    assert seen == ["host.example"]


def test_cookies_are_not_kept():
    seen = []

    def handler(request):
        seen.append(request.headers.get("cookie"))
        return httpx.Response(200, headers={"set-cookie": "a=1; Path=/"})

    got(
        handler,
        "https://host.example/",
        "https://host.example/again",
        "http://127.0.0.1/",
        "http://127.0.0.1/b",
    )
    assert seen == [None] * 4


# -- the environment -----------------------------------------------------------------------------

GET = """
    import asyncio, sys
    from openclaw_ipython.net.http import HttpClient, translated
    async def get():
        async with HttpClient() as http:
            for url in sys.argv[1:]:
                with translated("the other side"):
                    print((await http.send("GET", url)).status_code)
    asyncio.run(get())
"""


def run(*urls, **environ):
    """`GET` of the addresses in a program of its own with this environment."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(GET), *urls],
        env=kept | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_this_computer_is_never_reached_through_a_proxy():
    with Portal().serve() as url:
        proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
        done = run(f"{url}/", url.replace("127.0.0.1", "localhost"), **proxies)
    assert done.stdout.split() == ["200", "200"], done.stderr


def test_everything_else_is_reached_through_the_proxy_of_the_environment():
    portal = Portal()
    with portal.serve() as url:
        done = run("http://model.example/", HTTP_PROXY=url)
        assert done.stdout.split() == ["403"], done.stderr  # the portal stands in, and refuses a foreign host
        without = run("http://model.invalid/", HTTP_PROXY=url, NO_PROXY="model.invalid")
        assert "cannot be reached" in without.stderr


def test_a_netrc_adds_no_login(tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password secret\n")
    (tmp_path / ".netrc").write_text(netrc.read_text())
    portal = Portal()
    with portal.serve() as url:
        done = run(f"{url}/", NETRC=str(netrc), HOME=str(tmp_path))
    assert done.stdout.split() == ["200"], done.stderr
    assert "authorization" not in portal.requests[0].headers


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"ALL_PROXY": "socks5://me:password@127.0.0.1:1080"}, "ALL_PROXY .* SOCKS"),
        ({"ALL_PROXY": "socks://me:password@127.0.0.1:1080/"}, "ALL_PROXY .* begins with socks://"),
        ({"HTTPS_PROXY": "http://me:password@[::1"}, "HTTPS_PROXY .* is not a valid proxy address"),
        ({"SSL_CERT_FILE": "/there/is/none.pem"}, "SSL_CERT_FILE"),
    ],
)
def test_settings_that_cannot_be_used_are_told_without_their_password(environ, said):
    if "SOCKS" in said and find_spec("socksio"):
        pytest.skip("SOCKS proxies work here")
    done = run("https://model.invalid/", **environ)
    assert re.search(rf"^openclaw_ipython\.errors\.ConfigError: .*{said}", done.stderr, re.M)
    assert "password" not in done.stderr


def test_certificates_are_checked_and_an_own_ca_can_be_named(own_ca):
    cert, key = own_ca
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
        writer.close()

    async def ask():
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
        async with server:
            port = server.sockets[0].getsockname()[1]
            asked = [
                asyncio.to_thread(run, f"https://localhost:{port}/"),
                asyncio.to_thread(run, f"https://localhost:{port}/", SSL_CERT_FILE=str(cert)),
                asyncio.to_thread(run, f"https://127.0.0.1:{port}/", SSL_CERT_FILE=str(cert)),  # not its name
            ]
            return [await each for each in asked]

    unknown, trusted, misnamed = asyncio.run(ask())
    assert "not trusted" in unknown.stderr
    assert trusted.stdout.split() == ["204"], trusted.stderr
    assert "is for another host name" in misnamed.stderr


# -- addresses -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://portal.qwen.ai/v1", "portal.qwen.ai"),
        ("HTTPS://Portal.Qwen.AI:443/v1", "portal.qwen.ai"),
        ("https://a-b.c1.example", "a-b.c1.example"),
        ("http://portal.qwen.ai/v1", None),
        ("https://user@portal.qwen.ai/", None),
        ("https://@portal.qwen.ai/", None),
        ("https://user:password@portal.qwen.ai/", None),
        ("https://portal.qwen.ai\\@elsewhere.example/", None),
        ("https://portal.qwen.ai:port/", None),
        ("https://portal.qwen.ai:99999/", None),
        ("https://portal.qwen.ai./", None),
        ("https://pоrtal.qwen.ai/", None),  # a Cyrillic letter
        ("https://portal.qwen.ai/\u2028", None),
        ("https://portal.qwen.ai\n.elsewhere.example/", None),
        ("https://[::1]/", None),
        ("https://[::1", None),
        ("https:///v1", None),
        ("https://", None),
        ("portal.qwen.ai", None),
        ("", None),
    ],
)
def test_the_host_of_an_https_address(url, host):
    assert https_host(url) == host


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:8642/v1", True),
        ("http://LOCALHOST/", True),
        ("http://[::1]:80/", True),
        ("https://localhost", True),
        ("http://localhost.elsewhere.example/", False),
        ("http://127.0.0.1.elsewhere.example/", False),
        ("http://127.0.0.1@elsewhere.example/", False),
        ("http://elsewhere.example/#@127.0.0.1", False),
        ("http://elsewhere.example/?localhost", False),
        ("http://0.0.0.0/", False),
        ("http://[", False),
        ("localhost", False),
        ("", False),
        ("http://127.0.0.2/v1", True),
        ("http://127.255.0.1:8000/v1", True),
        ("http://128.0.0.1/v1", False),
        ("http://[::2]/", False),
    ],
)
def test_what_is_this_computer(url, local):
    assert is_loopback(url) is local


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("http://192.168.7.2:11434/v1", True),
        ("http://10.0.0.1/v1", True),
        ("http://172.31.255.255/v1", True),
        ("http://169.254.1.1/v1", True),
        ("http://[fe80::1]:8000/v1", True),
        ("http://gpu/v1", True),
        ("http://my_host:8000/v1", True),
        ("https://gpu.local/v1", True),
        ("http://vllm.models.internal/v1", True),
        ("http://nas.lan/v1", True),
        ("http://172.32.0.1/v1", False),
        ("http://11.0.0.1/v1", False),
        ("http://127.0.0.1/v1", False),
        ("http://localhost/v1", False),
        ("http://gpu.local.example/v1", False),
        ("http://192.168.7.2.example/v1", False),
        ("http://3232237314/v1", False),  # an address as one number is no name
        ("http://192.168.7.2@elsewhere.example/v1", False),
        ("http://[fe80::1/v1", False),
        ("ftp://gpu/v1", False),
        ("gpu", False),
    ],
)
def test_what_is_a_host_in_a_private_network(url, private):
    assert is_private(url) is private


@pytest.mark.parametrize(
    ("url", "sign_in", "problem"),
    [
        ("https://my_host/v1", True, ""),
        ("http://127.0.0.2/v1", True, ""),
        ("https://bücher.example/v1", True, ""),
        ("https://[2001:db8::1]:8443/v1", True, ""),
        ("https://host.example./v1", True, ""),
        ("HTTPS://Host.Example/v1/", True, ""),
        ("http://192.168.7.2:11434/v1", False, ""),
        ("http://192.168.7.2:11434/v1", True, "is not encrypted"),
        ("http://host.example/v1", False, "is neither https nor"),
        ("http://8.8.8.8/v1", False, "is neither https nor"),
        ("host.example/v1", False, "has no https://"),
        ("localhost:8000/v1", False, "has no https://"),
        ("ftp://host.example/v1", False, "begins with ftp://"),
        ("https://me:secret@host.example/v1", False, "user name or password"),
        ("https://host.example:port/v1", False, "no valid host and port"),
        ("https://host.example:99999/v1", False, "no valid host and port"),
        ("https:///v1", False, "no valid host and port"),
        ("https://host.example/v1?version=2", False, "query"),
        ("https://host.example/v1#", False, "query"),
        ("https://host.example/v 1", False, "blank"),
        ("https://host.example\\@elsewhere.example/", False, "backslash"),
        ("https://host.example\n/v1", False, "line break"),
    ],
)
def test_a_base_url_is_taken_as_curl_does_or_refused_with_the_reason(url, sign_in, problem):
    assert base_url_problem(url, sign_in=sign_in).startswith(problem) or problem in base_url_problem(url)
    assert bool(base_url_problem(url, sign_in=sign_in)) is bool(problem)
    if problem:
        with pytest.raises(ConfigError) as caught:
            checked_base_url(url, "mine", sign_in=sign_in)
        assert problem in str(caught.value)
        assert "secret" not in f"{caught.value} {caught.value.hint}"
    else:
        assert checked_base_url(url, "mine", sign_in=sign_in) == url.rstrip("/")


@pytest.mark.parametrize(
    ("url", "other", "same"),
    [
        ("http://127.0.0.1:8642/v1", "http://127.0.0.1:8642", True),
        ("https://host.example/a", "https://HOST.example:443/b", True),
        ("http://127.0.0.1:8642/v1", "http://127.0.0.1:8643/v1", False),
        ("http://127.0.0.1:8642/v1", "http://localhost:8642/v1", False),
        ("http://host.example/", "https://host.example/", False),
        ("http://[", "http://[", False),
    ],
)
def test_one_origin_is_scheme_host_and_port(url, other, same):
    assert same_origin(url, other) is same


# -- bodies ------------------------------------------------------------------------------------


def response_of(*pieces, **headers):
    async def body():
        for piece in pieces:
            yield piece

    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = httpx.Request("GET", "https://host.example/")
    return httpx.Response(200, headers=named, content=body(), request=request)


def capped(response, limit=BODY_LIMIT):
    return asyncio.run(read_capped(response, limit))


@pytest.mark.parametrize(
    ("pieces", "limit", "read"),
    [
        ([], 4, b""),
        ([b"ab"], 4, b"ab"),
        ([b"ab", b"cd"], 4, b"abcd"),
        ([b"ab", b"cde", b"f"], 4, b"abcd"),
        ([b"abcdefgh"], 4, b"abcd"),
    ],
)
def test_a_body_is_read_up_to_the_limit(pieces, limit, read):
    assert capped(response_of(*pieces), limit) == read


def test_a_body_that_trickles_ends_at_the_total_limit():
    async def trickle():
        while True:
            yield b"x"
            await asyncio.sleep(0)

    request = httpx.Request("GET", "https://host.example/")
    response = httpx.Response(200, content=trickle(), request=request)
    with pytest.raises(ServiceUnavailable, match="stopped answering"), translated("the portal"):
        asyncio.run(read_capped(response, limit=10**9, within=0.05))


def test_no_more_is_taken_from_the_line_than_the_limit_needs():
    taken = []

    async def endless():
        while True:
            taken.append(1)
            yield b"x" * 1000

    response = httpx.Response(200, content=endless())
    assert len(capped(response)) == BODY_LIMIT
    assert len(taken) == 66


@pytest.mark.parametrize("packing", ["gzip", "x-gzip", "GZIP"])
@pytest.mark.parametrize("size", [1, 7, 10_000_000])
def test_gzip_is_unpacked_however_it_is_cut(packing, size):
    text = os.urandom(50_000).hex().encode()
    packed = gzip.compress(text)
    pieces = [packed[at : at + size] for at in range(0, len(packed), size)]
    assert capped(response_of(*pieces, content_encoding=packing), 10**6) == text


def test_bytes_behind_the_end_of_gzip_are_ignored():
    assert capped(response_of(gzip.compress(b"all"), b"more", b"and more", content_encoding="gzip")) == b"all"


def test_bytes_behind_the_end_of_gzip_are_not_kept():
    response = response_of(gzip.compress(b"all"), *[bytes(1_000_000)] * 50, content_encoding="gzip")
    tracemalloc.start()
    try:
        assert capped(response) == b"all"
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


def test_a_bomb_is_unpacked_a_little_at_a_time():
    bomb = gzip.compress(bytes(100_000_000), 9)

    async def largest():
        return max([len(piece) async for piece in body_pieces(response_of(bomb, content_encoding="gzip"))])

    tracemalloc.start()
    try:
        assert asyncio.run(largest()) <= 65536
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("packing", "body"), [("gzip", b"no gzip"), ("br", b"x"), ("gzip, gzip", b"x")])
def test_what_cannot_be_unpacked_is_an_error_of_ours(packing, body):
    with pytest.raises(OpenClawError), translated("the portal"):
        capped(response_of(body, content_encoding=packing))


def test_a_body_that_is_there_already_is_given_as_it_is():
    request = httpx.Request("GET", "https://host.example/")
    packed = httpx.Response(
        200, headers={"content-encoding": "gzip"}, content=gzip.compress(b"text"), request=request
    )
    assert capped(packed) == b"text"
