"""Code of an answer, compared with a real kernel: `-f code`, `--mend`, `fix`, `oc.check`, `reply.check`."""

import pytest

pytestmark = pytest.mark.kernel

SETUP = """
touched = []
class Lazy:
    def __getattr__(self, name):
        touched.append(name)
        raise AttributeError(name)
class Basket:
    def __init__(self):
        self.fruits = []
    def add(self, fruit, *, count=1):
        self.fruits += [fruit] * count
basket, lazy = Basket(), Lazy()
"""
WRONG = "```python\nbasket.add('fig', amount=2)\nbasket.fruit\n```"
RIGHT = "It is count.\n```python\nbasket.add('fig', count=2)\n```"


def below(cell) -> list[str]:
    return [p["text"] for p in cell.payload if p["source"] == "set_next_input"]


def texts(cell) -> list[str]:
    return [display["text/plain"] for display in cell.displays.values()]


@pytest.fixture
def notebook(signed_in):
    signed_in.run(SETUP)
    return signed_in


def test_code_that_fits_is_said_to(notebook):
    notebook.portal.says(RIGHT)
    cell = notebook.run("%%qwen -f code\nadd figs")
    assert texts(cell)[-1] == "✓ fits this kernel"
    assert below(cell) == ["basket.add('fig', count=2)"]


def test_what_does_not_fit_is_said_below_the_code_which_is_there_all_the_same(notebook):
    notebook.portal.says(WRONG)
    cell = notebook.run("%%qwen -f code\nadd figs")
    assert texts(cell)[-1] == (
        "✗ line 1: basket.add takes no argument amount (did you mean count?)"
        " · line 2: basket has no attribute fruit (did you mean fruits?)"
    )
    assert len(below(cell)) == 1
    assert len(notebook.chats()) == 1


def test_nothing_of_the_users_runs_while_code_is_checked(notebook):
    notebook.portal.says("```python\nlazy.anything.more\n```")
    cell = notebook.run("%%qwen -f code\nlazy")
    assert texts(cell)[-1] == "✓ fits this kernel"
    assert notebook.value("touched") == []


def test_mend_sends_the_finding_back_once(notebook):
    notebook.portal.says(WRONG).says(RIGHT)
    cell = notebook.run("%%qwen -f code --mend\nadd figs")
    first, second = (request.json()["messages"] for request in notebook.chats())
    assert [message["role"] for message in second[len(first) :]] == ["assistant", "user"]
    assert "takes no argument amount (did you mean count?)" in second[-1]["content"]
    assert below(cell) == ["basket.add('fig', count=2)"]
    assert texts(cell)[-1] == "✓ fits this kernel"
    assert "did not fit this kernel" in cell.text


def test_a_second_answer_that_does_not_fit_either_is_the_last(notebook):
    notebook.portal.says(WRONG).says(WRONG)
    cell = notebook.run("%%qwen -f code --mend\nadd figs")
    assert len(notebook.chats()) == 2
    assert "takes no argument amount" in texts(cell)[-1]


@pytest.mark.parametrize(("option", "requests"), [("", 2), (" --no-mend", 1)])
def test_a_repair_is_mended_unless_that_is_refused(notebook, option, requests):
    notebook.run("basket.fruit")
    notebook.portal.says("```python\nbasket.fruti\n```").says("```python\nbasket.fruits\n```")
    cell = notebook.run(f"%openclaw fix{option}")
    assert len(notebook.chats()) == requests
    assert below(cell) == ["basket.fruits" if requests == 2 else "basket.fruti"]
    assert "✓ fits this kernel" in cell.text if requests == 2 else "has no attribute fruti" in cell.text


def test_in_python(notebook):
    notebook.portal.says(WRONG)
    notebook.run("%%qwen\nadd figs")
    notebook.run("import openclaw_ipython as oc")
    assert notebook.value("[f.name for f in _qwen.check().findings]") == ["amount", "fruit"]
    assert notebook.value("str(oc.check('basket.add(1)'))") == "✓ fits this kernel"
    cell = notebook.run("oc.check('baskt')")
    assert "the name baskt does not exist (did you mean basket?)" in cell.text


def test_a_plain_question_checks_nothing(notebook):
    notebook.portal.says(RIGHT)
    notebook.run(
        "import sys\nfor name in [m for m in sys.modules if 'codecheck' in m]: del sys.modules[name]"
    )
    notebook.run("%%qwen\nadd figs")
    assert notebook.value("[m for m in sys.modules if 'codecheck' in m]") == []
