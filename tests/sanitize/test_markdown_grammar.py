import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.sanitize.markdown_grammar import safe_formula


@pytest.mark.parametrize(
    ("tex", "written"),
    [
        ("x^2", "x^2"),
        (r"\frac{a}{b} \left( \sum_{i} x_i \right)", r"\frac{a}{b} \left( \sum_{i} x_i \right)"),
        ("a<b>c", r"a\lt b\gt c"),
        ("a\n+ b\n- c", "a + b - c"),
        ("a % comment\n+ b", "a + b"),
        (r"50\%", r"50\%"),
        (r"a &= b \\ c &= d", r"a &= b \\ c &= d"),
        ("a &b &#60;", "a & b & #60;"),
        (r"\\[2pt]", r"\\ [2pt]"),
        ("[a](b)", "[a] (b)"),
        ("![a](b)", "! [a] (b)"),
        (r"x = 1 \label{eq:1} \tag{1}", r"x = 1 \tag{1}"),
        (r"a \newline b \neq c \nexists \leftarrow", r"a \newline b \neq c \nexists \leftarrow"),
        (r"\displaystyle \longrightarrow \text{html}", r"\displaystyle \longrightarrow \text{html}"),
        (r"\{a\}", r"\{a\}"),
    ],
)
def test_a_formula_keeps_its_meaning(tex, written):
    assert safe_formula(tex) == written


@pytest.mark.parametrize(("tex", "written"), [("|x|", r"\vert x\vert"), (r"\|x\|", r"\Vert x\Vert")])
def test_bars_do_not_end_a_table_cell(tex, written):
    assert safe_formula(tex, in_table=True) == written


@pytest.mark.parametrize(
    "tex",
    [
        r"\href{javascript:alert(1)}{x}", r"\url{x}", r"\class{a}{b}", r"\cssId{a}{b}", r"\style{a}{b}",
        r"\data{a=b}{c}",
        r"\htmlData{a=b}{c}", r"\htmlClass{a}{b}", r"\includegraphics{x}", r"\mmlToken{mi}[href=x]{y}",
        r"\bbox[red]{x}",
        r"\require{html}", r"\unicode{60}", r"\csname href\endcsname", r"\def\x{\y}", r"\gdef\x{y}",
        r"\let\x\y",
        r"\newcommand{\x}{y}", r"\renewcommand{\x}{y}", r"\providecommand{\x}{y}",
        r"\newenvironment{x}{y}{z}",
        r"\DeclareMathOperator{\x}{y}", r"\input{x}", r"\toggle{a}{b}\endtoggle", r"\eqref{a}", r"\ref{a}",
        r"\hr%" + "\n" + r"ef \href{x}{y}", r"a\\href{x}{y}", r"\text{\href{x}{y}}", "a ` b", "a $ b",
        r"a \\$ b",
        "http://a.invalid", "a{b", "a}b{", "{" * 100 + "}" * 100, "a\\", "", "  ", "% only a comment",
        "x" * 20_000,
    ],
)  # fmt: skip
def test_a_formula_that_could_act_or_be_misread_is_refused(tex):
    assert safe_formula(tex) is None


@given(st.text(alphabet="ab\\{}$%&<>[]()|!`#;: \n@1"), st.booleans())
def test_what_comes_out_is_one_line_without_signs_of_other_readers(tex, in_table):
    written = safe_formula(tex, in_table=in_table)
    if written is not None:
        assert not {"\n", "<", ">", "`"} & set(written)
        assert "](" not in written and "![" not in written and "@@" not in written
        assert not written.replace(r"\$", "").count("$")
        assert safe_formula(written, in_table=in_table) == written
