"""The portal behind its HTTP server on the loopback interface."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from scripted_portal import Portal

from openclaw_ipython.practice.server import is_loopback_host

BODY = {"model": "coder-model", "messages": [{"role": "user", "content": "hello"}], "stream": True}


@pytest.fixture
def url(portal: Portal) -> Iterator[str]:
    with portal.serve() as url:
        yield url


@pytest.fixture
def browser(portal: Portal, url: str) -> Iterator[httpx.Client]:
    bearer = {"authorization": f"Bearer {portal.issue()['access_token']}"}
    with httpx.Client(base_url=url, headers=bearer, trust_env=False, timeout=5) as client:
        yield client


def test_a_stream_is_complete_and_the_connection_is_reused(portal, browser):
    portal.says("Hel", "lo")
    with browser.stream("POST", "/v1/chat/completions", json=BODY) as response:
        text = response.read().decode()
        first = response.extensions["network_stream"].get_extra_info("client_addr")
    assert text.count('"content": "') == 4
    assert text.endswith("data: [DONE]\n\n")
    with browser.stream("GET", "/v1/models") as response:
        assert response.extensions["network_stream"].get_extra_info("client_addr") == first
        assert response.status_code == 200
    assert portal.disconnects == ()


def test_the_origin_of_the_client_becomes_the_resource_url(portal, url, browser):
    form = {"grant_type": "refresh_token", "refresh_token": portal.issue()["refresh_token"]}
    form["client_id"] = "f0304373b74a44d2b584a3fb70ca9e56"
    assert browser.post("/api/v1/oauth2/token", data=form).json()["resource_url"] == f"{url}/v1"


def test_each_delta_is_sent_before_the_next_one_is_due(portal, browser):
    portal.says("first", "second").stalls_after(1)
    with browser.stream("POST", "/v1/chat/completions", json=BODY) as response:
        lines = response.iter_lines()
        assert '"role"' in next(lines)
        next(lines)
        assert '"first"' in next(lines)
    assert portal.wait_for_disconnect()
    (disconnect,) = portal.disconnects
    assert (disconnect.path, disconnect.sent) == ("/v1/chat/completions", 2)


def test_a_disconnect_between_two_deltas_is_noticed_at_once(portal, browser):
    portal.says("first", "second", pace=60)
    with browser.stream("POST", "/v1/chat/completions", json=BODY) as response:
        assert '"role"' in next(response.iter_lines())
    assert portal.wait_for_disconnect(timeout=5)


def test_a_disconnect_during_many_deltas_is_noticed(portal, browser):
    portal.floods(200_000)
    with browser.stream("POST", "/v1/chat/completions", json=BODY) as response:
        assert '"role"' in next(response.iter_lines())
    assert portal.wait_for_disconnect()
    assert portal.disconnects[0].sent < 200_001


def test_a_broken_stream_is_a_protocol_error(portal, browser):
    portal.says("a", "b").breaks_after(1)
    with (
        pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"),
        browser.stream("POST", "/v1/chat/completions", json=BODY) as response,
    ):
        response.read()
    assert browser.get("/v1/models").status_code == 200


def test_a_dropped_request_gets_no_response(portal, browser):
    portal.drops_next("/models")
    with pytest.raises(httpx.RemoteProtocolError):
        browser.get("/v1/models")
    assert browser.get("/v1/models").status_code == 200


def test_a_slow_answer_waits_before_its_first_byte(portal, browser):
    portal.takes(60)
    with pytest.raises(httpx.ReadTimeout):
        browser.post("/v1/chat/completions", json=BODY, timeout=0.05)
    assert portal.wait_for_disconnect()
    assert portal.disconnects[0].sent == 0


def test_five_thousand_deltas_are_five_thousand_chunks(portal, browser):
    portal.floods(5_000, "xy")
    response = browser.post("/v1/chat/completions", json=BODY)
    assert response.text.count('"content": "xy"') == 5_000


def test_many_clients_are_served_at_once(portal, url):
    portal.takes(0.05)
    token = portal.issue()["access_token"]

    async def ask_all() -> list[int]:
        limits = httpx.Limits(max_connections=32)
        headers = {"authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(
            base_url=url, headers=headers, limits=limits, trust_env=False, timeout=20
        ) as client:
            asked = (client.post("/v1/chat/completions", json=BODY) for _ in range(64))
            return [response.status_code for response in await asyncio.gather(*asked)]

    assert asyncio.run(ask_all()) == [200] * 64
    assert len(portal.requests) == 64


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:8642", True),
        ("localhost:1", True),
        ("LOCALHOST", True),
        ("[::1]:80", True),
        ("", False),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example:80", False),
        ("127.0.0.1:80@evil.example", False),
        ("127.0.0.1\n", False),
        ("10.0.0.1", False),
    ],
)
def test_only_loopback_names_are_accepted(host, ours):
    assert is_loopback_host(host) is ours


def test_a_request_with_another_host_is_refused(portal, browser):
    response = browser.get("/authorize", headers={"host": "evil.example"})
    assert response.status_code == 403
    assert portal.requests == ()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("Transfer-Encoding: chunked\r\n", 411),
        ("Content-Length: -1\r\n", 411),
        ("Content-Length: x\r\n", 411),
        ("Content-Length: 99999999999999999999\r\n", 413),
    ],
)
def test_a_body_of_unknown_or_absurd_length_is_refused(url, headers, status):
    host, port = url.removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)), timeout=5)) as raw:
        raw.sendall(f"POST /v1/models HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n".encode())
        response = http.client.HTTPResponse(raw)
        response.begin()
        assert response.status == status
        assert response.read()
        assert raw.recv(1) == b""


def test_an_incomplete_request_is_not_answered(portal, url):
    host, port = url.removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)), timeout=5)) as raw:
        raw.sendall(f"POST /v1/models HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\n\r\nab".encode())
        raw.shutdown(socket.SHUT_WR)
        assert raw.recv(1) == b""
    assert portal.requests == ()


def test_stopping_ends_stalled_connections_and_every_thread(portal):
    before = set(threading.enumerate())
    portal.says("a").stalls_after(1)
    bearer = {"authorization": f"Bearer {portal.issue()['access_token']}"}
    with httpx.Client(headers=bearer, trust_env=False) as client:
        with portal.serve() as url:
            client.get(f"{url}/v1/models")
            stalled = client.send(
                client.build_request("POST", f"{url}/v1/chat/completions", json=BODY), stream=True
            )
            lines = stalled.iter_lines()  # dropping it would close the stream
            assert '"role"' in next(lines)
            client.get(f"{url}/v1/models")  # on a second connection, which is idle then
        assert set(threading.enumerate()) == before
        assert portal.disconnects == ()
        with pytest.raises(httpx.ConnectError):
            client.get(f"{url}/v1/models")


def test_a_portal_can_be_served_again(portal):
    for _ in range(2):
        with portal.serve() as url:
            assert httpx.get(f"{url}/authorize", trust_env=False).status_code == 200


def test_a_port_in_use_is_an_error(portal, url):
    with pytest.raises(OSError, match=r"in use|10048"), portal.serve(int(url.rpartition(":")[2])):
        pass
