"""What `models status` says of the chosen model."""

import pytest

from openclaw_ipython.shell.commands import dispatch


@pytest.mark.parametrize(
    ("model", "is_said"),
    [
        ("modelstudio/qwen3.8-max", True),
        ("modelstudio/qwen3.8-flash", True),
        ("openrouter/qwen/qwen3.8-max", True),
        ("modelstudio/qwen3.7-plus", False),
        ("qwen-portal/coder-model", False),
        ("anthropic/claude-opus-4-6", False),
        (None, False),
    ],
)
def test_the_thinking_of_a_model_that_thinks_as_much_as_it_can_is_said(house, model, is_said):
    if model:
        house.client.models.set_default(model)

    class Session:
        client = house.client

    text = dispatch(Session(), ["models", "status"]).text()
    assert ("thinks with the highest effort unless --thinking says otherwise" in text) is is_said
    assert ("thinking" in text) is is_said
