"""Budgets in a real kernel: the commands, and every way to ask."""

import json

import pytest

pytestmark = pytest.mark.kernel

BIG = {"prompt_tokens": 100, "completion_tokens": 2_500}
LIMITS = "--thinking off --max-tokens 1900"  # a worst case of about 2,000 tokens


@pytest.fixture
def notebook(signed_in):
    signed_in.run("import openclaw_ipython as oc")
    signed_in.kernel.displays.clear()
    return signed_in


def shown(notebook) -> list[dict]:
    return json.loads(notebook.run("%openclaw budget show --json").stdout)["limits"]


# -- the commands --------------------------------------------------------------------------


def test_a_limit_is_set_shown_and_cleared(notebook):
    assert "no limit is set" in notebook.run("%openclaw budget").text
    cell = notebook.run("%openclaw budget set 2 USD --per day")
    assert "limit set: 2 USD per day" in cell.text
    assert "not covered, as no price in USD is known: qwen-portal/coder-model" in cell.text
    notebook.run("%openclaw budget set 500k --provider qwen-portal --per month")
    notebook.run("%openclaw budget set 3USD")
    amounts = [(one["amount"], one["unit"], one["per"], one.get("provider", "")) for one in shown(notebook)]
    assert amounts == [(500_000, "tokens", "month", "qwen-portal"), (3, "USD", "day", "")]
    assert "500,000 tokens per month (qwen-portal)" in notebook.run("%openclaw budget show").text
    notebook.run("%openclaw budget clear --per month")
    assert len(shown(notebook)) == 1
    notebook.run("%openclaw budget clear")
    assert shown(notebook) == []


@pytest.mark.parametrize("line", ["set", "set a lot", "set 2", "set 2USD --per year", "clear --per year"])
def test_a_mistyped_command_is_two_lines(notebook, line):
    cell = notebook.run(f"%openclaw budget {line}")
    assert cell.ename == "UsageError"
    assert len(cell.traceback.splitlines()) == 2


def test_a_damaged_file_refuses_until_it_is_cleared(notebook):
    notebook.run("%openclaw budget set 500k")
    (notebook.state / "ipython" / "budget.json").write_text("{")
    cell = notebook.run("%qwen Hi")
    assert cell.ename == "BudgetExceeded"
    assert "%openclaw budget clear" in cell.traceback.splitlines()[1]
    for command in ("%openclaw budget", "%openclaw budget set 500k"):
        assert notebook.run(command).traceback.splitlines()[1] == "→ %openclaw budget clear"
    notebook.run("%openclaw budget clear")
    assert not notebook.run("%qwen Hi").ename


def test_the_limit_is_in_the_usage_and_its_plot(notebook):
    notebook.run("%openclaw budget set 10k --per day")
    notebook.portal.says("A", usage={"prompt_tokens": 100, "completion_tokens": 900})
    notebook.run(f"%qwen {LIMITS} Hi")
    assert "budget of 10,000 tokens per day" in notebook.run("%openclaw usage").text
    (budget,) = json.loads(notebook.run("%openclaw usage --json").stdout)["budgets"]
    assert (budget["settled"], budget["under_way"]) == (1_000, 0)
    (display,) = notebook.run("%openclaw usage --plot").displays.values()
    assert "1,000 tokens (10%)" in display["text/plain"]
    assert display["image/png"]


# -- every way to ask ----------------------------------------------------------------------

TOOL = "def look(what: str) -> str:\n    'Look.'\n    return 'word ' * 3_000\n"
ASKING = [
    f"%qwen --budget 1500 tokens {LIMITS} Hi",
    f"%%qwen --budget 1500tokens {LIMITS}\nHi",
    f"%%qwen --no-stream --budget=1.5k {LIMITS}\nHi",
    f"%%qwen --assist --yes --budget 1.5k {LIMITS}\nHi",
    "oc.ask('Hi', budget='1500 tokens', max_tokens=1900, thinking='off')",
    "oc.map(['Hi'], budget='1500 tokens', max_tokens=1900, thinking='off', progress=False)",
    "await oc.Client(budget='1.5k').ask('Hi', max_tokens=1900, thinking='off')",
]
"""Each would pass its limit with its first request."""

TWICE = [
    f"%%qwen --tools look --yes --budget 4k {LIMITS}\nHi",
    f"%%qwen --assist --yes --budget 4k {LIMITS}\nHi",
    f"%%qwen --schema dict[str,int] --budget 4k {LIMITS}\nHi",
    f"%%qwen -f code --mend --budget 4k {LIMITS}\nHi",
    "oc.ask('Hi', tools=[look], budget='4k', max_tokens=1900, thinking='off')",
    "oc.ask('Hi', schema=dict[str, int], budget='4k', max_tokens=1900, thinking='off')",
    "oc.map(['Hi'], schema=dict[str, int], budget='4k', max_tokens=1900, thinking='off', progress=False)",
]
"""Each asks twice: the second request, after a tool, a repair or a mend, would pass the limit."""


@pytest.mark.parametrize("code", ASKING)
def test_what_would_pass_the_limit_is_not_sent(notebook, code):
    cell = notebook.run(code)
    assert cell.ename == "BudgetExceeded"
    assert "1,500 tokens" in cell.traceback
    assert notebook.chats() == []


@pytest.mark.parametrize("code", TWICE)
def test_a_further_round_counts(notebook, code):
    notebook.run(TOOL)
    if "look" in code or "assist" in code:
        name, arguments = (
            ("run", {"code": "print('word-' * 4_000)"}) if "assist" in code else ("look", {"what": "this"})
        )
        notebook.portal.calls(name, arguments)
    text = "```python\nno_such_name_at_all()\n```\n" * 200
    notebook.portal.says(text, usage=BIG)
    for _ in range(3):
        notebook.portal.says(text, usage=BIG)
    cell = notebook.run(code)
    assert cell.ename == "BudgetExceeded", cell.text
    assert 1 <= len(notebook.chats()) <= 2


def test_the_error_is_two_lines_and_its_command_repairs_it(notebook):
    notebook.run("%openclaw budget set 1500 tokens")
    cell = notebook.run(f"%%qwen {LIMITS}\nHi")
    assert cell.ename == "BudgetExceeded"
    first, second = cell.traceback.splitlines()
    assert first.startswith("BudgetExceeded: the request may take ")
    assert "left of 1,500 tokens per day: 1,500 tokens" in first
    command = second[second.index("%openclaw") :].strip()
    assert not notebook.run(command).ename
    assert not notebook.run(f"%%qwen {LIMITS}\nHi").ename


def test_one_cell_shares_its_limit(notebook):
    notebook.run("%openclaw budget set 3k --per cell")
    for _ in range(4):
        notebook.portal.says("A", usage={"prompt_tokens": 700, "completion_tokens": 100})
    line = f"%qwen {LIMITS} Hi"
    ask = "oc.ask('Hi', max_tokens=1900, thinking='off')"
    assert notebook.run(f"{line}\n{line}\n{ask}").ename == "BudgetExceeded"
    assert len(notebook.chats()) == 2
    assert not notebook.run(line).ename


def test_near_the_limit_the_footer_says_so(notebook):
    notebook.run("%openclaw budget set 3k --per day")
    notebook.portal.says("A", usage={"prompt_tokens": 100, "completion_tokens": 2_400})
    cell = notebook.run(f"%%qwen {LIMITS}\nHi")
    assert "more than 80 % of 3,000 tokens per day used" in cell.text
