"""Every command that an error or the check-up offers is carried out; none leads back to where it was offered.

Each case is a way in which a person cannot be answered. What is offered first is typed, again and again: no complaint
comes twice, and the end is an answer and a check-up without an error.
"""

import json
import re

import pytest
from scripted_portal import Portal

pytestmark = pytest.mark.kernel

KEY = "sk-made-up-for-the-circle-0123456789"
OTHER_KEY = "sk-made-up-and-refused-0123456789"
COMMAND = r"%openclaw (?:[\w./:-]+|'[^']*')(?: (?:[\w./:-]+|'[^']*'))*"


class Person:
    """Somebody who types what is offered, with a key for Model Studio and a hand that approves."""

    def __init__(self, notebook, studio):
        self.notebook = notebook
        self.studio = studio
        self.typed = []

    def ask(self) -> str:
        """The complaint about a question; empty when it is answered."""
        cell = self.notebook.run("%%qwen\nhello")
        assert bool(cell.ename) != ("not a model" in cell.text), cell
        return re.sub(r" · request \S+", "", cell.traceback)

    def type(self, command: str) -> None:
        self.typed.append(command)
        if re.match(r"%openclaw login --provider (modelstudio|openrouter)", command):
            self.notebook.run(command)
            self.notebook.run(
                "from ipywidgets.widgets.widget import _instances\n"
                "field = [w for w in _instances.values() if type(w).__name__ == '_KeyField'][-1]\n"
                "button = [w for w in _instances.values() if getattr(w, 'description', '') == 'Save'][-1]\n"
                f"field.value = {KEY!r}; button.click()"
            )
            assert self.notebook.kernel.settle(lambda: "as modelstudio:" in self.notebook.last_display(), 20)
        elif command.startswith("%openclaw login"):
            self.notebook.run(f"{command} --wait", timeout=20)
        else:
            cell = self.notebook.run(command, timeout=20)
            assert not cell.ename, (command, cell.traceback)

    def complaints_of_the_doctor(self) -> list[tuple[str, str, str]]:
        report = json.loads(self.notebook.run("%openclaw doctor --json").stdout)
        found = [row for row in report["findings"] if row["severity"] != "note" and row["check"] != "mode"]
        return [(row["where"], row["what"], row["fix"] or "") for row in found]


@pytest.fixture
def person(notebook):
    studio = Portal().accepts_key(KEY)
    notebook.portal.approve_after(0).interval(1, enforced=0)
    with studio.serve() as origin:
        entry = {"baseUrl": f"{origin}/v1", "api": "openai-completions", "models": []}
        notebook.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        notebook.state.chmod(0o700)
        (notebook.state / "openclaw.json").write_text(
            json.dumps({"models": {"providers": {"modelstudio": entry}}})
        )
        yield Person(notebook, studio)


def nothing_is_set_up(person):
    pass


def nothing_is_set_up_and_the_portal_is_the_vendors(person):
    person.notebook.run("import os; os.environ.pop('OPENCLAW_IPYTHON_OAUTH_ORIGIN')")


def signed_in_at_the_vendors(person):
    """A login from before the end of the free sign-in."""
    person.notebook.sign_in()
    config = person.notebook.config()
    config["models"]["providers"]["qwen-portal"]["baseUrl"] = "https://portal.qwen.ai/v1"
    (person.notebook.state / "openclaw.json").write_text(json.dumps(config))
    for derived in person.notebook.state.rglob("models.json"):
        derived.unlink()
    profiles = next(person.notebook.state.rglob("auth-profiles.json"))
    document = json.loads(profiles.read_text())
    document["profiles"]["qwen-portal:default"] |= {"expires": 1, "refresh": ""}
    profiles.write_text(json.dumps(document))
    person.notebook.run("import os; os.environ.pop('OPENCLAW_IPYTHON_OAUTH_ORIGIN')")


def the_portal_signs_in_and_refuses_chat(person):
    person.notebook.portal.retired()
    person.type("%openclaw login")


def the_portal_signs_in_and_times_out(person):
    person.type("%openclaw login")
    person.notebook.portal.fails_next("chat", 504, "<html>504 Gateway Time-out</html>", times=None)


def the_portal_no_longer_signs_in(person):
    person.notebook.portal.retired(signs_in=False)
    person.notebook.run("%openclaw models set qwen-portal/coder-model")
    person.notebook.run("%openclaw login --wait")


def the_login_was_revoked(person):
    person.type("%openclaw login")
    person.notebook.portal.expires_tokens().revokes_refresh()


def the_default_has_no_login(person):
    person.notebook.run("%openclaw models set modelstudio/coder-model")


def the_stored_key_is_refused(person):
    person.studio.accepts_key(OTHER_KEY)
    person.notebook.run("%openclaw models set modelstudio/coder-model")
    folder = person.notebook.state / "agents" / "main" / "agent"
    folder.mkdir(parents=True)
    profile = {"type": "api_key", "provider": "modelstudio", "key": "sk-nobody-knows-this-one"}
    document = {"version": 1, "profiles": {"modelstudio:default": profile}}
    (folder / "auth-profiles.json").write_text(json.dumps(document))


CASES = [
    nothing_is_set_up,
    nothing_is_set_up_and_the_portal_is_the_vendors,
    signed_in_at_the_vendors,
    the_portal_signs_in_and_refuses_chat,
    the_portal_signs_in_and_times_out,
    the_portal_no_longer_signs_in,
    the_login_was_revoked,
    the_default_has_no_login,
    the_stored_key_is_refused,
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_what_errors_offer_leads_to_an_answer(person, case):
    case(person)
    seen = set()
    while complaint := person.ask():
        assert complaint not in seen, (complaint, person.typed)
        seen.add(complaint)
        offered = re.findall(COMMAND, complaint)
        assert offered, complaint
        person.type(offered[0])
    assert len(seen) <= 2, seen
    person.notebook.run("%openclaw models status --check")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_what_the_doctor_offers_repairs_what_it_found(person, case):
    case(person)
    person.ask()  # so that this kernel has seen what the service does
    for _ in range(6):
        found = person.complaints_of_the_doctor()
        if not found:
            break
        offered = re.findall(COMMAND, found[0][2])
        assert offered, found[0]
        person.type(offered[0])
        assert found[0] not in person.complaints_of_the_doctor(), (found[0], person.typed)
    assert person.complaints_of_the_doctor() == []
    assert person.ask() == ""


def test_a_service_that_has_ended_its_sign_in_is_in_no_command(person):
    signed_in_at_the_vendors(person)
    person.notebook.run("import os; os.environ['QWEN_OAUTH_TOKEN'] = 'made-up-token-of-nobody'")
    try:
        for command in ("%openclaw doctor", "%openclaw models scan", "%openclaw models status"):
            cell = person.notebook.run(command)
            offered = re.findall(COMMAND, cell.text)
            assert not [line for line in offered if re.search(r"login( --provider qwen-portal|$)", line)], (
                cell.text
            )
            assert "%%qwen qwen-portal" not in cell.text
    finally:
        person.notebook.run("import os; os.environ.pop('QWEN_OAUTH_TOKEN')")
