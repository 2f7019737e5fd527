"""The servers in the files of OpenClaw and Qwen Code, as those programs read them."""

import json

import pytest

from openclaw_ipython.errors import DocumentError, UsageError
from openclaw_ipython.mcp.entries import Consent, McpServer, configured, selected
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.runtime.env import Runtime

ENVIRON = {"TOKEN": "s3cret-value-of-the-token", "WHERE": "/data", "HOST": "tools.example"}
NPX = {"command": "npx", "args": ["-y", "@scope/files", "${WHERE}"], "env": {"KEY": "${TOKEN}", "N": 3}}


@pytest.fixture
def servers(home, tmp_path, monkeypatch):
    """`servers(openclaw, qwen, project)`: what is configured by these tables of servers, or settings of Qwen Code."""
    monkeypatch.chdir(tmp_path)

    def read(openclaw=None, qwen=None, project=None, **settings):
        files = {
            home.config_path: {"mcp": {"servers": openclaw or {}}},
            home.qwen_dir / "settings.json": {"mcpServers": qwen or {}, **settings},
            tmp_path / ".qwen" / "settings.json": {"mcpServers": project or {}},
        }
        for path, value in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(value), "utf-8")
        before = {path: path.read_bytes() for path in files}
        found = configured(Store(home, Runtime(ENVIRON)))
        assert {path: path.read_bytes() for path in files} == before
        return found

    return read


def one(**entry) -> McpServer:
    return McpServer("x", None, "mcp.servers.x", entry, entry)


def test_variables_are_resolved_by_the_rules_of_each_program(servers):
    headers = {"Authorization": "Bearer $TOKEN", "X": "${HOST} ${NONE} $none"}
    found = servers({"files": NPX}, {"web": {"httpUrl": "https://$HOST/mcp", "headers": headers}})
    files, web = found["files"], found["web"]
    assert files.arguments == ["-y", "@scope/files", "/data"]
    assert files.texts("env") == {"KEY": ENVIRON["TOKEN"], "N": "3"}
    assert web.url == "https://tools.example/mcp"
    assert web.texts("headers") == {
        "Authorization": f"Bearer {ENVIRON['TOKEN']}",
        "X": "tools.example ${NONE} $none",
    }


def test_qwen_codes_own_variables_count(servers):
    assert servers(qwen={"a": {"command": "$TOOL"}}, env={"TOOL": "run"})["a"].entry["command"] == "run"


def test_what_is_shown_has_no_secret_and_names_the_place(servers):
    files = servers({"files": {**NPX, "cwd": "/tmp"}})["files"]
    assert files.shown == "KEY=… N=… npx -y @scope/files '${WHERE}' (in /tmp)"
    assert "openclaw.json" in files.place
    assert "mcp.servers.files" in files.place
    assert ENVIRON["TOKEN"] not in repr(files) + files.shown


@pytest.mark.parametrize(
    ("entry", "transport"),
    [
        ({"command": "x"}, "stdio"),
        ({"httpUrl": "https://x/mcp"}, "http"),
        ({"url": "https://x/mcp"}, "sse"),
        ({"url": "https://x/mcp", "transport": "streamable-http"}, "http"),
        ({"url": "https://x/mcp", "transport": "sse"}, "sse"),
    ],
)
def test_a_bare_url_is_sse(entry, transport):
    assert one(**entry).transport == transport


@pytest.mark.parametrize(
    ("entry", "offered"),
    [
        ({}, "read write"),
        ({"toolFilter": {"include": ["re*"]}}, "read"),
        ({"toolFilter": {"exclude": ["re*"]}}, "write"),
        ({"toolFilter": {"include": []}}, ""),
        ({"includeTools": ["read(path)"]}, "read"),
        ({"includeTools": ["read", "write"], "excludeTools": ["write"]}, "read"),
        ({"includeTools": "no list"}, "read write"),
    ],
)
def test_the_filters(entry, offered):
    assert [tool for tool in ("read", "write") if one(**entry).offers(tool)] == offered.split()


@pytest.mark.parametrize(
    ("command", "args", "package"),
    [
        ("npx", ["-y", "@scope/files", "/data"], "@scope/files"),
        ("npx", ["-y", "files@latest"], "files@latest"),
        ("/usr/bin/npx", ["files"], "files"),
        ("uvx", ["server"], "server"),
        ("npx", ["-y", "@scope/files@1.2.3"], ""),
        ("uvx", ["server==1.2"], ""),
        ("npx", ["./here.js"], ""),
        ("npx", [], ""),
        ("python", ["-m", "server"], ""),
    ],
)
def test_a_package_without_a_version_is_seen(command, args, package):
    assert one(command=command, args=args).unpinned == package


def test_openclaws_server_comes_before_the_folders_before_the_users(servers):
    found = servers(
        {"a": {"command": "1"}}, {"a": {"command": "2"}, "b": {"command": "3"}}, {"b": {"command": "4"}}
    )
    assert {name: server.entry["command"] for name, server in found.items()} == {"a": "1", "b": "4"}


def test_servers_that_are_switched_off(servers):
    found = servers(
        {"a": {"command": "x", "enabled": False}, "b": {"command": "x", "enabled": True}},
        {"c": {"command": "x"}, "d-1": {"command": "x"}, "e": {"command": "x", "trust": True}},
        mcp={"excluded": ["d-*"], "allowed": ["d-1", "e"]},
    )
    assert {name for name, server in found.items() if server.enabled} == {"b", "e"}


@pytest.mark.parametrize("broken", [[], "text", None, {"a": 3}, {"a": {"args": "no list", "env": []}}])
def test_values_of_wrong_types_are_no_error(servers, broken):
    for server in servers(broken, broken).values():
        assert server.problem
        assert server.arguments == []


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"command": "x", "env": {"A": "${NOT_SET}"}}, "NOT_SET"),
        ({"url": "https://x/mcp", "auth": "oauth"}, "OAuth"),
        ({"args": ["x"]}, "neither"),
        ({"command": "x", "enabled": False}, "switched off"),
    ],
)
def test_a_server_that_cannot_be_used_is_an_error_with_its_place(servers, entry, why):
    with pytest.raises(UsageError, match=why) as raised:
        selected(["mcp:a"], servers({"a": entry}))
    assert "mcp.servers.a" in raised.value.hint


def test_an_escaped_variable_is_text(servers):
    found = servers({"a": {"command": "sh", "args": ["-c", "echo $${HOME}"]}})["a"]
    assert found.arguments == ["-c", "echo ${HOME}"]
    assert found.problem == ""


def test_an_unknown_server_has_a_suggestion(servers):
    with pytest.raises(UsageError, match="files") as raised:
        selected(["mcp:filse"], servers({"files": NPX}))
    assert raised.value.suggestions == ("files",)
    assert raised.value.hint == "%openclaw mcp list"


@pytest.mark.parametrize(
    ("words", "tools"),
    [
        (["mcp:files"], set()),
        (["mcp:files/read"], {"read"}),
        (["mcp:files/read", "mcp:files/write"], {"read", "write"}),
        (["mcp:files/read", "mcp:files"], set()),
    ],
)
def test_words_name_a_server_or_tools_of_it(servers, words, tools):
    ((server, named),) = selected(words, servers({"files": NPX})).values()
    assert (server.name, named) == ("files", tools)


@pytest.mark.parametrize(
    "change",
    [
        {"command": "other"},
        {"args": ["-y", "@scope/files", "/"]},
        {"env": {"KEY": "${TOKEN}", "NODE_OPTIONS": "--require x.js"}},
        {"cwd": "/tmp"},
    ],
)
def test_whatever_is_started_otherwise_has_another_fingerprint(servers, change):
    before = servers({"files": NPX})["files"].fingerprint
    assert servers({"files": NPX})["files"].fingerprint == before
    assert servers({"files": {**NPX, **change}})["files"].fingerprint != before


def test_consent_in_a_file_that_cannot_be_read_is_an_error_and_the_file_stays(tmp_path):
    (tmp_path / "mcp.json").write_bytes(b"\xff")
    with pytest.raises(DocumentError):
        Consent(tmp_path).allow(one(command="x"), {})
    assert (tmp_path / "mcp.json").read_bytes() == b"\xff"
