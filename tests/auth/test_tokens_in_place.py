"""Qwen Code's login in a house: found, used under its rules, said when it cannot be used, never copied or deleted."""

import asyncio
import json
import os

import pytest

from openclaw_ipython.chat.types import Notice
from openclaw_ipython.errors import LoginRequired, RefreshRejected, StoreBusy
from openclaw_ipython.openclaw.paths import locate

pytestmark = pytest.mark.filterwarnings("error")

MODEL = "qwen-portal/coder-model"
ENTRY = {"models": {"providers": {"qwen-portal": {"baseUrl": "http://127.0.0.1:8642/v1", "models": []}}}}


def run(work):
    return asyncio.run(work)


@pytest.fixture
def neighbour(house):
    return Neighbour(house)


class Neighbour:
    """The Qwen Code beside a house, signed in at its portal."""

    def __init__(self, house):
        self.house = house
        self.path = house.home.qwen_dir / "oauth_creds.json"
        self.lock = house.home.qwen_dir / "oauth_creds.lock"

    def signs_in(self, *, left=3600.0, **more):
        grant = self.house.portal.issue()
        record = {
            "access_token": grant["access_token"],
            "refresh_token": grant["refresh_token"],
            "token_type": "Bearer",
            "resource_url": "portal.qwen.ai",
            "expiry_date": int((self.house.clock() + left) * 1000),
        }
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(json.dumps(record | more, indent=2), "utf-8")
        return self

    @property
    def creds(self):
        return json.loads(self.path.read_text("utf-8"))

    def holds_the_lock(self, age=0.0):
        self.lock.write_text("0bf9c6f4-0000-4000-8000-000000000000")
        moment = self.house.clock() - age
        os.utime(self.lock, (moment, moment))


def refreshes(house):
    return [r for r in house.portal.requests if r.form().get("grant_type") == "refresh_token"]


def bearers(house):
    chats = [r for r in house.portal.requests if r.path.endswith("/chat/completions")]
    return [r.headers["authorization"].removeprefix("Bearer ") for r in chats]


def hear(house, model=MODEL):
    """Ask once; the notices of the footer."""

    async def stream():
        async with house.another() as client:
            return [e.text async for e in client.stream("hi", model=model) if isinstance(e, Notice)]

    return run(stream())


def ask(house, model=MODEL):
    async def once():
        async with house.another() as client:
            return await client.ask("hi", model=model)

    return run(once())


# -- found -----------------------------------------------------------------------------------


def test_the_login_is_used_where_it_is_and_no_file_changes(house, neighbour):
    house.write_config(ENTRY)
    neighbour.signs_in()
    before = house.files()
    assert ask(house)
    assert bearers(house) == [neighbour.creds["access_token"]]
    assert refreshes(house) == []
    assert house.files() == before


def test_the_environment_may_say_where_qwen_code_lives(house, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    home = locate({"QWEN_HOME": str(elsewhere)}, house.home.user_home, lambda _: False)
    assert home.qwen_dir == elsewhere
    house.home = home
    house.write_config(ENTRY)
    neighbour = Neighbour(house).signs_in()
    assert neighbour.path.parent == elsewhere
    assert ask(house)


def test_it_is_listed_as_what_it_is(house, neighbour):
    house.write_config(ENTRY)
    neighbour.signs_in()
    (row,) = house.client.accounts.profiles()
    assert row.profile.id == "qwen-portal:qwen-cli"
    assert row.source == "Qwen Code, in place"
    assert row.status == "ok"
    credential = house.client.accounts.credential("qwen-portal")
    assert credential.source == "Qwen Code, in place"
    assert house.client.accounts.credential("other") is None


def test_an_own_login_comes_first_unless_the_order_says_otherwise(house, neighbour):
    run(house.login())
    neighbour.signs_in()
    own = house.profiles()["qwen-portal:default"]["access"]
    ask(house)
    assert bearers(house)[-1] == own
    config = house.config()
    config["auth"]["order"] = {"qwen-portal": ["qwen-portal:qwen-cli", "qwen-portal:default"]}
    house.write_config(config)
    ask(house)
    assert bearers(house)[-1] == neighbour.creds["access_token"]


def test_openclaws_copy_is_not_used_beside_the_original(house, neighbour):
    """Whoever renewed the copy would end the original."""
    house.write_config(ENTRY)
    neighbour.signs_in(left=-1)
    creds = neighbour.creds
    copy = {"type": "oauth", "provider": "qwen-portal", "access": creds["access_token"]}
    copy |= {"refresh": creds["refresh_token"], "expires": creds["expiry_date"]}
    house.home.auth_profiles.parent.mkdir(parents=True)
    store = {"version": 1, "profiles": {"qwen-portal:qwen-cli": copy}}
    house.home.auth_profiles.write_text(json.dumps(store))
    before = house.home.auth_profiles.read_bytes()
    assert ask(house)
    assert bearers(house) == [neighbour.creds["access_token"]]
    assert neighbour.creds["access_token"] != creds["access_token"]
    assert house.home.auth_profiles.read_bytes() == before
    assert len(house.client.accounts.profiles()) == 1


def test_openclaws_copy_is_no_way_around_the_missing_entry(house, neighbour):
    neighbour.signs_in()
    copy = {"type": "oauth", "provider": "qwen-portal", "access": "copied", "refresh": "copied"}
    house.home.auth_profiles.parent.mkdir(parents=True)
    store = {"version": 1, "profiles": {"qwen-portal:qwen-cli": copy}}
    house.home.auth_profiles.write_text(json.dumps(store))
    with pytest.raises(LoginRequired, match=r"models\.providers\.qwen-portal"):
        house.client.resolve("hi", model=MODEL)


def test_openclaws_copy_is_an_ordinary_profile_once_the_original_is_gone(house, neighbour):
    house.write_config(ENTRY)
    neighbour.signs_in()
    creds = neighbour.creds
    copy = {"type": "oauth", "provider": "qwen-portal", "access": creds["access_token"]}
    house.home.auth_profiles.parent.mkdir(parents=True)
    store = {"version": 1, "profiles": {"qwen-portal:qwen-cli": copy | {"expires": creds["expiry_date"]}}}
    house.home.auth_profiles.write_text(json.dumps(store))
    neighbour.path.unlink()
    credential = house.client.accounts.credential("qwen-portal")
    assert (credential.profile.id, credential.source) == ("qwen-portal:qwen-cli", "profile")


# -- not usable, and said so -----------------------------------------------------------------


@pytest.mark.parametrize("model", [None, MODEL])
def test_without_a_provider_entry_the_question_says_what_is_missing(house, neighbour, model):
    neighbour.signs_in()
    with pytest.raises(LoginRequired, match="Qwen Code") as caught:
        house.client.resolve("hi", model=model)
    assert "models.providers.qwen-portal" in str(caught.value)
    assert "%openclaw config set models.providers.qwen-portal" in caught.value.hint
    assert "%openclaw login" in caught.value.hint
    assert [row.source for row in house.client.accounts.profiles()] == ["Qwen Code, in place"]


def test_with_an_entry_and_no_model_chosen_the_question_says_which_command_chooses(house, neighbour):
    house.write_config(ENTRY)
    neighbour.signs_in()
    with pytest.raises(LoginRequired) as caught:
        house.client.resolve("hi")
    assert caught.value.hint == f"%openclaw models set {MODEL}"


def test_without_an_entry_a_key_of_the_environment_is_used_all_the_same(house, neighbour):
    neighbour.signs_in()
    house.environ["QWEN_PORTAL_API_KEY"] = "sk-of-the-environment"
    assert house.another().resolve("hi", model=MODEL).credential.source == "env: QWEN_PORTAL_API_KEY"


@pytest.mark.parametrize("text", ["", "{broken", "[]", '{"access_token": 1}'])
def test_a_damaged_file_counts_as_no_login_and_stays(house, neighbour, text):
    house.write_config(ENTRY)
    neighbour.signs_in().path.write_text(text)
    with pytest.raises(LoginRequired):
        house.client.resolve("hi", model=MODEL)
    assert house.client.accounts.profiles() == []
    assert neighbour.path.read_text() == text


def test_a_sign_in_of_our_own_leaves_it_alone(house, neighbour):
    neighbour.signs_in()
    before = neighbour.path.read_bytes()
    run(house.login())
    assert neighbour.path.read_bytes() == before
    assert list(house.profiles()) == ["qwen-portal:default"]
    assert house.client.accounts.stored_login("qwen-portal").id == "qwen-portal:default"


def test_a_login_of_qwen_code_alone_does_not_stand_in_the_way_of_signing_in(house, neighbour):
    house.write_config(ENTRY)
    neighbour.signs_in()
    assert house.client.accounts.stored_login("qwen-portal") is None


# -- where it may go -------------------------------------------------------------------------


def address(house, entry, resource_url, neighbour):
    house.write_config({"models": {"providers": {"qwen-portal": entry}}})
    neighbour.signs_in(resource_url=resource_url)
    return house.another().resolve("hi", model=MODEL)


@pytest.mark.parametrize(
    ("resource_url", "url"),
    [
        ("portal.qwen.ai", "https://portal.qwen.ai/v1"),
        ("https://eu.portal.qwen.ai/", "https://eu.portal.qwen.ai/v1"),
        ("chat.qwen.ai/v1", "https://chat.qwen.ai/v1"),
    ],
)
def test_the_files_address_counts_where_the_configuration_names_none(house, neighbour, resource_url, url):
    question = address(house, {"models": []}, resource_url, neighbour)
    assert question.url == f"{url}/chat/completions"
    assert question.notes == ()


@pytest.mark.parametrize(
    "resource_url",
    [
        "https://evil.example/v1",
        "http://portal.qwen.ai",
        "qwen.ai.evil.example",
        "evilqwen.ai",
        "https://user@portal.qwen.ai",
        "https://portal.qwen.ai\\@evil.example",
        "javascript:alert(1)",
        "10.0.0.1",
        "portal.qwen.ai.",
        "pörtal.qwen.ai",
        "//evil.example",
    ],
)
def test_a_foreign_address_in_the_file_is_not_used_and_that_is_said(house, neighbour, resource_url):
    question = address(house, {"models": []}, resource_url, neighbour)
    assert question.url == "https://portal.qwen.ai/v1/chat/completions"
    assert len(question.notes) == 1
    assert "evil" not in question.notes[0]
    assert question.notes[0] in hear(house)


def test_a_loopback_address_counts_only_when_the_person_practises(house, neighbour):
    practising = address(house, {"models": []}, "http://127.0.0.1:8642/v1", neighbour)
    assert practising.url == "http://127.0.0.1:8642/v1/chat/completions"
    del house.environ["OPENCLAW_IPYTHON_OAUTH_ORIGIN"]
    for_real = address(house, {"models": []}, "http://127.0.0.1:8642/v1", neighbour)
    assert for_real.url == "https://portal.qwen.ai/v1/chat/completions"


@pytest.mark.parametrize("resource_url", [None, 5, "", "  ", ["portal.qwen.ai"]])
def test_a_file_without_a_usable_address_means_the_usual_one(house, neighbour, resource_url):
    question = address(house, {"models": []}, resource_url, neighbour)
    assert question.url == "https://portal.qwen.ai/v1/chat/completions"
    assert question.notes == ()


def test_a_base_url_in_the_configuration_wins(house, neighbour):
    question = address(house, {"baseUrl": "https://eu.qwen.ai/v1", "models": []}, "portal.qwen.ai", neighbour)
    assert question.url == "https://eu.qwen.ai/v1/chat/completions"


# -- renewed in place ------------------------------------------------------------------------


@pytest.mark.parametrize(("left", "count"), [(299, 0), (31, 0), (29, 1), (-3600, 1)])
def test_a_token_counts_until_thirty_seconds_before_its_end(house, neighbour, left, count):
    house.write_config(ENTRY)
    neighbour.signs_in(left=left)
    assert ask(house)
    assert len(refreshes(house)) == count


def test_a_renewed_token_is_written_back_with_every_other_key(house, neighbour):
    house.write_config(ENTRY)
    before = neighbour.signs_in(left=-1, future={"a": [1]}).creds
    house.portal.resource_url(None)  # an answer without one must not erase it
    assert ask(house)
    after = neighbour.creds
    tokens = {"access_token", "refresh_token", "expiry_date"}
    assert {k: v for k, v in after.items() if k not in tokens} == {
        k: v for k, v in before.items() if k not in tokens
    }
    assert all(after[key] != before[key] for key in tokens)
    assert not neighbour.lock.exists()
    assert not house.home.auth_profiles.exists()


def test_a_401_first_looks_whether_qwen_code_has_another_token(house, neighbour):
    house.write_config(ENTRY)
    neighbour.signs_in()
    client = house.another()
    question = client.resolve("hi", model=MODEL)
    house.portal.expires_tokens()
    old = neighbour.creds["access_token"]

    async def meanwhile():
        async with client:
            tokens = client.sender.tokens(question)
            neighbour.signs_in()
            return await tokens.renewed(await FixedFirst(old).current())

    assert run(meanwhile()).reveal() == neighbour.creds["access_token"]
    assert refreshes(house) == []


class FixedFirst:
    def __init__(self, token):
        from openclaw_ipython.sanitize.secrets import Secret

        self.token = Secret(token)

    async def current(self):
        return self.token


def test_a_401_that_stays_ends_after_one_refresh_and_one_retry(house, neighbour):
    house.write_config(ENTRY)
    neighbour.signs_in()
    house.portal.retired()
    with pytest.raises(LoginRequired):
        ask(house)
    assert (len(bearers(house)), len(refreshes(house))) == (2, 1)


def test_a_refused_refresh_says_the_sign_in_expired_and_deletes_nothing(house, neighbour):
    house.write_config(ENTRY)
    neighbour.signs_in(left=-1)
    before = house.files()
    house.portal.revokes_refresh()
    with pytest.raises(RefreshRejected, match="Qwen Code") as caught:
        ask(house)
    assert "Qwen Code" in caught.value.hint
    assert sum(house.clock.slept) == 2.0
    assert house.files() == before


def test_a_file_that_vanished_during_the_refresh_is_written_all_the_same(house, neighbour):
    """Qwen Code deletes its file when its own refresh is refused, because ours was faster."""
    house.write_config(ENTRY)
    neighbour.signs_in(left=-1)
    transport = house.portal.transport()

    class Deleting(type(transport)):
        async def handle_async_request(self, request):
            answer = await super().handle_async_request(request)
            if request.url.path.endswith("/token"):
                neighbour.path.unlink()
            return answer

    transport.__class__ = Deleting
    client = house.another()
    client._transport = transport

    async def once():
        async with client:
            return await client.ask("hi", model=MODEL)

    assert run(once())
    assert neighbour.creds["access_token"] == bearers(house)[-1]
    assert neighbour.creds["resource_url"] == "portal.qwen.ai"


def test_what_the_holder_of_its_lock_writes_is_used(house, neighbour):
    house.write_config(ENTRY)
    neighbour.signs_in(left=-1)
    neighbour.holds_the_lock()
    sleep = house.clock.sleep

    async def meanwhile(seconds):
        await sleep(seconds)
        if len(house.clock.slept) == 4:
            neighbour.signs_in()

    house.clock.sleep = meanwhile
    assert ask(house)
    assert bearers(house) == [neighbour.creds["access_token"]]
    assert refreshes(house) == []
    assert neighbour.lock.exists()


def test_the_lock_of_a_killed_process_is_taken_over_after_its_time(house, neighbour):
    house.write_config(ENTRY)
    neighbour.signs_in(left=-1)
    neighbour.holds_the_lock(age=1)
    assert ask(house)
    assert 39 <= sum(house.clock.slept) <= 42
    assert len(refreshes(house)) == 1
    assert not neighbour.lock.exists()


def test_a_lock_that_is_renewed_for_ever_is_an_error_after_its_time(house, neighbour):
    house.write_config(ENTRY)
    neighbour.signs_in(left=-1)
    neighbour.holds_the_lock()
    sleep = house.clock.sleep

    async def meanwhile(seconds):
        await sleep(seconds)
        neighbour.holds_the_lock()

    house.clock.sleep = meanwhile
    with pytest.raises(StoreBusy):
        ask(house)
    assert 45 <= sum(house.clock.slept) <= 47
    assert refreshes(house) == []


def test_reading_never_refreshes(house, neighbour):
    """Only a question does: not finding the login, not listing it, not making a question ready."""
    house.write_config(ENTRY)
    neighbour.signs_in(left=-1)
    before = house.files()
    client = house.another()
    client.accounts.profiles()
    client.models.rows()
    client.resolve("hi", model=MODEL)
    assert house.portal.requests == ()
    assert house.files() == before


# -- instead of a login that was refused -----------------------------------------------------


def test_a_refused_login_of_our_own_gives_way_to_qwen_codes_and_that_is_said(house, neighbour):
    run(house.login())
    house.portal.expires_tokens().revokes_refresh()
    neighbour.signs_in()
    creds, own = neighbour.path.read_bytes(), house.profiles()
    notices = hear(house)
    assert len(notices) == 1
    assert "qwen-portal:default" in notices[0]
    assert "qwen-portal:qwen-cli" in notices[0]
    assert bearers(house)[-1] == neighbour.creds["access_token"]
    assert neighbour.path.read_bytes() == creds
    assert house.profiles() == own


def test_when_qwen_codes_is_refused_too_our_own_is_what_is_reported(house, neighbour):
    run(house.login())
    neighbour.signs_in(left=-1)
    house.portal.expires_tokens().revokes_refresh()
    with pytest.raises(RefreshRejected) as caught:
        ask(house)
    assert caught.value.hint == "%openclaw login --force"
