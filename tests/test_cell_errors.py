"""Errors of `oc.ask` and `oc.map` in IPython: the line of the user's code and two lines; elsewhere a traceback."""

import asyncio
import subprocess
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell

from openclaw_ipython.errors import OpenClawError


@pytest.fixture
def shell():
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def rendered(shell, code):
    shell.run_cell("import openclaw_ipython as oc", silent=True)
    error = shell.run_cell(code, store_history=True).error_in_exec
    assert isinstance(error, OpenClawError)
    return error, error._render_traceback_()


CALLS = [
    "oc.ask('x', model='modelstudio/qwen3.7-plus')",
    "oc.map(['a'], 'Say {item}', model='modelstudio/qwen3.7-plus')",
    "oc.ask('x', model='nosuchprovider/x')",
]


@pytest.mark.parametrize("call", CALLS)
def test_the_callers_line_and_two_lines_are_shown(shell, call):
    error, lines = rendered(shell, call)
    assert len(lines) == 3
    assert lines[0].startswith("Cell In[")
    assert lines[0].endswith(f"line 1: {call}")
    assert lines[1].startswith(f"{type(error).__name__}: ")
    assert lines[2] == f"→ {error.hint}"


WRONG_ARGUMENTS = {
    "oc.ask('x', colour='red')": "oc.ask() got an unexpected keyword argument 'colour'",
    "oc.map()": "oc.map() missing 1 required positional argument: 'items'",
    "oc.filter(['a'])": "oc.filter() missing 1 required positional argument: 'prompt'",
    "oc.compare(['a'], prompts='Say {item}')": "oc.compare() missing 1 required keyword-only argument: 'expected'",
    "oc.Client(colour='red')": "Client.__init__() got an unexpected keyword argument 'colour'",
}


@pytest.mark.parametrize(("call", "text"), WRONG_ARGUMENTS.items())
def test_a_wrong_argument_is_shown_without_frames_of_ours(shell, call, text):
    shell.run_cell("import openclaw_ipython as oc", silent=True)
    error = shell.run_cell(call, store_history=True).error_in_exec
    assert isinstance(error, TypeError)
    place, said = error._render_traceback_()
    assert place.endswith(f"line 1: {call}")
    assert said == f"TypeError: {error}" == f"TypeError: {text}"


PASSED = [
    "oc.compare(['a'], prompts='{item}', expected=broken, client=client, progress=False)",
    "oc.map(['a'], on_error=broken, client=client, progress=False)",
    "oc.map((broken(n) for n in 'ab'), client=client, table=False, progress=False)",
]


@pytest.mark.parametrize("call", PASSED)
def test_an_error_of_a_function_of_the_caller_is_shown_with_its_line(shell, house, call):
    asyncio.run(house.login())
    if "on_error" in call:
        house.portal.fails_next("/chat/completions", 400)
    shell.user_ns["client"] = house.client
    shell.run_cell("import openclaw_ipython as oc\ndef broken(*given):\n    return 1 / 0", silent=True)
    error = shell.run_cell(call, store_history=True).error_in_exec
    assert isinstance(error, ZeroDivisionError)
    first, *others, said = error._render_traceback_()
    assert first.endswith(f"line 1: {call}")
    assert others[-1].endswith("line 3: return 1 / 0")
    assert all(line.startswith("Cell In[") for line in others)
    assert said == "ZeroDivisionError: division by zero"


def test_a_call_within_a_function_of_the_caller_shows_no_frames_of_ours(shell, house):
    asyncio.run(house.login())
    shell.user_ns["client"] = house.client
    call = "oc.compare(['a'], prompts='{item}', expected=lambda *given: oc.ask(5), client=client, progress=False)"
    _error, lines = rendered(shell, call)
    assert [line.partition(": ")[2] for line in lines[:2]] == [call, call]
    assert lines[2:] == ["UsageError: a prompt is a text or a sequence of messages"]


SENTENCES = {
    "oc.ask(None)": "a prompt is a text or a sequence of messages",
    "oc.ask(5)": "a prompt is a text or a sequence of messages",
    "oc.Client(budget='x')": "budget must be an amount such as 2USD, 10CNY or 500k (tokens)",
}


@pytest.mark.parametrize(("call", "said"), SENTENCES.items())
def test_what_cannot_be_used_is_one_sentence(shell, call, said):
    _error, lines = rendered(shell, call)
    assert lines[1:] == [f"UsageError: {said}"]


def test_a_function_of_the_user_between_is_shown_too(shell):
    shell.run_cell("def label(x):\n    return oc.ask(x, model='nosuchprovider/x')", silent=True)
    _error, lines = rendered(shell, "label('x')")
    assert [line.partition(": ")[2] for line in lines[:2]] == [
        "label('x')",
        "return oc.ask(x, model='nosuchprovider/x')",
    ]
    assert len(lines) == 4


def test_the_full_traceback_is_there_with_debug_on(shell):
    shell.extension_manager.load_extension("openclaw_ipython")
    shell._openclaw_ipython.debug = True
    try:
        shell.run_cell("import openclaw_ipython as oc", silent=True)
        error = shell.run_cell(CALLS[0]).error_in_exec
        assert not hasattr(error, "_render_traceback_")
    finally:
        shell.extension_manager.unload_extension("openclaw_ipython")


def test_a_script_has_its_traceback():
    code = "import openclaw_ipython as oc\noc.ask('x', model='nosuchprovider/x')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "Traceback" in done.stderr
    assert "→" in done.stderr.splitlines()[-1]
