"""One exchange with a portal or a handler, with a clock that is moved by hand; and how streams are written."""

import asyncio
import json
from contextlib import aclosing

import httpx
import pytest

from openclaw_ipython.chat.received import ReceivedText
from openclaw_ipython.chat.stream import ChatEndpoint, RetryPolicy, stream_chat
from openclaw_ipython.chat.types import ChatRequest, Message, TextDelta
from openclaw_ipython.errors import OpenClawError
from openclaw_ipython.net.http import HttpClient
from openclaw_ipython.runtime.env import Runtime

REQUEST = ChatRequest("coder-model", (Message("user", "hello"),))


class Bearer(httpx.Auth):
    """Sends one token, and after a 401 the next one, if there is one."""

    def __init__(self, *tokens):
        self.tokens = tokens

    def auth_flow(self, request):
        for token in self.tokens:
            request.headers["Authorization"] = f"Bearer {token}"
            response = yield request
            if response.status_code != 401:
                return


class Received:
    """The events of one answer, and the error that ended it, if there was one."""

    def __init__(self):
        self.events = []
        self.error = None

    @property
    def text(self):
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def text_after_thinking(self):
        """The text of the reply: without what turned out to be thinking."""
        received = ReceivedText()
        for event in self.events:
            received.add(event)
        return str(received)

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


class Connection:
    """Requests over `transport`; their waits go through `clock`."""

    def __init__(self, transport, clock, auth, url="http://127.0.0.1:8642/v1/chat/completions"):
        self.transport, self.clock, self.auth, self.url = transport, clock, auth, url

    def endpoint(self, http, policy):
        memory = {"host_memory": policy.pop("host_memory")} if "host_memory" in policy else {}
        return ChatEndpoint(
            **memory,
            http=http,
            url=self.url,
            name="the portal",
            auth=self.auth,
            runtime=Runtime({}, self.clock, self.clock, self.clock.sleep, lambda: 0.0),
            retry_policy=RetryPolicy(**policy),
        )

    async def receive(self, request=REQUEST, *, http=None, arrived=None, **policy):
        """`arrived` is set when the first event has come."""
        received = Received()
        http = http or HttpClient(self.transport)
        try:
            async with aclosing(stream_chat(self.endpoint(http, policy), request)) as events:
                async for event in events:
                    received.events.append(event)
                    if arrived is not None:
                        arrived.set()
        except OpenClawError as error:
            received.error = error
        return received

    def ask(self, request=REQUEST, **policy):
        async def once():
            async with HttpClient(self.transport) as http:
                return await self.receive(request, http=http, **policy)

        return asyncio.run(once())


@pytest.fixture
def line(portal, clock):
    """A connection to the portal, signed in."""
    token = portal.issue()["access_token"]
    return Connection(portal.transport(clock.sleep), clock, Bearer(token))


@pytest.fixture
def answering(clock):
    """`answering(handler)`: a connection to a function from request to response."""

    def make(handler, *tokens):
        return Connection(httpx.MockTransport(handler), clock, Bearer(*(tokens or ("a-token-of-this-test",))))

    return make


def chunk(delta=None, finish=None, **more):
    """One chunk of a completion."""
    return {"choices": [{"index": 0, "delta": delta or {}, "finish_reason": finish}], **more}


def sent(*events):
    """The bytes of a stream: dictionaries as JSON, strings as they are."""
    return b"".join(
        b"data: " + (e if isinstance(e, str) else json.dumps(e)).encode() + b"\n\n" for e in events
    )


@pytest.fixture
def wire():
    """`wire.chunk(…)`, `wire.sent(…)` and `wire.whole(…)`, an answer said in pieces."""

    class Wire:
        def whole(self, *texts, finish="stop"):
            deltas = [chunk({"content": text}) for text in texts]
            return sent(*deltas, chunk({"content": ""}, finish), "[DONE]")

    Wire.chunk, Wire.sent = staticmethod(chunk), staticmethod(sent)
    return Wire()


@pytest.fixture
def streamed():
    """`streamed(*pieces)`: a 200 whose body comes in these pieces."""

    def make(*pieces, content_type="text/event-stream", **headers):
        async def body():
            for piece in pieces:
                if isinstance(piece, Exception):
                    raise piece
                yield piece

        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.Response(200, headers={"content-type": content_type, **named}, content=body())

    return make
