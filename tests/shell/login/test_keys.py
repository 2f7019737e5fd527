"""Asking for a key: only where a person can answer, and never as plain text."""

import io

import pytest

from openclaw_ipython.errors import LoginRequired
from openclaw_ipython.shell.front_end import FrontEnd
from openclaw_ipython.shell.login.keys import ask_secret


@pytest.mark.parametrize(
    "front",
    [
        FrontEnd("notebook", attended=False, label="nbconvert"),
        FrontEnd("terminal", attended=True, label="a script"),
    ],
)
def test_no_prompt_is_shown_where_no_person_can_answer(front, monkeypatch):
    monkeypatch.setattr(
        "sys.stdin", io.StringIO("sk-typed-into-a-pipe\n")
    )  # a script: input, but no terminal
    with pytest.raises(LoginRequired) as caught:
        ask_secret(front, "Key: ", ("X_API_KEY",))
    assert caught.value.hint == "set X_API_KEY in the environment"


def test_a_program_without_standard_input_has_no_person(monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(LoginRequired):
        ask_secret(FrontEnd("terminal", attended=True, label="a service"), "Key: ")
