"""What the rows of oc.map share is sent with cache marks, written once, and paid at the price of a hit."""

import asyncio
import dataclasses
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

import openclaw_ipython as oc

RUBRIC = "Give one label: billing, delivery or other. " * 120  # 1,320 tokens
PROMPT = RUBRIC + 'Answer with {{"label": …}} for this text: {item}'
ROWS = [f"text {n}" for n in range(40)]


@dataclasses.dataclass
class Label:
    label: str


@pytest.fixture
def signed(house):
    asyncio.run(house.login())
    return house


def ask(client, items=ROWS, prompt=PROMPT, **options):
    return oc.map(
        items, prompt, client=client, **{"progress": False, "table": False, "concurrency": 8, **options}
    )


def usage_rows(home):
    with sqlite3.connect(home.journal) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute("SELECT * FROM usage WHERE kind = 'map' ORDER BY id").fetchall()


@pytest.mark.parametrize("with_executor", [False, True])
def test_the_prefix_is_written_once_before_the_other_rows_are_sent(remote, with_executor):
    remote.portal.takes(0.03)
    with ThreadPoolExecutor(4) as pool:
        replies = ask(remote.client, executor=pool if with_executor else None)
    bill = remote.portal.bill
    assert (len(replies.errors), bill.requests) == (0, 40)
    assert 1_320 <= bill.written < 1_400
    assert bill.hit == 39 * bill.written
    assert bill.input <= 0.2 * bill.uncached
    rows = usage_rows(remote.home)
    assert [sum(row[name] for row in rows) for name in ("cached_tokens", "written_tokens")] == [
        bill.hit,
        bill.written,
    ]


@pytest.mark.parametrize(
    ("prompt", "options"),
    [
        ("{item}", {"system": RUBRIC}),
        ("{item}", {"system": RUBRIC, "schema": Label}),
        (PROMPT, {"schema": Label}),
        (PROMPT, {"thinking": "low"}),
    ],
)
def test_a_system_message_a_schema_and_a_stream_share_a_prefix_too(signed, prompt, options):
    ask(signed.client, prompt=prompt, **options)
    bill = signed.portal.bill
    assert bill.hit == 39 * bill.written > 0


@pytest.mark.parametrize("prompt", ["{item}", "Label {item}. " + RUBRIC, RUBRIC[:3_000] + "{item}"])
def test_without_a_long_prefix_nothing_is_marked(signed, prompt):
    ask(signed.client, prompt=prompt)
    assert signed.portal.bill.written == 0
    chats = [r for r in signed.portal.requests if r.path.endswith("/chat/completions")]
    assert not any(b"cache_control" in chat.body for chat in chats)


def test_a_single_row_is_not_marked(signed):
    ask(signed.client, ["one"])
    assert signed.portal.bill.written == 0


def test_an_answer_in_the_cache_is_found_without_the_marks(signed):
    ask(signed.client, ROWS[:2], cache=True)
    (reply,) = ask(signed.client, ROWS[:1], cache=True)
    assert signed.portal.bill.requests == 2
    assert RUBRIC[:20] in reply or reply


def test_a_host_that_refuses_marks_gets_the_rows_without(signed):
    refusal = {"error": {"message": "messages.0.content.0.cache_control: Extra inputs are not permitted"}}
    signed.portal.fails_next("/chat/completions", 400, refusal)
    replies = ask(signed.client)
    assert (len(replies), len(replies.errors)) == (40, 0)
    assert signed.portal.bill.written == 0
    assert replies.notes == ["asked again without cache_control, which the service refuses"]


def test_the_line_at_the_end_says_what_came_from_the_prompt_cache(signed):
    tally = ask(signed.client).tally
    assert tally.cached_tokens == signed.portal.bill.hit
    assert f"{tally.cached_tokens:,} from the prompt cache" in tally.summary()
