"""The store joins the files, changes one of them as little as possible, and never makes a broken one worse."""

import json
import os
import stat
import subprocess
import sys
import threading
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from openclaw_ipython.errors import DocumentError, StoreBusy
from openclaw_ipython.openclaw import config_edit
from openclaw_ipython.openclaw.files import FileSystem
from openclaw_ipython.openclaw.json5.parse import REMOVE, Edit, parse
from openclaw_ipython.openclaw.paths import Home, locate
from openclaw_ipython.openclaw.profiles import Profiles, StoredProfile
from openclaw_ipython.openclaw.sqlite import DatabaseLogins
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.runtime.env import Runtime
from openclaw_ipython.sanitize.secrets import Secret

ENTRY = {
    "baseUrl": "https://portal.qwen.ai/v1",
    "apiKey": "qwen-oauth",
    "api": "openai-completions",
    "models": [{"id": "coder-model", "name": "Qwen Coder", "input": ["text"]}],
}
CONFIG = """\
// by hand
{
  models: { mode: 'merge' }, // keep me
  gateway: { port: 18789, token: "${GATEWAY_TOKEN}" },
}
"""
PROFILES = """\
{
  "version": 1,
  "profiles": {
    "other:default": { "type": "api_key", "provider": "other", "key": "sk-other", "odd": {"x":1} }
  },
  "mystery": [1,  2]
}
"""


@pytest.fixture
def at(folder) -> Home:
    return locate({"OPENCLAW_STATE_DIR": str(folder / "state")}, folder, Path.exists)


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def tree(home: Home) -> dict[str, str]:
    root = home.state_dir
    return {str(p.relative_to(root)): p.read_text() for p in sorted(root.rglob("*")) if p.is_file()}


def profile(access: str = "AA", **more) -> StoredProfile:
    return StoredProfile(
        "qwen-portal:default",
        "oauth",
        "qwen-portal",
        access=Secret(access),
        refresh=Secret("RR"),
        expires=1_795_356_712_444,
        **more,
    )


def login_plan(view):
    return config_edit.login_patch(
        view,
        provider_id="qwen-portal",
        entry=ENTRY,
        profile_id="qwen-portal:default",
        mode="oauth",
        aliases={"qwen": "qwen-portal/coder-model"},
        model_refs=["qwen-portal/coder-model"],
        default="qwen-portal/coder-model",
        plugin_id="qwen-portal-auth",
    )


def choose(view):
    return config_edit.set_default_model(view, "a/b")


# -- reading -------------------------------------------------------------------------------


def test_an_empty_home_is_read_without_writing_anything(at):
    snapshot = Store(at).load()
    assert snapshot.config.default_model is None
    assert snapshot.profiles == {}
    assert snapshot.problems == ()
    assert snapshot.storage == "json"
    assert not at.state_dir.exists()


def test_all_files_are_joined_in_one_snapshot(at):
    put(at.config_path, '{"agents": {"defaults": {"model": "${M}"}}}')
    put(at.auth_profiles, '{"profiles": {"p:x": {"type": "token", "provider": "p", "token": "T"}, "q": 1},'
        '"order": {"p": ["p:x"]}, "usageStats": {"p:x": {"errorCount": 1}}}')  # fmt: skip
    put(at.models_json, '{"providers": {"p": {"baseUrl": "u"}}}')
    snapshot = Store(at, Runtime({"M": "a/b"})).load()
    assert snapshot.config.default_model == "a/b"
    assert snapshot.profiles["p:x"].token == Secret("T")
    assert snapshot.order == {"p": ["p:x"]}
    assert snapshot.stats == {"p:x": {"errorCount": 1}}
    assert snapshot.models_json["p"].base_url == "u"
    assert [problem.path for problem in snapshot.problems] == [at.auth_profiles]


def test_unchanged_files_are_not_read_again_and_changed_ones_are(at):
    reads = []

    class Counting(FileSystem):
        def open_to_read(self, path):
            reads.append(path.name)
            return super().open_to_read(path)

    put(at.config_path, '{"$include": "more.json5"}')
    more = put(at.state_dir / "more.json5", "{agents: {defaults: {model: 'a/b'}}}")
    for path in (at.config_path, more):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    store = Store(at, fs=Counting())
    first = store.load()
    reads.clear()
    assert store.load() is first
    assert reads == []
    put(more, "{agents: {defaults: {model: 'c/d'}}}")
    assert store.load().config.default_model == "c/d"
    at.config_path.unlink()
    assert store.load().config.default_model is None


def test_a_file_written_a_moment_ago_is_read_again(at):
    now = put(at.config_path, '{"models": {"mode": "merge  "}}').stat().st_mtime
    store = Store(at, Runtime(os.environ, clock=lambda: now))
    store.load()
    status = at.config_path.stat()
    with at.config_path.open("r+") as file:
        file.write('{"models": {"mode": "replace"}}')
    os.utime(at.config_path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert store.load().config.models_mode == "replace"


def test_a_database_that_appears_is_noticed(at):
    store = Store(at)
    assert store.storage == "json"
    put(at.sqlite_path, "")
    assert store.storage == "sqlite"


@pytest.mark.parametrize("text", ['{"a": 1,\n "token": "sk-hush" oops}', "[1]", "{a: {b: }}"])
def test_a_configuration_that_cannot_be_read_is_an_error_with_its_place(at, text):
    put(at.config_path, text)
    store = Store(at)
    for act in (store.load, lambda: store.edit_config(choose), lambda: store.storage):
        with pytest.raises(DocumentError) as caught:
            act()
        assert caught.value.path == at.config_path
        assert caught.value.line == (2 if "oops" in text else 1)
        assert caught.value.hint
        assert "hush" not in str(caught.value)
    assert tree(at) == {"openclaw.json": text}


def test_an_included_file_that_cannot_be_read_is_named(at):
    put(at.config_path, '{"$include": "more.json5"}')
    more = put(at.state_dir / "more.json5", "{\n oops")
    with pytest.raises(DocumentError) as caught:
        Store(at).load()
    assert (caught.value.path, caught.value.line) == (more, 2)


def test_unreadable_logins_count_as_absent_and_are_a_problem(at):
    put(at.auth_profiles, '{"profiles": {"p:x": {"access": "AA"')
    put(at.models_json, "{")
    snapshot = Store(at, fs=Hasty()).load()
    assert snapshot.profiles == {}
    assert [problem.path for problem in snapshot.problems] == [at.auth_profiles, at.models_json]
    assert "AA" not in str(snapshot.problems)


class Hasty(FileSystem):
    """Does not wait; `while_waiting` happens instead."""

    def __init__(self, while_waiting=lambda: None) -> None:
        self.while_waiting = while_waiting

    def pause(self, seconds):
        self.while_waiting()


@pytest.mark.parametrize("torn", [PROFILES[:40], ""])
def test_a_torn_file_is_read_again(at, torn):
    put(at.auth_profiles, torn)
    store = Store(at, fs=Hasty(lambda: put(at.auth_profiles, PROFILES)))
    assert list(store.load().profiles) == ["other:default"]
    put(at.auth_profiles, torn)
    store.save_profile("qwen-portal:default", profile())
    assert list(store.load().profiles) == ["other:default", "qwen-portal:default"]


# -- changing the configuration ------------------------------------------------------------


def test_an_edit_touches_nothing_else(at):
    put(at.config_path, "\ufeff" + CONFIG.replace("\n", "\r\n"))
    assert Store(at).edit_config(lambda view: [Edit(("models", "mode"), "replace")]) == at.config_path
    expected = CONFIG.replace("'merge'", "'replace'").replace("\n", "\r\n")
    assert at.config_path.read_bytes() == ("\ufeff" + expected).encode()


def test_a_first_edit_makes_the_file_as_openclaw_would(at):
    Store(at).edit_config(choose)
    assert at.config_path.read_text() == (
        '{\n  "agents": {\n    "defaults": {\n      "model": {\n        "primary": "a/b"\n      },\n'
        '      "models": {\n        "a/b": {}\n      }\n    }\n  }\n}\n'
    )


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_what_is_written_is_for_its_owner_alone(at):
    Store(at).save_login("qwen-portal:default", profile(), login_plan)
    for path in (at.config_path, at.auth_profiles):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for path in (at.state_dir, at.agent_dir, at.agent_dir.parent):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_an_edit_that_changes_nothing_does_not_write(at):
    put(at.config_path, CONFIG)
    before = at.config_path.stat()
    Store(at).edit_config(lambda view: [Edit(("models", "mode"), "merge")])
    assert at.config_path.stat() == before


def test_a_plan_is_called_again_when_another_program_writes(at):
    put(at.config_path, CONFIG)
    seen = []

    def plan(view):
        seen.append(view.models_mode)
        if len(seen) == 1:
            put(at.config_path, CONFIG.replace("merge", "replace"))
        return choose(view)

    Store(at).edit_config(plan)
    assert seen == ["merge", "replace"]
    value = parse(at.config_path.read_text()).value
    assert value["models"]["mode"] == "replace"
    assert value["agents"]["defaults"]["model"] == {"primary": "a/b"}


def test_a_file_that_never_rests_is_left_to_its_writer(at):
    writes = []

    def plan(view):
        writes.append(1)
        put(at.config_path, "{}" + " " * len(writes))
        return choose(view)

    with pytest.raises(StoreBusy):
        Store(at).edit_config(plan)
    assert at.config_path.read_text() == "{}   "


def test_variables_are_never_written_expanded(at):
    text = '{"models": {"providers": {"p": {"baseUrl": "${U}", "apiKey": "${K}"}}}}'
    put(at.config_path, text)
    environ = {"U": "https://u", "K": "sk-hush"}

    def plan(view):
        return [
            Edit(("models", "providers", "p"), {**view.get(("models", "providers", "p")), "api": "ollama"})
        ]

    Store(at, Runtime(environ)).edit_config(plan)
    assert at.config_path.read_text() == text.replace('"${K}"', '"${K}", "api": "ollama"')


def test_an_edit_beside_an_include_wins(at):
    put(at.config_path, '{\n  agents: { $include: "./agents.json5" }\n}\n')
    more = put(at.state_dir / "agents.json5", "{defaults: {model: {primary: 'x/y', fallbacks: ['c/d']}}}")
    store = Store(at)
    store.edit_config(choose)
    assert store.load().config.default_model == "a/b"
    assert store.load().config.fallbacks == ("c/d",)
    assert '$include: "./agents.json5"' in at.config_path.read_text()
    assert "x/y" in more.read_text()


@pytest.mark.parametrize("value", [REMOVE, ["n/m"]])
def test_what_an_included_file_decides_is_not_pretended_to_be_changed(at, value):
    text = '{"$include": "more.json5"}'
    put(at.config_path, text)
    put(at.state_dir / "more.json5", "{agents: {defaults: {model: {fallbacks: ['c/d']}}}}")
    with pytest.raises(DocumentError, match=r"`agents\.defaults\.model\.fallbacks` comes from a file"):
        Store(at).edit_config(lambda view: [Edit(("agents", "defaults", "model", "fallbacks"), value)])
    assert at.config_path.read_text() == text


def test_a_path_through_something_else_is_refused(at):
    put(at.config_path, '{"agents": []}')
    with pytest.raises(DocumentError, match="`agents` is not an object"):
        Store(at).edit_config(choose)


def test_a_changed_base_url_reaches_the_derived_catalog(at):
    put(at.config_path, '{"models": {"providers": {"p": {"baseUrl": "https://old"}}}}')
    put(
        at.models_json,
        '{"providers": {"p": {"baseUrl": "https://old", "models": []}, "q": {"baseUrl": "x"}}}',
    )
    Store(at).edit_config(lambda view: [Edit(("models", "providers", "p", "baseUrl"), "https://new")])
    assert json.loads(at.models_json.read_text()) == {
        "providers": {"p": {"baseUrl": "https://new", "models": []}, "q": {"baseUrl": "x"}}
    }


# -- profiles ------------------------------------------------------------------------------


def test_a_saved_profile_leaves_foreign_bytes_alone(at):
    put(at.auth_profiles, PROFILES)
    store = Store(at)
    with store.profiles_lock().hold():
        assert store.save_profile("qwen-portal:default", profile()) == at.auth_profiles
    text = at.auth_profiles.read_text()
    first, second = PROFILES.split('"odd": {"x":1} }')
    assert text.startswith(first + '"odd": {"x":1} },\n')
    assert text.endswith(second)
    assert store.load().profiles["qwen-portal:default"] == profile()
    assert sorted(p.name for p in at.agent_dir.iterdir()) == ["auth-profiles.json"]


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), st.integers(0, 2**53))
def test_a_profile_survives_the_file(tmp_path_factory, text, expires):
    home = locate({"OPENCLAW_STATE_DIR": str(tmp_path_factory.mktemp("s"))}, None, Path.exists)
    stored = replace(profile(text), expires=expires, email=text, extra={"resourceUrl": text})
    Store(home).save_profile("qwen-portal:default", stored)
    assert Store(home).load().profiles == {"qwen-portal:default": stored}


def test_a_broken_credentials_file_is_never_overwritten(at):
    text = PROFILES[:-9]
    put(at.auth_profiles, text)
    store = Store(at, fs=Hasty())
    for act in (
        lambda: store.save_profile("qwen-portal:default", profile()),
        lambda: store.remove_profile("other:default"),
        lambda: store.save_login("qwen-portal:default", profile(), login_plan),
    ):
        with pytest.raises(DocumentError) as caught:
            act()
        assert caught.value.path == at.auth_profiles
    assert tree(at) == {"agents/main/agent/auth-profiles.json": text}


def test_a_removed_profile_is_gone_and_nothing_else(at):
    put(at.auth_profiles, PROFILES)
    store = Store(at)
    store.save_profile("qwen-portal:default", profile())
    assert store.remove_profile("qwen-portal:default")
    assert parse(at.auth_profiles.read_text()).value == parse(PROFILES).value
    assert not store.remove_profile("qwen-portal:default")
    assert sorted(p.name for p in at.agent_dir.iterdir()) == ["auth-profiles.json"]


def test_an_order_is_stored_under_the_callers_lock(at):
    put(at.auth_profiles, PROFILES)
    store = Store(at)
    with store.profiles_lock().hold():
        store.edit_profiles(lambda document: [Edit(("order", "other"), ["other:default"])])
    assert store.load().order == {"other": ["other:default"]}


# -- logins --------------------------------------------------------------------------------


def test_a_login_is_written_together(at):
    put(at.config_path, CONFIG)
    put(at.auth_profiles, PROFILES)
    put(at.models_json, '{"providers": {"qwen-portal": {"baseUrl": "https://stale", "models": []}}}')
    store = Store(at)
    written = store.save_login("qwen-portal:default", profile(), login_plan)
    assert written == [at.auth_profiles, at.config_path, at.models_json]
    snapshot = store.load()
    assert snapshot.profiles["qwen-portal:default"] == profile()
    assert snapshot.config.default_model == "qwen-portal/coder-model"
    assert snapshot.models_json["qwen-portal"].base_url == "https://portal.qwen.ai/v1"
    text = at.config_path.read_text()
    for line in ("// by hand\n", " // keep me\n", '  gateway: { port: 18789, token: "${GATEWAY_TOKEN}" },\n'):
        assert line in text
    assert "AA" not in text


@pytest.mark.parametrize("broken", ["config_path", "auth_profiles", "models_json"])
def test_one_broken_file_means_nothing_is_written(at, broken):
    for name in ("config_path", "auth_profiles", "models_json"):
        put(getattr(at, name), "{ broken" if name == broken else "{}")
    before = tree(at)
    with pytest.raises(DocumentError) as caught:
        Store(at, fs=Hasty()).save_login("qwen-portal:default", profile(), login_plan)
    assert caught.value.path == getattr(at, broken)
    assert tree(at) == before


def test_a_login_waits_for_the_lock_and_gives_up_without_writing(at):
    put(at.auth_profiles, PROFILES)
    waits = []
    store = Store(at, fs=Hasty(lambda: waits.append(1)))
    other = store.profiles_lock()
    assert other.try_acquire()
    with pytest.raises(StoreBusy):
        store.save_login("qwen-portal:default", profile(), login_plan)
    other.release()
    assert len(waits) == 10
    assert tree(at) == {"agents/main/agent/auth-profiles.json": PROFILES}


def test_a_full_disk_leaves_the_old_files(at):
    put(at.auth_profiles, PROFILES)

    class Full(FileSystem):
        def write(self, descriptor, data):
            if b"profiles" in bytes(data):
                raise OSError(28, "No space left on device")
            return super().write(descriptor, data)

    with pytest.raises(DocumentError, match="disk is full") as caught:
        Store(at, fs=Full()).save_login("qwen-portal:default", profile(), login_plan)
    assert caught.value.__cause__.errno == 28
    assert tree(at) == {"agents/main/agent/auth-profiles.json": PROFILES}


# -- credentials in SQLite ------------------------------------------------------------------

NOW_CONFIG = """\
{
  "meta": {"lastTouchedVersion": "2026.9.6"},
  "agents": {"defaults": {
    "model": {"primary": "x/y", "fallbacks": ["c/d"]}, "models": {"x/y": {"alias": "mine"}} }}
}
"""


@pytest.mark.parametrize("marker", ["state/openclaw.sqlite", "agents/main/agent/openclaw-agent.sqlite", ""])
def test_in_a_home_with_a_database_only_our_own_folder_is_written(at, marker):
    put(at.config_path, NOW_CONFIG if not marker else "{}")
    put(at.models_json, '{"providers": {"qwen-portal": {"baseUrl": "https://stale"}}}')
    if marker:
        put(at.state_dir / marker, "")
    before = tree(at)
    store = Store(at)
    assert store.storage == "sqlite"
    written = store.save_login("qwen-portal:default", profile(), login_plan)
    assert written == [at.own_profiles, at.own_config]
    assert store.edit_config(choose) == at.own_config
    after = tree(at)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"ipython/openclaw.json", "ipython/auth-profiles.json"}
    snapshot = store.load()
    assert snapshot.config.default_model == "a/b"
    assert snapshot.config.aliases["qwen"] == "qwen-portal/coder-model"
    assert snapshot.profiles["qwen-portal:default"] == profile()


class SharedConfiguration(FileSystem):
    """As where `openclaw.json` lies in a folder of an administrator."""

    def can_replace(self, path):
        return path.name != "openclaw.json"


def test_an_openclaw_json_that_cannot_be_replaced_stays_and_our_changes_stand_over_it(at):
    put(at.config_path, CONFIG)
    store = Store(at, fs=SharedConfiguration())
    written = store.save_login("qwen-portal:default", profile(), login_plan)
    assert written[:2] == [at.auth_profiles, at.own_config]
    assert store.edit_config(choose) == at.own_config
    assert at.config_path.read_text() == CONFIG
    snapshot = Store(at, fs=SharedConfiguration()).load()
    assert (snapshot.storage, snapshot.config.default_model) == ("json", "a/b")
    assert snapshot.config.aliases["qwen"] == "qwen-portal/coder-model"
    assert snapshot.profiles["qwen-portal:default"] == profile()


def test_what_can_be_replaced_is_asked_of_the_folder_that_holds_the_file(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "gone" / "openclaw.json")
    assert FileSystem().can_replace(tmp_path / "openclaw.json")
    assert not FileSystem().can_replace(tmp_path / "link")


def test_our_changes_stand_over_a_configuration_that_is_not_ours(at):
    put(at.config_path, NOW_CONFIG)
    store = Store(at)
    store.edit_config(lambda view: config_edit.set_default_model(view, "a/b"))
    store.edit_config(lambda view: config_edit.add_alias(view, "mine", "a/b"))
    view = store.load().config
    assert (view.default_model, view.fallbacks) == ("a/b", ("c/d",))
    assert view.aliases == {"mine": "a/b"}
    store.edit_config(lambda view: config_edit.remove_alias(view, "mine"))
    store.edit_config(lambda view: [Edit(("agents", "defaults", "model"), {"primary": "e/f"})])
    view = store.load().config
    assert view.aliases == {}
    assert (view.default_model, view.fallbacks) == ("e/f", ())
    assert at.config_path.read_text() == NOW_CONFIG


def test_the_logins_of_a_database_stand_under_our_own(at):
    put(at.sqlite_path, "")
    theirs = {"p:x": StoredProfile("p:x", "api_key", "p", key=Secret("theirs"))}
    found = DatabaseLogins(Profiles(theirs, order={"p": ["p:x"]}), {"p:x": at.sqlite_path})
    store = Store(at, read_sqlite=lambda home, fs: found)
    assert store.load().profiles["p:x"].key == Secret("theirs")
    assert store.load().sources == {"p:x": at.sqlite_path}
    store.save_profile("p:x", StoredProfile("p:x", "api_key", "p", key=Secret("ours")))
    assert store.load().profiles["p:x"].key == Secret("ours")
    assert store.load().order == {"p": ["p:x"]}
    assert store.load().sources == {"p:x": at.own_profiles}


# -- secrets and crowds --------------------------------------------------------------------


def test_errors_carry_no_frames_that_hold_tokens(at):
    put(at.auth_profiles, PROFILES)

    class ReadOnly(FileSystem):
        def replace(self, source, target):
            raise OSError(30, "Read-only file system")

    store = Store(at, fs=ReadOnly())
    with pytest.raises(DocumentError) as caught:
        store.save_profile("qwen-portal:default", profile("very-secret-token"))
    error = caught.value
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename != __file__:
                assert not any(
                    "very-secret-token" in value or "sk-other" in value
                    for value in frame.f_locals.values()
                    if isinstance(value, str | bytes)
                )
                assert "openclaw/files" not in frame.f_code.co_filename.replace(os.sep, "/")
        assert error.__context__ is error.__cause__
        error = error.__cause__


COUNT_UP = """
import sys
from msgspec.structs import replace
from pathlib import Path
from openclaw_ipython.openclaw.paths import locate
from openclaw_ipython.openclaw.profiles import StoredProfile
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.runtime.env import Runtime
from openclaw_ipython.sanitize.secrets import Secret

def count_up(state_dir, name, times):
    store = Store(locate({"OPENCLAW_STATE_DIR": state_dir}, None, Path.exists))
    mine = StoredProfile(name, "oauth", "p", access=Secret(name), expires=0)
    for _ in range(times):
        lock = store.profiles_lock()
        while not lock.try_acquire():
            pass
        try:
            shared = store.load().profiles.get("shared", mine)
            store.save_profile("shared", replace(shared, expires=shared.expires + 1))
            store.save_profile(name, mine)
        finally:
            lock.release()
"""


def _all_counted(at: Home, names: list[str], total: int) -> None:
    found = Store(at).load().profiles
    assert found["shared"].expires == total
    assert set(found) == {*names, "shared"}
    assert sorted(p.name for p in at.agent_dir.iterdir()) == ["auth-profiles.json"]


def test_eight_threads_lose_nothing(at):
    scope: dict = {}
    exec(COUNT_UP, scope)
    names = [f"p:{n}" for n in range(8)]
    threads = [
        threading.Thread(target=scope["count_up"], args=[str(at.state_dir), name, 10]) for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _all_counted(at, names, 80)


def test_eight_processes_lose_nothing(at):
    names = [f"p:{n}" for n in range(8)]
    code = COUNT_UP + "\ncount_up(sys.argv[1], sys.argv[2], 5)"
    root = Path(__file__).parents[2]
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(at.state_dir), name], cwd=root) for name in names
    ]
    assert [process.wait(timeout=60) for process in processes] == [0] * 8
    _all_counted(at, names, 40)
