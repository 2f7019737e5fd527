"""The benchmarks' own arithmetic, and that the docs show the figures that were kept. Nothing is measured here."""

import asyncio
import re
from xml.etree import ElementTree

import httpx
import pytest

from benchmarks import chart, door, kept, page, server
from benchmarks.rows import Row, beside, table
from benchmarks.sides import PEERS
from openclaw_ipython.practice.http_types import Pause

pytestmark = pytest.mark.slow

FIGURES = kept.latest()


def test_the_figures_in_the_docs_are_those_that_were_kept():
    assert page.PAGE.read_text("utf-8") == page.page(FIGURES), "run: python -m benchmarks chart"


def test_the_chart_in_the_docs_is_of_those_figures():
    assert chart.signature(FIGURES) in page.CHART.read_text("utf-8"), "run: python -m benchmarks chart"


def test_the_chart_is_a_drawing_with_a_panel_for_every_question(tmp_path):
    pytest.importorskip("matplotlib")
    chart.draw(FIGURES, tmp_path / "chart.svg")
    drawing = ElementTree.parse(tmp_path / "chart.svg").getroot()
    ids = [element.get("id", "") for element in drawing.iter()]
    assert len([name for name in ids if re.fullmatch(r"axes_\d+", name)]) == len(chart.PANELS)


@pytest.mark.parametrize("what", chart.PANELS)
def test_every_panel_of_the_chart_has_a_row(what):
    assert what in {row.what for row in FIGURES.rows["rows"]}


@pytest.mark.parametrize(
    ("judged", "ours", "hand", "measured"),
    [
        ("ours", [3, 1, 2], [9, 9, 9], 2),
        ("ratio", [3, 1, 8], [1, 1, 2], 3),  # 3, 1, 4: pair by pair, not of the medians
        ("difference", [5, 4, 9], [1, 3, 1], 4),
    ],
)
def test_pairs_are_compared_one_by_one(judged, ours, hand, measured):
    row = Row("x", "ms", 10, judged)
    for each in zip(ours, hand, strict=True):
        row.add(*each)
    assert row.measured == measured


@pytest.mark.parametrize(
    ("value", "at_least", "met"), [(3, False, True), (3.1, False, False), (3, True, True), (2.9, True, False)]
)
def test_a_limit_is_kept_up_to_the_limit_itself(value, at_least, met):
    row = Row("x", "ms", 3, at_least=at_least)
    row.add(value)
    assert row.met is met


def test_a_row_without_a_limit_is_neither_kept_nor_missed():
    row = Row("x", "ms")
    row.add(1)
    assert row.met is None


def test_what_is_written_is_what_is_read():
    row = Row("x", "ms", 3, "ratio", note="why")
    row.add(1.5, 0.5)
    row.add_other("a peer", 7)
    assert Row.from_json(row.as_json()) == row


def test_parts_that_were_not_measured_stay_as_they_are(tmp_path):
    row = Row("x", "ms")
    row.add(1)
    kept.keep("9.9.9", {"rows": [row], "endurance": [row]}, {"date": "first"}, tmp_path)
    path = kept.keep("9.9.9", {"rows": [row]}, {"date": "second"}, tmp_path)
    figures = kept.read(path)
    assert {name: about["date"] for name, about in figures.about.items()} == {
        "rows": "second",
        "endurance": "first",
    }


def test_versions_are_numbers_when_the_latest_is_looked_for(tmp_path):
    for version in ("0.9.0", "0.10.0", "0.2.0"):
        kept.keep(version, {"rows": []}, {"openclaw_ipython": version}, tmp_path)
    assert kept.latest(tmp_path).about["rows"]["openclaw_ipython"] == "0.10.0"


def test_the_table_of_peers_has_a_dash_where_one_was_not_measured():
    row, other = Row("x", "ms"), Row("y", "ms")
    for each in (row, other):
        each.add(1, 2)
    row.add_other("a peer", 3)
    other.add_other("another", 4)
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in beside([row, other], "us").splitlines()
    ]
    assert cells[0] == ["what", "us", "by hand", "a peer", "another"]
    assert cells[2:] == [["x", "1 ms", "2 ms", "3 ms", "–"], ["y", "1 ms", "2 ms", "–", "4 ms"]]


def test_without_peers_there_is_no_table_of_them():
    row = Row("x", "ms")
    row.add(1)
    assert beside([row], "us") == ""
    assert "| x " in table([row])


@pytest.mark.parametrize("kind", ["two", "prose 100 5", "mixed 100 5", "after 0.1"])
def test_a_streamed_answer_and_a_whole_one_have_the_same_text(kind):
    import json

    pieces = []
    for step in server.streamed(*kind.split()):
        if not isinstance(step, Pause) and b"[DONE]" not in step:
            choices = json.loads(step.removeprefix(b"data: "))["choices"]
            pieces += [choice["delta"].get("content", "") for choice in choices]
    [document] = [step for step in server.whole(*kind.split()) if not isinstance(step, Pause)]
    assert json.loads(document)["choices"][0]["message"]["content"] == "".join(pieces)


def test_the_door_for_a_crowd_answers_many_requests_on_one_connection():
    async def visit():
        listening, url = await door.serve(server.BenchHandler())
        async with listening, httpx.AsyncClient(base_url=url) as client:
            refused = [await client.post("/v1/chat/completions", json={}) for _ in range(3)]
            told = await client.get("/bench")
        return [answer.status_code for answer in refused], told.json()

    assert asyncio.run(visit()) == ([401, 401, 401], {"hang_ups": [], "connections": 0})


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.slug)
def test_a_peer_is_installed_by_names_alone(peer):
    assert not re.search(r"[/@:]", " ".join(peer.requirements))
