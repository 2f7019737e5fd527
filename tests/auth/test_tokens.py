"""A fresh token on demand, whatever file the login is in: early, once for all, never lost, never in a loop."""

import asyncio
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from openclaw_ipython.auth.bearer import BearerAuth, FixedToken, RecentToken
from openclaw_ipython.auth.tokens import REPEAT_SECONDS, StoredTokens
from openclaw_ipython.errors import (
    DocumentError,
    LoginRequired,
    ProtocolError,
    RefreshRejected,
    ServiceUnavailable,
    StoreBusy,
)
from openclaw_ipython.net.http import HttpClient
from openclaw_ipython.openclaw.profiles import StoredProfile
from openclaw_ipython.openclaw.token_stores import RefreshPolicy
from openclaw_ipython.runtime.env import Runtime
from openclaw_ipython.sanitize.secrets import Secret

pytestmark = pytest.mark.filterwarnings("error")

ORIGIN = "http://127.0.0.1:8642"
POLICY = RefreshPolicy(refresh_margin=300.0, request_timeout=20.0, reread_timeout=0.0, hint="sign in again")


class Turn:
    """A lock in memory. `busy` attempts fail first; `meanwhile` is called when one did."""

    def __init__(self, home):
        self.home = home
        self.mine = False

    def try_acquire(self):
        home = self.home
        if home.no_lock:
            raise DocumentError("cannot be locked", path=home.path)
        if home.held or home.busy > 0:
            home.busy -= 1
            home.meanwhile()
            return False
        home.held = self.mine = True
        home.locked += 1
        return True

    def release(self):
        if self.mine:
            self.home.held = self.mine = False

    def delays(self):
        yield from [1.0] * 5


class Memory:
    """A login in memory; what it goes through is counted."""

    name = "the login x:default"
    path = Path("/memory/login.json")

    def __init__(self, profile, policy=POLICY):
        self.profile = profile
        self.policy = policy
        self.written = []
        self.held = self.no_lock = self.full = False
        self.busy = self.locked = 0
        self.meanwhile = lambda: None

    def read(self):
        return self.profile

    def lock(self):
        return Turn(self)

    def write(self, profile):
        if self.full:
            raise DocumentError("the disk is full", path=self.path)
        assert self.held, "written without the lock"
        self.profile = profile
        self.written.append(profile)


class Setting:
    """A portal, a login it gave out, and a source of its tokens."""

    def __init__(self, portal, clock, *, left=3600.0, **policy):
        self.portal, self.clock = portal, clock
        self.warnings = []
        self.home = Memory(self.login(left), replace(POLICY, **policy))
        self.http = HttpClient(portal.transport())
        self.tokens = self.source()

    def login(self, left):
        grant = self.portal.issue()
        return StoredProfile(
            "x:default",
            "oauth",
            "x",
            Secret(grant["access_token"]),
            Secret(grant["refresh_token"]),
            expires=int((self.clock() + left) * 1000),
        )

    def source(self):
        return StoredTokens(
            self.home,
            token_url=f"{ORIGIN}/api/v1/oauth2/token",
            client_id="f0304373b74a44d2b584a3fb70ca9e56",
            http=self.http,
            runtime=Runtime({}, self.clock, self.clock, self.clock.sleep),
            warn=self.warnings.append,
        )

    @property
    def refreshes(self):
        return len(self.portal.requests)


@pytest.fixture
def at(portal, clock):
    return lambda **options: Setting(portal, clock, **options)


def run(work):
    return asyncio.run(work)


# -- when ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "early", "refreshes"),
    [(301, 300, 0), (299, 300, 1), (0, 300, 1), (-5, 300, 1), (31, 30, 0), (29, 30, 1), (299, 30, 0)],
)
def test_a_token_is_renewed_as_early_as_its_place_says(at, left, early, refreshes):
    it = at(left=left, refresh_margin=early)
    before = it.home.profile
    token = run(it.tokens.current())
    assert it.refreshes == refreshes
    assert (token != before.access) == bool(refreshes)
    assert token == it.home.profile.access
    assert it.home.locked == refreshes


def test_a_login_without_an_expiry_is_renewed_once_within_the_repeat_time(at):
    it = at()
    it.home.profile = replace(it.home.profile, expires=None)
    it.portal.token_lifetime(5)

    async def often():
        for _ in range(4):
            await it.tokens.current()

    run(often())
    assert it.refreshes == 1


def test_the_new_pair_is_written_under_the_lock_and_the_rest_of_the_profile_stays(at):
    it = at(left=0)
    it.home.profile = before = replace(it.home.profile, email="me@example.org", extra={"k": 1})
    run(it.tokens.current())
    (written,) = it.home.written
    assert written.refresh != before.refresh
    assert written.expires == int((it.clock() + 21_600) * 1000)
    assert (written.email, written.extra) == ("me@example.org", {"k": 1})
    assert not it.home.held


def test_an_answer_without_a_refresh_token_keeps_the_old_one(at):
    it = at(left=0)
    it.portal.fails_next("token", 200, {"access_token": "new-access", "expires_in": 3600})
    before = it.home.profile
    assert run(it.tokens.current()).reveal() == "new-access"
    assert it.home.profile.refresh == before.refresh


@pytest.mark.parametrize(
    ("status", "body"),
    [(503, "{}"), (200, "<html>"), (400, "<html>no</html>"), (401, "gone"), (200, {"access_token": 5})],
)
def test_a_token_that_is_still_good_is_used_when_renewing_it_early_fails(at, status, body):
    it = at(left=100)
    before = it.home.profile
    it.portal.fails_next("token", status, body)
    assert run(it.tokens.current()) == before.access
    assert it.home.profile == before


@pytest.mark.parametrize("refused", [True, False])
def test_a_good_token_without_a_future_is_used_to_its_end(at, refused):
    it = at(left=100)
    if refused:
        it.portal.revokes_refresh()
    else:
        it.home.profile = replace(it.home.profile, refresh=None)
    assert run(it.tokens.current()) == it.home.profile.access


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (lambda p: p.fails_next("token", 503, "{}"), ServiceUnavailable),
        (lambda p: p.fails_next("token", 400, "<html>"), ProtocolError),
        (lambda p: p.drops_next("token"), ServiceUnavailable),
        (lambda p: p.revokes_refresh(), RefreshRejected),
    ],
)
def test_an_expired_token_that_cannot_be_renewed_is_an_error_and_the_login_stays(at, trouble, error):
    it = at(left=-1)
    before = it.home.profile
    trouble(it.portal)
    with pytest.raises(error):
        run(it.tokens.current())
    assert it.home.profile == before
    assert it.refreshes == 1  # a refresh that may have been carried out is not sent again
    assert not it.home.held


def test_the_refresh_ends_before_the_lock_could_be_taken_away(at):
    it = at(left=-1, request_timeout=0.02)

    class Silent(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            await asyncio.Event().wait()

    it.http = HttpClient(Silent())
    with pytest.raises(ServiceUnavailable, match="in time"):
        run(it.source().current())
    assert not it.home.held


def test_a_login_that_is_gone_is_said(at):
    it = at()
    it.home.profile = None
    with pytest.raises(LoginRequired, match="x:default"):
        run(it.tokens.current())


# -- once for all ----------------------------------------------------------------------------


def test_many_tasks_share_one_refresh(at):
    it = at(left=-1)

    async def together():
        return await asyncio.gather(*(it.tokens.current() for _ in range(50)))

    assert len(set(run(together()))) == 1
    assert it.refreshes == 1


def test_many_programs_share_one_refresh(at):
    it = at(left=-1)

    async def together():
        return await asyncio.gather(*(it.source().current() for _ in range(8)))

    assert len(set(run(together()))) == 1
    assert it.refreshes == 1


def test_a_token_born_due_is_still_one_refresh_for_many_programs(at):
    it = at(left=-1)
    it.portal.token_lifetime(20)

    async def together():
        return await asyncio.gather(*(it.source().current() for _ in range(8)))

    assert len(set(run(together()))) == 1
    assert it.refreshes == 1


def test_what_the_holder_of_the_lock_writes_is_used_without_waiting_for_the_lock(at):
    it = at(left=-1)
    theirs = it.login(3600)
    it.home.held = True

    def write():
        it.home.profile = theirs

    it.home.meanwhile = write
    assert run(it.tokens.current()) == theirs.access
    assert it.refreshes == 0
    assert it.home.locked == 0


def test_a_lock_that_is_never_free_is_an_error_for_an_expired_token_only(at):
    it = at(left=-1)
    it.home.held = True
    with pytest.raises(StoreBusy) as caught:
        run(it.tokens.current())
    assert caught.value.path == it.home.path
    assert it.clock.slept == [1.0] * 5
    it.home.profile = it.login(100)
    assert run(it.tokens.current()) == it.home.profile.access
    assert it.refreshes == 0


def test_a_task_that_finds_only_the_refused_token_refreshes_itself(at):
    """One task waits for the lock; meanwhile another program writes a token, which the service refuses too."""
    it = at(left=-1)
    theirs = it.login(3600)
    it.home.busy = 1
    waiting, go_on = asyncio.Event(), asyncio.Event()

    async def sleep(seconds):
        waiting.set()
        await go_on.wait()

    it.clock.sleep = sleep
    tokens = it.source()

    async def both():
        first = asyncio.create_task(tokens.current())
        await waiting.wait()
        it.home.profile = theirs
        second = asyncio.create_task(tokens.renewed(theirs.access))
        await asyncio.sleep(0)
        go_on.set()
        return await first, await second

    adopted, renewed = run(both())
    assert adopted == theirs.access
    assert renewed not in (None, theirs.access)
    assert it.refreshes == 1


# -- after a 401 -----------------------------------------------------------------------------


def test_after_a_401_the_file_is_read_again_first(at):
    it = at()
    old, it.home.profile = it.home.profile.access, it.login(3600)
    assert run(it.tokens.renewed(old)) == it.home.profile.access
    assert it.refreshes == 0


def test_after_a_401_an_expired_other_token_is_not_worth_a_try(at):
    it = at()
    old, it.home.profile = it.home.profile.access, it.login(-10)
    token = run(it.tokens.renewed(old))
    assert it.refreshes == 1
    assert token == it.home.profile.access


class Counting:
    def __init__(self, *answers):
        self.answers = list(answers)
        self.sent = []

    async def request(self, tokens):
        def handle(request):
            self.sent.append(request.headers.get("authorization"))
            return httpx.Response(self.answers.pop(0))

        async with HttpClient(httpx.MockTransport(handle)) as http:
            response = await http.send("GET", "https://portal.qwen.ai/v1", auth=BearerAuth(tokens))
        return response.status_code


@pytest.mark.parametrize(
    ("answers", "status", "requests", "refreshes"),
    [
        ((200,), 200, 1, 0),
        ((401, 200), 200, 2, 1),
        ((401, 401), 401, 2, 1),
        ((403,), 403, 1, 0),
        ((500,), 500, 1, 0),
    ],
)
def test_a_401_is_tried_once_more_and_anything_else_never(at, answers, status, requests, refreshes):
    it = at()
    other = Counting(*answers)
    assert run(other.request(it.tokens)) == status
    assert len(other.sent) == requests == len(set(other.sent))
    assert it.refreshes == refreshes


def test_a_401_whose_renewal_fails_for_now_is_reported_as_the_401(at):
    it = at()
    it.portal.fails_next("token", 503, "{}")
    other = Counting(401)
    assert run(other.request(it.tokens)) == 401


@pytest.mark.parametrize(
    ("source", "header"), [(FixedToken(Secret("sk-1")), "Bearer sk-1"), (FixedToken(), None)]
)
def test_a_key_is_sent_once_and_an_empty_one_not_at_all(source, header):
    other = Counting(401)
    assert run(other.request(source)) == 401
    assert other.sent == [header]


# -- a refused refresh -----------------------------------------------------------------------


def test_a_refused_refresh_looks_for_a_faster_writer_before_it_gives_up(at):
    it = at(left=-1, reread_timeout=2.0)
    theirs = it.login(3600)
    it.portal.fails_next("token", 400, {"error": "invalid_request"})
    looks = []

    async def sleep(seconds):
        looks.append(seconds)
        if len(looks) == 3:
            it.home.profile = theirs

    it.clock.sleep = sleep
    assert run(it.source().current()) == theirs.access
    assert it.refreshes == 1
    assert sum(looks) < 2


def test_another_refresh_token_that_appeared_is_used_when_its_access_token_is_old(at):
    it = at(left=-1, reread_timeout=2.0)
    theirs = it.login(-1)
    it.portal.fails_next("token", 401, {"error": "invalid_grant"})

    async def sleep(seconds):
        it.home.profile = theirs

    it.clock.sleep = sleep
    token = run(it.source().current())
    assert token == it.home.profile.access != theirs.access
    assert it.refreshes == 2


def test_the_file_is_read_again_for_two_seconds_and_not_more(at):
    it = at(left=-1, reread_timeout=2.0)
    it.portal.revokes_refresh()
    with pytest.raises(RefreshRejected) as caught:
        run(it.tokens.current())
    assert sum(it.clock.slept) == 2.0
    assert caught.value.hint == "sign in again"
    assert not it.home.held


def test_a_refused_refresh_token_is_not_sent_again_for_a_while(at):
    it = at(left=-1)
    it.portal.revokes_refresh()
    for _ in range(3):
        with pytest.raises(RefreshRejected):
            run(it.tokens.current())
    assert it.refreshes == 1
    it.clock.now += REPEAT_SECONDS + 1
    with pytest.raises(RefreshRejected):
        run(it.tokens.current())
    assert it.refreshes == 2
    it.home.profile = it.login(-1)
    run(it.tokens.current())
    assert it.refreshes == 3


# -- what cannot be written ------------------------------------------------------------------


def test_a_token_that_cannot_be_written_is_used_said_once_and_written_later(at):
    it = at(left=-1)
    it.home.full = True
    old = it.home.profile

    async def three():
        first = await it.tokens.current()
        second = await it.tokens.current()
        it.home.full = False
        return first, second, await it.tokens.current()

    tokens = run(three())
    assert len(set(tokens)) == 1
    assert tokens[0] != old.access
    assert it.refreshes == 1
    assert len(it.warnings) == 1
    assert "could not be stored" in it.warnings[0]
    assert it.home.profile.access == tokens[0]
    assert it.home.profile.refresh != old.refresh


def test_a_second_renewal_in_memory_goes_on_from_the_first(at):
    it = at(left=-1)
    it.home.full = True

    async def twice():
        await it.tokens.current()
        it.clock.now += 30_000
        await it.tokens.current()
        it.clock.now += 30_000
        return await it.tokens.current()

    token = run(twice())
    assert it.refreshes == 3
    it.home.full = False
    assert run(it.tokens.current()) == token == it.home.profile.access


def test_a_login_that_was_stored_meanwhile_is_not_overwritten(at):
    it = at(left=-1)
    theirs = it.login(3600)

    class Slow(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            answer = await it.portal.transport().handle_async_request(request)
            it.home.profile = theirs
            return answer

    it.http = HttpClient(Slow())
    assert run(it.source().current()) == theirs.access
    assert it.home.written == []
    assert it.home.profile == theirs


def test_a_login_that_vanished_meanwhile_is_written_all_the_same(at):
    it = at(left=-1)

    class Slow(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            answer = await it.portal.transport().handle_async_request(request)
            it.home.profile = None
            return answer

    it.http = HttpClient(Slow())
    token = run(it.source().current())
    assert it.home.profile.access == token


def test_where_no_lock_can_be_made_only_an_urgent_refresh_goes_on_without(at):
    it = at(left=100)
    it.home.no_lock = it.home.full = True
    assert run(it.tokens.current()) == it.home.profile.access
    assert (it.refreshes, it.warnings) == (0, [])
    it.home.profile = it.login(-1)
    token = run(it.tokens.current())
    assert token != it.home.profile.access
    assert it.refreshes == 1
    assert "could not be stored" in it.warnings[0]


# -- interrupted -----------------------------------------------------------------------------


def test_closing_waits_for_an_answer_that_is_on_its_way_and_writes_it(at):
    it = at(left=-1)
    asked, answer = asyncio.Event(), asyncio.Event()

    class Slow(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            reply = await it.portal.transport().handle_async_request(request)
            asked.set()
            await answer.wait()
            return reply

    it.http = HttpClient(Slow())
    tokens = it.source()

    async def interrupted():
        task = asyncio.create_task(tokens.current())
        await asked.wait()
        task.cancel()
        closing = asyncio.create_task(tokens.aclose())
        await asyncio.sleep(0)
        assert not closing.done()
        answer.set()
        await closing
        with pytest.raises(asyncio.CancelledError):
            await task

    run(interrupted())
    assert len(it.home.written) == 1
    assert not it.home.held


def test_closing_does_not_wait_for_the_lock_of_another_process(at):
    it = at(left=-1)
    it.home.held = True

    async def sleep(seconds):
        await asyncio.Event().wait()

    it.clock.sleep = sleep
    tokens = it.source()

    async def interrupted():
        task = asyncio.create_task(tokens.current())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await tokens.aclose()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(asyncio.wait_for(interrupted(), 5))
    assert it.refreshes == 0


class Counted:
    """A source that counts how often it is asked."""

    def __init__(self):
        self.asked = 0

    async def current(self):
        self.asked += 1
        return Secret(f"token-{self.asked}")

    async def renewed(self, rejected):
        return Secret("new")


def test_a_recent_token_is_looked_up_again_only_after_a_moment():
    source, now = Counted(), [0.0]
    recent = RecentToken(source, lambda: now[0], 0.1)

    async def work():
        tokens = [await recent.current() for _ in range(50)]
        now[0] = 0.2
        return [*tokens, await recent.current()]

    tokens = asyncio.run(work())
    assert source.asked == 2
    assert [t.reveal() for t in (tokens[0], tokens[49], tokens[50])] == ["token-1", "token-1", "token-2"]


def test_a_recent_token_that_was_refused_is_forgotten():
    source = Counted()
    recent = RecentToken(source, lambda: 0.0)

    async def work():
        first = await recent.current()
        assert (await recent.renewed(first)).reveal() == "new"
        return await recent.current()

    assert asyncio.run(work()).reveal() == "token-2"
