"""Services to talk to without a network, each with its own manners: paths, login, quirks, and how it words refusals.

Built from what is known of the real ones. A stand-in refuses what its model refuses; what it was sent is in `requests`.
"""

import json

import httpx

PNG = "data:image/png;base64,iVBORw0KGgo="
KEY = "sk-made-up-0123456789"


def sse(*chunks):
    lines = [b": keep-alive\n\n"]
    lines += [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks]
    return b"".join(lines) + b"data: [DONE]\n\n"


def delta(finish=None, **said):
    return {"choices": [{"index": 0, "delta": said, "finish_reason": finish}], "usage": None}


class Refused(Exception):
    def __init__(self, status, body, **headers):
        super().__init__(status)
        self.response = httpx.Response(status, json=body, headers=headers)


class StandIn:
    """A plain OpenAI-compatible service; the others differ from it where the real ones do."""

    key: str | None = KEY
    models = ("some-model",)
    reads_images = ()
    thinks_in = "reasoning_content"
    chat_path = "/chat/completions"
    lists_to_all = False

    def __init__(self, base_url, models=None, reads_images=None):
        self.base_url = base_url.rstrip("/")
        self.models = models if models is not None else self.models
        self.reads_images = reads_images if reads_images is not None else self.reads_images
        self.requests = []
        self.refusals = []

    # -- what tests use --

    def transport(self):
        return httpx.MockTransport(self.handle)

    @property
    def chats(self):
        return [json.loads(r.content) for r in self.requests if r.url.path.endswith(self.chat_path)]

    def limits_next(self):
        self.refusals = [self.limit()] * 3  # a client may try that often

    # -- one request --

    def handle(self, request):
        self.requests.append(request)
        try:
            assert request.headers["user-agent"].startswith("openclaw-ipython/"), "posing as somebody else"
            return self.route(request)
        except Refused as refused:
            return refused.response

    def route(self, request):
        url = str(request.url)
        if not url.startswith(self.base_url):
            return self.beside(request)
        path = url[len(self.base_url) :]
        if not (self.lists_to_all and path == "/models"):
            self.check_key(request)
        match request.method, path:
            case "GET", "/models":
                return httpx.Response(200, json=self.listing())
            case "POST", self.chat_path:
                return self.chat(json.loads(request.content))
        raise Refused(404, {"error": {"message": "no such path", "type": "invalid_request_error"}})

    def beside(self, request):
        """Paths outside the completions dialect."""
        raise Refused(404, {"detail": "Not Found"})

    def check_key(self, request):
        given = request.headers.get("authorization", "")
        if self.key is None:
            assert not given, "a key was sent to a server that needs none"
        elif given != f"Bearer {self.key}":
            raise self.unauthorised()

    def chat(self, body):
        if self.refusals:
            raise self.refusals.pop(0)
        self.check(body)
        if body["model"] not in self.models:
            raise self.unknown_model(body["model"])
        pictured = any(
            part["type"] == "image_url"
            for message in body["messages"]
            if isinstance(message["content"], list)
            for part in message["content"]
        )
        if pictured and body["model"] not in self.reads_images:
            raise Refused(400, self.error("the model does not take images", "invalid_parameter_error"))
        return self.answer(body, "an image" if pictured else "words")

    def check(self, body):
        """Raise Refused for what this service does not take."""

    def answer(self, body, seen):
        thinking = [delta(**{self.thinks_in: "Let me see."})] if self.asked_to_think(body) else []
        usage = {"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 5}}
        if not body["stream"]:
            message = {"role": "assistant", "content": f"I saw {seen}."}
            return httpx.Response(200, json={"choices": [{"message": message, "finish_reason": "stop"}]})
        chunks = [*thinking, delta(content="I saw "), delta(content=f"{seen}."), delta("stop"), usage]
        return httpx.Response(200, content=sse(*chunks), headers={"content-type": "text/event-stream"})

    def asked_to_think(self, body):
        return body.get("reasoning_effort") not in (None, "none")

    # -- how it words things --

    def listing(self):
        return {"object": "list", "data": [{"id": model, "object": "model"} for model in self.models]}

    def error(self, message, code):
        return {"error": {"message": message, "code": code, "type": "invalid_request_error", "param": None}}

    def unauthorised(self):
        return Refused(401, self.error("Incorrect API key provided.", "invalid_api_key"))

    def unknown_model(self, model):
        return Refused(404, self.error(f"The model `{model}` does not exist.", "model_not_found"))

    def limit(self):
        return Refused(429, self.error("Rate limit reached", "rate_limit_exceeded"), **{"retry-after": "90"})


class DashScope(StandIn):
    """Model Studio and its plans: `enable_thinking`, one system message, no guessing."""

    def error(self, message, code):
        return {**super().error(message, code), "request_id": "r-0001"}

    def unauthorised(self):
        return Refused(401, self.error("invalid access token or token expired", "invalid_api_key"))

    def limit(self):
        said = "Requests rate limit exceeded, please try again later."
        return Refused(429, self.error(said, "limit_requests"), **{"retry-after": "90"})

    def asked_to_think(self, body):
        return body.get("enable_thinking") is True or body.get("reasoning_effort") not in (None, "none")

    def check(self, body):
        roles = [message["role"] for message in body["messages"]]
        if "developer" in roles:
            raise self.parameter(
                "developer is not one of ['system', 'assistant', 'user', 'tool', 'function']"
            )
        if "system" in roles[1:]:
            raise self.parameter("System message must be at the beginning.")
        if "stream_options" in body and not body["stream"]:
            raise self.parameter("'stream_options' is only allowed when 'stream' is true")
        if self.asked_to_think(body) and not body["stream"]:
            raise self.parameter(
                "parameter.enable_thinking must be set to false for non-streaming calls",
                "invalid_parameter_error",
            )
        if "thinking_budget" in body and "reasoning_effort" in body:
            raise self.parameter("thinking_budget and reasoning_effort cannot be set together")
        if "metadata" in body and not body["model"].startswith("qwen"):
            raise self.parameter("metadata is not supported")

    def parameter(self, message, code="invalid_parameter_error"):
        return Refused(400, self.error(f"<400> InternalError.Algo.InvalidParameter: {message}", code))


class ThinksByItself(DashScope):
    """A hybrid model that thinks unless it is told not to, and cannot without a stream."""

    def asked_to_think(self, body):
        return body.get("enable_thinking", True) is not False


class CodingPlan(DashScope):
    """An exact list of models, and of programs."""

    key = "sk-sp-made-up-0123456789"
    turned_away = False

    def chat(self, body):
        if self.turned_away:
            raise Refused(405, {"error": "Coding Plan is currently only available for Coding Agents"})
        return super().chat(body)

    def unknown_model(self, model):
        return Refused(400, self.error(f"model '{model}' is not supported.", "invalid_parameter_error"))


class TokenPlan(DashScope):
    """Credits by the month."""

    key = "sk-sp-made-up-0123456789"

    def limit(self):
        said = "Allocated quota exceeded. It will reset at 2026-12-01 00:00:00."
        return Refused(429, self.error(said, "insufficient_quota"))


class OpenRouter(StandIn):
    """`reasoning` in the request and in the answer; numbers for error codes."""

    key = "sk-or-made-up-0123456789"
    thinks_in = "reasoning"
    lists_to_all = True

    def route(self, request):
        if request.method == "GET" and str(request.url) == self.base_url + "/key":
            self.check_key(request)
            return httpx.Response(200, json={"data": {"label": "sk-or-…", "usage": 0, "limit": None}})
        return super().route(request)

    def asked_to_think(self, body):
        assert "enable_thinking" not in body
        assert "reasoning_effort" not in body
        wish = body.get("reasoning", {})
        return wish.get("enabled") is True or wish.get("effort") not in (None, "none")

    def listing(self):
        return {
            "data": [
                {
                    "id": model,
                    "name": f"Qwen: {model}",
                    "context_length": 1_000_000,
                    "architecture": {
                        "input_modalities": ["text", "image"] if model in self.reads_images else ["text"]
                    },
                    "pricing": {"prompt": "0.00000032", "completion": "0.00000128"},
                    "top_provider": {"max_completion_tokens": 65_536},
                }
                for model in self.models
            ]
        }

    def unauthorised(self):
        return Refused(401, {"error": {"message": "No auth credentials found", "code": 401}})

    def limit(self):
        error = {"message": "Rate limit exceeded: free-models-per-day", "code": 429, "metadata": {"raw": "…"}}
        return Refused(429, {"error": error}, **{"retry-after": "90"})


class Fireworks(StandIn):
    """`reasoning_effort`; lists say what a model reads."""

    key = "fw_made_up_0123456789"

    def listing(self):
        return {
            "data": [
                {
                    "id": model,
                    "context_length": 262_144,
                    "supports_chat": True,
                    "supports_image_input": model in self.reads_images,
                }
                for model in self.models
            ]
        }

    def unauthorised(self):
        return Refused(
            401, {"error": {"object": "error", "type": "UNAUTHORIZED", "message": "The API key is invalid"}}
        )


class ModelScope(DashScope):
    """As DashScope, with `errors` for `error`."""

    key = "ms-made-up-0123456789"
    lists_to_all = True

    def error(self, message, code):
        return {"errors": {"message": message}, "request_id": "r-0002"}

    def unauthorised(self):
        return Refused(401, {"errors": {"message": "Please bind your account"}, "request_id": "r-0002"})

    def limit(self):
        return Refused(
            429, {"errors": {"message": "today's quota, try again later"}}, **{"retry-after": "90"}
        )


class Local(StandIn):
    """A server on this machine: no key, Qwen's own template."""

    key = None
    models = ("qwen3.6-35b-a3b", "qwen3-coder:30b", "nomic-embedding")

    def check(self, body):
        if "system" in [message["role"] for message in body["messages"]][1:]:
            raise Refused(400, self.error("System message must be at the beginning.", None))

    def limit(self):
        return Refused(503, {"error": "server busy, please try again. maximum pending requests exceeded"})


class Ollama(Local):
    """Lists only ids; `/api/show` tells about one."""

    thinks_in = "reasoning"

    def beside(self, request):
        if request.url.path != "/api/show":
            return super().beside(request)
        model = json.loads(request.content)["model"]
        able = ["completion", "tools"] + (["vision", "thinking"] if model in self.reads_images else [])
        info = {"general.architecture": "qwen3", "qwen3.context_length": 40_960}
        return httpx.Response(200, json={"capabilities": able, "model_info": info})


class LMStudio(Local):
    """Its own list knows more; thinking stays in the text."""

    def beside(self, request):
        if request.url.path != "/api/v0/models":
            return super().beside(request)
        kind = {model: "vlm" if model in self.reads_images else "llm" for model in self.models}
        kind["nomic-embedding"] = "embeddings"
        rows = [{"id": model, "type": kind[model], "max_context_length": 32_768} for model in self.models]
        return httpx.Response(200, json={"object": "list", "data": rows})

    def answer(self, body, seen):
        if not self.asked_to_think(body):
            return super().answer(body, seen)
        pieces = ["<thi", "nk>\nLet me ", "see.</th", "ink>\n\nI saw ", f"{seen}."]
        chunks = [*(delta(content=piece) for piece in pieces), delta("stop")]
        return httpx.Response(200, content=sse(*chunks), headers={"content-type": "text/event-stream"})


class VLLM(Local):
    """Arguments of the chat template; lists say the window."""

    def asked_to_think(self, body):
        assert "enable_thinking" not in body
        return body.get("chat_template_kwargs", {}).get("enable_thinking") is True

    def listing(self):
        return {"object": "list", "data": [{"id": model, "max_model_len": 65_536} for model in self.models]}

    def unknown_model(self, model):
        said = f"The model `{model}` does not exist."
        return Refused(404, {"object": "error", "message": said, "type": "NotFoundError", "code": 404})
