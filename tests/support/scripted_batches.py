"""The batch interfaces of services: files with batches in OpenAI's form, and batches with the requests inline.

A batch goes on by the portal's clock, whether anybody asks or not. `BatchSettings` says how, and what goes wrong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from openclaw_ipython.practice.batch_desk import BatchDesk, Row
from openclaw_ipython.practice.http_types import HttpRequest, HttpResponse, json_response
from openclaw_ipython.practice.requests import RequestRefused

_ENDPOINT = "/v1/chat/completions"
_REFUSED = {"error": {"code": "refused", "message": "refused"}}
_TERMINAL = ("completed", "failed", "expired", "cancelled")
_STAGES = ((0.1, "validating"), (0.9, "in_progress"), (1.0, "finalizing"))  # until which part of the time


class BatchSettings(Struct):
    """How batches go. `takes` is their time in seconds; `ends` how they end; expired ones have half of their rows.

    The first `fails` rows are refused, the next `loses` rows are in neither file. With `shouts` statuses are in
    capitals, times in ISO 8601, and a file that does not exist has the id "".
    """

    takes: float = 0.0
    ends: str = "completed"
    fails: int = 0
    loses: int = 0
    shouts: bool = False


class _Batch(Struct):
    """A batch. `results` are there once it has ended; `input` is empty if the requests came inline."""

    id: str
    at: float
    rows: list[Row]
    input: str = ""
    metadata: Any = None
    problem: Row | None = None
    cancelled: float | None = None
    results: list[Row] | None = None
    output: str = ""
    errors: str = ""


class ScriptedBatchDesk(BatchDesk):
    """Files and batches that take time, fail, are cancelled and lose rows."""

    def __init__(
        self,
        settings: BatchSettings,
        clock: Callable[[], float],
        answer: Callable[[Row], Row],
        new_id: Callable[[], str],
    ) -> None:
        super().__init__(answer, new_id)
        self.settings = settings
        self.answered: list[str] = []
        """The `custom_id` of every row that was answered, once for each time."""
        self._clock = clock

    def handle(self, request: HttpRequest) -> HttpResponse:
        """The response to a request. Raises RequestRefused."""
        found = re.fullmatch(r"/v1/(files|batches)(?:/([\w-]+))?(?:/(content|cancel))?", request.path)
        kind, name, part = found.groups() if found is not None else ("", None, None)
        known: dict[str, Any] = self.files if kind == "files" else self.batches
        if not kind or (name and name not in known):
            raise RequestRefused(f"not found: {request.path[:200]}", status=404, code="not_found")
        match request.method, kind, name, part:
            case "POST", "files", None, _:
                value = self.upload(request)
            case "POST", "batches", None, _:
                value = self._create(request.json())
            case "GET", _, None, _:
                view = self.describe if kind == "files" else self._view
                value = _page([view(each) for each in known], request.params())
            case "GET", "files", str(), "content":
                return HttpResponse(200, self.files[name][1], {"content-type": "application/octet-stream"})
            case "GET", "batches", str(), None:
                value = self._view(name, with_results=True)
            case "POST", "batches", str(), "cancel":
                if self._status(name) not in _TERMINAL:
                    self.batches[name].cancelled = self._clock()
                value = self._view(name)
            case "DELETE", _, str(), None:
                if kind == "batches" and self._status(name) not in _TERMINAL:
                    raise RequestRefused("the batch is in progress", status=409, code="conflict")
                del known[name]
                value = {
                    "id": name,
                    "object": kind.removesuffix("es" if kind == "batches" else "s"),
                    "deleted": True,
                }
            case _:
                raise RequestRefused("not with this method", status=405, code="method_not_allowed")
        return json_response(200, value)

    # -- batches ---------------------------------------------------------------------------

    def _create(self, body: Row) -> Row:
        batch = _Batch(f"batch_{self._new_id()}", self._clock(), [], metadata=body.get("metadata"))
        if "requests" in body:
            names = list(body)
            if names.index("requests") < max(names.index("endpoint"), names.index("model")):
                raise RequestRefused("'endpoint' and 'model' must come before 'requests'")
            batch.rows = body["requests"]
        else:
            batch.input = body.get("input_file_id", "")
            batch.rows = self.rows_of(batch.input)
            batch.problem = _problem(batch.rows, body.get("endpoint"))
        self.batches[batch.id] = batch
        return self._view(batch.id)

    def _status(self, batch_id: str) -> str:
        """The status by the clock; results are made when the batch has ended."""
        batch, takes = self.batches[batch_id], self.settings.takes
        passed = (self._clock() - batch.at) / takes if takes else 1.0
        reached = {"failed": 0.0, "expired": 0.5}.get(self.settings.ends, 1.0)
        status = next((name for part, name in _STAGES if passed < part), self.settings.ends)
        if batch.problem is not None and passed >= 1.0:
            status, reached = "failed", 0.0
        if batch.cancelled is not None:
            reached = (batch.cancelled - batch.at) / takes
            status = "cancelled" if passed >= reached + 0.1 else "cancelling"
        if status in _TERMINAL and batch.results is None:
            batch.results = list(self._results(batch.rows, int(reached * len(batch.rows)), status))
            batch.results.reverse()  # no service promises the order
            for kind, failed in (("output", False), ("errors", True)):
                lines = [json.dumps(row) + "\n" for row in batch.results if _has_failed(row) is failed]
                if lines and batch.input:
                    setattr(batch, kind, self.store(f"{batch.id}_{kind}.jsonl", "".join(lines).encode()))
        return status

    def _results(self, rows: list[Row], done: int, status: str) -> Any:
        """The results of the first `done` rows, and why the others have none."""
        fails, loses = self.settings.fails, self.settings.loses
        for number, row in enumerate(rows):
            if fails <= number < fails + loses or status == "failed":
                continue
            name, response = f"batch_req_{self._new_id()}", {"status_code": 400, "body": _REFUSED}
            if number >= done:
                reason = f"This row was not run: the batch is {status}."
                error = {"code": f"batch_{status}", "message": reason}
                yield {"id": name, "custom_id": row["custom_id"], "response": None, "error": error}
            elif number < fails:
                yield {"id": name, "custom_id": row["custom_id"], "response": response, "error": None}
            else:
                result = self.result(row)
                if not _has_failed(result):
                    self.answered.append(row["custom_id"])
                yield result

    def _view(self, batch_id: str, *, with_results: bool = False) -> Row:
        status, batch, shouts = self._status(batch_id), self.batches[batch_id], self.settings.shouts
        failed = sum(map(_has_failed, batch.results or ()))
        view: Row = {
            "id": batch.id,
            "object": "batch",
            "endpoint": _ENDPOINT,
            "model": batch.rows[0]["body"].get("model") if batch.rows else None,
            "status": status.upper() if shouts else status,
            "created_at": datetime.fromtimestamp(batch.at, UTC).isoformat() if shouts else int(batch.at),
            "request_counts": {
                "total": len(batch.rows), "completed": len(batch.results or ()) - failed, "failed": failed,
            },
        }  # fmt: skip
        if not batch.input:
            return view | {"results": batch.results if with_results else None}
        problem = status == "failed" and batch.problem
        return view | {
            "input_file_id": batch.input,
            "output_file_id": batch.output or ("" if shouts else None),
            "error_file_id": batch.errors or ("" if shouts else None),
            "errors": {"object": "list", "data": [batch.problem]} if problem else None,
            "metadata": batch.metadata,
        }


def _page(rows: list[Row], asked: dict[str, str]) -> Row:
    """A page of a list, the newest first."""
    ids = [row["id"] for row in reversed(rows)]
    start = ids.index(asked["after"]) + 1 if asked.get("after") in ids else 0
    page = rows[::-1][start : start + int(asked.get("limit", 20))]
    return {"object": "list", "data": page, "has_more": start + len(page) < len(rows)}


def _has_failed(row: Row) -> bool:
    return row["response"] is None or row["response"]["status_code"] >= 400


def _problem(rows: list[Row], endpoint: object) -> Row | None:
    """What the service finds wrong with a file after it has taken it, with the line."""
    seen: set[str] = set()
    for line, row in enumerate(rows, 1):
        faults = {
            "duplicate_custom_id": row["custom_id"] in seen,
            "url_mismatch": not row["url"] == endpoint == _ENDPOINT,
            "model_mismatch": row["body"].get("model") != rows[0]["body"].get("model"),
        }
        for code in (code for code, there in faults.items() if there):
            return {"code": code, "line": line, "message": code.replace("_", " "), "param": None}
        seen.add(row["custom_id"])
    return None
