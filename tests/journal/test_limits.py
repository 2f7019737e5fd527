"""Amounts of a limit as they are typed, and the file of limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.errors import DocumentError
from openclaw_ipython.journal.limits import Limit, LimitFile, parse_amount


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("2 USD", (2, "USD")),
        ("2usd", (2, "USD")),
        ("$0.05", (0.05, "USD")),
        (".5 cny", (0.5, "CNY")),
        ("¥10", (10, "CNY")),
        ("10元", (10, "CNY")),
        ("500k", (500_000, "tokens")),
        ("1.5M tokens", (1_500_000, "tokens")),
        ("1,000 tokens", (1_000, "tokens")),
        (" 2_000 token ", (2_000, "tokens")),
        ("2k USD", (2_000, "USD")),
    ],
)
def test_an_amount_is_money_or_tokens(text, amount):
    assert parse_amount(text) == amount


@given(st.text(max_size=12))
def test_any_text_is_an_amount_or_a_value_error(text):
    try:
        amount, unit = parse_amount(text)
    except ValueError as error:
        assert "2USD, 10CNY or 500k" in str(error)
    else:
        assert amount > 0
        assert unit in ("USD", "CNY", "tokens")


@given(
    st.decimals(min_value="0.0001", max_value="100000", places=4), st.sampled_from(["USD", "CNY", "tokens"])
)
def test_the_command_of_a_limit_sets_the_same_limit(number, unit):
    limit = Limit(float(number), unit, "month", "modelstudio")
    word, rest = limit.command().removeprefix("%openclaw budget set ").split(" ", 1)
    assert parse_amount(word) == (limit.amount, unit)
    assert rest == "--per month --provider modelstudio"


def test_the_file_is_read_again_when_another_program_has_changed_it(tmp_path):
    file, other = LimitFile(tmp_path / "budget.json"), LimitFile(tmp_path / "budget.json")
    assert file.load().limits == ()
    other.save([Limit(2, "USD", "day")], "mark")
    assert file.load().limits == (Limit(2, "USD", "day"),)
    assert file.load().journal == "mark"
    file.path.write_text("[")
    with pytest.raises(DocumentError, match="damaged"):
        other.load()
