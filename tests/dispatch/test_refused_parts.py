"""A refused part of a request through every way to ask: `Client`, `oc.ask`, `oc.map`, tools, schemas, probe, a cell."""

import asyncio
import dataclasses
import json
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from picky import (
    KEY,
    LLAMA_CPP_PYTHON_FORMAT,
    LLAMA_CPP_PYTHON_NULL,
    STREAM_ONLY,
    PickyHost,
    has,
    has_role,
    null_content,
    openai,
    pydantic,
    response_format,
    unstreamed,
    when,
)

import openclaw_ipython as oc
from openclaw_ipython.batch import rate_limit
from openclaw_ipython.chat.types import Message, Notice
from openclaw_ipython.client import Client, Runtime
from openclaw_ipython.dispatch.host_memory import LIFETIME, StoredHostMemory
from openclaw_ipython.errors import RateLimited, RequestRejected
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.providers import built_in
from openclaw_ipython.shell.dry_run import dry_run

CHATS = "https://own.example/v1/chat/completions"
MAX_TOKENS = openai("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
LLAMA_CPP_PYTHON = (
    when(response_format("json_schema"), LLAMA_CPP_PYTHON_FORMAT),
    when(null_content, LLAMA_CPP_PYTHON_NULL),
)


@dataclasses.dataclass
class Word:
    word: str


def add(a: int, b: int) -> int:
    """The sum."""
    return a + b


class Place:
    """A home whose default model is at a picky host; each client is another program."""

    def __init__(self, house, host, base_url="https://own.example/v1"):
        self.house, self.host = house, host
        entry = {"baseUrl": base_url, "api": "openai-completions", "apiKey": KEY, "models": [{"id": "big"}]}
        house.write_config(
            {
                "models": {"providers": {"own": entry}},
                "agents": {"defaults": {"model": {"primary": "own/big"}}},
            }
        )

    def client(self):
        house = self.house
        runtime = Runtime(house.environ, house.clock, house.clock, house.clock.sleep, lambda: 0.0, os.urandom)
        store = Store(house.home, runtime)
        return Client(
            store=store, providers=built_in(), transport=self.host.transport(), runtime=runtime, journal=False
        )

    def ask(self, prompt="hi", client=None, **options):
        """The reply and the notes."""

        async def asking():
            notes, reply = [], None
            async with client or self.client() as asked:
                async for event in asked.stream(prompt, **options):
                    notes += [event.text] if isinstance(event, Notice) else []
                    reply = getattr(event, "reply", reply)
            return reply, notes

        return asyncio.run(asking())

    def map(self, items, prompt="{item}", **options):
        settings = {"progress": False, "table": False, "client": self.client(), "resume": False}
        return oc.map(items, prompt, **settings | options)


@pytest.fixture
def picky(house):
    def make(*rules, **options):
        return Place(house, PickyHost(*rules, text="echo", **options))

    return make


# -- B1, B2, B3, B4: one question ----------------------------------------------------------


def test_b1_stream_options_are_left_out_the_answer_is_shown_and_usage_is_missing(picky):
    place = picky(when(has("stream_options"), pydantic("stream_options")))
    reply = oc.ask("hi", client=place.client())
    assert (reply, reply.usage) == ("I read: hi", None)
    assert len(place.host.bodies) == 2


def test_b2_max_tokens_50_works_where_it_has_another_name(picky):
    place = picky(when(has("max_tokens"), MAX_TOKENS))
    assert oc.ask("hi", client=place.client(), max_tokens=50) == "I read: hi"
    assert place.host.accepted[0]["max_completion_tokens"] == 50


@pytest.mark.parametrize(
    "rules",
    [
        [when(has("max_tokens"), MAX_TOKENS)],
        [
            when(has("max_tokens"), MAX_TOKENS),
            when(
                has("max_completion_tokens"),
                openai("Could not finish the message because max_tokens or model output limit was reached."),
            ),
        ],
        [when(has("stream_options"), pydantic("stream_options"))],
        [when(has_role("system"), openai("System role not supported"))],
    ],
)
def test_b2_a_probe_says_nothing_about_the_login_for_a_refused_part(picky, rules):
    place = picky(*rules)
    (row,) = asyncio.run(place.client().probe())
    assert (row.status, row.error) == ("ok", None)


def test_b3_a_schema_is_asked_for_as_a_json_object_and_then_in_words(picky):
    place = picky(*LLAMA_CPP_PYTHON)
    reply = oc.ask("say Oslo", client=place.client(), schema=Word)
    assert reply.parsed == Word("Oslo")
    assert [b["response_format"]["type"] for b in place.host.bodies] == ["json_schema", "json_object"]
    place = picky(when(has("response_format"), openai("Unrecognized request argument: response_format")))
    assert oc.ask("say Oslo", client=place.client(), schema=Word).parsed == Word("Oslo")


def test_b4_the_result_of_a_tool_is_not_lost_where_null_is_refused(picky):
    place = picky(*LLAMA_CPP_PYTHON)
    reply = oc.ask("20 and 22?", client=place.client(), tools=[add])
    assert reply == "The tool said 42."
    assert [m["content"] for m in place.host.accepted[-1]["messages"]] == ["20 and 22?", "", "42"]


def test_a_schema_repair_after_tools_survives_a_refused_tool_choice(picky):
    place = picky(
        when(has("tool_choice"), openai("This model does not support tool_choice")), *LLAMA_CPP_PYTHON
    )
    reply = oc.ask("20 and 22?", client=place.client(), schema=Word, tools=[add])
    assert isinstance(reply.parsed, Word)
    assert not {"tools", "tool_choice"} & set(place.host.accepted[-1])


# -- remembered, noted once ----------------------------------------------------------------


def test_a_host_is_refused_once_by_all_clients_of_a_home_for_a_week(picky, clock):
    place = picky(when(has("stream_options"), pydantic("stream_options")))
    note = ["asked again without stream_options, which the service refuses"]
    client = place.client()
    assert place.ask(client=client)[1] == note
    assert place.ask(client=client)[1] == []
    assert place.ask()[1] == []  # another program
    assert len(place.host.bodies) == 4
    clock.now += LIFETIME + 1
    assert place.ask()[1] == note


def test_the_file_of_hosts_is_private_and_holds_no_prompt_and_no_key(picky, house):
    place = picky(when(has("stream_options"), pydantic("stream_options")))
    place.ask("a secret plan")
    path = house.home.hosts
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text("utf-8")
    assert list(json.loads(text)) == [CHATS]
    assert "secret" not in text
    assert KEY not in text


@pytest.mark.parametrize(
    "hosts", [None, 3, {"u": 3}, {"u": {"": 7}}, {CHATS: {"": {"stream_options": "soon", "x": 1}}}]
)
def test_a_damaged_file_of_hosts_is_an_empty_one(picky, house, hosts):
    place = picky(when(has("stream_options"), pydantic("stream_options")))
    house.home.hosts.parent.mkdir(parents=True)
    house.home.hosts.write_text(json.dumps(hosts) if hosts else "{")
    assert len(place.ask()[1]) == 1
    memory = StoredHostMemory(house.home.hosts, house.clock)
    assert memory.known(CHATS, "any") == {"stream_options"}


def test_a_folder_that_cannot_be_written_costs_no_answer(picky, house):
    place = picky(when(has("stream_options"), pydantic("stream_options")))
    house.home.hosts.mkdir(parents=True)
    client = place.client()
    assert len(place.ask(client=client)[1]) == 1
    assert place.ask(client=client)[1] == []


# -- many rows -----------------------------------------------------------------------------

MENDS = {
    "B1": ([when(has("stream_options"), pydantic("stream_options"))], {"thinking": "low"}),
    "B2": ([when(has("max_tokens"), MAX_TOKENS)], {"max_tokens": 50}),
    "B3": (LLAMA_CPP_PYTHON, {"schema": Word}),
    "B5": ([when(unstreamed, STREAM_ONLY)], {}),
    "system": ([when(has_role("system"), openai("System role not supported"))], {"system": "Be brief."}),
    "temperature": (
        [when(has("temperature"), openai("temperature is not supported with this model"))],
        {"temperature": 0.0},
    ),
    "two": (
        [when(unstreamed, STREAM_ONLY), when(has("stream_options"), pydantic("stream_options"))],
        {"max_tokens": 9},
    ),
}
ITEMS = [f"item {number:03d}" for number in range(60)]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("mend", MENDS)
def test_every_row_of_a_map_is_answered_once_in_order_with_one_note(house, mend, workers):
    rules, options = MENDS[mend]
    host = PickyHost(*rules, text="echo")
    with host.serve() as origin, ThreadPoolExecutor(2) as pool:
        place = Place(house, host, f"{origin}/v1")
        client = Client(store=house.store, providers=built_in(), journal=False)
        replies = place.map(
            ITEMS, "label {item}", client=client, concurrency=8,
            executor=pool if workers else None, **options,
        )  # fmt: skip
    assert replies.tally.errors == 0
    for item, reply in zip(ITEMS, replies, strict=True):
        assert item.split()[1] in reply
    paid = Counter(body["messages"][-1]["content"].split()[-1] for body in host.accepted)
    assert paid == Counter(item.split()[1] for item in ITEMS)
    assert len(host.bodies) - len(host.accepted) <= 8 * 2
    assert len(replies.notes) == len(set(replies.notes)) == (2 if mend == "two" else 1), replies.notes


def test_b5_a_model_that_only_streams_answers_without_a_stream(picky):
    place = picky(when(unstreamed, STREAM_ONLY))
    _, notes = place.ask(stream=False)
    assert notes == ["streamed, since the service only answers so"]
    assert place.host.accepted[0]["stream"] is True


@pytest.mark.parametrize("refused", ["temperature", "system"])
def test_a_dry_run_shows_the_request_that_would_be_sent_to_a_host_that_has_refused(picky, refused):
    rules = {
        "temperature": when(has("temperature"), openai("Unsupported parameter: 'temperature'", 400)),
        "system": when(has_role("system"), openai("system role not supported")),
    }
    place = picky(rules[refused])
    prompt, options = [Message("system", "be brief"), Message("user", "hi")], {"temperature": 0.5}
    place.ask(prompt, **options)
    client = place.client()
    resolved = client.resolve(prompt, **options)
    shown = dry_run(resolved, (), client.sender.host_memory.known(resolved.url, resolved.request.model))
    sent = place.host.accepted[-1]
    assert shown.messages == [(message["role"], message["content"]) for message in sent["messages"]]
    assert any('"temperature"' in fact for fact in shown.facts) is ("temperature" in sent)
    left_out = "temperature was left out: this host does not take it"
    assert (left_out in shown.facts) is (refused == "temperature")
    assert dry_run(resolved, ()).messages == [("system", "be brief"), ("user", "hi")]


# -- B8: a row that is always refused ------------------------------------------------------

TOO_LARGE = openai(
    "Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Requested 35064. The "
    "input or output tokens must be reduced in order to run successfully.", 429, "rate_limit_exceeded",
)  # fmt: skip
LIMIT_REQUESTS = openai("You exceeded your current requests list.", 429, "limit_requests")


@pytest.mark.parametrize(
    ("refusal", "kind", "most"),
    [
        (TOO_LARGE, RequestRejected, 1),
        (LIMIT_REQUESTS, RateLimited, 11),
        ((429, {"error": {"message": "slow down"}}), RateLimited, 11),
    ],
)
@pytest.mark.parametrize("at", [0, 30, 59])
def test_b8_a_row_that_is_always_refused_has_its_error_and_the_table_is_returned(
    picky, refusal, kind, most, at
):
    place = picky(when(lambda body: f"{at:03d}" in body["messages"][-1]["content"], refusal))
    replies = place.map(ITEMS, concurrency=4)
    assert [n for n, reply in enumerate(replies) if isinstance(reply, Exception)] == [at]
    assert type(replies.errors[at]) is kind
    assert len(place.host.accepted) == 59
    assert len(place.host.bodies) - 59 <= most


def test_b8_a_row_that_is_refused_after_all_others_were_answered_has_its_error(picky):
    place = picky(when(lambda body: "last" in body["messages"][-1]["content"], LIMIT_REQUESTS))
    replies = place.map(["a", "b", "last"], concurrency=1)
    assert [isinstance(reply, RateLimited) for reply in replies] == [False, False, True]


@pytest.fixture
def short_pauses(monkeypatch):
    """The clock of workers is the real one."""
    monkeypatch.setattr(rate_limit, "MAX_PAUSE", 0.002)


@pytest.mark.parametrize(("items", "at"), [(["a", "b", "last"], 2), (ITEMS[:20], 7), (ITEMS[:20], 19)])
def test_b8_on_an_executor_a_row_that_is_always_refused_has_its_error(house, short_pauses, items, at):
    row = items[at]
    host = PickyHost(when(lambda body: row in body["messages"][-1]["content"], LIMIT_REQUESTS), text="echo")
    replies = on_an_executor(house, host, items)
    assert [n for n, reply in enumerate(replies) if isinstance(reply, RateLimited)] == [at]
    assert replies.tally.errors == 1
    assert len(host.accepted) == len(items) - 1


@pytest.mark.parametrize("answered", [0, 2])
def test_b8_on_an_executor_a_batch_whose_every_row_is_refused_ends(house, short_pauses, answered):
    host = PickyHost(lambda _: LIMIT_REQUESTS if len(host.accepted) >= answered else None)
    with pytest.raises(RateLimited):
        on_an_executor(house, host, ITEMS)
    assert len(host.accepted) == answered


def on_an_executor(house, host, items):
    with host.serve() as origin, ThreadPoolExecutor(1) as pool:
        place = Place(house, host, f"{origin}/v1")
        client = Client(store=house.store, providers=built_in(), journal=False)
        return place.map(items, client=client, concurrency=1, executor=pool)


def test_a_batch_whose_every_row_is_refused_ends(picky):
    place = picky(when(lambda _: True, LIMIT_REQUESTS))
    with pytest.raises(RateLimited):
        place.map(ITEMS, concurrency=4)


def test_a_batch_ends_when_a_limit_is_reached_in_its_middle(picky):
    place = picky(lambda _: LIMIT_REQUESTS if len(place.host.accepted) >= 20 else None)
    with pytest.raises(RateLimited):
        place.map(ITEMS, concurrency=4)
    assert len(place.host.accepted) == 20
