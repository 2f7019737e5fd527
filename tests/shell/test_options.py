"""AskOptions: one frozen value, made from the option table."""

import msgspec
import pytest

from openclaw_ipython.errors import UsageError
from openclaw_ipython.shell.options import CELL, OPTIONS, AskOptions, parse_cell_line, parse_prompt_line


def test_each_option_is_a_field_and_each_field_an_option():
    assert tuple(option.key for option in OPTIONS) == AskOptions.__struct_fields__


def test_no_two_options_are_typed_alike():
    names = [name for option in OPTIONS for name in option.names]
    assert len(names) == len(set(names))


def test_a_line_without_options_gives_the_defaults():
    assert parse_cell_line("") == AskOptions()


def test_options_cannot_be_written_to():
    with pytest.raises(AttributeError):
        AskOptions().model = "qwen"


@pytest.mark.parametrize(
    ("line", "given"),
    [
        ("qwen", {"model": "qwen"}),
        ("-m qwen", {"model": "qwen"}),
        ("qwen -m qwen", {"model": "qwen"}),
        ("-c --raw", {"continue_": True, "raw": True}),
        ("-i a.png -i b.png", {"image": ("a.png", "b.png")}),
        ("-p top_k=20 -p stop=x", {"param": (("top_k", 20), ("stop", "x"))}),
        ("--tools add,lib.sub --yes", {"tools": ("add", "lib.sub"), "yes": True}),
        ("-t 0.5 --max-tokens 9", {"temperature": 0.5, "max_tokens": 9}),
    ],
)
def test_what_is_typed_is_in_its_field(line, given):
    assert parse_cell_line(line) == AskOptions(**given)


def test_a_prompt_line_gives_the_options_and_the_text_as_typed():
    assert parse_prompt_line("-f json --no-history  what's  up?") == (
        AskOptions(format="json", no_history=True),
        "what's  up?",
    )


def test_two_different_models_are_an_error():
    with pytest.raises(UsageError, match="two models are named: a and b") as caught:
        parse_cell_line("a -m b")
    assert caught.value.hint == CELL.hint


def test_a_changed_option_is_a_new_value():
    options = AskOptions(model="a")
    assert msgspec.structs.replace(options, out="x") == AskOptions(model="a", out="x")
    assert options == AskOptions(model="a")
