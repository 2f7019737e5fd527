"""A thousand damaged homes: no traceback, no hang, and nothing lost that was there."""

import contextlib
import os
import signal
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from damage import (
    CATALOG,
    CONFIG,
    CREDS,
    KEPT,
    LOCK,
    NOW,
    PROFILES,
    SECRET,
    VALID,
    build,
    cases,
    readable,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripted_portal import Portal

from openclaw_ipython.auth.token_grant import TokenGrant
from openclaw_ipython.client import Client, Runtime
from openclaw_ipython.errors import DocumentError, OpenClawError
from openclaw_ipython.openclaw.files import FileSystem
from openclaw_ipython.openclaw.paths import Home, exists, locate
from openclaw_ipython.openclaw.reading import parse_file
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.providers import built_in
from openclaw_ipython.sanitize.secrets import Secret

pytestmark = pytest.mark.slow

CORPUS = Path(__file__).parent / "corpus"
TARGETS = {Path(name).name: name for name in (CONFIG, PROFILES, CATALOG, CREDS, LOCK)}
OURS = (CONFIG, PROFILES, CATALOG)  # the files that may change
MODES = 0o777 if os.name != "nt" else 0
SECONDS = 20  # for one home; it takes some milliseconds


class Hasty(FileSystem):
    """Waits for nobody, and not for the disk."""

    def pause(self, seconds):
        pass

    def fsync(self, descriptor):
        pass

    def sync_folder(self, path):
        pass


def client_of(home: Home) -> Client:
    def clock():
        return NOW

    store = Store(home, Runtime({"GATEWAY_TOKEN": "G", "X": "/x"}, clock=clock), fs=Hasty())
    runtime = Runtime({}, clock, clock, lambda seconds: None, lambda: 0.0, os.urandom)
    return Client(
        store=store, providers=built_in(), transport=Portal(clock=clock).transport(), runtime=runtime
    )


def actions(home: Home) -> dict:
    """Everything that reads, then everything that writes."""
    client = client_of(home)
    grant = TokenGrant(Secret(f"{SECRET}-new"), Secret(f"{SECRET}-newer"), 3600, "portal.qwen.ai")
    return {
        "load": client_of(home)._store.load,
        "rows": client.models.rows,
        "profiles": client.accounts.profiles,
        "credential": lambda: [
            client.accounts.credential(name) for name in ("qwen-portal", "mine", "anthropic")
        ],
        "question": lambda: client.resolve("hi"),
        "question to mine": lambda: client.resolve("hi", model="mine/m1"),
        "set_default": lambda: client.models.set_default("qwen-portal/coder-model"),
        "add_alias": lambda: client.models.add_alias("snap", "qwen-portal/vision-model"),
        "record_login": lambda: client.accounts.record_login(
            client.provider("qwen-portal"), grant, set_default=True
        ),
        "question afterwards": lambda: client.resolve("hi", model="qwen-portal/coder-model"),
    }


@dataclass(frozen=True)
class Seen:
    """One name in a home. `content` is a file's bytes, also behind a link; None for folders and pipes."""

    kind: int
    content: bytes | None


def look(root: Path) -> dict[str, Seen]:
    found = {}
    for folder, names, files in os.walk(root):
        for name in (*names, *files):
            path = Path(folder, name)
            kind = stat.S_IFMT(path.lstat().st_mode)
            content = None
            with contextlib.suppress(OSError):
                content = path.read_bytes() if stat.S_ISREG(path.stat().st_mode) else None
            found[path.relative_to(root).as_posix()] = Seen(kind, content)
    return found


@contextlib.contextmanager
def no_hang():
    """Where there are alarms, a home that is waited for for ever is a failure like any other."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def late(*_):
        raise AssertionError(f"not done after {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def use(root: Path) -> dict[str, OpenClawError]:
    """Do everything in a home. What was refused, by action; any other exception is a failure."""
    refused = {}
    home = locate({}, root, exists)
    with no_hang():
        for name, act in actions(home).items():
            try:
                shown = repr(act())
            except OpenClawError as error:
                refused[name] = error
                shown = f"{error} {error.hint} {error!r}"
                assert "\n" not in shown
                assert str(error)
                if isinstance(error, DocumentError):
                    assert str(error.path.name) in str(error)
            assert SECRET not in shown, name
    return refused


def check(before: dict[str, Seen], after: dict[str, Seen], *, unreadable: str | None = None) -> None:
    """Nothing is lost: what cannot be read is as it was, and so is everything that belongs to somebody else."""
    for name, old in before.items():
        new = after.get(name)
        if name.startswith(LOCK) or name == f"{LOCK}.takeover":
            continue  # one that was left behind is taken away
        if _is_old_litter(name):
            continue
        assert new is not None, f"{name} is gone"
        assert new.kind == old.kind, f"{name} became something else"
        if old.content == new.content or old.content is None:  # None: a link to nothing, written through
            continue
        assert name != unreadable, f"{name} could not be read and was written"
        assert name in OURS or "dotfiles-" in name, f"{name} is not ours to write"
        assert readable(old.content), f"{name} was not a document and was written"
        assert readable(new.content), f"{name} is no document any more"
        for fragment in KEPT:
            assert new.content.count(fragment) >= old.content.count(fragment), (name, fragment)
        _others_are_the_same(name, old.content, new.content)
    for name in after.keys() - before.keys():
        assert not name.endswith((".tmp", ".lock", ".takeover")), f"{name} was left behind"


def _is_old_litter(name: str) -> bool:
    return Path(name).name.startswith(".") and name.endswith(".tmp")


def _others_are_the_same(name: str, old: bytes, new: bytes) -> None:
    if not name.endswith("auth-profiles.json"):
        return
    before, after = (parse_file(Path(name), content.decode()).value for content in (old, new))
    for key in before.keys() - {"profiles", "version"}:
        assert repr(after[key]) == repr(before[key])
    if isinstance(before.get("profiles"), dict):
        for key in before["profiles"].keys() - {"qwen-portal:default"}:
            assert repr(after["profiles"][key]) == repr(before["profiles"][key])


def open_up(root: Path) -> None:
    """Modes back to what a test can look at."""
    for folder, names, files in os.walk(root):
        for name in names:
            with contextlib.suppress(OSError):
                Path(folder, name).chmod(0o700)
        for name in files:
            path = Path(folder, name)
            if not path.is_symlink() and not stat.S_IMODE(path.lstat().st_mode) & 0o400:
                path.chmod(0o600)


# -- the thousand --------------------------------------------------------------------------

CASES = cases()


def test_there_are_more_than_a_thousand_and_no_two_are_the_same():
    assert len(set(map(str, CASES))) == len(CASES)
    damaged = {(case.target, case.damaged_bytes()) for case in CASES if case.damaged_bytes() is not None}
    assert len(damaged) > 1000


def test_in_a_home_that_is_whole_everything_works(tmp_path):
    build(tmp_path)
    before = look(tmp_path)
    assert use(tmp_path) == {}
    after = look(tmp_path)
    check(before, after)
    assert {name for name in before if before[name] != after[name]} == {CONFIG, PROFILES}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_damaged_home(tmp_path, case):
    build(tmp_path)
    try:
        case.inflict(tmp_path)
    except (OSError, AttributeError) as error:  # no links, no pipes on this system
        pytest.skip(str(error))
    before = look(tmp_path)
    refused = use(tmp_path)
    open_up(tmp_path)
    after = look(tmp_path)
    check(before, after, unreadable=case.target if case.breaks else None)
    if case.breaks and case.target in (CONFIG, PROFILES):
        error = refused["record_login"]
        assert isinstance(error, DocumentError)
        assert error.path.name == Path(case.target).name
        assert b"qwen-portal-auth" not in after[CONFIG].content  # no half of a login either
        assert case.target == PROFILES or after == before
    if case.damage == "a_database":
        assert {name for name in after if before.get(name) != after[name]} <= {
            f".openclaw/ipython{name}" for name in ("", "/openclaw.json", "/auth-profiles.json")
        }


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
@pytest.mark.parametrize("mode", [0o644, 0o664, 0o666, 0o777])
def test_what_is_written_into_a_home_open_to_all_is_closed(tmp_path, mode):
    build(tmp_path)
    for name in VALID:
        (tmp_path / name).chmod(mode)
    assert use(tmp_path) == {}
    for name in (CONFIG, PROFILES):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


# -- the corpus, and what grows from it ----------------------------------------------------


def seeds() -> list[tuple[str, bytes]]:
    """(target, bytes) of every damaged file that is kept, each of which did harm to somebody once."""
    return [
        (TARGETS[path.parent.name], path.read_bytes())
        for path in sorted(CORPUS.glob("*/*"))
        if path.parent.name in TARGETS
    ]


def _run(root: Path, target: str, data: bytes) -> None:
    build(root)
    (root / target).write_bytes(data)
    before = look(root)
    use(root)
    check(before, look(root), unreadable=None if readable(data) else target)


@pytest.mark.parametrize(
    "path", sorted(CORPUS.glob("*/*")), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_a_file_of_the_corpus(tmp_path, path):
    _run(tmp_path, TARGETS[path.parent.name], path.read_bytes())


def test_every_kind_of_file_has_a_corpus():
    assert {target for target, _ in seeds()} == set(TARGETS.values())


@st.composite
def mutated(draw):
    """(target, bytes): a file of the corpus or a whole one, with a few pieces replaced."""
    whole = [(name, VALID[name].encode()) for name in (CONFIG, PROFILES, CATALOG, CREDS)]
    target, data = draw(st.sampled_from([*whole, *(seed for seed in seeds() if len(seed[1]) < 5000)]))
    pieces = st.one_of(
        st.binary(max_size=8), st.sampled_from([b"{", b"}", b"[]", b",", b'"', b"null", b"//", b"\\"])
    )
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(pieces) + data[at + draw(st.integers(0, 12)) :]
    return target, data


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
def test_no_bytes_do_harm(tmp_path_factory, damaged):
    _run(tmp_path_factory.mktemp("home"), *damaged)
