"""`--tools` in a real kernel: what is asked of the person, what runs where, what the model is told."""

import time

import pytest

pytestmark = pytest.mark.kernel

FUNCTIONS = '''
import asyncio
ran = []

def add(a: int, b: int, c: int = 0) -> int:
    """The sum of two numbers."""
    ran.append(("add", a, b))
    return a + b

def broken():
    raise ValueError("no such table")

async def later(a: int) -> str:
    await asyncio.sleep(0)
    ran.append(("later", a, asyncio.get_running_loop() is loop))
    async with lock:
        return f"after a while: {a}"

class Store:
    def find(self, name: str):
        "Finds."
        return [name]

store = Store()
'''
LOOP = "loop = asyncio.get_running_loop(); lock = asyncio.Lock(); await asyncio.sleep(0)"


@pytest.fixture
def tools(signed_in):
    signed_in.run(FUNCTIONS)
    signed_in.run(LOOP)
    signed_in.kernel.displays.clear()
    yield signed_in
    signed_in.run(
        "import sys\nif 'openclaw_ipython.api' in sys.modules:\n    sys.modules['openclaw_ipython.api'].close()"
    )


def messages(notebook) -> list[dict]:
    return notebook.chats()[-1].json()["messages"]


def told(notebook) -> list[str]:
    return [message["content"] for message in messages(notebook) if message["role"] == "tool"]


def test_a_call_is_shown_asked_about_run_and_answered(tools):
    asked: list[str] = []
    cell = tools.run("%%qwen --tools add\nadd 2 and 3", during=tools.kernel.answering("y", asked=asked))
    assert not cell.ename, cell.traceback
    assert len(asked) == 1
    assert 'add({"a": 2, "b": 3})' in asked[0]
    assert '→ add({"a": 2, "b": 3})  = 5' in cell.text
    assert "`add` returned" in cell.text
    assert tools.value("ran") == [("add", 2, 3)]
    assert told(tools) == ["5"]
    offered = tools.chats()[0].json()["tools"][0]["function"]
    assert offered["description"] == "The sum of two numbers."
    assert offered["parameters"]["properties"]["c"] == {"type": "integer", "default": 0}
    assert tools.value("[(c.name, c.arguments) for c in _qwen.tool_calls]") == [("add", '{"a": 2, "b": 3}')]


def test_a_call_is_shown_once_and_the_footer_counts_all_rounds(tools):
    cell = tools.run("%%qwen --tools add --yes\nadd 2 and 3")
    assert cell.text.count("→ add(") == 1
    first, second = (r.json() for r in tools.chats())
    assert len(second["messages"]) == len(first["messages"]) + 2
    assert tools.value("_qwen.usage.input_tokens") > 11
    assert cell.text.count("tokens") == 1


@pytest.mark.parametrize("answer", ["", "n", "no", "what?"])
def test_a_call_that_is_refused_does_not_run_and_the_model_is_told(tools, answer):
    cell = tools.run("%%qwen --tools add\nadd 2 and 3", during=tools.kernel.answering(answer))
    assert not cell.ename
    assert tools.value("ran") == []
    assert told(tools) == ["The person did not allow this call."]
    assert "✗ The person did not allow this call." in cell.text


def test_yes_to_all_asks_no_more(tools):
    tools.portal.calls("add", {"a": 1, "b": 1}, ("add", {"a": 2, "b": 2})).calls(
        "add", {"a": 3, "b": 3}
    ).says("ok")
    asked: list[str] = []
    cell = tools.run("%%qwen --tools add\ngo", during=tools.kernel.answering("a", asked=asked))
    assert not cell.ename
    assert len(asked) == 1
    assert tools.value("ran") == [("add", 1, 1), ("add", 2, 2), ("add", 3, 3)]


def test_each_call_is_asked_about_on_its_own(tools):
    tools.portal.calls("add", {"a": 1, "b": 1}, ("add", {"a": 2, "b": 2})).says("ok")
    tools.run("%%qwen --tools add\ngo", during=tools.kernel.answering("n", "y"))
    assert tools.value("ran") == [("add", 2, 2)]
    assert told(tools) == ["The person did not allow this call.", "4"]


def test_a_run_without_a_person_is_refused_before_anything_is_sent(tools):
    cell = tools.run("%%qwen --tools add\nadd 2 and 3", attended=False)
    assert cell.ename == "UsageError"
    assert "--yes" in cell.traceback
    assert len(cell.traceback.splitlines()) == 2
    assert tools.chats() == []
    assert not tools.run("%%qwen --tools add --yes\nadd 2 and 3", attended=False).ename


def test_a_coroutine_runs_on_the_notebooks_own_loop_and_takes_its_lock(tools):
    cell = tools.run("%%qwen --tools later,add --yes\nlater 7")
    assert not cell.ename, cell.traceback
    assert tools.value("ran") == [("later", 7, True)]
    assert told(tools) == ["after a while: 7"]
    after = tools.run(
        "async with lock:\n    print(await asyncio.gather(asyncio.sleep(0, 1), asyncio.sleep(0, 2)))"
    )
    assert after.stdout.strip() == "[1, 2]"


def test_cells_that_wait_behind_a_coroutine_run_afterwards(tools):
    sent = [
        tools.kernel.client.execute(code) for code in ("%qwen --tools later --yes later 7", "x = 1", "x += 1")
    ]
    tools.kernel.run("x += 1")
    assert tools.value("x") == 3
    assert len(sent) == 3


def test_an_error_goes_to_the_model_without_a_traceback(tools):
    cell = tools.run("%%qwen --tools broken --yes\nbroken")
    assert not cell.ename
    assert told(tools) == ["ValueError: no such table"]
    assert "✗ ValueError: no such table" in cell.text


def test_a_model_that_calls_an_unknown_function_is_told_which_there_are(tools):
    tools.portal.calls("subtract", {"a": 1}).says("Then I do without.")
    cell = tools.run("%%qwen --tools add,broken --yes\ngo")
    assert not cell.ename
    assert told(tools) == ["There is no function 'subtract'. There are: add, broken."]
    assert "Then I do without." in cell.text


def test_arguments_that_are_not_json_are_told_and_not_sent_back(tools):
    tools.portal.calls("add", '{"a": 1').says("ok")
    assert not tools.run("%%qwen --tools add --yes\ngo").ename
    assert "not JSON" in told(tools)[0]
    assert messages(tools)[-2]["tool_calls"][0]["function"]["arguments"] == "{}"
    assert tools.value("ran") == []


def test_a_call_cut_at_the_token_limit_is_shown_and_not_run(tools):
    tools.portal.calls("add", '{"a": 1, "b": 2}', finish="length")
    cell = tools.run("%%qwen --tools add --yes\ngo")
    assert tools.value("ran") == []
    assert "cut at the token limit" in cell.text
    assert "→ add(" in cell.text


def test_a_model_that_never_stops_calling_is_stopped(tools):
    for number in range(9):
        tools.portal.calls("add", {"a": number, "b": 0})
    cell = tools.run("%%qwen --tools add --yes\ngo")
    assert cell.ename == "TooManyRounds"
    assert len(cell.traceback.splitlines()) == 2
    assert len(tools.value("ran")) == 8
    assert tools.value("len(_qwen.tool_calls)") == 9


def test_a_function_of_a_module_can_be_named(tools):
    tools.run("import statistics")
    tools.portal.calls("statistics_mean", {"data": [1, 2, 6]}).says("ok")
    assert not tools.run("%%qwen --tools statistics.mean --yes\ngo").ename
    assert tools.kernel.complete("%%qwen --tools add,stat") == ["add,statistics"]
    assert "statistics.mean" in tools.kernel.complete("%%qwen --tools statistics.me")
    assert told(tools) == ["3"]


def test_methods_and_several_functions_can_be_named(tools):
    tools.portal.calls("store_find", {"name": "a"}).says("ok")
    assert not tools.run("%%qwen --tools store.find,add --yes\ngo").ename
    assert told(tools) == ['["a"]']


@pytest.mark.parametrize(
    ("names", "message"),
    [("ad", "did you mean add?"), ("ran", "cannot be called"), ("store.lost", "store.lost"), ("max", "max")],
)
def test_names_that_are_no_functions_end_the_cell_before_anything_is_sent(tools, names, message):
    cell = tools.run(f"%%qwen --tools {names} --yes\ngo")
    assert cell.ename == "UsageError"
    assert message in cell.traceback
    assert len(cell.traceback.splitlines()) <= 2
    assert tools.chats() == []


def interrupting(notebook, when):
    fired: list[float] = []

    def during(cell):
        if not fired and when(cell):
            fired.append(time.monotonic())
            notebook.kernel.interrupt()

    return during


@pytest.mark.parametrize(
    "hanging",
    [
        "def hang():\n    print('in it', flush=True)\n    time.sleep(60)",
        "async def hang():\n    try:\n        print('in it', flush=True)\n        await asyncio.Event().wait()\n"
        "    finally:\n        ran.append('cancelled')",
    ],
    ids=["function", "coroutine"],
)
def test_an_interrupt_during_a_function_ends_the_cell(tools, hanging):
    tools.run("import time\n" + hanging)
    during = interrupting(tools, lambda cell: "in it" in cell.stdout)
    cell = tools.run("%%qwen --tools hang --yes\nhang", during=during)
    assert cell.ename == "KeyboardInterrupt"
    assert len(cell.traceback) < 200
    assert len(tools.chats()) == 1
    assert tools.run("print(1)").stdout == "1\n"
    if "async" in hanging:
        assert tools.value("ran") == ["cancelled"]
        assert tools.run("print(await asyncio.sleep(0, 'still'))").stdout == "still\n"


def test_an_interrupt_at_the_question_ends_the_cell_and_runs_nothing(tools):
    asked: list[bool] = []

    def during(cell):
        if not asked and "→ add(" in cell.text:
            asked.append(True)
            time.sleep(0.3)  # until the kernel waits for the answer
            tools.kernel.interrupt()

    cell = tools.run("%%qwen --tools add\nadd 2 and 3", during=during)
    assert cell.ename == "KeyboardInterrupt"
    assert tools.value("ran") == []
    tools.kernel.client.get_stdin_msg(timeout=1)


def test_an_interrupt_of_the_answer_after_a_call_keeps_what_had_come(tools):
    tools.portal.calls("add", {"a": 1, "b": 2}).says("Three, ", *["and so on "] * 500, pace=0.02)
    during = interrupting(tools, lambda cell: "Three" in cell.text)
    cell = tools.run("%%qwen --tools add --yes\ngo", during=during)
    assert cell.ename == "KeyboardInterrupt"
    assert "interrupted" in cell.text
    assert tools.value("(_qwen[:5], _qwen.finish_reason, len(_qwen.tool_calls))") == (
        "Three",
        "interrupted",
        1,
    )


def test_what_a_function_prints_and_shows_stands_in_the_cell(tools):
    tools.run("def chatty(n: int):\n    print('printed', n)\n    display({'shown': n})\n    return n")
    cell = tools.run("%%qwen --tools chatty --yes\nchatty 4")
    assert "printed 4" in cell.stdout
    assert "shown" in cell.text


def test_what_a_model_puts_into_a_call_is_no_markup(tools):
    tools.portal.calls("add", '{"a": "<script>alert(1)</script>`<img src=x>\\u001b[31m"}').says("ok")
    cell = tools.run("%%qwen --tools add --yes\ngo")
    assert "<script>" not in cell.markdown
    assert "<img" not in cell.markdown
    assert "\x1b" not in cell.text


def test_the_names_of_functions_complete(tools):
    found = tools.kernel.complete("%%qwen --tools ad")
    assert "add" in found


def test_a_dry_run_shows_the_functions_and_the_schema_and_sends_nothing(tools):
    tools.run("from typing import TypedDict\nclass Sum(TypedDict):\n    total: int")
    cell = tools.run("%%qwen --tools add --schema Sum --dry-run\nadd 2 and 3", attended=False)
    assert not cell.ename, cell.traceback
    assert "tools" in cell.text
    assert "total" in cell.text
    assert tools.chats() == []
    assert tools.value("ran") == []


def test_ask_from_a_cell_runs_coroutines_on_the_notebooks_loop_and_asks_nobody(tools):
    tools.run("import openclaw_ipython as oc")
    tools.run("41 + 1")
    number = tools.value("max(Out)")
    cell = tools.run(f'reply = oc.ask("later {{Out[{number}]}}", tools=[later, add])', attended=False)
    assert not cell.ename, cell.traceback
    assert cell.text.strip() == ""
    assert tools.value("ran") == [("later", 42, True)]
    assert tools.value("[c.name for c in reply.tool_calls]") == ["later"]
    shown = tools.run("oc.ask('add 1 and 2', tools=[add])")
    assert "returned" in shown.markdown


def test_an_interrupt_of_ask_ends_the_cell(tools):
    tools.run("import openclaw_ipython as oc")
    tools.portal.says("a").stalls_after(1)
    before = len(tools.chats())
    during = interrupting(tools, lambda cell: len(tools.chats()) > before)
    assert tools.run("oc.ask('hi')", during=during).ename == "KeyboardInterrupt"
    assert tools.portal.wait_for_disconnect()
    assert tools.run("print('not a model' in oc.ask('hi'))").stdout == "True\n"


@pytest.mark.parametrize("option", ["--no-stream", "-c", "--cache", "-f text", "-f silent", "--thinking on"])
def test_functions_go_together_with_every_other_option(tools, option):
    tools.portal.calls("add", {"a": 1, "b": 2})
    cell = tools.run(f"%%qwen --tools add --yes {option} -o reply\nadd 1 and 2")
    assert not cell.ename, cell.traceback
    assert told(tools) == ["3"]
    assert tools.value("ran") == [("add", 1, 2)]
    assert "`add` returned" in tools.value("str(reply)")


def test_c12_a_call_in_the_text_that_is_not_understood_is_named_in_the_footer(tools):
    tools.portal.says("<function=add>\n<parameter=a>\n2")
    cell = tools.run("%%qwen --tools add\nadd 2 and 3")
    assert not cell.ename, cell.traceback
    assert "needs the tool parser of the model" in cell.text
