"""Where secrets are not: in objects, addresses, other programs and what is saved; and that nothing is run."""

import ast
import asyncio
import gc
import importlib
import pickle
import traceback
from pathlib import Path

import msgspec
import pytest

import openclaw_ipython
import openclaw_ipython as oc
from openclaw_ipython.errors import hidden_fields

pytestmark = pytest.mark.slow

PACKAGE = Path(openclaw_ipython.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))


@pytest.fixture
def used(house):
    """A house where somebody signed in, asked, and was renewed; and every secret there was."""

    async def use():
        async with house.client as client:
            await house.login(client)
            await client.ask("hi")
            house.portal.expires_tokens()
            await client.ask("again")

    secrets = set()
    asyncio.run(use())
    for profile in house.profiles().values():
        secrets |= {profile["access"], profile["refresh"]}
    for request in house.portal.requests:
        form = request.form() if request.path.endswith("/token") else {}
        secrets |= {form.get(name, "") for name in ("device_code", "code_verifier", "refresh_token")}
        secrets.add(request.bearer())
    house.secrets = secrets - {""}
    assert len(house.secrets) >= 5
    return house


def test_no_object_of_ours_shows_a_secret(used):
    credential = used.client.resolve("hi").credential  # noqa: F841 - one more object that holds one
    shown = []
    for thing in gc.get_objects():
        module = str(type(thing).__module__)
        if module.startswith("openclaw_ipython.") and not module.startswith("openclaw_ipython.practice"):
            shown += [repr(thing), str(thing)]
            if hasattr(thing, "__rich_repr__"):
                shown.append(repr(list(thing.__rich_repr__())))
            if hasattr(thing, "__dict__"):
                shown.append(repr(vars(thing)))
    assert len(shown) > 30
    everything = "\n".join(shown)
    for secret in used.secrets:
        assert secret not in everything


def locals_of(error):
    """The values of the local variables in the frames of an error and of the errors before it."""
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if Path(frame.f_code.co_filename).is_relative_to(PACKAGE):
                yield from frame.f_locals.values()
        error = error.__cause__ or error.__context__


def in_a_loop(house):
    async def ask():
        async with house.client as client:
            await client.ask("hi")

    asyncio.run(ask())


def by_ask(house):
    oc.ask("hi", client=house.client)


def by_map(house):
    oc.map(["hi"], client=house.client, on_error="raise", progress=False, table=False)


@pytest.mark.parametrize("ask", [in_a_loop, by_ask, by_map])
@pytest.mark.parametrize("status", [400, 200])
def test_what_a_service_echoes_stays_in_no_frame(house, ask, status):
    asyncio.run(house.login(house.another()))
    (profile,) = house.profiles().values()
    secret = profile["access"]
    house.portal.fails_next("completions", status, f"{secret} " * 100_000, times=None)
    with pytest.raises(oc.OpenClawError) as caught:
        ask(house)
    values = list(locals_of(caught.value))
    assert not [v for v in values if isinstance(v, (str, bytes)) and len(v) > 10_000]
    assert secret not in "".join(map(repr, values))
    assert secret not in "".join(traceback.format_exception(caught.value))


def test_no_object_shows_more_to_rich_than_to_repr(house):
    for name in ("AWS_KEY", "ALL"):
        assert name not in repr(list(house.client.runtime.__rich_repr__()))
    for cls in every_struct():
        if "__repr__" in vars(cls):
            assert cls.__rich_repr__ is hidden_fields, cls


def every_struct():
    for path in SOURCES:
        if not path.name.startswith("__") and "practice" not in path.parts:
            importlib.import_module(".".join(path.with_suffix("").relative_to(PACKAGE.parent).parts))
    waiting = [msgspec.Struct]
    while waiting:
        waiting += (found := waiting.pop()).__subclasses__()
        if found.__module__.startswith("openclaw_ipython.") and ".practice." not in found.__module__:
            yield found


def test_a_client_is_not_pickled_with_its_logins(used):
    used.client.resolve("hi")
    try:
        kept = pickle.dumps(used.client)
    except (TypeError, AttributeError, pickle.PicklingError):
        return
    assert not any(secret.encode() in kept for secret in used.secrets)


def test_no_secret_is_in_an_address(used):
    for request in used.portal.requests:
        for secret in used.secrets:
            assert secret not in request.path + request.query


def test_cookies_of_a_service_are_not_kept_and_not_sent(house):
    asyncio.run(house.login())
    house.portal.fails_next("chat", 503, "", {"set-cookie": "session=1; Path=/", "retry-after": "1"})
    asyncio.run(house.client.ask("hi"))
    asyncio.run(house.another().ask("hi"))
    assert not any("cookie" in request.headers for request in house.portal.requests)


# -- what the sources do not do ------------------------------------------------------------------


def calls(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def names(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_other_program_is_started():
    """So no secret can be among its arguments or in its environment. A browser is opened by a link, when asked."""
    found = [
        (p.name, n)
        for p in SOURCES
        for n in names(p)
        if n.split(".")[0] in {"subprocess", "multiprocessing", "pty"}
    ]
    started = [
        (p.name, c)
        for p in SOURCES
        for c, _ in calls(p)
        if c.startswith(("os.system", "os.popen", "os.exec", "os.spawn"))
    ]
    assert found + started == []


def test_the_environment_is_read_and_never_written():
    written = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else []
            written += [
                path.name for t in targets if "environ" in ast.unparse(t) and isinstance(t, ast.Subscript)
            ]
        written += [
            path.name
            for c, _ in calls(path)
            if c in {"os.putenv", "os.environ.update", "os.environ.setdefault"}
        ]
    assert written == []


RUNNING = {"eval", "exec", "compile", "os.system", "pickle.loads", "marshal.loads", "runpy.run_path"}


def test_text_is_never_run_as_code():
    """Nothing that came over the line, or stands in a prompt or a file, is evaluated: only `--assist` runs a proposal,
    after the person has allowed it.
    """
    assert [
        (p.name, c) for p in SOURCES for c, _ in calls(p) if c in RUNNING or c.endswith((".run_cell", ".ev"))
    ] == [("assistant.py", "shell.run_cell")]


def test_certificates_are_never_left_unchecked_and_redirects_never_followed():
    for path in SOURCES:
        text = path.read_text("utf-8")
        assert "CERT_NONE" not in text, path
        assert "_create_unverified_context" not in text, path
        for call, node in calls(path):
            for word in node.keywords:
                off = isinstance(word.value, ast.Constant)
                assert not (word.arg == "verify" and off and word.value.value is False), (path, call)
                assert not (word.arg == "follow_redirects" and off and word.value.value is True), (path, call)
                assert word.arg != "check_hostname", (path, call)
