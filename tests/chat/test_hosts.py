"""The shapes in `hosts`: every one is read as it must be, streamed and not, wherever its bytes are cut."""

import json
from itertools import pairwise

import httpx
import pytest
from hosts import HOSTS, streamed
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.chat.collect import Collector
from openclaw_ipython.chat.decode import AnswerDecoder
from openclaw_ipython.chat.received import partial_kept
from openclaw_ipython.chat.types import ChatRequest, Message, Notice, Usage
from openclaw_ipython.errors import OpenClawError

NAMED = pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)


def read(pieces):
    """What was read of an answer, by name."""
    decoder, collector, notes, error = AnswerDecoder(model="asked"), Collector("p/asked", 0.0), [], None

    def events():
        for piece in pieces:
            if decoder.done:
                break
            yield from decoder.feed(piece)
        yield from decoder.finish()

    try:
        with partial_kept() as received:
            for event in events():
                received.add(event)
                collector.add(event, 0.0)
                notes += [event.text] if isinstance(event, Notice) else []
    except OpenClawError as raised:
        error = raised
    reply = collector.reply(0.0)
    return {
        "text": str(reply),
        "reasoning": reply.reasoning,
        "calls": tuple((call.name, call.arguments) for call in reply.tool_calls),
        "usage": reply.usage,
        "finish": reply.finish_reason if error is None else "",
        "model": reply.model,
        "requested": reply.requested_model,
        "notes": tuple(notes),
        "error": type(error) if error else None,
        "partial": error.partial if error else "",
    }, str(error or "")


def expected(host):
    """What has to be read of it."""
    return {
        "text": host.text,
        "reasoning": host.reasoning,
        "calls": host.calls,
        "usage": None if host.usage is None else Usage(*host.usage),
        "finish": "" if host.error else host.finish,
        "model": f"p/{host.model}",
        "requested": "p/asked",
        "notes": host.notes,
        "error": host.error,
        "partial": host.text if host.error else "",
    }


def cut(raw, places):
    """`raw` in pieces that end at the places, which are shares of its length."""
    ends = [0, *sorted(int(place * len(raw)) for place in places), len(raw)]
    return [raw[a:b] for a, b in pairwise(ends)]


PLACES = st.lists(st.floats(0, 1), max_size=12)


@NAMED
@given(places=PLACES)
def test_a_stream_is_read_as_it_must_be_wherever_it_is_cut(host, places):
    found, words = read(cut(streamed(host.stream), places))
    assert found == expected(host)
    assert host.words in words


@NAMED
def test_a_stream_is_read_byte_by_byte(host):
    raw = streamed(host.stream)
    assert read([raw[at : at + 1] for at in range(len(raw))])[0] == expected(host)


@pytest.mark.parametrize("host", [h for h in HOSTS if h.document is not None], ids=lambda host: host.name)
@given(places=PLACES)
def test_a_document_says_the_same_as_the_stream(host, places):
    found, words = read(cut(json.dumps(host.document).encode(), places))
    wanted = expected(host)
    if "choices" not in host.document:  # nothing but an error
        wanted |= {"text": "", "partial": "", "reasoning": ""}
    assert found == wanted
    assert host.words in words


def test_there_are_at_least_forty_hosts_with_names_of_their_own():
    names = [host.name for host in HOSTS]
    assert len(set(names)) == len(names)
    assert len({name.partition(",")[0] for name in names}) >= 40


@NAMED
@pytest.mark.parametrize("kind", ["text/event-stream", "application/json", "text/html", "text/plain", ""])
def test_the_content_type_does_not_matter(host, kind, answering):
    def answer(request):
        return httpx.Response(200, headers={"content-type": kind}, content=streamed(host.stream))

    request = ChatRequest("asked", (Message("user", "hello"),))
    received = answering(answer).ask(request, retries=0)
    assert (received.text_after_thinking, type(received.error) if received.error else None) == (
        host.text,
        host.error,
    )
    if host.error:
        assert received.error.partial == host.text
