# ruff: noqa: UP031 - the texts are full of braces
"""Configurations of shapes found in public repositories, written anew: read, changed by every setting command, and
compared with the rules of OpenClaw's releases. What a command does not change keeps its bytes."""

import pytest
from checkup import write
from homes import HEAD, HOMES

from openclaw_ipython.openclaw.config_rules import RELEASES, added, refusals
from openclaw_ipython.openclaw.json5.parse import parse

REFUSED = {"an unknown key": set(RELEASES), "meta of march": {RELEASES[2]}, "servers": {RELEASES[0]}}

COMMANDS = {
    "models set": lambda c: c.models.set_default("modelstudio/qwen3.7-plus"),
    "set-image": lambda c: c.models.set_default("modelstudio/qwen3.7-plus", images=True),
    "fallbacks add": lambda c: c.models.add_fallback("anthropic/claude-opus-4-6"),
    "fallbacks clear": lambda c: c.models.clear_fallbacks(),
    "aliases add": lambda c: c.models.add_alias("mine", "modelstudio/qwen3.7-plus"),
    "plugins disable": lambda c: c.accounts.set_plugin("qwen-portal-auth", enabled=False),
    "config set": lambda c: c.settings.set("models.mode", "merge"),
    "an entry": lambda c: c.settings.set(
        "models.providers.new", "{baseUrl: 'https://n.example/v1', models: []}"
    ),
}


def test_there_are_forty_of_them():
    assert len(HOMES) >= 40


@pytest.mark.parametrize("name", HOMES)
def test_it_is_read_and_judged_as_the_releases_judge_it(house, name):
    write(house, HEAD + "{ %s }\n" % HOMES[name])
    value = house.store.load().config.get(())
    assert {release for one in refusals(value) for release in one.releases} == REFUSED.get(name, set())
    house.client.models.rows(everything=True)
    house.client.models.default()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", HOMES)
def test_a_change_is_accepted_and_leaves_the_rest_as_it_is(house, name, command):
    text = HEAD + "{ %s }\n" % HOMES[name]
    write(house, text)
    before = parse(text).value
    COMMANDS[command](house.client)
    after_text = house.home.config_path.read_text("utf-8")
    after = parse(after_text).value
    assert after_text.startswith(HEAD)
    assert [one for one in added(before, after) if one.is_everywhere] == []
    assert len(refusals(after)) == len(refusals(before))
    for section in set(before) - {"agents", "models", "plugins"}:
        assert after[section] == before[section]
    if set(before) <= {
        "channels",
        "gateway",
        "env",
        "auth",
        "wizard",
        "messages",
        "commands",
        "session",
        "mcp",
    }:
        assert HOMES[name] in after_text  # bytes of sections that no command touches
