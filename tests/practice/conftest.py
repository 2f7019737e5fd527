"""A portal whose clock is a number, and a caller that sends requests to it without a connection."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import struct
from typing import Any
from urllib.parse import urlencode

import pytest
from scripted_portal import Portal

from openclaw_ipython.practice.http_types import FORM_TYPE, HttpRequest, HttpResponse
from openclaw_ipython.practice.oauth import CLIENT_ID, DEVICE_GRANT

ORIGIN = "http://127.0.0.1:8642"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


class Clock:
    """A manual clock."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def tick(self, seconds: float) -> None:
        self.now += seconds


class Received:
    """A response with its steps collected."""

    def __init__(self, response: HttpResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        whole = isinstance(response.body, bytes)
        self.steps = [response.body] if whole else list(response.body)
        self.body = b"".join(step for step in self.steps if isinstance(step, bytes))
        self.text = self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        return self.json()["error"]

    @property
    def chunks(self) -> list[Any]:
        """The JSON of every event but `[DONE]`."""
        events = [event for event in self.text.split("\n\n") if event]
        assert all(event.startswith("data: ") for event in events)
        return [json.loads(event[6:]) for event in events if event != "data: [DONE]"]

    @property
    def deltas(self) -> list[Any]:
        return [chunk["choices"][0]["delta"] for chunk in self.chunks if chunk["choices"]]

    @property
    def content(self) -> str:
        if self.headers["content-type"] == "application/json":
            return self.json()["choices"][0]["message"]["content"]
        return "".join(delta.get("content") or "" for delta in self.deltas)

    @property
    def reasoning(self) -> str:
        return "".join(delta.get("reasoning_content") or "" for delta in self.deltas)


class Caller:
    """Asks a portal as a client would."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal

    def send(self, method: str, target: str, body: bytes = b"", **headers: str) -> Received:
        path, _, query = target.partition("?")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Received(self.portal.handle(HttpRequest(method, ORIGIN, path, query, named, body)))

    def form(self, path: str, fields: dict[str, str], **headers: str) -> Received:
        return self.send("POST", path, urlencode(fields).encode(), content_type=FORM_TYPE, **headers)

    def device_code(self, **changes: str | None) -> Received:
        fields: dict[str, str | None] = {
            "client_id": CLIENT_ID,
            "scope": "openid profile email model.completion",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        chosen = {name: value for name, value in (fields | changes).items() if value is not None}
        return self.form("/api/v1/oauth2/device/code", chosen, user_agent="a-notebook/1")

    def poll(self, device_code: str, /, **changes: str) -> Received:
        fields = {
            "grant_type": DEVICE_GRANT,
            "client_id": CLIENT_ID,
            "device_code": device_code,
            "code_verifier": VERIFIER,
        }
        return self.form("/api/v1/oauth2/token", fields | changes)

    def refresh(self, token: str, /, **changes: str) -> Received:
        fields = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "refresh_token": token}
        return self.form("/api/v1/oauth2/token", fields | changes)

    def chat(self, *messages: Any, token: str | None = None, **fields: Any) -> Received:
        """Messages are dictionaries, or texts of the user."""
        spoken = [m if isinstance(m, dict) else {"role": "user", "content": m} for m in messages]
        body = {"model": "coder-model", "messages": spoken} | fields
        return self.raw_chat(json.dumps(body).encode(), token=token)

    def raw_chat(self, body: bytes, *, token: str | None = None) -> Received:
        bearer = token if token is not None else self.portal.issue()["access_token"]
        return self.send("POST", "/v1/chat/completions", body, authorization=f"Bearer {bearer}")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def portal(clock: Clock) -> Portal:
    return Portal(clock=clock, rng=random.Random(7))


@pytest.fixture
def ask(portal: Portal) -> Caller:
    return Caller(portal)


@pytest.fixture
def png() -> str:
    """The data URL of a PNG header: 640 × 480."""
    data = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 640, 480) + b"\x08\x02\0\0\0"
    return "data:image/png;base64," + base64.b64encode(data).decode()
