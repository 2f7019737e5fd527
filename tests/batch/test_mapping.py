"""oc.map from call to results, with real files, the practice portal in this process, and a manual clock."""

import _thread
import asyncio
import contextlib
import io
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass

import httpx
import pandas
import pytest
from PIL import Image

import openclaw_ipython as oc
from openclaw_ipython.errors import (
    LoginRequired,
    QuotaExceeded,
    RequestRejected,
    ServiceUnavailable,
    UnknownModel,
    UsageError,
)


@pytest.fixture
def signed(house):
    asyncio.run(house.login())
    return house


def ask(house, items, prompt="{item}", **options):
    return oc.map(items, prompt, client=house.client, **{"progress": False, "table": False, **options})


def sent(house):
    """What was asked, in order: the last message of every chat request."""
    chats = [r for r in house.portal.requests if r.path.endswith("/chat/completions")]
    return [chat.json()["messages"][-1]["content"] for chat in chats]


def test_every_item_is_sent_once_and_answered_in_order(signed):
    replies = ask(signed, [f"item-{i:03d}" for i in range(100)], "Label {item}.", concurrency=16)
    assert len(replies) == 100
    for number, reply in enumerate(replies):
        assert f"Label item-{number:03d}." in reply
    assert Counter(sent(signed)) == Counter(f"Label item-{i:03d}." for i in range(100))
    assert replies.tally.input_tokens > 0


def test_options_and_system_message_are_in_every_request(signed):
    ask(signed, ["a", "b"], system="Be brief.", temperature=0.5, max_tokens=7, model="qwen")
    for request in signed.portal.requests[-2:]:
        body = request.json()
        assert body["messages"][0] == {"role": "system", "content": "Be brief."}
        assert (body["temperature"], body["max_tokens"], body["stream"]) == (0.5, 7, False)
        assert body["model"] == "coder-model"


def test_thinking_requests_are_streamed(signed):
    ask(signed, ["a"], thinking="low")
    assert signed.portal.requests[-1].json()["stream"] is True


def test_no_items_send_no_requests(house):
    assert list(ask(house, [])) == []
    assert house.portal.requests == ()


def test_a_column_becomes_a_table_with_its_index(signed):
    series = pandas.Series(["x", "y"], index=[5, 6], name="text")
    table = ask(signed, series, "Label {item}", table=None)
    assert isinstance(table, pandas.DataFrame)
    assert table.index.tolist() == [5, 6]
    assert "Label y" in table.loc[6, "answer"]
    assert table["model"].unique().tolist() == ["qwen-portal/coder-model"]


def test_rows_of_a_dataframe_fill_the_placeholders(signed):
    frame = pandas.DataFrame({"name": ["Ann", "Bob"], "age": [30, 40]})
    ask(signed, frame, "{name} is {age}")
    assert set(sent(signed)) == {"Ann is 30", "Bob is 40"}


def test_rows_are_pulled_as_they_are_sent(signed):
    behind = []

    def rows():
        for number in range(200):
            behind.append(number + 1 - len(sent(signed)))
            yield f"row {number}"

    ask(signed, rows(), concurrency=4)
    assert max(behind) <= 4 + 1


@dataclass
class Label:
    mood: str
    sure: float


def test_a_schema_is_sent_validated_and_spread_over_columns(signed):
    table = ask(signed, ["good", "bad"], "Label {item}", schema=Label, table=None)
    assert list(table.columns)[:3] == ["item", "mood", "sure"]
    assert table["error"].isna().all()
    assert "mood" in json.dumps(signed.portal.requests[-1].json())


def test_an_invalid_answer_is_asked_for_once_more_and_then_fails(signed):
    signed.portal.says("no json").says("still none").says('{"mood": "good", "sure": 1}')
    replies = ask(signed, ["a", "b"], schema=Label, concurrency=1)
    assert type(replies[0]).__name__ == "SchemaMismatch"
    assert replies[1].parsed == Label("good", 1.0)
    assert len(sent(signed)) == 3


# -- errors ----------------------------------------------------------------------------------


def test_a_failed_item_has_its_error_as_value(signed):
    signed.portal.fails_next(
        "completions", 400, {"error": {"code": "data_inspection_failed", "message": "no"}}
    )
    replies = ask(signed, ["a", "b", "c"], concurrency=1)
    assert isinstance(replies[0], RequestRejected)
    assert "b" in replies[1]
    assert "c" in replies[2]
    assert replies.tally.errors == 1


def test_on_error_raise_ends_the_batch_at_the_first_error(signed):
    signed.portal.fails_next("completions", 400, {"error": {"message": "no"}})
    with pytest.raises(RequestRejected):
        ask(signed, ["a", "b", "c"], concurrency=1, on_error="raise")
    assert sent(signed) == ["a"]


def test_on_error_may_be_a_function_of_the_error_and_the_item(signed):
    signed.portal.fails_next("completions", 400, {"error": {"message": "no"}})
    replies = ask(
        signed, ["a", "b"], concurrency=1, on_error=lambda error, item: (type(error).__name__, item)
    )
    assert replies[0] == ("RequestRejected", "a")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"error": {"code": "invalid_api_key", "message": "no"}}, LoginRequired),
        (429, {"error": {"code": "insufficient_quota", "message": "used up"}}, QuotaExceeded),
        (404, {"error": {"code": "model_not_found", "message": "no"}}, RequestRejected),
    ],
)
def test_an_error_that_affects_every_item_ends_the_batch_at_once(signed, status, body, error):
    signed.portal.fails_next("completions", status, body, times=None)
    signed.portal.revokes_refresh()
    with pytest.raises((error, oc.AuthError)):
        ask(signed, [str(i) for i in range(1000)], concurrency=8)
    assert len(sent(signed)) <= 2 * 8


def test_a_batch_ends_early_when_no_item_succeeds(signed):
    signed.portal.fails_next("completions", 503, "gone", times=None)
    with pytest.raises(ServiceUnavailable):
        ask(signed, [str(i) for i in range(1000)], concurrency=4)
    assert len(set(sent(signed))) <= 20


def test_an_error_that_ends_the_batch_says_how_many_answers_are_kept(signed):
    signed.portal.says("one").says("two")
    calls = []

    def rows():
        for number in range(9):
            if number == 2:
                signed.portal.fails_next("completions", 402, {"error": {"message": "no money"}}, times=None)
            calls.append(number)
            yield str(number)

    with pytest.raises(QuotaExceeded, match="2 answered; the same call resumes from there"):
        ask(signed, rows(), concurrency=1)


def test_an_unknown_model_is_refused_before_anything_is_sent(signed):
    with pytest.raises(UnknownModel):
        ask(signed, ["a"], model="qwen-portal/nothing")
    assert sent(signed) == []


def test_a_prompt_without_a_placeholder_is_refused_before_anything_is_sent(signed):
    with pytest.raises(UsageError):
        ask(signed, ["a"], "Label {itme}")
    assert sent(signed) == []


@pytest.mark.parametrize("wrong", [{"concurrency": 0}, {"requests_per_minute": 0}, {"tokens_per_minute": -1}])
def test_limits_must_be_positive(house, wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        ask(house, ["a"], **wrong)


def test_an_unknown_on_error_is_refused(house):
    with pytest.raises(UsageError, match="on_error"):
        ask(house, ["a"], on_error="ignore")


def test_an_exception_of_the_items_is_raised_unchanged(signed):
    def rows():
        yield "a"
        raise LookupError("the table is gone")

    with pytest.raises(LookupError, match="the table is gone"):
        ask(signed, rows())


@pytest.mark.parametrize("way", [SystemExit, KeyboardInterrupt])
def test_exits_raised_by_items_reach_the_caller_and_answers_are_kept(signed, way):
    def rows():
        yield from ["a", "b"]
        raise way("enough")

    with pytest.raises(way):
        ask(signed, rows(), concurrency=1)
    assert ask(signed, ["a", "b"]).tally.remembered == 2


def test_an_interrupt_does_not_wait_for_a_blocked_generator(signed):
    go_on = threading.Event()

    def rows():
        yield "a"
        _thread.interrupt_main()
        go_on.wait(60)
        yield "b"

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        ask(signed, rows())
    go_on.set()
    assert time.monotonic() - began < 20


def test_answers_are_kept_when_the_table_cannot_be_made(signed):
    whole = pandas.DataFrame({"text": ["a", "b"]})

    class Stubborn(pandas.DataFrame):
        @property
        def iloc(self):
            if sent(signed):
                raise MemoryError("too large")
            return super().iloc

    with pytest.raises(MemoryError):
        ask(signed, Stubborn(whole), "{text}", table=True)
    assert ask(signed, whole, "{text}").tally.remembered == 2


# -- too many requests -------------------------------------------------------------------------

SLOW_DOWN = {"error": {"code": "limit_requests", "message": "slow down"}}


class Busy(httpx.AsyncBaseTransport):
    """Refuses those that arrive in the first `seconds`, `at_once` of them together, and answers the others in turn."""

    def __init__(self, house, seconds, at_once):
        self._all_there = asyncio.Barrier(at_once)
        self._house, self._until = house, house.clock.now + seconds
        self._portal = house.portal.transport()

    async def handle_async_request(self, request):
        busy = self._until - self._house.clock.now
        if busy > 0:
            await self._all_there.wait()
            return httpx.Response(429, headers={"retry-after": str(busy)}, json=SLOW_DOWN)
        return await self._portal.handle_async_request(request)


def test_all_requests_pause_together_after_too_many_requests(signed):
    signed.client._transport = Busy(signed, 20, 32)
    recorder = signed.client.recorder
    signed.clock.slept.clear()
    replies = ask(signed, [str(i) for i in range(100)], concurrency=32)
    assert replies.tally.errors == 0
    assert Counter(sent(signed)) == Counter(str(i) for i in range(100))
    assert 20 <= sum(signed.clock.slept) < 21  # one wait for all of them, not one each
    recorder.flush()
    rows = recorder.journal.database.read(
        lambda c: c.execute("SELECT outcome, count(*) FROM usage GROUP BY 1").fetchall(), []
    )
    assert dict(rows) == {"ok": 100, "RateLimited": 32}


def test_too_many_requests_are_not_written_to_the_files_of_openclaw(signed):
    before = signed.files()
    signed.portal.fails_next("completions", 429, SLOW_DOWN, times=40)
    ask(signed, [str(i) for i in range(50)], concurrency=20)
    after = {k: v for k, v in signed.files().items() if "journal" not in k}
    assert after == {k: v for k, v in before.items() if "journal" not in k}


def test_a_refused_login_is_recorded_once(signed):
    signed.portal.fails_next("completions", 402, {"error": {"message": "no money"}}, times=None)
    with pytest.raises(QuotaExceeded):
        ask(signed, [str(i) for i in range(100)], concurrency=16)
    stats = json.loads(signed.home.auth_profiles.read_text("utf-8"))["usageStats"]
    assert stats["qwen-portal:default"]["errorCount"] == 1


def test_the_fallback_model_answers_when_the_model_cannot(signed):
    config = signed.config()
    config["models"]["providers"]["qwen-portal"]["models"].append({"id": "ghost", "name": "ghost"})
    config["agents"]["defaults"]["model"] = {
        "primary": "qwen-portal/ghost",
        "fallbacks": ["qwen-portal/vision-model"],
    }
    signed.write_config(config)
    replies = ask(signed, [str(i) for i in range(30)], concurrency=8)
    assert replies.tally.errors == 0
    assert {reply.model for reply in replies} == {"qwen-portal/vision-model"}
    (note,) = replies.notes
    assert "qwen-portal/ghost" in note
    assert "answered by qwen-portal/vision-model" in note


def test_the_terms_of_a_plan_for_interactive_use_are_shown(signed):
    signed.environ["BAILIAN_CODING_PLAN_API_KEY"] = "sk-sp-practice-0123456789"
    signed.portal.accepts_key("sk-sp-practice-0123456789").offers("qwen3.7-plus")
    replies = ask(signed, ["a"], model="qwen-coding-plan/qwen3.7-plus")
    assert any("terms" in note for note in replies.notes)


def test_requests_per_minute_are_kept(signed):
    started = signed.clock.now
    ask(signed, [str(i) for i in range(31)], requests_per_minute=60)
    assert signed.clock.now - started == pytest.approx(30, abs=1.5)


# -- stopping and going on ---------------------------------------------------------------------


def interrupted_at(number, count):
    for item in range(count):
        if item == number:
            _thread.interrupt_main()
        yield f"item {item}"


@pytest.mark.parametrize("at", [1, 7, 23, 39])
def test_an_interrupt_keeps_finished_items_and_the_same_call_resumes(signed, at):
    with pytest.raises(KeyboardInterrupt) as caught:
        ask(signed, interrupted_at(at, 400), concurrency=5)
    done = [reply for reply in caught.value.results if reply is not None]
    assert "the same call resumes" in str(caught.value)
    assert len(str(caught.value)) < 80
    before = Counter(sent(signed))
    replies = ask(signed, [f"item {i}" for i in range(400)], concurrency=5)
    assert [f"item {i}" in reply for i, reply in enumerate(replies)] == [True] * 400
    twice = Counter(sent(signed))
    assert len(twice) == 400
    assert max(twice.values()) <= 2
    assert sum(n == 2 for n in twice.values()) <= 5  # those that were under way
    assert replies.tally.remembered >= len(done)
    assert sum(before.values()) >= len(done)


def test_an_interrupt_while_the_table_is_made_is_reported_alike(signed):
    signed.portal.fails_next("completions", 400, {"error": {"message": "no"}})

    def interrupted(error, item):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="2 answered; the same call resumes") as caught:
        ask(signed, ["a", "b", "c"], concurrency=1, on_error=interrupted, table=True)
    assert len(caught.value.results) == 3
    assert ask(signed, ["a", "b", "c"]).tally.remembered == 2


def test_a_second_interrupt_loses_neither_results_nor_message(signed):
    class Slow(io.StringIO):
        def write(self, text):
            if "answered" in text:
                raise KeyboardInterrupt
            return len(text)

    with contextlib.redirect_stderr(Slow()), pytest.raises(KeyboardInterrupt) as caught:
        ask(signed, interrupted_at(7, 400), concurrency=5, progress=True)
    assert "the same call resumes" in str(caught.value)
    assert ask(signed, [f"item {i}" for i in range(9)]).tally.remembered >= caught.value.results.tally.done


def test_answers_that_are_not_complete_are_asked_for_again(signed):
    def body(text, finish):
        message = {"choices": [{"message": {"content": text}, "finish_reason": finish}]}
        signed.portal.raw_stream(json.dumps(message).encode(), content_type="application/json")

    for text, finish in (("a", "stop"), ("b", "length"), ("c", "content_filter"), ("", "stop")):
        body(text, finish)
    first = ask(signed, ["a", "b", "c", "d"], concurrency=1)
    assert first.tally.complete == 1
    assert sent(signed) == ["a", "b", "c", "d"]
    again = ask(signed, ["a", "b", "c", "d"], concurrency=1)
    assert sent(signed) == ["a", "b", "c", "d", "b", "c", "d"]
    assert (again.tally.remembered, again.tally.incomplete) == (1, {})


def test_without_resume_nothing_is_stored_or_loaded(signed):
    with pytest.raises(KeyboardInterrupt):
        ask(signed, interrupted_at(10, 300), resume=False)
    replies = ask(signed, [f"item {i}" for i in range(20)], resume=False)
    assert replies.tally.remembered == 0
    stored = [f.read_bytes() for f in signed.home.journal.parent.glob("journal*")]
    assert stored
    assert not any(b"item 3" in content for content in stored)


def test_a_complete_batch_is_sent_again_next_time(signed):
    ask(signed, ["a", "b"])
    assert ask(signed, ["a", "b"]).tally.remembered == 0
    assert len(sent(signed)) == 4


def test_only_failed_items_are_sent_again(signed):
    signed.portal.says("one").says("two").says("three")
    signed.portal.fails_next("completions", 400, {"error": {"message": "no"}})
    first = ask(signed, ["a", "b", "c", "d"], concurrency=1)
    assert first.tally.errors == 1
    second = ask(signed, ["a", "b", "c", "d"], concurrency=1)
    assert second.tally.errors == 0
    assert second.tally.remembered == 3
    assert sent(signed)[4:] == ["a"]


def test_another_prompt_model_or_option_does_not_load_earlier_answers(signed):
    signed.portal.fails_next("completions", 400, {"error": {"message": "no"}})
    ask(signed, ["a", "b"], concurrency=1)
    assert ask(signed, ["a", "b"], "Say {item}").tally.remembered == 0
    assert ask(signed, ["a", "b"], temperature=0.1).tally.remembered == 0
    assert ask(signed, ["a", "b"], model="qwen-portal/vision-model").tally.remembered == 0
    assert ask(signed, ["a", "b"]).tally.remembered == 1


def test_loaded_answers_are_validated_against_the_schema_again(signed):
    signed.portal.says('{"mood": "fine", "sure": 1}')
    signed.portal.says("x").says("y")
    ask(signed, ["a", "b"], schema=Label, concurrency=1)
    again = ask(signed, ["a", "b"], schema=Label, concurrency=1)
    assert again[0].parsed == Label("fine", 1.0)
    assert again.tally.remembered == 1


def test_with_the_cache_equal_prompts_are_sent_once(signed):
    first = ask(signed, ["a", "b", "a"], cache=True, concurrency=1)
    assert (first.tally.done, first.tally.remembered, len(sent(signed))) == (3, 1, 2)
    again = ask(signed, ["b", "c"], cache=True)
    assert (again.tally.remembered, len(sent(signed))) == (1, 3)
    assert again[0] == first[1]
    assert ask(signed, ["b"]).tally.remembered == 0  # it was not asked for


def test_cached_answers_need_no_login_and_others_do(signed):
    ask(signed, ["good", "bad"], schema=Label, cache=True)
    profiles = signed.home.auth_profiles
    profiles.unlink()
    replies = ask(signed, ["good", "bad"], schema=Label, cache=True)
    assert [type(reply.parsed) for reply in replies] == [Label, Label]
    with pytest.raises(LoginRequired, match="1 answered"):
        ask(signed, ["good", "ugly"], schema=Label, cache=True, concurrency=1)
    with pytest.raises(LoginRequired):
        ask(signed, ["good"], schema=Label)
    assert len(sent(signed)) == 2
    total = signed.client.recorder.journal.usage.total(0)
    assert (total.requests, total.replays) == (2, 3)


def test_a_repaired_answer_is_cached_with_both_requests(signed):
    signed.portal.says("no json").says('{"mood": "fine", "sure": 1}')
    options = {"schema": Label, "cache": True, "concurrency": 1}
    assert ask(signed, ["a"], **options)[0].parsed == ask(signed, ["a"], **options)[0].parsed
    assert len(sent(signed)) == 2


def test_without_a_journal_nothing_of_a_batch_is_stored(signed):
    signed.client.recording.journal = False
    with pytest.raises(KeyboardInterrupt) as caught:
        ask(signed, interrupted_at(10, 300))
    assert "resumes" not in str(caught.value)
    assert not signed.home.journal.exists()


# -- where it runs -----------------------------------------------------------------------------


def test_it_works_inside_a_running_loop(signed):
    async def cell():
        return ask(signed, ["a", "b"])

    assert len(asyncio.run(cell())) == 2


def test_each_request_is_recorded_in_the_journal_with_kind_map(signed):
    ask(signed, ["a", "b", "c"])
    rows = signed.client.recorder.journal.database.read(
        lambda c: c.execute("SELECT kind, outcome FROM usage").fetchall(), []
    )
    assert rows == [("map", "ok")] * 3


def test_the_image_of_each_row_is_sent(signed):
    into = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(into, "PNG")
    png = into.getvalue()
    frame = pandas.DataFrame({"name": ["a", "b"], "shot": [png, png]})
    ask(signed, frame, "What is on {name}?", images="shot", model="qwen-portal/vision-model")
    for request in signed.portal.requests[-2:]:
        kinds = [part["type"] for part in request.json()["messages"][-1]["content"]]
        assert kinds == ["image_url", "text"]


def test_rows_with_images_go_to_a_vision_model_also_when_the_first_has_none(signed):
    into = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(into, "PNG")
    frame = pandas.DataFrame({"name": ["a", "b"], "shot": [None, into.getvalue()]})
    replies = ask(signed, frame, "What is on {name}?", images="shot", concurrency=1)
    assert [r.json()["model"] for r in signed.portal.requests[-2:]] == ["vision-model"] * 2
    assert "the question" in replies[0]
    assert "32" in replies[1]
    assert any("pictures go to" in note for note in replies.notes)
    assert not any('"url": ""' in str(r.json()) for r in signed.portal.requests[-2:])
    assert "rows without an image, asked without one: 1" in replies.notes
