"""oc.map at the batch price, in each of its forms, with the practice portal in this process and a manual clock."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass

import pandas
import pytest

import openclaw_ipython as oc
from openclaw_ipython.batch.batch_runner import split
from openclaw_ipython.batch_api.records import BatchRecords
from openclaw_ipython.batch_api.services import BatchService
from openclaw_ipython.errors import (
    BudgetExceeded,
    ConfigError,
    OpenClawError,
    RequestRejected,
    SchemaMismatch,
    StoreBusy,
    UsageError,
)
from openclaw_ipython.journal.limits import Limit, parse_amount
from openclaw_ipython.net.http import ReadTimeout, Response, Transport

pytestmark = pytest.mark.slow
ITEMS = [f"item {number}" for number in range(6)]


@pytest.fixture
def signed(house):
    asyncio.run(house.login())
    return house


def ask(house, items=ITEMS, prompt="Label {item}.", **options):
    return oc.map(
        items, prompt, client=house.client, **{"progress": False, "table": False, "batch": True, **options}
    )


def calls(house, method="POST"):
    """The paths that were asked for with a method, without the ids."""
    asked = [request.path for request in house.portal.requests if request.method == method]
    return [path for path in asked if path.startswith(("/v1/files", "/v1/batches"))]


def records(house):
    client = house.another()
    try:
        return BatchRecords(client.recorder.journal.jobs).all()
    finally:
        client.recorder.close()


def nothing_left(house):
    house.portal._replies.clear()
    return not house.portal.batch_desk.files and not records(house)


def test_rows_come_back_as_the_usual_table_and_nothing_is_left(signed):
    signed.portal.batches(takes=3600)
    frame = pandas.DataFrame({"text": ["x", "y"]}, index=[5, 6])
    table = ask(signed, frame, "Label {text}.", table=None)
    assert table.index.tolist() == [5, 6]
    assert ["Label x." in table.loc[5, "answer"], "Label y." in table.loc[6, "answer"]] == [True, True]
    assert table["error"].tolist() == [None, None]
    assert (table["tokens_in"] > 0).all()
    assert calls(signed) == ["/v1/files", "/v1/batches"]
    assert nothing_left(signed)


def test_a_row_has_no_stream_and_the_fields_of_the_host(signed):
    signed.portal.drops_next("/v1/batches")
    with pytest.raises(OpenClawError):
        ask(signed, ["a"], model="qwen-portal/coder-model", max_tokens=9)
    (_name, content) = next(iter(signed.portal.batch_desk.files.values()))
    row = json.loads(content)
    assert set(row) == {"custom_id", "method", "url", "body"}
    assert (row["url"], row["body"]["max_tokens"]) == ("/v1/chat/completions", 9)
    assert not {"stream", "stream_options"} & set(row["body"])


def test_polls_become_slower(signed):
    signed.portal.batches(takes=7200)
    signed.clock.slept.clear()
    ask(signed)
    waits = [seconds for seconds in signed.clock.slept if seconds >= 10]
    assert waits == sorted(waits)
    assert max(waits) == 600
    assert len(waits) < 25


@pytest.mark.parametrize("shouts", [False, True], ids=["as OpenAI", "in capitals"])
@pytest.mark.parametrize(
    ("settings", "answered"),
    [
        ({}, 6),
        ({"fails": 2}, 4),
        ({"fails": 6}, 0),
        ({"loses": 2}, 4),
        ({"fails": 1, "loses": 1}, 4),
        ({"ends": "expired"}, 3),
        ({"ends": "failed"}, 0),
    ],
    ids=str,
)
def test_each_row_has_an_answer_or_an_error_however_the_batch_ends(signed, settings, answered, shouts):
    signed.portal.batches(takes=60, shouts=shouts, **settings)
    replies = ask(signed)
    assert len(replies) == 6
    assert [isinstance(reply, str) for reply in replies].count(True) == answered
    assert all(isinstance(reply, (str, OpenClawError)) for reply in replies)
    assert nothing_left(signed)
    signed.portal.batches(takes=0, fails=0, loses=0, ends="completed")
    assert all(isinstance(reply, str) for reply in ask(signed))
    twice = answered == 6  # a complete batch is asked again by the same call, of another only the rest
    assert set(Counter(signed.portal.batch_desk.answered).values()) == {2 if twice else 1}


def test_the_reason_of_a_failed_batch_is_the_error_of_its_rows(signed):
    signed.portal.batches(ends="failed")
    assert "the batch ended without an answer for this row" in str(ask(signed, ["a"])[0])


@pytest.mark.parametrize(
    ("path", "fault"),
    [(path, fault) for path in ("/v1/files", "/v1/batches") for fault in ("timeout", "drops", 429, 500, 504)],
    ids=str,
)
def test_what_took_effect_without_an_answer_is_adopted(signed, path, fault):
    match fault:
        case "drops":
            signed.portal.drops_next(path, late=True)
        case "timeout":
            signed.client._transport = TimesOut(signed.portal.transport(), path)
        case _:
            signed.portal.fails_next(path, fault, late=True)
    assert all(isinstance(reply, str) for reply in ask(signed))
    assert calls(signed) == ["/v1/files", "/v1/batches"]
    assert len(signed.portal.batch_desk.batches) == 1
    assert nothing_left(signed)


class TimesOut(Transport):
    """The first POST to `path` is carried out, but not answered in time."""

    def __init__(self, inner, path):
        self._inner, self._path = inner, path

    async def handle_async_request(self, request):
        response = await self._inner.handle_async_request(request)
        if request.method == "POST" and request.url.path == self._path:
            self._path = ""
            raise ReadTimeout("", request=request)
        return response


@pytest.mark.parametrize("status", [429, 500])
def test_a_batch_that_was_not_created_is_created_by_the_next_call(signed, status):
    signed.portal.fails_next("/v1/batches", status)
    with pytest.raises(OpenClawError):
        ask(signed)
    assert [record.step for record in records(signed)] == ["creating"]
    assert calls(signed) == ["/v1/files", "/v1/batches"]
    assert all(isinstance(reply, str) for reply in ask(signed))
    assert calls(signed) == ["/v1/files", "/v1/batches", "/v1/batches"]
    assert len(signed.portal.batch_desk.batches) == 1
    assert nothing_left(signed)


@pytest.mark.parametrize("path", ["/v1/files", "/v1/batches"])
def test_after_a_refusal_nothing_is_left(signed, path):
    signed.portal.fails_next(path, 400, {"error": {"message": "no"}})
    with pytest.raises(RequestRejected):
        ask(signed)
    assert nothing_left(signed)


def test_a_file_that_cannot_be_deleted_is_noted(signed):
    signed.client._transport = Refuses(signed.portal.transport(), "DELETE", nth=1)
    replies = ask(signed)
    assert all(isinstance(reply, str) for reply in replies)
    (left,) = signed.portal.batch_desk.files
    assert replies.notes[1:] == [f"not deleted at the service: {left}"]


def test_a_failing_download_is_tried_again(signed):
    signed.portal.fails_next("/content", 500, times=3)
    assert all(isinstance(reply, str) for reply in ask(signed))
    assert nothing_left(signed)


@pytest.mark.parametrize("upload_breaks_off", [False, True])
def test_a_host_without_batches_is_said_in_one_line(signed, upload_breaks_off):
    if upload_breaks_off:  # in which case the list of files is looked at
        signed.portal.fails_next("/v1/files", 500)
    signed.portal.fails_next("/v1/files", 404, "404 page not found", times=None)
    with pytest.raises(
        RequestRejected,
        match=r"^this service has no batch interface\n→ without batch=, ",
    ):
        ask(signed)
    assert records(signed) == []


@pytest.mark.parametrize(
    ("limits", "parts"),
    [
        ({}, ["abcdef"]),
        ({"max_rows": 4}, ["abcd", "ef"]),
        ({"max_bytes": 30}, ["abc", "def"]),
        ({"max_bytes": 10}, [*"abcdef"]),
    ],
    ids=str,
)
def test_rows_are_split_by_the_limits_of_the_service(limits, parts):
    assert split([(row, 10) for row in "abcdef"], BatchService(**limits)) == [tuple(part) for part in parts]
    assert split([], BatchService(**limits)) == []


@dataclass
class Label:
    label: str


def test_an_answer_that_does_not_fit_is_asked_for_once_more(signed):
    signed.portal.says("no JSON").says('{"label": "a"}').says('{"label": "b"}')
    replies = ask(signed, ["a", "b"], schema=Label)
    assert [reply.parsed for reply in replies] == [Label("b"), Label("a")]
    assert calls(signed).count("/v1/batches") == 2
    assert nothing_left(signed)


def test_an_answer_that_fits_neither_time_is_an_error(signed):
    signed.portal.says("no").says("no")
    assert isinstance(ask(signed, ["a"], schema=Label)[0], SchemaMismatch)
    signed.portal.says('{"label": "b"}')
    assert ask(signed, ["a"], schema=Label)[0].parsed == Label("b")


def test_an_answer_that_did_not_fit_is_not_paid_again_after_the_second_request_failed(signed):
    signed.portal.says("no JSON").says('{"label": "a"}')
    signed.portal.batches(fails=0)
    signed.client._transport = Refuses(signed.portal.transport(), "POST", nth=3)
    with pytest.raises(RequestRejected):
        ask(signed, ["a"], schema=Label)
    assert ask(signed, ["a"], schema=Label)[0].parsed == Label("a")
    assert Counter(signed.portal.batch_desk.answered).most_common(1)[0][1] == 1


class Refuses(Transport):
    """The nth request with a method is refused."""

    def __init__(self, inner, method, nth):
        self._inner, self._method, self._left = inner, method, nth

    async def handle_async_request(self, request):
        self._left -= request.method == self._method
        if self._left == 0:
            self._left = -1
            return Response(403, content=b"no", request=request)
        return await self._inner.handle_async_request(request)


@pytest.mark.parametrize("options", [{}, {"batch": "inline"}], ids=str)
def test_the_same_call_in_another_notebook_is_refused_and_pays_nothing(signed, options):
    signed.client._transport = AsksToo(signed.portal.transport(), lambda: ask_again(signed, **options))
    assert all(isinstance(reply, str) for reply in ask(signed, **options))
    assert "the same call is running in process" in signed.client._transport.refused
    assert calls(signed).count("/v1/batches") == 1
    assert all(isinstance(reply, str) for reply in ask_again(signed, **options))  # it has ended


def ask_again(house, **options):
    """The same call with a client of its own, as another kernel makes it."""
    return oc.map(
        ITEMS,
        "Label {item}.",
        client=house.another(),
        **{"progress": False, "table": False, "batch": True, **options},
    )


class AsksToo(Transport):
    """Before the first request is sent, another call is made."""

    def __init__(self, inner, call):
        self._inner, self._call, self.refused = inner, call, ""

    async def handle_async_request(self, request):
        call, self._call = self._call, None
        if call is not None:
            try:
                await asyncio.to_thread(call)
            except StoreBusy as error:
                self.refused = str(error)
        return await self._inner.handle_async_request(request)


def test_the_journal_has_to_be_on(signed):
    signed.client.recording.journal = False
    with pytest.raises(UsageError, match="batch= needs the journal"):
        ask(signed)
    assert calls(signed) == []


@pytest.mark.parametrize("options", [{"resume": False}, {"executor": object()}])
def test_what_does_not_go_together_is_an_error(signed, options):
    with pytest.raises(UsageError, match="batch= takes neither executor= nor resume=False"):
        ask(signed, **options)


def test_the_same_call_without_batch_does_not_pay_for_rows_that_are_under_way(signed):
    signed.portal.fails_next("/v1/batches", 500)
    with pytest.raises(OpenClawError):
        ask(signed)
    with pytest.raises(UsageError, match="rows of this call are in a batch that is under way"):
        ask(signed, batch=False)


def test_a_batch_at_another_address_is_not_asked_for_again(signed):
    signed.portal.fails_next("/v1/batches", 500)
    with pytest.raises(OpenClawError):
        ask(signed)
    config = signed.config()
    config["models"]["providers"]["qwen-portal"]["baseUrl"] = "http://localhost:9/v1"
    signed.write_config(config)
    with pytest.raises(ConfigError, match="rows of this call are in a batch at http"):
        ask(signed)


def test_an_unknown_form_is_an_error(signed):
    with pytest.raises(UsageError, match="batch is True or one of 'chat', 'files', 'inline'"):
        ask(signed, batch="fiels")


# -- without files --


def test_inline_rows_are_fetched_and_the_batch_is_deleted(signed):
    signed.portal.batches(takes=600, fails=1, loses=1)
    replies = ask(signed, batch="inline")
    assert [isinstance(reply, str) for reply in replies] == [False, False, True, True, True, True]
    assert calls(signed) == ["/v1/batches"]
    assert signed.portal.batch_desk.batches == {}
    assert nothing_left(signed)


@pytest.mark.parametrize("fault", [429, 500, "drops"])
def test_an_inline_batch_without_a_name_is_adopted(signed, fault):
    signed.portal.batches(takes=600)
    if fault == "drops":
        signed.portal.drops_next("/v1/batches", late=True)
    else:
        signed.portal.fails_next("/v1/batches", fault, late=True)
    assert all(isinstance(reply, str) for reply in ask(signed, batch="inline"))
    assert calls(signed) == ["/v1/batches"]
    assert Counter(signed.portal.batch_desk.answered).most_common(1)[0][1] == 1


# -- the batch host --


class Alibaba(Transport):
    """The hosts of Alibaba Cloud, as paths of the portal."""

    def __init__(self, inner):
        self._inner = inner
        self.hosts = []

    async def handle_async_request(self, request):
        self.hosts.append(request.url.host)
        batch = "/batch" if request.url.host.startswith("batch.") else ""
        path = request.url.path.removeprefix("/compatible-mode")
        request.url = request.url.copy_with(raw_path=f"{batch}{path}".encode())
        return await self._inner.handle_async_request(request)


@pytest.fixture
def beijing(house):
    house.environ["DASHSCOPE_API_KEY"] = "sk-practice"
    house.portal.accepts_key("sk-practice").offers("qwen3.7-plus")
    house.write_config(
        {
            "models": {
                "providers": {
                    "modelstudio": {
                        "baseUrl": "https://dashscope.aliyuncs.com/compatible-mode/v1",
                        "api": "openai-completions",
                        "models": [{"id": "qwen3.7-plus", "name": "plus"}],
                    }
                }
            }
        }
    )
    house.client._transport = house.alibaba = Alibaba(house.portal.transport(house.clock.sleep))
    return house


def plus(house, items=ITEMS, **options):
    return ask(house, items, model="modelstudio/qwen3.7-plus", **options)


def test_rows_go_to_the_batch_host_one_by_one_and_may_wait_an_hour(beijing):
    beijing.portal.batches(takes=3000)
    replies = plus(beijing, concurrency=6)
    assert all(isinstance(reply, str) for reply in replies)
    assert set(beijing.alibaba.hosts) == {"batch.dashscope.aliyuncs.com"}
    bodies = [request.json() for request in beijing.portal.requests]
    assert [(body["stream"], body["enable_thinking"]) for body in bodies] == [(False, False)] * 6


def test_a_row_that_waits_longer_than_an_hour_fails_and_is_not_sent_again_by_itself(beijing):
    beijing.portal.batches(takes=4000)
    (reply,) = plus(beijing, ["a"])
    assert isinstance(reply, OpenClawError)
    assert len(beijing.portal.requests) == 1


@pytest.mark.parametrize("fault", [500, "drops"])
def test_a_row_of_the_batch_host_is_not_repeated(beijing, fault):
    if fault == "drops":
        beijing.portal.drops_next("/batch/", late=True)
    else:
        beijing.portal.fails_next("/batch/", fault, late=True)
    replies = plus(beijing, concurrency=1)
    assert [isinstance(reply, str) for reply in replies] == [False, True, True, True, True, True]
    assert len(beijing.portal.requests) == 6
    assert all(isinstance(reply, str) for reply in plus(beijing))  # the same call asks for the failed one
    assert len(beijing.portal.requests) == 7


def test_a_limit_in_money_does_not_hold_in_beijing_and_says_so(beijing):
    for form in ("chat", "files"):
        replies = plus(beijing, batch=form, budget="10 CNY")
        assert "10 CNY per batch does not cover this: no price of modelstudio in CNY" in "".join(
            replies.notes
        )
        assert replies.tally.cost is None


def test_a_batch_that_thinks_asks_for_it_without_a_stream(beijing):
    plus(beijing, ["a"], thinking="on")
    body = beijing.portal.requests[-1].json()
    assert (body["stream"], body["enable_thinking"]) == (False, True)


def test_the_file_interface_of_the_same_host(beijing):
    assert all(isinstance(reply, str) for reply in plus(beijing, batch="files"))
    assert set(beijing.alibaba.hosts) == {"dashscope.aliyuncs.com"}
    uploaded = next(r for r in beijing.portal.requests if r.path == "/v1/files").body
    assert uploaded.count(b'"enable_thinking":false') == 6
    create = next(r for r in beijing.portal.requests if r.path == "/v1/batches").json()
    assert set(create["metadata"]) == {"ds_name"}


@pytest.fixture
def priced(beijing):
    """The home with a price of the user's own: none of that region is known."""
    config = beijing.config()
    cost = {"input": 1, "output": 6, "cacheRead": 0.1, "cacheWrite": 1.25}
    config["models"]["providers"]["modelstudio"]["models"][0]["cost"] = cost
    beijing.write_config(config)
    return beijing


def test_a_batch_costs_half_and_a_fallback_at_full_price_does_not_take_its_place(priced):
    full = plus(priced, ["a"], batch=False)[0].usage.cost
    assert plus(priced, ["a"])[0].usage.cost == pytest.approx(full / 2)


@pytest.mark.parametrize(("words", "said"), [(20_000, True), (20, False)])
def test_it_is_said_where_real_time_is_cheaper(priced, words, said):
    replies = plus(priced, ["a", "b", "c"], system="rubric " * words, max_tokens=5)
    assert any("without batch= these rows cost less" in note for note in replies.notes) is said


# -- budgets --


def used(house):
    """What counts against the limit of the home: settled, unknown, under way, and reserved by batches."""
    client = house.another()
    try:
        ((_limit, parts),) = client.budget.used()
        return [part > 0 for part in parts]
    finally:
        client.budget.close()
        client.recorder.close()


@pytest.fixture
def limited(signed):
    """A home with a limit a day."""

    def limit(amount):
        client = signed.another()
        client.budget.set(Limit(*parse_amount(amount), "day"), client.recorder.journal.usage)
        client.budget.close()
        client.recorder.close()

    return limit


def test_a_batch_that_would_pass_a_budget_is_not_sent(signed):
    with pytest.raises(BudgetExceeded):
        ask(signed, budget="1k")
    assert calls(signed) == []
    assert nothing_left(signed)


def test_a_batch_holds_what_it_may_cost_until_its_answers_are_here(signed, limited):
    limited("10M")
    signed.portal.fails_next("/v1/batches", 500)
    with pytest.raises(OpenClawError):
        ask(signed, max_tokens=100)
    assert used(signed) == [False, False, False, True]  # the outcome is not known
    ask(signed, max_tokens=100)
    assert used(signed) == [True, False, False, False]


def test_a_batch_that_was_refused_holds_nothing(signed, limited):
    limited("10M")
    signed.portal.fails_next("/v1/batches", 400)
    with pytest.raises(RequestRejected):
        ask(signed, max_tokens=100)
    assert used(signed) == [False, False, False, False]
