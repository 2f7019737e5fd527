"""A completions server that refuses parts of requests, in the words of real servers, and answers all others.

A rule is a function from a request's body to `(status, answer)`, or None where it has no objection. The rules below
quote the servers they are named after.
"""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

KEY = "sk-made-up-of-picky-0001"


class PickyHost:
    """`bodies` are all requests, `accepted` those that were answered."""

    def __init__(self, *rules, listing=("big",), info=None, text="Good."):
        self.rules = rules
        self.listing = [row if isinstance(row, dict) else {"id": row} for row in listing]
        self.info = info
        self.text = text
        self.bodies = []
        self.accepted = []
        self._lock = threading.Lock()

    def respond(self, method, path, body):
        """Status, content type and bytes."""
        if method == "GET" and path.endswith("/models"):
            return 200, "application/json", _json({"object": "list", "data": self.listing})
        if method == "GET" and path.endswith("/v1/model/info") and self.info is not None:
            return 200, "application/json", _json({"data": self.info})
        if method != "POST" or not path.endswith("/chat/completions"):
            return 404, "application/json", _json({"detail": "Not Found"})
        with self._lock:
            self.bodies.append(body)
            refused = next((found for rule in self.rules if (found := rule(body)) is not None), None)
            if refused is None:
                self.accepted.append(body)
        if refused is not None:
            status, answer = refused
            return status, "application/json", answer if isinstance(answer, bytes) else _json(answer)
        return self.answer(body)

    def answer(self, body):
        message, finish = self.message(body)
        usage = {"prompt_tokens": 7, "completion_tokens": 3}
        if not body["stream"]:
            choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
            return (
                200,
                "application/json",
                _json({"model": body["model"], "choices": [choice], "usage": usage}),
            )
        calls = [{"index": n, **call} for n, call in enumerate(message.get("tool_calls", ()))]
        deltas = [{"content": piece} for piece in _pieces(message["content"] or "")]
        deltas += [{"tool_calls": calls}] if calls else []
        chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        if body.get("stream_options", {}).get("include_usage"):
            chunks.append({"choices": [], "usage": usage})
        lines = b"".join(b"data: " + _json(chunk) + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
        return 200, "text/event-stream", lines

    def message(self, body):
        turns = body["messages"]
        if body.get("tools") and body.get("tool_choice") != "none" and turns[-1]["role"] != "tool":
            name = body["tools"][0]["function"]["name"]
            call = {
                "id": "call_1",
                "type": "function",
                "function": {"name": name, "arguments": '{"a": 20, "b": 22}'},
            }
            return {"content": None, "tool_calls": [call]}, "tool_calls"
        if turns[-1]["role"] == "tool":
            return {"content": f"The tool said {turns[-1]['content']}."}, "stop"
        asked = str(turns[-1]["content"])
        if any("JSON Schema" in str(turn["content"]) for turn in turns):
            return {"content": json.dumps({"word": asked.split()[-1]})}, "stop"
        return {"content": self.text if self.text != "echo" else f"I read: {asked}"}, "stop"

    # -- how it is reached --

    def transport(self):
        return httpx.MockTransport(self._handle)

    async def _handle(self, request):
        body = json.loads(request.content) if request.content else None
        status, kind, content = self.respond(request.method, request.url.path, body)
        return httpx.Response(status, headers={"content-type": kind}, content=content)

    @contextmanager
    def serve(self):
        """On a socket of this machine; its origin."""
        host = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                size = int(self.headers.get("content-length", 0))
                body = json.loads(self.rfile.read(size)) if size else None
                status, kind, content = host.respond(self.command, self.path, body)
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_GET(self):
                self.do_POST()

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _json(value):
    return json.dumps(value).encode()


def _pieces(text):
    return [text[i : i + 5] for i in range(0, len(text), 5)]


def openai(message, status=400, code="unsupported_parameter", param=None):
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return status, {"error": error}


def pydantic(*loc, msg="Extra inputs are not permitted", kind="extra_forbidden"):
    return 422, {"detail": [{"type": kind, "loc": ["body", *loc], "msg": msg, "input": None}]}


def when(condition, answer):
    """A rule: `answer` to the bodies for which `condition` holds."""
    return lambda body: answer if condition(body) else None


def has(field):
    return lambda body: field in body


def response_format(*kinds):
    return lambda body: body.get("response_format", {}).get("type") in kinds


def null_content(body):
    return any(message.get("content") is None for message in body["messages"])


def has_role(*roles):
    return lambda body: any(message["role"] in roles for message in body["messages"])


def unstreamed(body):
    return not body["stream"]


def streamed(body):
    return body["stream"]


LLAMA_CPP_PYTHON_FORMAT = 500, {
    "error": {
        "message": "[{'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': \"Input should be "
        "'text' or 'json_object'\", 'input': 'json_schema', 'ctx': {'expected': \"'text' or 'json_object'\"}}]",
        "type": "internal_server_error", "param": None, "code": None,
    }
}  # fmt: skip
LLAMA_CPP_PYTHON_NULL = 500, {
    "error": {
        "message": 'can only concatenate str (not "NoneType") to str',
        "type": "internal_server_error", "param": None, "code": None,
    }
}  # fmt: skip
STREAM_ONLY = 400, {
    "error": {
        "message": "This model only support stream mode, please enable the stream parameter to access the model. ",
        "type": "invalid_request_error", "param": None, "code": "invalid_parameter_error",
    }
}  # fmt: skip
