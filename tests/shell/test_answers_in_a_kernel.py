"""Odd answers of servers, as a cell shows and binds them and as `oc.map` counts them."""

import json

import pytest
from hosts import DONE, c, call, doc, streamed, t, usage

DRAFT = "Maybe so:\n```python\nwrong = 1\n```\n"
ANSWER = "So:\n```python\nright = 1\n```\n"


def says(notebook, *chunks):
    """The next answer."""
    notebook.portal.raw_stream(streamed(chunks))


def test_text_that_turns_out_to_be_thinking_is_folded_and_its_code_goes_nowhere(signed_in):
    says(signed_in, t(DRAFT * 400), t("</think>\n\n"), t(ANSWER), c({}, "stop"), DONE)
    cell = signed_in.run("%%qwen -f code -o got\nhi")
    assert cell.status == "ok"
    assert signed_in.value("(got.code, got.reasoning.count('wrong'))") == (["right = 1\n"], 400)
    shown = [output["text/markdown"] for output in cell.displays.values() if output.get("text/markdown")]
    assert shown[0].startswith("<details>")
    assert shown[0].count("wrong") == 400
    assert not any("wrong" in markdown for markdown in shown[1:])
    assert "right" in "".join(shown[1:])


def test_thinking_before_a_closing_tag_is_not_sent_back_in_a_conversation(signed_in):
    says(signed_in, t("draft\n</think>\n\n"), t("answer"), c({}, "stop"), DONE)
    signed_in.run("%%qwen --chat c\nfirst")
    signed_in.run("%%qwen --chat c\nsecond")
    assert signed_in.chats()[-1].json()["messages"][1]["content"] == "answer"


def test_an_error_inside_a_choice_fails_the_cell_with_its_words_and_keeps_the_text(signed_in):
    broken = {"code": 502, "message": "upstream overloaded"}
    says(signed_in, t("part"), c({"content": "!"}, "error", choice={"error": broken}), DONE)
    cell = signed_in.run("%%qwen -c -o got\nhi")
    assert cell.ename == "ServiceUnavailable"
    assert "upstream overloaded" in cell.traceback
    assert "part!" in cell.text
    assert "ended early" in cell.text
    assert signed_in.value("(str(got), got.finish_reason)") == ("part!", "ended early")


@pytest.mark.parametrize("reason", ["error", "insufficient_system_resource", "\x1b[31m" + "x" * 1_000_000])
def test_an_unknown_ending_fails_the_cell(signed_in, reason):
    says(signed_in, t("part"), c({}, reason), DONE)
    cell = signed_in.run("%%qwen\nhi")
    assert cell.ename == "StreamBroken"
    assert len(cell.traceback) < 400
    assert "\x1b[31m" not in cell.traceback


def test_done_without_a_reason_is_complete_and_says_so(signed_in):
    says(signed_in, t("whole"), DONE)
    cell = signed_in.run("%%qwen -o got\nhi")
    assert cell.status == "ok"
    assert "the service gave no reason for the end" in cell.text
    assert signed_in.value("got.finish_reason") == "stop"


@pytest.mark.parametrize(
    "chunks", [[c({}, "stop"), DONE], [c({"reasoning_content": "hm"}), c({}, "stop"), DONE]]
)
def test_an_empty_answer_says_that_it_is_empty(signed_in, chunks):
    says(signed_in, *chunks)
    cell = signed_in.run("%%qwen\nhi")
    assert "empty answer" in cell.text


def test_a_refusal_is_shown_marked_and_not_cached(signed_in):
    says(signed_in, c({"refusal": "I can't help."}), c({}, "stop"), DONE)
    cell = signed_in.run("%%qwen --cache\nhi")
    assert "I can't help." in cell.text
    assert "the model refused" in cell.text
    signed_in.run("%%qwen --cache\nhi")
    assert len(signed_in.chats()) == 2


def test_who_answered_and_what_it_cost_is_shown(signed_in):
    says(signed_in, {**t("4"), "model": "maker/best"}, c({}, "stop", usage=usage(4, 2, cost=0.03)), DONE)
    cell = signed_in.run("%%qwen -o got\nhi")
    assert "qwen-portal/maker/best" in cell.text
    assert "$0.030" in cell.text
    names = signed_in.value("(got.model, got.requested_model)")
    assert names == ("qwen-portal/maker/best", "qwen-portal/coder-model")


def test_an_absurd_usage_report_does_not_end_accounting(signed_in):
    says(signed_in, t("4"), c({}, "stop", usage={"prompt_tokens": 2**63, "completion_tokens": 1e400}), DONE)
    assert signed_in.run("%%qwen\nhi").status == "ok"
    signed_in.portal.says("again")
    signed_in.run("%%qwen\nhi")
    assert '"requests": 2' in signed_in.run("%openclaw usage --json").text


def test_an_argument_object_is_an_argument(signed_in):
    signed_in.run("def weather(city: str) -> str:\n    return 'rain in ' + city")
    says(
        signed_in, c({"tool_calls": [call("weather", {"city": "Oslo"}, index=0)]}), c({}, "tool_calls"), DONE
    )
    signed_in.portal.says("so it rains")
    cell = signed_in.run("%%qwen --tools weather --yes\nhi")
    assert "rain in Oslo" in cell.text


def test_calls_without_end_are_stopped_and_said(signed_in):
    signed_in.run("def weather(city: str) -> str:\n    return city")
    many = [call("weather", '{"city": "x"}', index=n, named=f"call_{n}") for n in range(20_000)]
    says(signed_in, c({"tool_calls": many}), c({}, "tool_calls"), DONE)
    cell = signed_in.run("%%qwen --tools weather --yes\nhi")
    assert cell.ename == "StreamBroken"
    assert "256" in cell.traceback


def test_a_call_that_came_as_text_is_run(signed_in):
    signed_in.run("def weather(city: str, days: int = 1) -> str:\n    return f'rain in {city}, {days + 1}'")
    body = "<parameter=city>\nOslo\n</parameter>\n<parameter=days>\n2\n</parameter>"
    body = f"<tool_call>\n<function=weather>\n{body}\n</function>\n</tool_call>"
    says(signed_in, t(body), c({}, "stop"), DONE)
    signed_in.portal.says("so it rains")
    cell = signed_in.run("%%qwen --tools weather --yes\nhi")
    assert "rain in Oslo, 3" in cell.text
    assert signed_in.chats()[-1].json()["messages"][-1]["content"] == "rain in Oslo, 3"


def test_a_failure_after_text_has_the_text_as_partial(signed_in):
    says(signed_in, t("half"), {"error": {"code": 503, "message": "gone"}})
    ask = "try:\n    oc.ask('hi')\nexcept oc.ServiceUnavailable as error:\n    got = error"
    signed_in.run(f"import openclaw_ipython as oc\n{ask}")
    assert signed_in.value("got.partial") == "half"


def test_rows_that_are_cut_filtered_or_empty_are_counted(signed_in):
    def row(text, finish):
        signed_in.portal.raw_stream(
            json.dumps(doc({"content": text}, finish)).encode(), content_type="application/json"
        )

    for text, finish in (("a", "stop"), ("b", "length"), ("c", "content_filter"), ("", "stop"), ("e", None)):
        row(text, finish)
    signed_in.run("import openclaw_ipython as oc\nfound = oc.map(list('abcde'), concurrency=1, table=False)")
    assert signed_in.value("[reply.finish_reason for reply in found]") == [
        "stop",
        "length",
        "content_filter",
        "stop",
        "stop",
    ]
    assert signed_in.value("found.tally.incomplete") == {
        "cut at the token limit": 1,
        "stopped by the content filter": 1,
        "empty answer": 1,
    }
    assert signed_in.value("found.notes") == ["the service gave no reason for the end"]


def test_the_front_end_is_told_which_markdown_is_an_answer(signed_in):
    signed_in.kernel.traffic.clear()
    says(signed_in, t(DRAFT), t(ANSWER), c({}, "stop"), DONE)
    signed_in.run("%%qwen\nhi")
    signed_in.run(
        "from IPython.display import Markdown, display; display(Markdown(`mine`))".replace("`", "'")
    )
    shown = [content for content in signed_in.kernel.traffic if "'text/markdown'" in content]
    assert [("'openclaw': {'answer': True}" in content) for content in shown] == [True] * (len(shown) - 1) + [
        False
    ]
    assert len(shown) > 1
