"""The event stream decoder against the standard's examples, a slow and plain reading of it, and hostile input."""

import itertools
import re
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.chat.sse import EventDecoder, ServerEvent
from openclaw_ipython.errors import ProtocolError

BOM = "\ufeff"

# what is sent, and the data of the events (WHATWG HTML §9.2.6 and the cases of the web platform tests)
CASES = {
    "lines of one event are joined": ("data: YHOO\ndata: +2\ndata: 10\n\n", ["YHOO\n+2\n10"]),
    "one space only is dropped": (
        ": a comment\n\ndata: first\nid: 1\n\ndata:second\nid\n\ndata:  third\n\n",
        ["first", "second", " third"],
    ),
    "a field needs no colon": ("data\n\ndata\ndata\n\ndata:", ["", "\n"]),
    "a tab is no space": ("data:\ttest\rdata: \ndata:test\n\n", ["\ttest\n\ntest"]),
    "one BOM is dropped": (f"{BOM}data:1\n\n{BOM}data:2\n\ndata:3\n\n", ["1", "3"]),
    "a second BOM is data": (f"{BOM}{BOM}data:1\n\ndata:2\n\n", ["2"]),
    "a BOM may stand alone": (f"{BOM}\ndata:1\n\n", ["1"]),
    "comments are no events": (":\n\n:data: x\r\n: \rdata:1\n:x\ndata:2\n\n", ["1\n2"]),
    "an unfinished event is dropped": ("data:1\n\ndata:2\n", ["1"]),
    "an unfinished line is dropped": ("data:1\n\ndata:2", ["1"]),
    "field names are exact": (
        "data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n"
        " data:32\ndata:4\n\n",
        ["\0\n 2\n1\n3\n\n4"],
    ),
    "NUL is data": ("data:a\0b\n\n", ["a\0b"]),
    "LF": ("data:1\ndata:2\n\ndata:3\n\n", ["1\n2", "3"]),
    "CR": ("data:1\rdata:2\r\rdata:3\r\r", ["1\n2", "3"]),
    "CRLF": ("data:1\r\ndata:2\r\n\r\ndata:3\r\n\r\n", ["1\n2", "3"]),
    "mixed line ends": ("data:test\r\ndata\ndata:test\r\n\r", ["test\n\ntest"]),
    "LF CR is two ends": ("data:1\n\rdata:2\n\r", ["1", "2"]),
    "Unicode line breaks are data": (
        "data:a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg\n\n",
        ["a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg"],
    ),
    "colons in the value stay": ("data:a:b: c\n\n", ["a:b: c"]),
    "id and retry are of no use here": ("id: 7\nretry: soon\ndata: x\n\n", ["x"]),
    "blank lines alone are nothing": ("\n\n\r\n\r\n", []),
    "the event type alone is nothing": ("event: x\n\ndata: y\n\n", ["y"]),
    "characters of every width": ("data: aé€😀\n\n", ["aé€😀"]),
}


def fed(*chunks: bytes) -> list[ServerEvent]:
    decoder = EventDecoder()
    return [event for chunk in chunks for event in decoder.feed(chunk)]


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_the_standard_is_followed(text, expected):
    assert [event.data for event in fed(text.encode())] == expected


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_the_place_of_a_cut_does_not_matter(text, expected):
    raw = text.encode()
    whole = fed(raw)
    for at in range(len(raw) + 1):
        assert fed(raw[:at], raw[at:]) == whole
        assert fed(raw[:at], b"", raw[at : at + 1], raw[at + 1 :]) == whole
    assert fed(*(raw[i : i + 1] for i in range(len(raw)))) == whole


@pytest.mark.parametrize(
    "before", [b"event: error\n\n", b"event: error\ndata: 1\n\n", b"event: error\nid: 1\n\n"]
)
def test_a_blank_line_resets_the_event_type(before):
    """WHATWG HTML §9.2.6, "dispatch the event": with no data too, both buffers become empty."""
    assert fed(before + b"data: 2\n\n")[-1] == ServerEvent("2", "")


def test_a_blank_line_resets_the_comment():
    assert fed(b":HTTP_STATUS/429\n\ndata: 1\n\n") == [ServerEvent("1")]


def test_the_event_type_belongs_to_one_event():
    events = fed(b"event: error\ndata: 1\n\ndata: 2\n\nevent: a\nevent: b\ndata: 3\n\n")
    assert [(event.event, event.data) for event in events] == [("error", "1"), ("", "2"), ("b", "3")]


def test_a_comment_inside_an_event_is_kept_with_it():
    events = fed(b": before\n\nid:1\nevent:error\n:HTTP_STATUS/429\ndata:{}\n\ndata: next\n\n")
    assert events == [ServerEvent("{}", "error", "HTTP_STATUS/429"), ServerEvent("next")]


def test_bytes_that_are_no_utf8_become_replacement_characters():
    assert fed(b"data: a\xff\xe2\x82\ndata: \xed\xa0\x80\n\n")[0].data.encode() == (
        "a\ufffd\ufffd\n\ufffd\ufffd\ufffd".encode()
    )


# -- any bytes -----------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        b"data",
        b"event",
        b"id",
        b":",
        b": ",
        b" ",
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b"\xef\xbb\xbf",
        b"\x00",
        "é".encode(),
        b"\xe2\x82",
        b"\xff",
        b"x",
        b"\xe2\x80\xa8",
        b"\xc2\x85",
    ]
)
STREAMS = st.one_of(st.lists(PIECES, max_size=60).map(b"".join), st.binary(max_size=200))


def plainly(raw: bytes) -> list[tuple[str, str]]:
    """The standard's algorithm word by word, over the whole text at once."""
    *lines, _unfinished = re.split("\r\n|\n|\r", raw.decode("utf-8", "replace").removeprefix(BOM))
    data = kind = ""
    events = []
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                events.append((data.removesuffix("\n"), kind))
            data = kind = ""
        elif name == "data":
            data += value + "\n"
        elif name == "event":
            kind = value
    return events


@given(STREAMS)
def test_any_bytes_are_read_as_the_standard_says(raw):
    assert [(event.data, event.event) for event in fed(raw)] == plainly(raw)


@given(STREAMS, st.lists(st.integers(0, 200), max_size=12))
def test_any_way_of_cutting_gives_the_same_events(raw, cuts):
    edges = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    assert fed(*(raw[a:b] for a, b in itertools.pairwise(edges))) == fed(raw)


# -- limits --------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [b"x", b"data: x", b": x", b"event: x"])
def test_a_line_without_end_is_stopped(line):
    decoder = EventDecoder(limit=1000)
    decoder.feed(line)
    with pytest.raises(ProtocolError, match="more than"):
        for _ in range(1000):
            decoder.feed(b"xx")


def test_an_event_of_endless_lines_is_stopped():
    decoder = EventDecoder(limit=1000)
    with pytest.raises(ProtocolError, match="more than"):
        for _ in range(1001):
            decoder.feed(b"data:\n")


def test_the_limit_is_of_one_event_not_of_the_stream():
    decoder = EventDecoder(limit=1000)
    event = b"data:" + b"x" * 900 + b"\n\n"
    assert sum(len(decoder.feed(event)) for _ in range(100)) == 100


def test_a_large_event_in_small_pieces_costs_linear_time():
    decoder = EventDecoder()
    pieces = [b"data: ", *[b"x" * 16] * 500_000, b"\n\n"]
    began = time.process_time()
    (event,) = (event for piece in pieces for event in decoder.feed(piece))
    assert len(event.data) == 8_000_000
    assert time.process_time() - began < 5  # half a second; joining again at every piece takes minutes


def test_endless_comments_and_ignored_fields_are_not_kept():
    decoder = EventDecoder()
    noise = b": " + b"x" * 1000 + b"\nevent: " + b"y" * 1000 + b"\nid: 1\nretry: 2\n"
    tracemalloc.start()
    try:
        for _ in range(10_000):  # 20 MB
            assert decoder.feed(noise) == []
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    (event,) = decoder.feed(b"data: 1\n\n")
    assert event.data == "1"
    assert len(event.comment) <= 200
