"""`%%openclaw` in a real kernel, with a practice Gateway."""

import pytest
from scripted_portal import PracticeGateway

pytestmark = pytest.mark.kernel


@pytest.fixture
def gateway(notebook):
    portal = PracticeGateway(token="t-made-up-9")
    with portal.serve() as url:
        notebook.run(
            f"os.environ |= {{'OPENCLAW_GATEWAY_URL': {url!r}, 'OPENCLAW_GATEWAY_TOKEN': 't-made-up-9'}}"
        )
        notebook.kernel.traffic.clear()
        yield portal
        notebook.run("del os.environ['OPENCLAW_GATEWAY_URL'], os.environ['OPENCLAW_GATEWAY_TOKEN']")


def users(gateway):
    return [
        r.json()["user"] for r in gateway.requests if r.path.endswith("completions") and r.method == "POST"
    ]


def test_a_notebook_has_one_session_that_is_kept_and_can_be_begun_anew(notebook, gateway):
    first = notebook.run("%%openclaw\nMy number is 7.")
    assert "full control" in first.text
    second = notebook.run("%%openclaw main\nWhich one?")
    assert "before that you asked `My number is 7.`" in second.text
    assert "full control" not in second.text
    notebook.run("%unload_ext openclaw_ipython\n%load_ext openclaw_ipython")
    notebook.run("%%openclaw\nonce more")
    notebook.run("%%openclaw --new\nafresh")
    notebook.run("%%openclaw\nand on")
    notebook.run("%%openclaw --session 实验\nelsewhere")
    one, two, three, new, on, named = users(gateway)
    assert one == two == three
    assert new == on != one
    assert named == "notebook:实验"
    assert all("t-made-up-9" not in str(content) for content in notebook.files().values())
    assert "t-made-up-9" not in "".join(notebook.kernel.traffic)


def test_only_the_new_message_is_sent_with_the_system_message(notebook, gateway):
    notebook.run("x = 41\n%config OpenClaw.system = 'be brief'")
    notebook.run("%%openclaw\none")
    notebook.run("%%openclaw -a x\ntwo {x}")
    body = gateway.requests[-1].json()
    assert [m["role"] for m in body["messages"]] == ["system", "user"]
    assert body["messages"][0]["content"] == "be brief"
    assert body["messages"][1]["content"].endswith("two 41")
    assert body["model"] == "openclaw/main"
    notebook.run("%config OpenClaw.system = ''")


def test_with_several_agents_one_has_to_be_named(notebook, gateway):
    gateway.agents.append("helper")
    cell = notebook.run("%%openclaw\nhello")
    assert cell.traceback.splitlines()[-2:] == [
        "UsageError: the Gateway has several agents: main, helper", "→ %%openclaw main",
    ]  # fmt: skip
    assert notebook.run("%%openclaw helper\nhello").status == "ok"
    assert notebook.kernel.complete("%%openclaw h") == ["helper"]
    assert "openclaw/helper" in notebook.run("%openclaw agents").text


def test_the_silence_of_a_turn_is_counted(notebook, gateway):
    gateway.first_turn = 2.5
    seen = []
    notebook.run("%%openclaw\nhello", during=lambda cell: seen.append(cell.text))
    assert any("the agent is preparing… 2 s" in text for text in seen)


def test_an_interrupt_cancels_the_turn_and_the_next_one_says_what_stays(notebook, gateway):
    gateway.says("so ", *["far "] * 50, pace=0.2)
    pressed = []

    def press(cell):
        if "so far" in cell.text and not pressed:
            pressed.append(notebook.kernel.interrupt())

    cell = notebook.run("%%openclaw\nnever mind this", during=press)
    assert cell.ename == "KeyboardInterrupt"
    assert gateway.wait_for_disconnect()
    after = notebook.run("%%openclaw\nand this?").text
    assert "never mind this" in after
    assert "the interrupted message stays in the agent's memory" in after
    assert "stays in the agent's memory" not in notebook.run("%%openclaw\nand now?").text


def test_a_function_is_asked_about_before_the_agent_gets_its_result(notebook, gateway):
    notebook.run("def nb_double(n: int) -> int:\n    return 2 * n")
    asked = []
    during = notebook.kernel.answering("y", asked=asked)
    cell = notebook.run("%%openclaw --tools nb_double\nnb_double of 21", during=during)
    assert asked[0].startswith('Run nb_double({"n": 21})?')
    assert "42" in cell.text
    assert [m["role"] for m in gateway.requests[-1].json()["messages"]] == ["system", "tool"]


def test_a_cell_without_a_message_explains_itself(notebook, gateway):
    assert "--session NAME" in notebook.run("%%openclaw main\n").text
    assert not users(gateway)


def test_the_cache_is_never_used_for_a_session(notebook, gateway):
    notebook.run("%openclaw cache on")
    notebook.run("%%openclaw\nyes")
    notebook.run("%%openclaw\nyes")
    notebook.run("%openclaw cache off")
    assert len(users(gateway)) == 2


def test_many_rows_are_asked_about_first(notebook, gateway):
    notebook.run("import openclaw_ipython as oc")
    code = "r = oc.map(['a', 'b'], 'say {item}', model='openclaw/main', table=False)"
    asked = []
    cell = notebook.run(code, during=notebook.kernel.answering("", asked=asked))
    assert "49,000 characters" in asked[0]
    assert cell.ename == "UsageError"
    assert notebook.run(code, during=notebook.kernel.answering("y")).status == "ok"


@pytest.mark.parametrize(
    ("broken", "row"),
    [
        (
            "gateway.endpoint_on = False",
            "chatCompletions.enabled true  the Gateway's endpoint for chat is off",
        ),
        ("gateway._secret = 'another'", "getpass.getpass()  its secret is wrong"),
        ("", "%%openclaw main  ask it"),
    ],
)
def test_the_state_of_the_gateway_comes_with_what_mends_it(notebook, gateway, broken, row):
    exec(broken)
    assert row in notebook.run("%openclaw gateway").text
    assert "Gateway 2026.9.6" in notebook.run("%openclaw models scan").text


def test_the_message_of_the_program_goes_to_the_agent_of_the_same_session(notebook, gateway):
    notebook.run("%%openclaw\none")
    notebook.run('%openclaw agent --message "two"')
    assert len(set(users(gateway))) == 1
