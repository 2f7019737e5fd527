"""The requests and answers of batch interfaces: OpenAI's files and batches, OpenRouter's batches without files. Pure.

The requests have the bytes that the SDK of OpenAI sends. Answers are read as all services write them: statuses in any
case, times in seconds or ISO 8601, and "" for a file that does not exist. A status that is not known is no end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from msgspec import Struct

from openclaw_ipython.chat.collect import Collector
from openclaw_ipython.chat.completions import to_bytes
from openclaw_ipython.chat.decode import AnswerDecoder
from openclaw_ipython.chat.fields import object_of
from openclaw_ipython.chat.http_errors import ErrorDetails, error_for, error_in, server_text
from openclaw_ipython.errors import OpenClawError, ProtocolError
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.text import json_value

if TYPE_CHECKING:
    from openclaw_ipython.batch_api.records import BatchRecord
    from openclaw_ipython.batch_api.services import BatchService
    from openclaw_ipython.chat.types import Reply

Json = Mapping[str, Any]
JSON = "application/json"


class BatchCall(Struct, frozen=True):
    """A request: `path` is below the base URL, `content_type` is empty where there is no body."""

    method: str
    path: str
    content: bytes | None = None
    content_type: str = ""
    accept: str = JSON


class BatchAnswer(Struct, frozen=True):
    """The body of a successful response, or the error."""

    body: bytes = b""
    error: OpenClawError | None = None

    @property
    def value(self) -> Json:
        """The JSON object in the body, or in its `job` (Together); an empty one for anything else."""
        value = object_of(json_value(self.body))
        return object_of(value.get("job")) or value

    @property
    def id(self) -> str:
        """The id of what was stored."""
        return str(self.value.get("id") or "")

    @property
    def status(self) -> int | None:
        """The HTTP status of the error; None for success and where no response came."""
        return getattr(self.error, "status", None)

    @property
    def failure(self) -> OpenClawError | None:
        """The error, also of a response without the id of what was stored."""
        if self.error is None and not self.id:
            return ProtocolError(_("the service gave no id for what it stored"))
        return self.error

    @property
    def unclear(self) -> bool:
        """Whether the request failed and may have taken effect: no proper response, 408, 409, 429 or 5xx."""
        status = getattr(self.failure, "status", 400)
        return status is None or status < 400 or status in (408, 409, 429) or status >= 500


# -- requests ------------------------------------------------------------------------------


def row_line(custom_id: str, body: Json, form: str, base_url: str) -> bytes:
    """A row: a line of the file, or an element of `requests`, without the line's end."""
    body = {name: value for name, value in body.items() if name not in ("stream", "stream_options")}
    if form == "inline":
        return to_bytes({"custom_id": custom_id, "body": body})
    return to_bytes({"custom_id": custom_id, "method": "POST", "url": _endpoint(base_url), "body": body})


def _endpoint(base_url: str) -> str:
    """`/v1/chat/completions`, also where `/v1` comes after something else."""
    return f"/{urlsplit(base_url).path.rpartition('/')[2]}/chat/completions"


def upload(record: BatchRecord, service: BatchService, lines: Iterable[bytes]) -> BatchCall:
    """Upload a file of rows."""
    content = b"".join(line + b"\n" for line in lines)
    boundary = blake2b(content, digest_size=16).hexdigest()
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n{service.purpose}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{record.file_name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    return BatchCall("POST", "/files", body, f"multipart/form-data; boundary={boundary}")


def create(record: BatchRecord, service: BatchService, lines: Iterable[bytes]) -> BatchCall:
    """Create a batch of the uploaded file, or with its rows, which have to come last."""
    endpoint = _endpoint(record.base_url)
    if record.form == "inline":
        head = to_bytes({"endpoint": endpoint, "model": record.model_name})
        return BatchCall("POST", "/batches", head[:-1] + b',"requests":[' + b",".join(lines) + b"]}", JSON)
    body = {
        "completion_window": service.window,
        "endpoint": endpoint,
        "input_file_id": record.files[0],
        "metadata": {service.label: record.name},
    }
    return BatchCall("POST", "/batches", to_bytes(body), JSON)


def page(path: str, **parameters: object) -> BatchCall:
    """A page of a list, the newest first; parameters that are empty are left out."""
    return BatchCall(
        "GET", f"{path}?{urlencode({name: value for name, value in parameters.items() if value})}"
    )


# -- answers -------------------------------------------------------------------------------


class BatchState(Struct, frozen=True):
    """What a service says of a batch: its result files or `rows`, how many rows are done, and why it failed."""

    status: str = ""
    files: tuple[str, ...] = ()
    rows: tuple[Json, ...] = ()
    done: int = 0
    reason: str = ""

    @property
    def ended(self) -> bool:
        """Whether there will be no more results."""
        return self.status in ("completed", "failed", "expired", "cancelled")


def read_state(value: Json) -> BatchState:
    """The state of a batch."""
    counts, problems = object_of(value.get("request_counts")), object_of(value.get("errors")).get("data")
    problem = (
        object_of(problems[0]) if isinstance(problems, list) and problems else object_of(value.get("error"))
    )
    files = (value.get(f"{kind}_file_id") for kind in ("output", "error"))
    rows = value.get("results")
    return BatchState(
        str(value.get("status", "")).lower(),
        tuple(file for file in files if file and isinstance(file, str)),
        tuple(map(object_of, rows)) if isinstance(rows, list) else (),
        _count(counts.get("completed")) + _count(counts.get("failed")),
        server_text(problem.get("message") or problem.get("code")),
    )


def belongs(batch: Json, record: BatchRecord) -> bool:
    """Whether a batch may be the one that was meant to be created for a record; one without a file has no name."""
    if record.form == "files":
        return bool(batch.get("input_file_id") == record.files[0])
    total, at = _count(object_of(batch.get("request_counts")).get("total")), batch.get("created_at")
    try:
        created = datetime.fromisoformat(at).timestamp() if isinstance(at, str) else float(at or 0)
    except (ValueError, TypeError):
        return False
    since = created - record.at
    same = batch.get("model") == record.model_name and total in (0, len(record.ids))
    return same and since >= -60  # seconds


def read_lines(body: bytes) -> tuple[Json, ...]:
    """The rows of a result file. A line that is no object is an empty row."""
    return tuple(object_of(json_value(line)) for line in body.split(b"\n"))


def read_row(row: Json, model: str) -> Reply | OpenClawError:
    """The answer to a row, or its error. `model` is the ref that was asked."""
    response, error = object_of(row.get("response")), object_of(row.get("error"))
    body, status = object_of(response.get("body")), response.get("status_code")
    if error:  # some services call them `error_code` and `error_message`
        body = {
            "error": {name: error.get(name) or error.get(f"error_{name}") for name in ("code", "message")}
        }
    failed = isinstance(status, int) and status >= 400
    details = error_in(body or {"error": _("the service gave no answer for this row")})
    if failed or details is not None:
        return error_for(status if failed else None, details or ErrorDetails())
    collector, decoder = Collector(model, 0.0), AnswerDecoder(model=model.partition("/")[2])
    try:
        for events in (decoder.feed(to_bytes(body)), decoder.finish()):
            for event in events:
                collector.add(event, 0.0)
    except OpenClawError as failure:
        return failure
    return collector.reply(0.0)


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0
