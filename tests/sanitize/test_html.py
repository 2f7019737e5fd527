import pytest
from frontends import Page, commonmark, notebook
from hypothesis import given, settings
from hypothesis import strategies as st

from openclaw_ipython.sanitize.highlight import MAX_LENGTH, highlighted
from openclaw_ipython.sanitize.html import html_code, html_text, preformatted

CODE = st.text(alphabet=st.sampled_from("ab \n\t`~$\\[]()<>&#*_|!\"':;1"), max_size=80)


def test_dollars_and_backslashes_stand_alone_so_that_no_typesetter_pairs_them():
    page = Page.of(html_text(r"\(\href{javascript:x}{y}\) $a$ <b>"))
    assert page.text == r"\(\href{javascript:x}{y}\) $a$ <b>"
    assert all(run in ("\\", "$") or "\\" not in run + "$" or "$" not in run for run in page.runs)
    assert max(run.count("$") + run.count("\\") for run in page.runs) == 1


@given(CODE)
def test_preformatted_code_is_one_block_without_blank_lines(code):
    block = preformatted(html_code(code))
    assert all(line.strip() for line in block.split("\n"))
    assert Page.of(block).text.removesuffix("\n") == code


@pytest.mark.parametrize("prefix", ["", "- ", "10. ", "> ", "> - "])
@pytest.mark.parametrize("front_end", [commonmark, notebook])
@settings(deadline=None)  # the first call of a front end imports it
@given(CODE.filter(str.strip))
def test_code_reads_the_same_inside_any_container(front_end, prefix, code):
    later = "".join(char if char == ">" else " " for char in prefix)
    block = preformatted(html_code(code), nested=True)
    markdown = prefix + block.replace("\n", "\n" + later)
    page = Page.of(front_end(markdown))
    assert page.faults == []
    assert page.text.strip() == code.strip()


@pytest.mark.parametrize(
    "language", ["python", "js", "c++", "bash", "json", "sql", "diff", "tex", "html", "yaml"]
)
@settings(deadline=None)
@given(code=CODE)
def test_colour_changes_no_character(language, code):
    assert Page.of(highlighted(code, language)).text == code


def test_keywords_and_strings_get_the_colours_of_the_theme():
    assert '<span style="color:var(--jp-mirror-editor-keyword-color,#008000)">return</span>' in highlighted(
        "return(1)", "Python"
    )


@pytest.mark.parametrize(
    ("code", "language"), [("x = 1", "klingon"), ("x = 1", ""), ("x = 1\n" * MAX_LENGTH, "python")]
)
def test_unknown_or_very_long_code_stays_plain(code, language):
    assert highlighted(code, language) == html_code(code)
