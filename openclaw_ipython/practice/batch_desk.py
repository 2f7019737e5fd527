"""The batch interface of the portal: files, and batches of them, in OpenAI's form. A batch ends when it is created."""

from __future__ import annotations

import json
from collections.abc import Callable
from email import message_from_bytes
from typing import Any

from openclaw_ipython.practice.http_types import HttpRequest, HttpResponse, json_response
from openclaw_ipython.practice.requests import RequestRefused

Row = dict[str, Any]


class BatchDesk:
    """Files and batches. `answer` returns the completion for a body or raises RequestRefused; `new_id` numbers them."""

    def __init__(self, answer: Callable[[Row], Row], new_id: Callable[[], str]) -> None:
        self.files: dict[str, tuple[str, bytes]] = {}
        self.batches: dict[str, Row] = {}
        self._answer, self._new_id = answer, new_id

    def handle(self, request: HttpRequest) -> HttpResponse:
        """The response to a request. Raises RequestRefused."""
        match request.method, request.path.removeprefix("/v1/").split("/"):
            case "POST", ["files"]:
                return json_response(200, self.upload(request))
            case "POST", ["batches"]:
                return json_response(200, self._create(request.json()))
            case "GET", ["batches", name] if name in self.batches:
                return json_response(200, self.batches[name])
            case "GET", ["files", name, "content"] if name in self.files:
                return HttpResponse(200, self.files[name][1], {"content-type": "application/octet-stream"})
            case "DELETE", ["files", name] if name in self.files:
                del self.files[name]
                return json_response(200, {"id": name, "object": "file", "deleted": True})
        raise RequestRefused(f"not found: {request.path[:200]}", status=404, code="not_found")

    def upload(self, request: HttpRequest) -> Row:
        """Keep the file of a form (RFC 7578), and describe it. Raises RequestRefused."""
        head = f"content-type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
        parts = message_from_bytes(head + request.body).walk()
        fields = {part.get_param("name", header="content-disposition"): part for part in parts}
        file, purpose = fields.get("file"), fields.get("purpose")
        if file is None or purpose is None or purpose.get_payload() not in ("batch", "batch-api"):
            raise RequestRefused("a file and the purpose 'batch' are required")
        name, content = file.get_filename() or "", file.get_payload(decode=True)
        if not name.endswith(".jsonl"):
            raise RequestRefused("Invalid file format for Batch API. Must be .jsonl")
        return self.describe(self.store(name, content if isinstance(content, bytes) else b""))

    def store(self, name: str, content: bytes) -> str:
        """Keep a file; its id."""
        file_id = f"file-{self._new_id()}"
        self.files[file_id] = (name, content)
        return file_id

    def describe(self, file_id: str) -> Row:
        """What the service says of a file."""
        name, content = self.files[file_id]
        return {"id": file_id, "object": "file", "bytes": len(content), "filename": name, "purpose": "batch"}

    def rows_of(self, file_id: str) -> list[Row]:
        """The rows in an uploaded file. Raises RequestRefused."""
        if file_id not in self.files:
            raise RequestRefused(f"No such File object: {file_id}")
        return [json.loads(line) for line in self.files[file_id][1].decode().splitlines()]

    def result(self, row: Row) -> Row:
        """The line of a row in the result file."""
        try:
            response = {"status_code": 200, "body": self._answer(row["body"])}
        except RequestRefused as refused:
            error = {"code": refused.code, "message": str(refused)}
            response = {"status_code": refused.status, "body": {"error": error}}
        name = f"batch_req_{self._new_id()}"
        return {"id": name, "custom_id": row["custom_id"], "response": response, "error": None}

    def _create(self, body: Row) -> Row:
        batch_id, input_id = f"batch_{self._new_id()}", body.get("input_file_id", "")
        results = [self.result(row) for row in self.rows_of(input_id)]
        failed = sum(row["response"]["status_code"] >= 400 for row in results)
        output = "".join(json.dumps(row) + "\n" for row in results)
        self.batches[batch_id] = {
            "id": batch_id,
            "object": "batch",
            "status": "completed",
            "request_counts": {"total": len(results), "completed": len(results) - failed, "failed": failed},
            "input_file_id": input_id,
            "output_file_id": self.store(f"{batch_id}_output.jsonl", output.encode()),
            "metadata": body.get("metadata"),
        }
        return self.batches[batch_id]
