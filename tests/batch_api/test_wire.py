"""Requests are those of OpenAI's SDK, byte for byte, and answers are read as every service writes them."""

import asyncio
import re

import pytest
from scripted_portal import Portal

from openclaw_ipython.auth.bearer import BearerAuth, FixedToken
from openclaw_ipython.batch_api import steps, wire
from openclaw_ipython.batch_api.records import BatchRecord
from openclaw_ipython.batch_api.sender import run_steps
from openclaw_ipython.batch_api.services import BatchService, batch_service
from openclaw_ipython.chat.stream import ChatEndpoint
from openclaw_ipython.chat.types import Reply
from openclaw_ipython.errors import OpenClawError, UsageError
from openclaw_ipython.net.http import HttpClient
from openclaw_ipython.runtime.env import Runtime
from openclaw_ipython.sanitize.secrets import Secret

BODY = {"model": "coder-model", "messages": [{"role": "user", "content": "grüße"}]}
LINE = wire.row_line("0-a", BODY, "files", "http://x/v1")


def record(**fields):
    known = {
        "name": "oc-1",
        "job": "j",
        "model": "mine/coder-model",
        "form": "files",
        "ids": ("0-a",),
        "at": 1.0,
    }
    return BatchRecord(**{"base_url": "http://x/v1", **known, **fields})


def by_the_sdk(origin, token):
    import openai

    client = openai.OpenAI(base_url=f"{origin}/v1", api_key=token, max_retries=0)
    file = client.files.create(file=("oc-1.jsonl", LINE + b"\n"), purpose="batch")
    batch = client.batches.create(
        input_file_id=file.id,
        endpoint="/v1/chat/completions",
        completion_window="24h",
        metadata={"oc_key": "oc-1"},
    )
    client.batches.cancel(batch.id)
    batch = client.batches.retrieve(batch.id)
    client.files.content(batch.output_file_id)
    client.batches.list(limit=100)
    client.files.list(limit=100, purpose="batch")
    client.files.delete(file.id)


def by_us(origin, token):
    def every_call():
        service = BatchService()
        file = yield wire.upload(record(), service, [LINE])
        uploaded = record(files=(file.id,))
        batch = yield wire.create(uploaded, service, ())
        yield from steps.cancel(record(batch=batch.id))
        state = yield from steps.look(record(batch=batch.id))
        yield from steps.fetch(state)
        yield wire.page("/batches", limit=100)
        yield wire.page("/files", after="", limit=100, purpose="batch")
        yield from steps.clean_up(uploaded)

    async def run():
        async with HttpClient() as http:
            auth = BearerAuth(FixedToken(Secret(token)))
            at = ChatEndpoint(http, f"{origin}/v1/chat/completions", "portal", auth, Runtime({}))
            await run_steps(at, None, every_call())

    asyncio.run(run())


@pytest.mark.slow
def test_requests_have_the_bytes_of_the_sdk():
    seen = []
    for act in (by_the_sdk, by_us):
        portal = Portal()
        with portal.serve() as origin:
            act(origin, portal.issue(origin)["access_token"])
        seen.append([told(request) for request in portal.requests])
    assert len(seen[0]) == 8
    assert seen[0] == seen[1]


def told(request):
    """What a request says, with its boundary and ids by another name."""
    kept = {name: request.headers.get(name) for name in ("accept", "content-type", "content-length")}
    boundary = re.search(r"boundary=(\S+)", kept["content-type"] or "")
    text = repr((request.method, request.path, request.query, kept, request.body))
    return text.replace(boundary[1], "BOUNDARY") if boundary else text


@pytest.mark.parametrize(
    ("base_url", "endpoint"),
    [
        ("https://api.openai.com/v1", "/v1/chat/completions"),
        ("https://dashscope.aliyuncs.com/compatible-mode/v1", "/v1/chat/completions"),
        ("https://open.bigmodel.cn/api/paas/v4", "/v4/chat/completions"),
    ],
)
def test_the_endpoint_of_a_row_is_that_of_the_batch(base_url, endpoint):
    assert f'"url":"{endpoint}"'.encode() in wire.row_line("a", BODY, "files", base_url)
    call = wire.create(record(base_url=base_url, files=("f",)), BatchService(), ())
    assert f'"endpoint":"{endpoint}"'.encode() in call.content


def test_rows_without_a_file_come_last():
    line = wire.row_line("a", {**BODY, "stream": False}, "inline", "http://x/v1")
    body = wire.create(record(form="inline"), BatchService(), [line, line]).content
    assert body.startswith(
        b'{"endpoint":"/v1/chat/completions","model":"coder-model","requests":[{"custom_id":"a"'
    )
    assert b"stream" not in body


@pytest.mark.parametrize(
    ("value", "state"),
    [
        ({"status": "IN_PROGRESS"}, wire.BatchState("in_progress")),
        ({"status": "completed", "output_file_id": "o"}, wire.BatchState("completed", ("o",))),
        (
            {"status": "COMPLETED", "output_file_id": "", "error_file_id": "e"},
            wire.BatchState("completed", ("e",)),
        ),
        ({"status": "completed", "output_file_id": None}, wire.BatchState("completed")),
        ({"status": "x", "request_counts": {"completed": 2, "failed": 1}}, wire.BatchState("x", done=3)),
        (
            {"status": "failed", "errors": {"data": [{"code": "empty_file", "message": None}]}},
            wire.BatchState("failed", reason="empty_file"),
        ),
        ({"status": "failed", "error": {"message": "no"}}, wire.BatchState("failed", reason="no")),
        ({"status": 5, "request_counts": [], "errors": "?", "results": 1}, wire.BatchState("5")),
        ({}, wire.BatchState("")),
    ],
)
def test_states_are_read_in_every_form(value, state):
    assert wire.read_state(value) == state
    assert state.ended == (state.status in {"completed", "failed", "expired", "cancelled"})


CHOICE = {"message": {"content": "hi"}, "finish_reason": "stop"}  # one published sample has no role


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"response": {"status_code": 200, "body": {"choices": [CHOICE]}}, "error": None}, "hi"),
        ({"response": {"body": {"choices": [CHOICE]}}}, "hi"),
        ({"response": None, "error": {"code": "batch_expired", "message": "too late"}}, "too late"),
        ({"response": None, "error": {"error_code": "c", "error_message": "other names"}}, "other names"),
        ({"response": {"status_code": 400, "body": {"error": {"message": "in the body"}}}}, "in the body"),
        ({"response": {"status_code": 500, "body": {}}}, "no answer for this row"),
        ({"response": {"status_code": 200, "body": {}}}, "no answer for this row"),
        ({"response": "?", "error": "?"}, "no answer for this row"),
        ({}, "no answer for this row"),
    ],
)
def test_a_row_has_an_answer_or_an_error(row, said):
    found = wire.read_row(row, "mine/m")
    assert said in str(found)
    assert isinstance(found, Reply if said == "hi" else OpenClawError)


def test_a_line_that_is_cut_is_no_row():
    assert wire.read_lines(b'{"custom_id": "a"}\n{"custom_id": "b\n') == ({"custom_id": "a"}, {}, {})


@pytest.mark.parametrize(
    ("batch", "ours"),
    [
        ({"model": "coder-model", "created_at": 1.0, "request_counts": {"total": 1}}, True),
        ({"model": "coder-model", "created_at": "1970-01-01T00:00:05+00:00"}, True),
        ({"model": "coder-model", "created_at": 1.0, "request_counts": {"total": 2}}, False),
        ({"model": "other", "created_at": 1.0}, False),
        ({"model": "coder-model", "created_at": -100}, False),
        ({"model": "coder-model", "created_at": "yesterday"}, False),
    ],
)
def test_a_batch_without_a_name_is_known_by_model_rows_and_time(batch, ours):
    assert wire.belongs(batch, record(form="inline")) is ours


@pytest.mark.parametrize(
    ("url", "form", "sent_to"),
    [
        (
            "https://dashscope.aliyuncs.com/compatible-mode/v1/x",
            "chat",
            "https://batch.dashscope.aliyuncs.com/compatible-mode/v1/x",
        ),
        ("https://dashscope-intl.aliyuncs.com/compatible-mode/v1/x", "files", None),
        ("https://w1.cn-beijing.maas.aliyuncs.com/compatible-mode/v1/x", "files", None),
        ("https://openrouter.ai/api/v1/x", "inline", None),
        ("https://api.openai.com/v1/x", "files", None),
        ("http://127.0.0.1:8000/v1/x", "files", None),
        ("https://dashscope.aliyuncs.com.evil.example/v1/x", "files", None),
    ],
)
def test_each_host_has_its_form(url, form, sent_to):
    service = batch_service(url)
    assert service.form == form
    assert service.url(url) == (sent_to or url)


def test_plans_for_people_are_not_in_the_table():
    assert not batch_service("https://token-plan.cn-beijing.maas.aliyuncs.com/compatible-mode/v1/x").known
    assert not batch_service("https://coding-intl.dashscope.aliyuncs.com/v1/x").known


def test_a_form_can_be_chosen():
    assert batch_service("https://dashscope.aliyuncs.com/v1", "files").form == "files"
    with pytest.raises(UsageError):
        batch_service("https://dashscope.aliyuncs.com/v1", "file")
