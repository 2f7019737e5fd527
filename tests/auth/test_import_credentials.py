"""What other programs are set up with, and taking it over: found in their order, by reference where that works."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.auth.import_credentials import dotenv
from openclaw_ipython.client import Client, Runtime
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.providers import built_in

KEY = "sk-made-up-for-import-0123456789"
PLAN = built_in()["qwen-token-plan"]
BEIJING = PLAN.regions[1].base_url
NAME = "BAILIAN_TOKEN_PLAN_API_KEY"


class Place:
    """A home, a working directory, an environment."""

    def __init__(self, home, tmp_path):
        self.home = home
        self.folder = tmp_path / "work" / "project"
        self.folder.mkdir(parents=True)
        self.environ = {}

    def qwen(self, document, text=None):
        self.home.qwen_dir.mkdir(parents=True, exist_ok=True)
        written = text if text is not None else json.dumps(document)
        (self.home.qwen_dir / "settings.json").write_text(written, "utf-8")

    def client(self):
        return Client(store=Store(self.home, Runtime(self.environ)), runtime=Runtime(self.environ))

    def found(self):
        return self.client().credential_import.found(self.folder)

    def import_all(self):
        client = self.client()
        return client.credential_import.import_services(client.credential_import.found(self.folder))

    def entries(self):
        return json.loads(self.home.config_path.read_text("utf-8"))["models"]["providers"]

    def profiles(self):
        return json.loads(self.home.auth_profiles.read_text("utf-8"))["profiles"]


@pytest.fixture
def place(home, tmp_path):
    return Place(home, tmp_path)


def settings(url=BEIJING, name=NAME, key=None, ids=("qwen3.7-plus",)):
    rows = [{"id": model, "baseUrl": url, "envKey": name} for model in ids]
    return {"env": {name: key} if key else {}, "modelProviders": {"openai": rows}}


def test_a_key_of_the_environment_is_named_never_copied(place):
    place.environ[NAME] = KEY
    place.qwen(settings(key="sk-an-older-one-0123456789"))
    (service,) = place.found()
    assert (service.provider.id, service.base_url, service.variable) == (PLAN.id, BEIJING, NAME)
    place.import_all()
    assert "apiKey" not in place.entries()[PLAN.id]
    assert place.entries()[PLAN.id]["baseUrl"] == BEIJING
    assert not place.home.auth_profiles.exists()
    assert KEY not in place.home.config_path.read_text("utf-8")


def test_a_key_that_is_only_in_the_settings_is_stored_as_a_login(place):
    place.qwen(settings(key=KEY))
    (service,) = place.found()
    assert (service.variable, service.source) == ("", str(place.home.qwen_dir / "settings.json"))
    assert service.outcome == "the key is stored as a login"
    place.import_all()
    assert place.profiles()[f"{PLAN.id}:default"] == {"type": "api_key", "provider": PLAN.id, "key": KEY}
    assert "apiKey" not in place.entries()[PLAN.id]


def test_a_key_is_shown_masked_and_in_no_repr(place):
    place.qwen(settings(key=KEY))
    (service,) = place.found()
    assert service.shown_key == "sk-mad…789"
    assert KEY not in repr(service)


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        (("project/.qwen/.env", "project/.env", "home"), "project/.qwen/.env"),
        (("project/.env", ".qwen/.env", "home"), "project/.env"),
        ((".env", "qwen", "home"), ".env"),
        (("qwen", "home"), "qwen"),
        (("home",), "home"),
    ],
)
def test_the_first_env_file_counts_before_the_settings(place, tmp_path, files, wanted):
    special = {"qwen": place.home.qwen_dir / ".env", "home": place.home.user_home / ".env"}
    for number, name in enumerate(files):
        path = special.get(name, tmp_path / "work" / name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{NAME}={KEY}-{number}\n", "utf-8")
    place.qwen(settings(key="sk-of-the-settings-0123456789"))
    (service,) = place.found()
    assert service.key.reveal() == f"{KEY}-0"
    assert service.source == str(special.get(wanted, tmp_path / "work" / wanted))


def test_a_service_that_is_not_known_gets_an_entry_with_its_models(place):
    place.qwen(settings("https://llm.example/v1", "MY_KEY", KEY, ids=("one", "two")))
    (outcome,) = place.import_all()
    entry = place.entries()["qwen-code"]
    assert entry["baseUrl"] == "https://llm.example/v1"
    assert [m["id"] for m in entry["models"]] == ["one", "two"]
    assert str(outcome.default) == "qwen-code/one"


def test_two_services_that_are_not_known_keep_apart(place):
    document = settings("https://one.example/v1", "A_KEY", KEY)
    document["modelProviders"]["openai"].append(
        {"id": "m", "baseUrl": "https://two.example/v1", "envKey": "A_KEY"}
    )
    place.qwen(document)
    assert [s.provider.id for s in place.found()] == ["qwen-code", "qwen-code-2"]


def test_the_variables_of_the_openai_libraries_are_a_service(place):
    place.environ |= {"OPENAI_BASE_URL": "https://llm.example/v1", "OPENAI_API_KEY": KEY, "OPENAI_MODEL": "m"}
    (service,) = place.found()
    assert (service.base_url, service.variable) == ("https://llm.example/v1", "OPENAI_API_KEY")
    assert [m.id for m in service.provider.models] == ["m"]


def test_variables_of_known_services_are_found_here_and_in_openclaws_own_file(place):
    place.environ["OPENROUTER_API_KEY"] = KEY
    place.home.state_dir.mkdir(parents=True, exist_ok=True)
    (place.home.state_dir / ".env").write_text(f"export MODELSCOPE_API_KEY='{KEY}'\n", "utf-8")
    found = {s.provider.id: s.variable for s in place.found()}
    assert found == {"openrouter": "OPENROUTER_API_KEY", "modelscope": ""}


def test_the_old_place_of_a_key_in_the_settings_is_known(place):
    auth = {"apiKey": KEY, "baseUrl": "https://llm.example/v1"}
    place.qwen({"security": {"auth": auth}, "model": {"name": "m"}})
    (service,) = place.found()
    assert (service.key.reveal(), service.base_url) == (KEY, "https://llm.example/v1")


@pytest.mark.parametrize(
    "document",
    [
        settings("http://llm.example/v1", "K_KEY", KEY),  # would go out in the open
        settings("https://llm.example/v1", "K_KEY", "two words"),
        settings("https://llm.example/v1", "K_KEY"),  # no key anywhere
        {"modelProviders": {"openai": {"id": "m"}}, "env": [1], "security": "none"},
        [],
    ],
)
def test_what_cannot_be_used_is_not_found(place, document):
    place.qwen(document)
    assert place.found() == []


def test_a_damaged_file_counts_as_none(place):
    place.qwen(None, "{ not json")
    assert place.found() == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A=1\n# B=2\nexport C = three\n", {"A": "1", "C": "three"}),
        ("A='x # y' # z\nB=\"q\"\nC=a#b\nD=a #b\n", {"A": "x # y", "B": "q", "C": "a#b", "D": "a"}),
        ("A=\nnonsense\n=x\nB==\r\n", {"A": "", "B": "="}),
    ],
)
def test_an_env_file_is_lines_of_name_and_value(text, found):
    assert dotenv(text) == found


@given(st.text())
def test_any_text_can_be_read_as_an_env_file(text):
    assert all(name.isidentifier() and "\n" not in value for name, value in dotenv(text).items())


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z_]{1,8}", fullmatch=True), st.from_regex(r"[ -!#-~]*", fullmatch=True)
    )
)
def test_quoted_values_come_back_as_they_are(values):
    assert dotenv("".join(f'{name}="{value}"\n' for name, value in values.items())) == values
