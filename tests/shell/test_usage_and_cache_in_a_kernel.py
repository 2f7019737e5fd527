"""Usage and the cache in a real kernel: what is written down, what is not sent, what the reader sees."""

import ast
import json
import re
import sqlite3
from contextlib import closing

import pytest

pytestmark = pytest.mark.kernel

CACHED = "from the cache"


@pytest.fixture
def spending(signed_in):
    yield Spending(signed_in)
    for name, value in (("journal", True), ("cache", False), ("cache_file", "''"), ("daily_limit", 0)):
        signed_in.run(f"%config OpenClaw.{name} = {value}")  # what is configured outlives the extension


class Spending:
    """A signed-in notebook, and the rows that its journal has."""

    def __init__(self, notebook) -> None:
        self.notebook = notebook
        self.run = notebook.run
        self.portal = notebook.portal
        self.path = notebook.state / "ipython" / "journal.sqlite"

    def usage(self, *words: str) -> dict:
        return json.loads(self.run(f"%openclaw usage --json {' '.join(words)}").stdout)

    def rows(self, table: str = "usage") -> list[dict]:
        if not self.path.exists():
            return []
        with closing(sqlite3.connect(self.path)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1")]

    def sent(self) -> int:
        return len(self.notebook.chats())


def shown(cell) -> str:
    """What a cell has in a saved notebook: every output, in order."""
    return json.dumps([*cell.displays.values()], sort_keys=True, ensure_ascii=False)


# -- usage ---------------------------------------------------------------------------------


def test_a_request_is_written_down_with_what_it_took_and_without_its_words(spending):
    spending.portal.says("A penguin.", usage={"prompt_tokens": 12, "completion_tokens": 5})
    spending.run("%qwen What is this secret thing?")
    (total,) = spending.usage("--by", "model")["rows"]
    assert (total["name"], total["requests"], total["errors"]) == ("qwen-portal/coder-model", 1, 0)
    assert (total["input_tokens"], total["output_tokens"], total["cost"]) == (12, 5, None)
    assert 0 < total["first_text"] <= total["seconds"]
    everything = b"".join(spending.notebook.files().values())
    assert b"secret thing" not in everything
    assert b"A penguin." not in everything


def test_failed_and_interrupted_requests_are_written_down_too(spending):
    spending.portal.fails_next("/chat/completions", 400, {"error": {"message": "no"}})
    assert spending.run("%qwen one").ename
    spending.portal.says("half ", "an", "answer").breaks_after(1)
    assert spending.run("%qwen two").ename
    spending.portal.says(*["on and on "] * 200, pace=0.05)
    interrupted = []

    def interrupt(cell):
        if "on and on" in cell.text and not interrupted:
            interrupted.append(True)
            spending.notebook.kernel.interrupt()

    assert spending.run("%qwen three", during=interrupt).ename == "KeyboardInterrupt"
    total = spending.usage()["total"]
    assert (total["requests"], total["errors"], total["interrupted"]) == (3, 2, 1)
    assert [row["outcome"] for row in spending.rows()] == ["RequestRejected", "ended early", "interrupted"]


def test_a_request_that_costs_says_so_in_the_footer_and_in_the_sums(spending):
    models = [
        {"id": "coder-model", "name": "Qwen Coder", "input": ["text"], "cost": {"input": 2, "output": 6}}
    ]
    spending.run(f"%openclaw config set models.providers.qwen-portal.models '{json.dumps(models)}'")
    spending.portal.says(
        "A penguin.",
        usage={
            "prompt_tokens": 1000,
            "completion_tokens": 500,
            "prompt_tokens_details": {"cached_tokens": 0},
        },
    )
    cell = spending.run("%qwen What is this?")
    assert "1000→500 tokens · $0.0050" in cell.text
    assert spending.usage()["total"]["cost"] == pytest.approx(0.005)
    assert "$0.0050" in spending.run("%openclaw usage").text
    assert "$0.0050" in spending.run("%openclaw").text
    assert spending.run("print(_qwen.usage.cost)").stdout == "0.005\n"


def test_the_status_tells_what_today_took(spending):
    assert "nothing asked yet" in spending.run("%openclaw").text
    spending.portal.says("A", usage={"prompt_tokens": 12, "completion_tokens": 5})
    spending.run("%qwen What?")
    assert re.search(r"today +requests: 1 · 12→5 tokens", spending.run("%openclaw").text)


@pytest.mark.parametrize("by", ["day", "model", "provider"])
def test_the_table_has_a_row_for_each(spending, by):
    spending.run("%qwen What?")
    cell = spending.run(f"%openclaw usage --by {by}")
    name = {"model": "qwen-portal/coder-model", "provider": "qwen-portal"}.get(by, "20")
    assert re.search(rf"^{name}\S* +1 ", cell.text, re.M)
    assert "<table>" in next(iter(cell.displays.values()))["text/html"]


def test_a_limit_that_comes_near_is_said_in_a_footer_and_stands_in_the_table(spending):
    spending.run("%config OpenClaw.daily_limit = 2")
    for _ in range(2):
        assert "requests in 24 h" not in spending.run("%qwen What?").text
    assert spending.usage()["limits"] == [
        {"provider": "qwen-portal", "requests": 2, "seconds": 86400.0, "used": 2}
    ]
    assert "2 of 2 requests in 24 h used (qwen-portal)" in spending.run("%qwen What?").text
    assert "3 / 2" in spending.run("%openclaw usage").text


def test_the_plot_is_a_picture_with_the_table_for_who_sees_none(spending):
    spending.run("%config OpenClaw.daily_limit = 10")
    spending.run("%qwen What?")
    cell = spending.run("%openclaw usage --plot", timeout=60)
    (bundle,) = cell.displays.values()
    assert bundle["image/png"].startswith("iVBOR")
    assert "Requests" in bundle["text/plain"]
    assert spending.run("import sys; print('matplotlib.pyplot' in sys.modules)").stdout == "False\n"


def test_the_plot_has_a_colour_for_each_provider_where_these_are_asked_for(spending):
    spending.run("%qwen What?")
    spending.run("%qwen qwen-portal/vision-model What?")
    spending.run("import matplotlib.axes as a; drawn = []; bar = a.Axes.bar")
    spending.run(
        "a.Axes.bar = lambda *args, **kw: drawn.append((sum(args[2]), kw['label'])) or bar(*args, **kw)"
    )
    spending.run("%openclaw usage --plot --by provider", timeout=60)
    spending.run("a.Axes.bar = bar")
    (requests, _) = ast.literal_eval(spending.run("drawn").text.strip())
    assert requests == (2, "qwen-portal")


def test_without_matplotlib_the_plot_says_what_to_install(spending):
    spending.run("%qwen What?")
    spending.run(
        "import sys; was = {k: sys.modules.pop(k) for k in list(sys.modules) if k.startswith('matplotlib')}"
    )
    spending.run("sys.modules['matplotlib'] = None; sys.modules['matplotlib.figure'] = None")
    cell = spending.run("%openclaw usage --plot")
    spending.run("del sys.modules['matplotlib'], sys.modules['matplotlib.figure']; sys.modules.update(was)")
    assert (cell.ename, cell.evalue) == ("UsageError", "a plot needs matplotlib")
    assert "openclaw-ipython[plot]" in cell.traceback


def test_looking_at_usage_writes_no_file(spending):
    assert "nothing was asked" in spending.run("%openclaw usage").text
    spending.run("%openclaw")
    assert not spending.path.exists()


def test_the_journal_is_named_from_the_home_folder_and_a_file_of_the_notebook_from_beside_it(spending):
    name = str(spending.path)
    spending.run(f"import os; was = os.getcwd(); os.chdir({str(spending.path.parents[2])!r})")
    try:
        message = spending.run("%openclaw cache status").text
        assert message.rstrip().endswith(name) or "~/" in message
        assert "kept in mine.sqlite" in spending.run("%openclaw cache on mine.sqlite").text
    finally:
        spending.run("%config OpenClaw.cache_file = ''")
        spending.run("%openclaw cache off")
        spending.run("os.chdir(was)")


def test_with_the_journal_off_nothing_is_written(spending):
    spending.run("%config OpenClaw.journal = False")
    spending.run("%%qwen --cache\nWhat?")
    spending.run("%unload_ext openclaw_ipython\n%load_ext openclaw_ipython")
    assert not spending.path.parent.exists()


def test_deleting_the_file_loses_only_that(spending):
    spending.run("%qwen What?")
    assert spending.usage()["total"]["requests"] == 1
    for file in spending.path.parent.iterdir():
        file.unlink()
    assert not spending.run("%qwen What?").ename
    assert spending.usage()["total"]["requests"] == 1


def test_a_journal_that_cannot_be_used_costs_no_question(spending):
    spending.path.mkdir(parents=True)
    assert not spending.run("%qwen What?").ename
    assert not spending.run("%openclaw").ename
    cell = spending.run("%openclaw usage")
    assert cell.ename == "DocumentError"
    assert "it is a folder, not a file" in spending.run("%openclaw doctor").text
    spending.path.rmdir()
    assert spending.usage()["total"]["requests"] == 1  # it was kept in memory


ANY_DOOR = [
    "%openclaw",
    "%openclaw usage",
    "%openclaw usage --json",
    "%openclaw budget set 9 USD",
    "%qwen --budget 900k What?",
    "oc.ask('What?', budget='900k')",
    "oc.map(['What?'])",
]


@pytest.mark.parametrize("line", ANY_DOOR)
def test_a_damaged_journal_is_set_aside_with_one_line(spending, line):
    spending.run("import openclaw_ipython as oc, openclaw_ipython.api")
    spending.path.parent.mkdir(exist_ok=True)
    spending.path.write_bytes(b"damaged " * 2048)
    assert "the journal is damaged" in spending.run("%openclaw doctor").text
    said = f"the journal was damaged and is now {spending.path}.damaged; usage and spending count from"
    cell = spending.run(line)
    spending.run("oc.api.close()")
    assert not cell.ename
    assert (cell.text + cell.stderr).count(said) == 1
    assert said not in spending.run("%openclaw usage").stderr
    assert spending.path.with_name("journal.sqlite.damaged").exists()
    if "--json" in line:
        assert json.loads(cell.stdout)


def test_the_footer_says_so_when_a_request_cannot_be_written(spending):
    spending.path.parent.mkdir()
    spending.path.write_bytes(b"damaged " * 2048)
    assert not spending.run("%qwen What?").ename
    cell = spending.run("%openclaw usage --json")
    assert json.loads(cell.stdout)["total"]["requests"] == 1
    assert "the journal was damaged and is now" in cell.stderr


def test_a_limit_does_not_begin_anew_with_the_journal(spending):
    spending.run("%openclaw budget set 900k")
    spending.run("%qwen What?")
    spending.run("%reload_ext openclaw_ipython")  # closes the journal
    spending.path.write_bytes(b"damaged " * 2048)
    for line in ("%openclaw budget", "%qwen What?"):
        cell = spending.run(line)
        assert (
            f"what was spent before is not known (the damaged one is {spending.path}.damaged)"
            in cell.traceback
        )
        assert "%openclaw budget set 900000tokens --per day counts from now" in cell.traceback.splitlines()[1]
    usage = spending.run("%openclaw usage")
    assert not usage.ename
    assert "what was spent before is not known" in usage.stderr
    spending.run("%openclaw budget set 900k")
    assert not spending.run("%qwen What?").ename


# -- the cache -----------------------------------------------------------------------------


def test_the_same_request_is_sent_once_and_the_replay_is_marked(spending):
    first = spending.run("%%qwen --cache\nWhat?")
    second = spending.run("%%qwen --cache\nWhat?")
    third = spending.run("%%qwen --cache\nWhat?")
    assert spending.sent() == 1
    assert CACHED not in first.text
    assert shown(second).replace(f" · {CACHED}", "") == shown(first)
    assert shown(third) == shown(second)
    assert spending.usage()["total"]["replays"] == 2
    assert spending.usage()["total"]["requests"] == 1


def test_without_asking_for_it_nothing_comes_from_the_cache_and_nothing_goes_in(spending):
    for line in ("", "", "--cache", "--no-cache"):
        assert CACHED not in spending.run(f"%%qwen {line}\nWhat?").text
    assert spending.sent() == 4
    assert len(spending.rows("answers")) == 1


def test_turned_on_it_answers_every_question_and_no_cache_asks_anew(spending):
    assert "The cache is on" in spending.run("%openclaw cache on").text
    assert CACHED not in spending.run("%qwen What?").text
    assert CACHED in spending.run("%qwen What?").text
    assert CACHED not in spending.run("%%qwen --no-cache\nWhat?").text
    spending.run("%openclaw cache off")
    assert CACHED not in spending.run("%qwen What?").text


@pytest.mark.parametrize(
    "line",
    [
        "-t 0.5",
        "-s 'Be brief.'",
        "--max-tokens 900",
        "-m qwen-portal/vision-model",
        "--thinking off",
        "-p seed=1",
    ],
)
def test_whatever_shapes_the_answer_makes_another_request_of_it(spending, line):
    spending.run("%%qwen --cache\nWhat?")
    assert CACHED not in spending.run(f"%%qwen --cache {line}\nWhat?").text
    assert CACHED in spending.run(f"%%qwen --cache {line}\nWhat?").text


def test_a_replay_needs_neither_login_nor_network(spending):
    spending.run("%openclaw cache on")
    first = spending.run("%%qwen qwen-portal/coder-model\nWhat?")
    spending.run("%openclaw logout --provider qwen-portal")
    sent = len(spending.portal.requests)
    replay = spending.run("%%qwen qwen-portal/coder-model\nWhat?")
    assert shown(replay).replace(f" · {CACHED}", "") == shown(first)
    assert len(spending.portal.requests) == sent
    assert spending.run("%%qwen qwen-portal/coder-model\nSomething else?").ename == "LoginRequired"


def test_a_replay_is_shown_in_its_last_state_at_once(spending):
    text = "# Title\n\nSome *text* and a list:\n\n- one\n- two\n\n```python\nprint(1)\n```\n\n**unclosed"
    spending.portal.says(*text, reasoning=("Let me ", "think."))
    spending.run("%%qwen --cache\nWhat?")
    replays = [spending.run("%%qwen --cache\nWhat?") for _ in range(2)]
    assert shown(replays[0]) == shown(replays[1])
    assert replays[0].messages == len(replays[0].displays)  # no output was changed after it was shown
    assert "[thinking]" in replays[0].text


def test_a_tool_call_is_replayed_and_the_function_runs_again(spending):
    spending.run("def add(a: int, b: int) -> int:\n    'Sum of two.'\n    print('called')\n    return a + b")
    spending.portal.calls("add", {"a": 1, "b": 2}).says("3")
    line = "%%qwen --cache --tools add --yes\nWhat is 1 + 2?"
    first = spending.run(line)
    sent = spending.sent()
    second = spending.run(line)
    assert first.stdout.count("called") == second.stdout.count("called") == 1
    assert spending.sent() == sent
    assert CACHED in second.text


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_an_answer_that_is_not_complete_is_not_kept(spending, finish):
    spending.portal.says("half an answ", finish=finish)
    spending.run("%%qwen --cache\nWhat?")
    assert CACHED not in spending.run("%%qwen --cache\nWhat?").text


def test_the_state_of_the_cache_is_told_and_clearing_empties_it(spending):
    spending.run("%openclaw cache on")
    spending.run("%qwen What?")
    state = json.loads(spending.run("%openclaw cache status --json").stdout)
    assert (state["on"], state["answers"]) == (True, 1)
    assert "answers deleted: 1" in spending.run("%openclaw cache clear").text
    assert CACHED not in spending.run("%qwen What?").text


def test_a_file_beside_the_notebook_replays_in_another_home(spending, tmp_path):
    path = tmp_path / "cache.sqlite"
    assert path.name in spending.run(f"%openclaw cache on {path}").text
    first = spending.run("%%qwen qwen-portal/coder-model\nWhat?")
    assert spending.rows("answers") == []
    spending.run(
        "%openclaw logout --provider qwen-portal\n%unload_ext openclaw_ipython\n%load_ext openclaw_ipython"
    )
    for file in spending.path.parent.iterdir():
        file.unlink()
    before = path.read_bytes()
    spending.run(f"%openclaw cache on {path}")
    replay = spending.run("%%qwen qwen-portal/coder-model\nWhat?")
    assert shown(replay).replace(f" · {CACHED}", "") == shown(first)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.glob("cache*")] == ["cache.sqlite"]


@pytest.mark.parametrize("content", [None, "# a notebook, not a cache"])
def test_a_file_that_cannot_be_a_cache_is_refused_and_left_alone(spending, tmp_path, content):
    path = tmp_path / "notebook.ipynb" if content else tmp_path / "in the way" / "cache.sqlite"
    (path if content else path.parent).write_text(content or "")
    cell = spending.run(f"%openclaw cache on '{path}'")
    assert cell.ename == "DocumentError"
    assert "name another file" in cell.traceback
    assert spending.run("%openclaw cache status").text.count("off") >= 1
    assert content is None or path.read_text() == content


def test_with_the_journal_off_the_cache_says_that_it_keeps_nothing(spending):
    spending.run("%config OpenClaw.journal = False")
    assert "nothing is kept" in spending.run("%openclaw cache on").text


def test_a_conversation_is_replayed_turn_by_turn(spending):
    def run_all():
        return [
            spending.run("%%qwen --cache\nOne?", cell_id="a"),
            spending.run("%%qwen --cache -c\nTwo?", cell_id="b"),
        ]

    run_all()
    assert all(CACHED in cell.text for cell in run_all())
    assert spending.sent() == 2


# -- in Python -----------------------------------------------------------------------------


def ask_in_python(spending) -> None:
    cell = spending.run(
        "import openclaw_ipython as oc, openclaw_ipython.api as api\noc.ask('Hi'); api.close()"
    )
    assert not cell.ename, cell.traceback


def test_what_python_asks_in_a_notebook_is_written_down_too(spending):
    ask_in_python(spending)
    assert spending.usage()["total"]["requests"] == 1


def test_what_is_configured_counts_for_python_too(spending):
    spending.run("%config OpenClaw.journal = False")
    ask_in_python(spending)
    assert not spending.path.exists()
    spending.run("%config OpenClaw.journal = True\n%openclaw cache on")
    sent = spending.sent()
    for _ in range(2):
        ask_in_python(spending)
    assert spending.sent() == sent + 1
