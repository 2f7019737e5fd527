"""The arithmetic of the benchmarks, and that the docs show the stored figures. Nothing is measured here."""

import asyncio
import re
from xml.etree import ElementTree

import httpx
import pytest

from benchmarks import async_server, chart, docs_page, money, server, storage
from benchmarks.implementations import PEERS
from benchmarks.rows import Row, comparison_table, table
from openclaw_ipython.practice.http_types import Pause

pytestmark = pytest.mark.slow

FIGURES = storage.latest()


def test_the_docs_show_the_stored_figures():
    assert docs_page.PAGE.read_text("utf-8") == docs_page.page(FIGURES), "run: python -m benchmarks chart"


def test_the_chart_in_the_docs_shows_the_stored_figures():
    assert chart.signature(FIGURES) in docs_page.CHART.read_text("utf-8"), "run: python -m benchmarks chart"


def test_the_chart_has_a_panel_for_every_measure(tmp_path):
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
def test_samples_are_compared_pair_by_pair(judged, ours, hand, measured):
    row = Row("x", "ms", 10, judged)
    for each in zip(ours, hand, strict=True):
        row.add(*each)
    assert row.measured == measured


@pytest.mark.parametrize(
    ("value", "at_least", "met"), [(3, False, True), (3.1, False, False), (3, True, True), (2.9, True, False)]
)
def test_a_value_equal_to_the_limit_is_within_it(value, at_least, met):
    row = Row("x", "ms", 3, at_least=at_least)
    row.add(value)
    assert row.met is met


def test_a_row_without_a_limit_is_not_judged():
    row = Row("x", "ms")
    row.add(1)
    assert row.met is None


def test_a_row_survives_json():
    row = Row("x", "ms", 3, "ratio", note="why")
    row.add(1.5, 0.5)
    row.add_other("a peer", 7)
    assert Row.from_json(row.as_json()) == row


def test_parts_that_were_not_measured_stay_unchanged(tmp_path):
    row = Row("x", "ms")
    row.add(1)
    storage.save("9.9.9", {"rows": [row], "endurance": [row]}, {"date": "first"}, tmp_path)
    path = storage.save("9.9.9", {"rows": [row]}, {"date": "second"}, tmp_path)
    figures = storage.load(path)
    assert {name: about["date"] for name, about in figures.about.items()} == {
        "rows": "second",
        "endurance": "first",
    }


def test_the_latest_version_is_found_by_number(tmp_path):
    for version in ("0.9.0", "0.10.0", "0.2.0"):
        storage.save(version, {"rows": []}, {"openclaw_ipython": version}, tmp_path)
    assert storage.latest(tmp_path).about["rows"]["openclaw_ipython"] == "0.10.0"


def test_the_table_of_peers_has_a_dash_for_missing_figures():
    row, other = Row("x", "ms"), Row("y", "ms")
    for each in (row, other):
        each.add(1, 2)
    row.add_other("a peer", 3)
    other.add_other("another", 4)
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in comparison_table([row, other], "us").splitlines()
    ]
    assert cells[0] == ["what", "us", "by hand", "a peer", "another"]
    assert cells[2:] == [["x", "1 ms", "2 ms", "3 ms", "–"], ["y", "1 ms", "2 ms", "–", "4 ms"]]


def test_without_peers_there_is_no_comparison_table():
    row = Row("x", "ms")
    row.add(1)
    assert comparison_table([row], "us") == ""
    assert "| x " in table([row])


@pytest.mark.parametrize("kind", ["two", "prose 100 5", "mixed 100 5", "after 0.1"])
def test_a_streamed_answer_and_a_document_have_the_same_text(kind):
    import json

    pieces = []
    for step in server.streamed(*kind.split()):
        if not isinstance(step, Pause) and b"[DONE]" not in step:
            choices = json.loads(step.removeprefix(b"data: "))["choices"]
            pieces += [choice["delta"].get("content", "") for choice in choices]
    [document] = [step for step in server.whole(*kind.split()) if not isinstance(step, Pause)]
    assert json.loads(document)["choices"][0]["message"]["content"] == "".join(pieces)


def test_the_asyncio_server_answers_many_requests_on_one_connection():
    async def visit():
        listening, url = await async_server.serve(server.BenchHandler())
        async with listening, httpx.AsyncClient(base_url=url) as client:
            refused = [await client.post("/v1/chat/completions", json={}) for _ in range(3)]
            state = await client.get("/bench")
        return [answer.status_code for answer in refused], state.json()

    assert asyncio.run(visit()) == ([401, 401, 401], {"disconnects": [], "connections": 0})


def test_the_server_answers_a_chat_request_with_the_prepared_answer():
    handler = server.BenchHandler()
    bearer = {"authorization": f"Bearer {handler._portal.issue()['access_token']}"}
    body = {"model": "coder-model", "messages": [{"role": "user", "content": "two"}]}

    async def ask():
        listening, url = await async_server.serve(handler)
        async with listening, httpx.AsyncClient(base_url=url, headers=bearer) as client:
            return (await client.post("/v1/chat/completions", json=body)).json()

    assert asyncio.run(ask())["choices"][0]["message"]["content"] == "Two words."


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.slug)
def test_peers_are_installed_by_name_only(peer):
    assert not re.search(r"[/@:]", " ".join(peer.requirements))


# -- money ---------------------------------------------------------------------------------


def test_the_table_of_the_page_about_money_is_that_of_the_portals_bill():
    assert money.PAGE.read_text("utf-8") == money.page(money.ways()), "run: python -m benchmarks.money"


def test_rows_that_share_their_beginning_pay_at_most_a_fifth_for_the_input():
    assert money.input_share(50) <= money.LIMIT
