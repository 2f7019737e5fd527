"""What the check says of single lines, and what it leaves unsaid."""

import sys
import weakref
from pathlib import Path

import pytest

from openclaw_ipython.chat.types import Reply
from openclaw_ipython.codecheck.checker import check, check_cells

pandas = pytest.importorskip("pandas")
pytest.importorskip("matplotlib.pyplot")


class Loader:
    def load(self, path):
        for key in path:
            setattr(self, key, 1)


class Shape:
    pass


class Circle(Shape):
    radius = 1


def shape() -> Shape:
    return Circle()


class Settable:
    def __setattr__(self, name, value):
        object.__setattr__(self, name, value)


class Chosen:
    def __new__(cls, corners=0):
        return object.__new__(Polygon if corners else cls)


class Polygon(Chosen):
    side = 1


there = Circle()
NAMES = {
    "loader": Loader(),
    "shape": shape,
    "Circle": Circle,
    "numbers": [1],
    "word": "a",
    "Settable": Settable,
    "Chosen": Chosen,
    "pandas": pandas,
    "sys": sys,
    "proxy": weakref.proxy(there),
    "frame": pandas.DataFrame({"a": [1], "b": [2]}),
    "titled": pandas.DataFrame([[1]], columns=pandas.Index(["a"], name="kind")),
    "there_is": False,
    "nothing": None,
}
QUIET = {
    "an attribute that a method may set by any name": "loader.path",
    "an attribute of a subclass of the declared class": "shape().radius",
    "the body of another language": "%%bash\nnothing_here",
    "a cell that runs made code": "exec('a = 1'); a",
    "a magic that may bind names": "%sql result << select 1\nresult",
    "a magic that runs a file": "%run other.py\nmade_there",
    "the namespace as a dict": "globals()['a'] = 1; a",
    "code of more than 2,000 lines": "x\n" * 2_001,
    "an index that was given a name": "frame.index.name = 'row'; frame.reset_index()['row']",
    "an index that was renamed in place": "frame.index.rename('row', inplace=True); frame.reset_index()['row']",
    "a module for another platform": "if sys.platform == 'plan9':\n    import plan9registry",
    "a module behind a switch": "if word:\n    import surely_not_installed",
    "what super() passes on": "super(Circle, shape()).anything",
    "what a weak reference passes on": "proxy.anything",
    "a name that is deleted in the end": "def add(n):\n    table.append(n)\ntable = []\nadd(1)\ndel table",
    "a row of two levels": "frame.set_index(['a', 'b']).loc[1, 'z']",
    "what an accessor of pandas returns": "frame['a'].astype('category').cat.as_ordered().sort_values()",
    "a weighted window": "frame.rolling(2, win_type='gaussian').sum(std=3)",
    "a column that merge adds": "frame.merge(frame, indicator=True)._merge",
    "a line of %%timeit that is run first": "%%timeit -n 1 data = [1]\nlen(data)",
    "a name put into the namespace of the shell": "get_ipython().user_ns['injected'] = 1\ninjected",
    "a method that the cell adds to a class": "pandas.DataFrame.added = len\nframe.added()",
    "a module of a function that may not be called": "def f():\n    import surely_not_installed",
    "an accessor that the cell registers": "@pandas.api.extensions.register_dataframe_accessor('geo')\nclass G:\n"
    "    pass\nframe.geo",
    "an attribute that an own __setattr__ may set": "Settable().anything",
    "an attribute of the subclass that __new__ chooses": "Chosen(3).side",
    "an attribute that compiled code sets": "from scipy.spatial import ConvexHull\nConvexHull([[0, 0]]).simplices",
    "a weighted window of a Series": "frame['a'].rolling(2, win_type='gaussian').sum(std=3)",
    "a dtype that is no dict of columns": "frame.astype('int32')",
    "levels of the columns": "frame.droplevel('level_2', axis=1)",
    "keywords of axes in space": "import matplotlib.pyplot as plt\nfig = plt.figure()\n"
    "ax = fig.add_subplot(projection='3d')\nax.set(zlim=(0, 1), zlabel='z')\n"
    "fig.add_subplot(projection='3d', sharez=ax)",
    "a function that sets any property": "import matplotlib.pyplot as plt\nplt.setp(word, rotation=3)",
    "what scikit-learn sets from a function": "from sklearn.base import BaseEstimator\nclass E(BaseEstimator):\n"
    "    def f(self):\n        return self.n_features_in_\nE().f()",
    "a function behind a switch": "import os\nif os.name == 'nt':\n    def f(): return os.get_handle_inheritable(1)",
    "an attribute that replaces the None of the class": "class A:\n    b = None\n"
    "    def set(self): self.b = word\nA().b.x",
    "a list that gets other elements": "numbers.append('a')\nnumbers[1].upper()",
    "an own encoder": "import json\njson.dumps(1, cls=word, pretty=True)",
    "a base class that others complete": "class A:\n    def f(self): return self.g\nclass B(A):\n    g = 1\nB().f()",
    "a name behind a question": "if hasattr(word, 'lines'): word.lines()",
    "what melt calls the names of titled columns": "titled.melt()['kind']",
    "the same after other calls": "titled.reset_index().assign(c=1)[['a', 'c']].melt('a').kind",
    "the same after merge": "frame.merge(titled, on='a').melt('a')['kind']",
    "the same after pivot": "frame.pivot(index='a', columns='b').reset_index().melt('a')['b']",
    "the same of a grouping": "titled.groupby('a').sum().reset_index().melt('a')['kind']",
    "the columns of a crosstab": "pandas.crosstab(frame['a'], frame['b']).stack().reset_index()['b']",
    "a branch that a switch turns off": "if there_is:\n    nothing.start()\n    other()",
    "a branch for another kernel": "if not there_is:\n    pass\nelse:\n    nothing.start()",
    "a branch for an object that is None": "if nothing is not None:\n    nothing.start()",
    "what such a branch binds": "if there_is:\n    made = other\nelse:\n    made = word\nmade.start()",
}  # fmt: skip
INCOMPLETE = ["%%bash\nls", "exec('a')", "%%time\nword.upper()", "eval('word')"]


@pytest.mark.parametrize("code", QUIET.values(), ids=QUIET)
def test_what_cannot_be_known_is_not_claimed(code):
    assert check(code, NAMES).findings == ()


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("frame.append(frame)", "append"),
        ("numpy.float", "float"),
        ("frame['a'].astype(str).str.capitalise()", "capitalise"),
        ("frame.pivot_table(index='c', values='a')", "c"),
        ("frame.merge(frame, on='c')", "c"),
        ("seaborn.scatterplot(data=frame, x='c', y='a')", "c"),
        ("(path / 'notes').read_lines()", "read_lines"),
    ],
)
def test_what_models_often_invent_is_found(code, name):
    modules = {"numpy": pytest.importorskip("numpy"), "seaborn": pytest.importorskip("seaborn")}
    found = check(code, NAMES | modules | {"path": Path()}).findings
    assert [finding.name for finding in found] == [name]


@pytest.mark.parametrize(
    "code",
    [
        "if not there_is:\n    word.start()",
        "if nothing is None:\n    word.start()",
        "if word is not None:\n    word.start()",
        "there_is = word.upper()\nif there_is:\n    word.start()",
        "def f(there_is):\n    if there_is:\n        word.start()",
        "titled.melt().start",
        "frame.melt('a').start()",
    ],
)
def test_a_branch_that_may_be_taken_is_read(code):
    assert [finding.name for finding in check(code, NAMES).findings] == ["start"]


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
        ("import jsn", "line 1: the module jsn is not installed (did you mean json"),
        ("print(", "line 1: '(' was never closed"),
        ("word.upper()", "✓ fits this kernel"),
    ],
)
def test_the_line(code, line):
    import json  # noqa: F401 - near names of modules are those that are loaded

    assert str(check(code, NAMES)).removeprefix("✗ ").startswith(line)


def test_cells_are_read_in_order_and_lines_count_in_each():
    result = check_cells(["a = 1\n\n", "%%bash\nls", "a.bit\nb", "word"], NAMES)
    assert [(finding.cell, finding.line, finding.name) for finding in result.findings] == [
        (3, 1, "bit"),
        (3, 2, "b"),
    ]
    assert str(result).startswith("✗ cell 3, line 1: a has no attribute bit (did you mean ")
    assert not result.complete


def test_many_findings_are_counted():
    result = check("\n".join(f"missing_{n}" for n in range(8)), NAMES)
    assert str(result).count("does not exist") == 5
    assert str(result).endswith(" · and 3 more")


def test_a_name_that_could_act_is_shown_as_text():
    assert "\x1b" not in str(check("nothing['\x1b[31m']", NAMES))
    finding = check("from json import \u202eabc", NAMES).findings[0]
    assert "\u202e" not in str(finding)


def test_without_a_notebook_the_names_are_those_of_main():
    assert check("__name__.uper()").findings == check("__name__.uper()", {}).findings
    assert check("surely_not_in_main").findings[0].kind == "name"


def test_a_reply_is_checked_by_its_python():
    reply = Reply("Try\n```bash\nnothing\n```\n```python\nword.uper()\n```\n")
    assert [finding.name for finding in reply.check(NAMES).findings] == ["uper"]
    assert Reply("no code").check(NAMES).ok


def test_a_fault_of_the_check_claims_nothing():
    class Broken(dict):
        def __iter__(self):
            raise RuntimeError

    result = check("word", Broken())
    assert result.ok
    assert not result.complete
