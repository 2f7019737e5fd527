"""`%openclaw fix` and `explain` in a real kernel: what reaches the portal, and what the reader sees."""

import pytest

pytestmark = pytest.mark.kernel


def below(cell) -> list[str]:
    return [p["text"] for p in cell.payload if p["source"] == "set_next_input"]


def asked(notebook) -> tuple[str, str]:
    """System prompt and prompt of the last question."""
    messages = notebook.chats()[-1].json()["messages"]
    return messages[0]["content"], messages[-1]["content"]


@pytest.fixture
def portal(signed_in):
    signed_in.run("price, count = 2, '3'")  # the names of the repaired cell: nothing in it is to be mended
    signed_in.portal.says("The count is text.\n\n```python\nprice * int(count)\n```")
    return signed_in


def test_a_repaired_cell_goes_below_with_the_difference(portal):
    portal.run("price = {'a': 2}['a']; count = '3'")
    portal.run("price + count")
    cell = portal.run("%openclaw fix")
    system, prompt = asked(portal)
    assert "whole repaired cell" in system
    assert "```python\nprice + count\n```" in prompt
    assert "unsupported operand" in prompt
    assert "price = 2\ncount = '3'" in prompt
    assert "interactiveshell" not in prompt
    assert below(cell) == ["price * int(count)"]
    assert "-price + count\n+price * int(count)" in cell.text
    assert "The count is text." in cell.markdown
    assert "the repaired cell is below, not run" in cell.text


def test_a_syntax_error_is_repaired_too(portal):
    portal.run("def f(:\n    pass")
    cell = portal.run("%openclaw fix and keep the name")
    _, prompt = asked(portal)
    assert "def f(:" in prompt
    assert "SyntaxError" in prompt
    assert "line 1" in prompt
    assert prompt.endswith("The person adds: and keep the name")
    assert below(cell) == ["price * int(count)"]


def test_names_of_ipython_itself_are_no_values_of_the_cell(portal):
    portal.run("%%bash\nexit 3")
    portal.run("%openclaw fix")
    assert "exit 3" in portal.chats()[-1].json()["messages"][-1]["content"]
    assert "Values that the cell names" not in portal.chats()[-1].json()["messages"][-1]["content"]


def test_explaining_puts_nothing_below(portal):
    portal.run("1 / 0")
    cell = portal.run("%openclaw explain -m qwen-portal/vision-model")
    system, prompt = asked(portal)
    assert portal.chats()[-1].json()["model"] == "vision-model"
    assert "explain" in system
    assert "ZeroDivisionError" in prompt
    assert below(cell) == []
    assert "The count is text." in cell.markdown


def test_an_error_in_a_function_of_another_cell_is_told_with_its_lines(portal):
    portal.run("def inner(x):\n    return x['missing']")
    portal.run("inner({})")
    portal.run("%openclaw fix")
    _, prompt = asked(portal)
    assert "```python\ninner({})\n```" in prompt or "```python\ndef inner" in prompt
    assert "return x['missing']" in prompt
    assert "KeyError" in prompt


def test_a_function_of_another_cell_in_the_traceback_comes_along(portal):
    portal.run("import math\n\ndef outer(x):\n    return inner(x) + 1\n\nunrelated = 5")
    portal.run("def inner(x):\n    return math.sqrt(x)")
    portal.run("outer(-1)")
    portal.run("%openclaw fix")
    _, prompt = asked(portal)
    assert "```python\nouter(-1)\n```" in prompt
    assert "def outer(x):\n    return inner(x) + 1" in prompt
    assert "def inner(x):" in prompt
    assert "unrelated = 5" not in prompt


@pytest.mark.parametrize(("text", "line"), [("x = 1\n\nint('a')\n", 3), ("x = 1\ndef f(:\n", 2)])
def test_a_failed_script_is_meant_and_not_the_cell_that_failed_before(portal, text, line):
    portal.run("1/0")
    portal.run(f"open('scr.py', 'w').write({text!r})")
    portal.run("%run scr.py")
    cell = portal.run("%openclaw fix")
    _, prompt = asked(portal)
    assert "The script scr.py:" in prompt
    assert text in prompt
    assert f"at line {line} of the script" in prompt
    assert "1/0" not in prompt
    (code,) = below(cell)
    assert code.startswith("%%writefile ")
    assert code.endswith("scr.py\nprice * int(count)")


def test_an_exception_that_no_cell_raised_is_not_taken_for_that_of_an_earlier_cell(portal):
    portal.run("1/0")
    portal.run("import sys; sys.last_value = sys.last_exc = ValueError('from elsewhere')")
    cell = portal.run("%openclaw fix")
    assert "is not known here" in cell.text
    assert portal.chats() == []


def test_a_failed_question_is_not_repaired(portal):
    portal.portal.fails_next("/chat/completions", 400, '{"error": {"message": "no such thing"}}')
    portal.run("%%qwen\nhi")
    before = len(portal.chats())
    cell = portal.run("%openclaw fix")
    assert "no such thing" in cell.text
    assert len(portal.chats()) == before


def test_before_anything_failed_it_says_so_and_asks_nobody(signed_in):
    signed_in.run("import sys\nfor name in ('last_value', 'last_exc'):\n    sys.__dict__.pop(name, None)")
    signed_in.run("getattr(get_ipython().history_manager, 'exceptions', {}).clear()")
    for command in ("fix", "explain"):
        cell = signed_in.run(f"%openclaw {command}")
        assert cell.ename == ""
        assert cell.text.strip() == "No cell has failed here yet"
    assert signed_in.chats() == []


def test_an_error_of_ours_says_itself_what_to_do(signed_in):
    signed_in.run("%%qwen --fromat json\nhi")
    cell = signed_in.run("%openclaw fix")
    assert cell.ename == ""
    assert cell.text.strip().startswith("UsageError: ")
    assert "→ %openclaw help qwen" in cell.text
    assert signed_in.chats() == []


def test_when_fixing_fails_the_next_try_is_about_the_same_cell(portal):
    portal.run("price + missing_name")
    portal.portal.fails_next("/chat/completions", 400, '{"error": {"message": "no"}}')
    assert portal.run("%openclaw fix --no-mend").ename != ""
    cell = portal.run("%openclaw fix --no-mend")
    assert "```python\nprice + missing_name\n```" in asked(portal)[1]
    assert below(cell) == ["price * int(count)"]


def test_an_interrupted_repair_puts_nothing_below(signed_in):
    signed_in.portal.says("```python\nx = 1\n", "y\n```").stalls_after(1)
    signed_in.run("1 / 0")
    done = []

    def interrupt(cell):
        if "x = 1" in cell.text and not done:
            done.append(True)
            signed_in.kernel.interrupt()

    cell = signed_in.run("%openclaw fix", during=interrupt)
    assert cell.ename == "KeyboardInterrupt"
    assert below(cell) == []
    assert "What changes" not in cell.text


def test_secrets_of_the_cell_and_of_the_values_do_not_leave(portal):
    key = "sk-" + "q7" * 16
    portal.run(f"token = '{key}'")
    portal.run(f"connect('{key}', token)")
    cell = portal.run("%openclaw fix --no-mend")
    assert key not in portal.chats()[-1].body.decode()
    assert "connect" in asked(portal)[1]
    assert below(cell) == ["price * int(count)"]


def test_an_earlier_failure_is_named_by_its_cell(portal):
    portal.run("first = 1 / 0", cell_id="one")
    portal.run("second = [][1]", cell_id="two")
    cell = portal.run("%openclaw fix --cell one")
    assert "```python\nfirst = 1 / 0\n```" in asked(portal)[1]
    assert "ZeroDivisionError" in asked(portal)[1]
    assert below(cell) == ["price * int(count)"]
    portal.run("%openclaw explain --cell two briefly")
    assert "```python\nsecond = [][1]\n```" in asked(portal)[1]
    assert asked(portal)[1].endswith("The person adds: briefly")


def test_a_syntax_error_is_known_by_its_cell_too(portal):
    portal.run("def f(:", cell_id="one")
    portal.run("1 / 0", cell_id="two")
    portal.run("%openclaw fix --cell one")
    assert "def f(:" in asked(portal)[1]


@pytest.mark.parametrize(
    "then",
    [
        [("1", "one")],  # it runs now
        [("1 / 0", f"later-{n}") for n in range(8)],  # too long ago
        [("%reload_ext openclaw_ipython", "other")],
    ],
    ids=["repaired", "forgotten", "reloaded"],
)
def test_a_cell_whose_failure_is_not_known_is_said_and_nobody_is_asked(portal, then):
    portal.run("1 / 0", cell_id="one")
    for source, cell_id in then:
        portal.run(source, cell_id=cell_id)
    cell = portal.run("%openclaw fix --cell one")
    assert cell.ename == ""
    assert cell.text.strip() == "That cell has not failed in this kernel lately; run it again"
    assert portal.chats() == []


def test_the_answer_is_asked_for_in_the_language_of_the_person(portal):
    portal.run("1 / 0")
    portal.run("%config OpenClaw.language = 'zh_CN'")
    try:
        portal.run("%openclaw explain")
    finally:
        portal.run("%config OpenClaw.language = ''")
    assert "Simplified Chinese" in asked(portal)[0]


def test_the_practice_portal_gives_the_cell_back(signed_in):
    signed_in.run("undefined_thing")
    cell = signed_in.run("%openclaw fix --no-mend")
    assert below(cell)[0].endswith("undefined_thing")
    assert "cannot repair code" in cell.text


def test_the_commands_complete(signed_in):
    assert "fix" in signed_in.kernel.complete("%openclaw f")
    assert "explain" in signed_in.kernel.complete("%openclaw ")
    assert "qwen-portal/coder-model" in signed_in.kernel.complete("%openclaw fix -m ")
    assert signed_in.kernel.complete("%openclaw fix --") == ["--model", "--cell", "--no-mend"]
