"""What `models status` says of the chosen model, and where `models scan` found something."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from openclaw_ipython.diagnostics.scan import ScanResult
from openclaw_ipython.shell.commands import dispatch, models


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


def test_scan_shortens_files_of_the_home_folder_and_leaves_addresses():
    url = "http://127.0.0.1:8000/v1"
    found = [
        ScanResult("OpenClaw", str(Path.home() / ".openclaw"), "", ""),
        ScanResult("local server", url, "", ""),
    ]
    session = SimpleNamespace(client=SimpleNamespace(advice=SimpleNamespace(other_ways=lambda: "")))
    assert [row[1] for row in models.scan_view(session, found).rows] == ["~/.openclaw", url]
