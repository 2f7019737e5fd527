"""Errors of `oc.ask` and `oc.map` in IPython: the line of the user's code and two lines; elsewhere a traceback."""

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


@pytest.mark.parametrize("call", ["oc.ask('x', colour='red')", "oc.compare(['a'], prompts='Say {item}')"])
def test_a_wrong_argument_is_shown_without_frames_of_ours(shell, call):
    shell.run_cell("import openclaw_ipython as oc", silent=True)
    error = shell.run_cell(call, store_history=True).error_in_exec
    assert isinstance(error, TypeError)
    place, said = error._render_traceback_()
    assert place.endswith(f"line 1: {call}")
    assert said == f"TypeError: {error}"


@pytest.mark.parametrize("prompt", ["None", "5"])
def test_a_prompt_that_is_no_text_is_one_sentence(shell, prompt):
    _error, lines = rendered(shell, f"oc.ask({prompt})")
    assert lines[1:] == ["UsageError: a prompt is a text or a sequence of messages"]


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
