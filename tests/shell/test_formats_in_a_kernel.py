"""`-f` in a real kernel, against the practice portal: what is asked, what is shown, what is left behind."""

import re

import pytest

pytestmark = pytest.mark.kernel

TABLE = "Here:\n\n| name | n |\n|---|---|\n| a | 1 |\n| b | 2 |\n"
CODE = "First\n\n```python\nx = 20\n```\n\nthen\n\n```python\nx + 1\n```\n"


def system(notebook) -> str:
    first = notebook.chats()[-1].json()["messages"][0]
    return first["content"] if first["role"] == "system" else ""


def below(cell) -> list[str]:
    return [p["text"] for p in cell.payload if p["source"] == "set_next_input" and not p["replace"]]


def test_text_is_asked_for_and_streamed_as_text(signed_in):
    signed_in.portal.says("*not* ", "emphasis")
    cell = signed_in.run("%%qwen -f text\nhi")
    assert "plain text" in system(signed_in)
    assert cell.displays == {}
    assert cell.stdout.startswith("*not* emphasis\n(qwen-portal/coder-model")


def test_markdown_asks_for_nothing(signed_in):
    signed_in.run("%%qwen --format markdown\nhi")
    assert system(signed_in) == ""


def test_the_question_and_the_system_prompt_stay_as_they_were_typed(signed_in):
    signed_in.run("%%qwen -f json -s 'be brief'\nhi {there}")
    messages = signed_in.chats()[-1].json()["messages"]
    assert messages[0]["content"].startswith("be brief\n\nAnswer with one JSON value")
    assert messages[1]["content"] == "hi {there}"


def test_code_is_shown_and_comes_below_one_cell_after_the_other(signed_in):
    signed_in.portal.says(CODE)
    cell = signed_in.run("%%qwen -f code\nhi")
    assert cell.markdown.count("```python") == 2
    assert "2 cells of code" in cell.text
    first = below(cell)
    assert first == ["# cell 1 of 2; the next one appears once this has run\nx = 20"]
    assert "x" not in signed_in.value("dir()")
    second = below(signed_in.run(first[0].replace("20", "41")))
    assert second == ["# cell 2 of 2\nx + 1"]
    cell = signed_in.run(second[0])
    assert "42" in cell.text
    assert below(cell) == []
    signed_in.run("del x")


def test_a_cell_that_acts_outside_python_is_flagged_and_not_run(signed_in):
    signed_in.portal.says("```python\n%%bash\ntouch was-run\n```")
    cell = signed_in.run("%%qwen -f code\nhi")
    assert below(cell) == ["%%bash\ntouch was-run"]
    assert "⚠" in cell.text and "%%bash" in cell.text
    assert signed_in.value("__import__('os').path.exists('was-run')") is False


def test_an_interrupted_answer_puts_no_cell_below(signed_in):
    signed_in.portal.says("```python\nx = 1\n", "y = 2\n```").stalls_after(1)
    done = []

    def interrupt(cell):
        if "x = 1" in cell.text and not done:
            done.append(True)
            signed_in.kernel.interrupt()

    cell = signed_in.run("%%qwen -f code\nhi", during=interrupt)
    assert cell.ename == "KeyboardInterrupt"
    assert below(cell) == []


def test_unloading_lets_no_further_cell_follow(signed_in):
    signed_in.portal.says(CODE)
    first = below(signed_in.run("%%qwen -f code\nhi"))
    signed_in.run("%reload_ext openclaw_ipython")
    assert below(signed_in.run(first[0])) == []


def test_json_is_laid_out_and_bound_as_a_value(signed_in):
    signed_in.portal.says('```json\n{"a": [1, ', "true]}\n```")
    cell = signed_in.run("%%qwen -f json -o data\nhi")
    assert '"a": [\n    1,\n    true\n  ]' in cell.text
    assert signed_in.value("data") == {"a": [1, True]}
    assert signed_in.value("_qwen.parsed == data") is True
    assert signed_in.value("str(_qwen)").startswith("```json")


def test_json_cut_short_is_bound_as_it_came_and_no_value(signed_in):
    signed_in.portal.says('[{"a": 1}, {"a"', finish="length")
    cell = signed_in.run("%%qwen -f json -o data\nhi")
    assert "cut at the token limit" in cell.text
    assert cell.ename == "SchemaMismatch"
    assert signed_in.value("(data, data.parsed)") == ('[{"a": 1}, {"a"', None)


@pytest.mark.parametrize(("out", "ename"), [("-o data ", "SchemaMismatch"), ("", "")])
def test_an_answer_without_json_fails_the_cell_that_wants_a_value(signed_in, out, ename):
    signed_in.portal.says("Sorry, I cannot do that.")
    cell = signed_in.run(f"%%qwen -f json {out}\nhi")
    assert cell.ename == ename
    assert "Sorry" in cell.text and "no JSON in it" in cell.text
    assert signed_in.value("str(_qwen)") == "Sorry, I cannot do that."


def test_json_lines_are_bound_whole(signed_in):
    signed_in.portal.says('{"a": 1}\n', '{"a": 2}\n')
    signed_in.run("%%qwen -f json -o data\nhi")
    assert signed_in.value("data") == [{"a": 1}, {"a": 2}]


def test_commands_of_the_shell_are_offered_as_a_cell_and_not_run(signed_in):
    signed_in.portal.says("1. Do this:\n\n    ```bash\n    touch was-run\n    ```\n")
    cell = signed_in.run("%%qwen -f code\nhi")
    assert below(cell) == ["%%bash\ntouch was-run"]
    assert "not run" in cell.text and "⚠" in cell.text
    assert signed_in.value("__import__('os').path.exists('was-run')") is False


def test_a_table_is_bound_as_rows_and_as_a_dataframe_where_pandas_is_in_use(signed_in):
    signed_in.portal.says(TABLE)
    cell = signed_in.run("%%qwen -f json -o data\nhi")
    assert "| a | 1 |" in cell.markdown
    assert signed_in.value("data") == [{"name": "a", "n": 1}, {"name": "b", "n": 2}]
    assert signed_in.value("'pandas' in __import__('sys').modules") is False
    pytest.importorskip("pandas")
    signed_in.portal.says(TABLE)
    signed_in.run("import pandas")
    signed_in.run("%%qwen -f json -o data\nhi")
    assert signed_in.value("(type(data).__name__, data['n'].sum().item())") == ("DataFrame", 3)


def test_a_page_comes_in_a_frame_without_permissions(signed_in):
    signed_in.portal.says("<h1>Hi</h1><script>alert(1)</script>", '<img src="https://tracker.invalid/x.png">')
    cell = signed_in.run("%%qwen -f html\nhi")
    page, footer = cell.displays.values()
    assert re.findall(r"<(\w+)", page["text/html"]) == ["div", "iframe"]
    assert 'sandbox=""' in page["text/html"]
    assert "tracker" not in page["text/html"]
    assert page["text/plain"].startswith("<h1>Hi</h1><script>")
    assert "coder-model" in footer["text/plain"]


def test_a_formula_is_typeset(signed_in):
    signed_in.portal.says(r"\frac{a}", r"{b} < 1")
    cell = signed_in.run("%%qwen -f math\nhi")
    assert "$$" in cell.markdown
    assert r"\lt" in cell.markdown


def test_silent_shows_nothing_and_binds_the_reply(signed_in):
    signed_in.portal.says("quiet")
    cell = signed_in.run("%%qwen -f silent -o answer\nhi")
    assert (cell.text.strip(), cell.messages) == ("", 0)
    assert signed_in.value("str(answer)") == "quiet"


@pytest.mark.parametrize("name", ["json", "html", "math"])
def test_what_needs_all_of_an_answer_says_that_it_is_coming(signed_in, name):
    signed_in.portal.says("{", "}").stalls_after(1)
    seen = []

    def watch(cell):
        if "writing…" not in seen:
            seen.append(cell.text.strip())
            if "writing…" in seen:
                signed_in.kernel.interrupt()

    cell = signed_in.run(f"%%qwen -f {name}\nhi", during=watch)
    assert set(seen) == {"", "writing…"}
    assert "writing" not in cell.text
    assert "interrupted" in cell.text


def test_the_footer_can_be_switched_off(signed_in):
    signed_in.portal.says("short")
    signed_in.run("%config OpenClaw.footer = False")
    try:
        cell = signed_in.run("%%qwen\nhi")
        assert cell.text.strip() == "short"
    finally:
        signed_in.run("%config OpenClaw.footer = True")


def test_an_unknown_format_is_told_with_a_suggestion(signed_in):
    cell = signed_in.run("%%qwen -f jsno\nhi")
    assert cell.ename == "UsageError"
    assert "did you mean json" in cell.traceback.lower()
    assert signed_in.chats() == []


def test_a_mistyped_option_is_two_short_lines(signed_in):
    cell = signed_in.run("%%qwen --fromat json\nhi")
    assert len(cell.traceback.splitlines()) == 2
    assert len(cell.traceback) < 200
    assert "did you mean --format" in cell.traceback
    assert "→ %openclaw help qwen" in cell.traceback


def test_the_options_are_listed_by_help(signed_in):
    message = signed_in.run("%openclaw help qwen").text
    assert message == signed_in.run("%openclaw help %%qwen").text
    for option in ("-m, --model REF", "-f, --format FORMAT", "--thinking LEVEL", "--no-stream"):
        assert option in message
    assert "qwen" in signed_in.kernel.complete("%openclaw help q")


def test_formats_complete(signed_in):
    complete = signed_in.kernel.complete
    formats = ["code", "html", "json", "markdown", "math", "silent", "text"]
    assert complete("%%qwen -f ") == formats
    assert complete("%qwen --format=") == formats
    assert complete("%%qwen qwen -f ma") == ["markdown", "math"]
    assert "--format" in complete("%%qwen --")
