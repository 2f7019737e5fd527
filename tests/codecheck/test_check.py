"""What the check says of single lines, and what it leaves unsaid."""

import pytest

from openclaw_ipython.codecheck.checker import check


class Loader:
    def load(self, path):
        for key in path:
            setattr(self, key, 1)


class Shape:
    pass


class Round(Shape):
    radius = 1


def shape() -> Shape:
    return Round()


NAMES = {"loader": Loader(), "shape": shape, "numbers": [1], "word": "a"}
QUIET = {
    "an attribute that a method may set by any name": "loader.path",
    "an attribute of a subclass of the declared class": "shape().radius",
    "the body of another language": "%%bash\nnothing_here",
    "a cell that runs made code": "exec('a = 1'); a",
    "a magic that may bind names": "%sql result << select 1\nresult",
    "a magic that runs a file": "%run other.py\nmade_there",
    "the namespace as a dict": "globals()['a'] = 1; a",
    "code of more than 2,000 lines": "x\n" * 2_001,
    "a name behind a question": "if hasattr(word, 'lines'): word.lines()",
}  # fmt: skip
INCOMPLETE = ["%%bash\nls", "exec('a')", "%%time\nword.upper()", "eval('word')"]


@pytest.mark.parametrize("code", QUIET.values(), ids=QUIET)
def test_what_cannot_be_known_is_not_claimed(code):
    assert check(code, NAMES).findings == ()


@pytest.mark.parametrize("code", INCOMPLETE)
def test_a_cell_that_was_not_read_whole_is_not_said_to_fit(code):
    result = check(code, NAMES)
    assert result.ok
    assert not result.complete
    assert str(result) == "no misfit found"


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("word.uper()", "line 1: word has no attribute uper (did you mean upper,"),
        ("x = 1\nwrod", "line 2: the name wrod does not exist (did you mean word?)"),
        ("%%time\n\nwrod", "line 3: the name wrod does not exist (did you mean word?)"),
        ("import jsn", "line 1: the module jsn is not installed (did you mean json?)"),
        ("print(", "line 1: '(' was never closed"),
        ("word.upper()", "✓ fits this kernel"),
    ],
)
def test_the_line(code, line):
    import json  # noqa: F401 - near names of modules are those that are loaded

    assert str(check(code, NAMES)).startswith(line)


def test_a_fault_of_the_check_claims_nothing():
    class Broken(dict):
        def __iter__(self):
            raise RuntimeError

    result = check("word", Broken())
    assert result.ok
    assert not result.complete
