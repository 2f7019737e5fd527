"""A Gateway with agents, in place of an OpenClaw, for tests and demonstrations. Its agents are no agents, and say so.

What it does is what OpenClaw 2026.9.6 was seen to do: agents as models, a session for each `user`, functions of the
client, an endpoint that can be off, errors with a type, and a memory of turns that were cancelled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from openclaw_ipython.practice.answers import compose
from openclaw_ipython.practice.http_types import (
    HttpRequest,
    HttpResponse,
    Pause,
    Step,
    html_response,
    json_response,
)
from openclaw_ipython.practice.portal import Portal
from openclaw_ipython.practice.requests import ChatPrompt, Model, RequestRefused, check, parse, text_of
from openclaw_ipython.practice.script import ScriptedReply

VERSION = "2026.9.6"
_OWN_TOOLS = frozenset({"read", "write", "edit", "exec", "process", "browser", "tool_search", "tool_call"})
_QUEUED = (
    "[Queued user message from a previous active turn; preserved as context only. "
    "Continue with the active prompt below.]\n{cancelled}\n\n{text}"
)


class _AgentSession(Struct):
    """What an agent remembers of one `user`: the questions, the calls without a result, the text that was cancelled."""

    questions: list[str] = field(default_factory=list)
    calls: dict[str, str] = field(default_factory=dict)
    cancelled: str = ""


class PracticeGateway(Portal):
    """A practice Gateway with `agents`, for requests with `token`. Scripts work as for the portal.

    The first turn of each agent is silent for `first_turn` seconds. `endpoint_on` can be changed at any time.
    """

    def __init__(
        self,
        agents: Iterable[str] = ("main",),
        token: str = "practice",  # noqa: S107 - made up
        *,
        first_turn: float = 0.0,
        endpoint_on: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.agents = list(agents)
        self.endpoint_on = endpoint_on
        self._secret = token
        self.first_turn = first_turn
        self._awake: set[str] = set()
        self._sessions: dict[tuple[str, str], _AgentSession] = {}
        self._session = _AgentSession()
        started = {"ok": True, "status": "started", "version": VERSION, "uptimeMs": 1}
        ready = {"ready": True, "failing": [], "uptimeMs": 1}
        self._routes = {
            "/": {"GET": lambda _: html_response(200, "<title>OpenClaw Control</title>")},
            "/healthz": {"GET": lambda _: json_response(200, {"ok": True, "status": "live"})},
            "/startupz": {"GET": lambda _: json_response(200, started)},
            "/readyz": {"GET": lambda _: json_response(200, ready)},
            "/tools/invoke": {"POST": self._invoke},
            "/v1/models": {"GET": self._list_models},
            "/v1/chat/completions": {"POST": self._chat},
        }

    def client_disconnected(self, request: HttpRequest, sent: int) -> None:
        """Called by the endpoints: the turn of `request` is cancelled, its text stays in the session."""
        with self._lock:
            body = request.json()
            session = self._sessions.get(_key(body))
            if session is not None and session.questions:
                session.cancelled = session.questions.pop()
        super().client_disconnected(request, sent)

    def _route(self, request: HttpRequest) -> HttpResponse:
        off = request.path.startswith("/v1/") and not self.endpoint_on
        if off or request.path not in self._routes:
            return HttpResponse(404, b"Not Found", {"content-type": "text/plain; charset=utf-8"})
        return super()._route(request)

    def _error(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> HttpResponse:
        kind = "unauthorized" if status == 401 else "invalid_request_error"
        return json_response(status, {"error": {"message": message, "type": kind}}, headers)

    def _check_bearer(self, request: HttpRequest) -> None:
        if request.bearer() != self._secret:
            raise RequestRefused("Unauthorized", status=401)

    def _invoke(self, request: HttpRequest) -> HttpResponse:
        self._check_bearer(request)
        return json_response(200, {"ok": True, "result": {}})

    def _list_models(self, request: HttpRequest) -> HttpResponse:
        self._check_bearer(request)
        ids = ["openclaw", "openclaw/default", *(f"openclaw/{agent}" for agent in self.agents)]
        rows = [{"id": one, "object": "model", "created": 0, "owned_by": "openclaw"} for one in ids]
        return json_response(200, {"object": "list", "data": rows})

    def _prompt(self, request: HttpRequest, *, batch: bool = False) -> ChatPrompt:
        try:
            body = request.json()
        except ValueError:
            raise RequestRefused("Expected property name or '}' in JSON at position 1") from None
        name = str(body.get("model"))
        agent = name.removeprefix("openclaw/").lower()
        if name in {"openclaw", "openclaw/default"} and len(self.agents) > 1:
            raise RequestRefused(
                "Multiple agents are configured, but this operation has no explicit owner. Select an agent explicitly."
            )
        if "/" not in name:
            raise RequestRefused("Invalid `model`. Use `openclaw` or `openclaw/<agentId>`.")
        if agent not in (*self.agents, "default"):
            raise RequestRefused(f"Unknown agent '{agent}'.")
        if any(tool["function"]["name"] in _OWN_TOOLS for tool in body.get("tools") or ()):
            raise RequestRefused("invalid tool configuration")
        session = self._session = self._sessions.setdefault(_key(body), _AgentSession())
        if not body.get("user"):
            session = self._session = _AgentSession()
        messages = _as_one_history(body["messages"], session)
        body = {key: value for key, value in body.items() if key != "reasoning_effort"} | {
            "messages": messages
        }
        model = Model(name, images=True)
        prompt = parse(body, check(body, {name: model}))
        if body.get("response_format"):
            return prompt
        return replace(prompt, schema=None, wants_json=False)  # a schema in the text is that of a function

    def _answer(self, prompt: ChatPrompt, reply: ScriptedReply) -> HttpResponse:
        completion = reply.completion or compose(prompt)
        self._session.calls = {call.id: call.name for call in completion.calls}
        response = super()._answer(prompt, replace(reply, completion=completion))
        if self.first_turn and prompt.model not in self._awake and not isinstance(response.body, bytes):
            self._awake.add(prompt.model)
            return replace(response, body=_silent_after_the_first(response.body, self.first_turn))
        return response


def _key(body: Mapping[str, Any]) -> tuple[str, str]:
    """The agent and the user of a request; users differ in more than case."""
    return str(body.get("model")).lower(), str(body.get("user", "")).lower()


def _as_one_history(messages: list[dict[str, Any]], session: _AgentSession) -> list[dict[str, Any]]:
    """The system text, what the agent remembers, and what is new: all that a model would get."""
    system = "\n".join(text_of(m) for m in messages if m["role"] in {"system", "developer"})
    found = [{"role": "system", "content": system}] if system else []
    found += [{"role": "user", "content": text} for text in session.questions]
    called = [
        {"id": i, "type": "function", "function": {"name": n, "arguments": "{}"}}
        for i, n in session.calls.items()
    ]
    results = [m for m in messages if m["role"] == "tool" and m.get("tool_call_id") in session.calls]
    if results:
        return [*found, {"role": "assistant", "content": None, "tool_calls": called}, *results]
    asked = [m for m in messages if m["role"] == "user"]
    if not asked:
        raise RequestRefused("Missing user message in `messages`.")
    text = "\n".join(map(text_of, asked))
    session.questions.append(text)
    if session.cancelled:
        text, session.cancelled = _QUEUED.format(cancelled=session.cancelled, text=text), ""
    pictures = (
        [p for p in asked[-1]["content"] if p["type"] != "text"]
        if isinstance(asked[-1]["content"], list)
        else []
    )
    return [
        *found,
        {"role": "user", "content": [*pictures, {"type": "text", "text": text}] if pictures else text},
    ]


def _silent_after_the_first(steps: Iterable[Step], seconds: float) -> Iterator[Step]:
    """The steps, with a wait after the chunk that says only who speaks."""
    left = iter(steps)
    yield next(left)
    yield Pause(seconds)
    yield from left
