"""JSON5 is read as the specification says, and edited without touching what was not asked for."""

import copy
import json
import math
import re
import time
from typing import Any

import json5 as reference
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from openclaw_ipython.openclaw.json5.edit import edit
from openclaw_ipython.openclaw.json5.parse import MAX_DEPTH, REMOVE, Edit, Json5Error, Node, parse, read, same

# -- documents as people might write them -----------------------------------------------------

KEYS = st.sampled_from(["a", "b", "c", "models", "$x", "qwen/coder-model", "ключ", "with space", "", "null"])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | TEXTS
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=10,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=5)


class Writer:
    """Writes a value with white space, comments, quotes and commas drawn at random."""

    def __init__(self, draw: Any, *, newline: str) -> None:
        self._draw = draw
        self._newline = newline
        self._note = 0

    def gap(self) -> str:
        self._note += 1
        choice = self._draw(st.integers(0, 11))
        newline = self._newline
        return {
            0: newline,
            1: f" // note {self._note}, with {{ \" ' }}{newline}",
            2: f"/* note {self._note} , */",
            3: "\t",
            4: f"{newline}  ",
            5: f"{newline}    // own line {self._note}{newline}    ",
            6: "\xa0",
        }.get(choice, "" if choice < 10 else " ")

    def value(self, value: Any) -> str:
        if isinstance(value, dict):
            return self._bracket("{", [self._member(*item) for item in value.items()], "}")
        if isinstance(value, list):
            return self._bracket("[", [self.value(item) for item in value], "]")
        if isinstance(value, str):
            return self._string(value)
        return self._number(value) if type(value) is int else json.dumps(value)

    def _bracket(self, opening: str, items: list[str], closing: str) -> str:
        if not items:
            return opening + self.gap() + closing
        trailing = self._draw(st.sampled_from(["", ","]))
        body = ",".join(self.gap() + item + self.gap() for item in items)
        return opening + body + trailing + (self.gap() if trailing else "") + closing

    def _member(self, key: str, value: Any) -> str:
        bare = key.isascii() and key.isidentifier() and key != "null" and self._draw(st.booleans())
        return f"{key if bare else self._string(key)}{self.gap()}:{self.gap()}{self.value(value)}"

    def _string(self, text: str) -> str:
        if self._draw(st.booleans()):
            return json.dumps(text, ensure_ascii=self._draw(st.booleans()))
        body = json.dumps(text)[1:-1].replace('\\"', '"').replace("'", "\\'")
        return f"'{body}'"

    def _number(self, number: int) -> str:
        plus = "+" if number >= 0 else ""
        sign = "-" if number < 0 else ""
        return self._draw(st.sampled_from([str(number), f"{sign}{hex(abs(number))}", f"{plus}{number}"]))


@st.composite
def documents(draw: Any, values: st.SearchStrategy[Any] = OBJECTS) -> tuple[str, Any]:
    """(text, value): `text` is JSON5 for `value`."""
    value = draw(values)
    writer = Writer(draw, newline=draw(st.sampled_from(["\n", "\r\n"])))
    bom = draw(st.sampled_from(["", "", "\ufeff"]))
    return bom + writer.gap() + writer.value(value) + writer.gap(), value


# -- reading -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{a: 1}", {"a": 1}),
        ("{'a': 'it\\'s', \"b\": \"x'y\"}", {"a": "it's", "b": "x'y"}),
        ("{$a_1: 1, ünï: 2, \\u0061b: 3, while: 4, null: 5, Infinity: 6}",
         {"$a_1": 1, "ünï": 2, "ab": 3, "while": 4, "null": 5, "Infinity": 6}),
        ("[1,2,]", [1, 2]),
        ("{a:1,}", {"a": 1}),
        ("[+1, -1, .5, 5., 5.e2, 0x1F, -0XfF, 1E-2]", [1, -1, 0.5, 5.0, 500.0, 31, -255, 0.01]),
        ("[Infinity, -Infinity, +Infinity]", [math.inf, -math.inf, math.inf]),
        ("'line \\\ncontinued \\\r\nagain'", "line continued again"),
        (r"'\x41\u0042\v\0\q\/'", "AB\v\0q/"),
        (r"'\ud83d\ude00 \ud83d'", "😀 \ud83d"),
        ("/* a */ // b\n 1 // c", 1),
        ("\ufeff{}", {}),
        ("\u2028\u00a0\u3000\v\f[]\u2029", []),
        ("// ends at LS\u20281", 1),
        ("'\u2028'", "\u2028"),
        ("{a: 1, b: 2, a: 3}", {"a": 3, "b": 2}),
        ('{"a": 1, "b": 2, "a": 3}', {"a": 3, "b": 2}),
        ("1e400", math.inf),
        ("'\t'", "\t"),
        ('""', ""),
        ("-0", 0),
    ],
)  # fmt: skip
def test_the_whole_language_is_read(text, value):
    assert same(parse(text).value, value)
    assert same(read(text).value, value)


def test_not_a_number_is_read():
    assert all(math.isnan(item) for item in parse("[NaN, +NaN, -NaN]").value)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("", 1, 1),
        ("  // only this", 1, 15),
        ("{", 1, 2),
        ("{a:1", 1, 5),
        ("{a 1}", 1, 4),
        ("{a:}", 1, 4),
        ("{,}", 1, 2),
        ("[,]", 1, 2),
        ("[1,,2]", 1, 4),
        ("[1 2]", 1, 4),
        ("{a:1}}", 1, 6),
        ("{a:1]", 1, 5),
        ("{\r\n a: 1,\r\n b: }", 3, 5),
        ("'open", 1, 1),
        ("'new\nline'", 1, 1),
        ("/* open", 1, 1),
        ("{a-b: 1}", 1, 3),
        ("{²: 1}", 1, 2),
        ("{1a: 1}", 1, 2),
        ("012", 1, 1),
        ("0x", 1, 1),
        ("1.2.3", 1, 1),
        ("- 1", 1, 1),
        ("1px", 1, 1),
        ("truely", 1, 1),
        ("undefined", 1, 1),
        (r"'\1'", 1, 2),
        (r"'ab\01'", 1, 4),
        (r"'\xg0'", 1, 2),
        (r"'\u12'", 1, 2),
        ("{'a': 1 'b': 2}", 1, 9),
        ("9" * 5000, 1, 1),
        ("[" + "0x" + "f" * 5000 + "]", 1, 2),
    ],
)
def test_what_is_not_json5_is_refused_with_its_place(text, line, column):
    with pytest.raises(Json5Error) as caught:
        parse(text)
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize("text", ["{'k': 'sk-very-secret' 'x'}", "{sk-very-secret: 1}", "[sk-very-secret]"])
def test_a_refusal_quotes_nothing_of_the_document(text):
    with pytest.raises(Json5Error) as caught:
        parse(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("opening", ["[", '{"a":', "[{'a':"])
@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 100_000])
def test_endless_nesting_is_refused(opening, levels):
    with pytest.raises(Json5Error, match="levels deep"):
        parse(opening * levels)
    closed = "[" * levels + "]" * levels
    with pytest.raises(Json5Error, match="levels deep"):
        parse(closed)


def test_the_permitted_nesting_is_read_and_edited():
    text = '{"a":' * MAX_DEPTH + "1" + "}" * MAX_DEPTH
    changed = edit(text, [Edit(("a",) * MAX_DEPTH, 2)])
    assert changed == text.replace("1", "2")


@pytest.mark.parametrize(
    "text",
    [
        "[" + "/*" * 200_000,
        "[" + "// x\n" * 100_000,
        "{" + "a:1," * 200_000 + "}",
        "'" + "\\n" * 300_000,
        "[" + "\\u0061" * 100_000,
        " " * 1_000_000 + "x",
        "0" * 1_000_000,
        "1" + "0" * 1_000_000 + "x",
        "'" + "x" * 1_000_000 + "'",
        "{'" + "x" * 500_000 + "'\n}",
    ],
    ids=range(10),
)
def test_hostile_text_takes_linear_time(text):
    started = time.process_time()
    try:
        read(text)
    except Json5Error:
        pass
    assert time.process_time() - started < 5


@given(VALUES)
@example([1e400, -0.0, "\ud83d\ude00"])
def test_json_is_read_as_the_standard_library_reads_it(value):
    for text in (json.dumps(value), json.dumps(value, indent=2, ensure_ascii=False)):
        assert same(read(text).value, json.loads(text))
        assert same(parse(text).value, json.loads(text))


@given(documents(VALUES))
def test_json5_is_read_as_another_implementation_reads_it(document):
    text, value = document
    assert same(parse(text).value, value)
    theirs = reference.loads(text.removeprefix("\ufeff"))
    assert same(parse(text).value, json.loads(json.dumps(theirs)))  # which joins surrogate pairs


@given(st.text(st.sampled_from(list("{}[]:,'\"\\/*ab01.+-eExu \n\r\u2028\ufeffnNtrueI")), max_size=40))
def test_no_text_raises_anything_but_a_json5_error(text):
    try:
        value = parse(text).value
    except Json5Error as error:
        assert error.line >= 1
        assert error.column >= 1
    else:
        assert same(value, read(text).value)


# -- editing -------------------------------------------------------------------------------

CONFIG = """\
// my models
{
  // which one
  agents: {
    defaults: { model: 'a/b' }, // the default
  },
  "models": {
    "mode": "merge",  /* keep */
    "providers": {}
  } // end of models
  // nothing below
}
"""


@pytest.mark.parametrize(
    ("before", "path", "value", "after"),
    [
        ("", "a.b", 1, '{\n  "a": {\n    "b": 1\n  }\n}\n'),
        (" \n", "a", 1, '{\n  "a": 1\n}\n'),
        ("\ufeff", "a", 1, '\ufeff{\n  "a": 1\n}\n'),
        ("// mine", "a", 1, '// mine\n{\n  "a": 1\n}\n'),
        ("// mine\r\n", "a", 1, '// mine\r\n{\r\n  "a": 1\r\n}\r\n'),
        ("{}", "a", 1, '{\n  "a": 1\n}'),
        ("{\n}\n", "a", [], '{\n  "a": []\n}\n'),
        ("{ // c\n}", "a", 1, '{ // c\n  "a": 1\n}'),
        ("{ /* c */ }", "a", 1, '{ /* c */\n  "a": 1\n}'),
        ('{"a": 1}', "a", 2, '{"a": 2}'),
        ('{"a": 1}', "b", 2, '{"a": 1, "b": 2}'),
        ('{"a":1}', "b", {"c": [1, 2]}, '{"a":1,"b":{"c":[1,2]}}'),
        ('{ "a": 1 }', "b", {"c": [1, 2]}, '{ "a": 1, "b": { "c": [1, 2] } }'),
        ("{a: 1, b: 2,}", "c", 3, "{a: 1, b: 2, c: 3,}"),
        ("{a: 1, b: 2,}", "c-d", 3, '{a: 1, b: 2, "c-d": 3,}'),
        ("{'a': 1}", "it's", "it's \"x\"", "{'a': 1, 'it\\'s': 'it\\'s \"x\"'}"),
        ('{\n    "a": 1\n}', "b.c", 2, '{\n    "a": 1,\n    "b": {\n        "c": 2\n    }\n}'),
        ('{\n\t"a": {},\n}', "a.b", 2, '{\n\t"a": {\n\t\t"b": 2\n\t},\n}'),
        ('{\r\n  "a": 1\r\n}', "b", 2, '{\r\n  "a": 1,\r\n  "b": 2\r\n}'),
        ('{\n  "a": 1 // one\n  // more\n}', "b", 2, '{\n  "a": 1, // one\n  // more\n  "b": 2\n}'),
        ('{\n  "a": 1, // one\n}', "b", 2, '{\n  "a": 1, // one\n  "b": 2,\n}'),
        ('{"a": 1 // one\n}', "b", 2, '{"a": 1, // one\n  "b": 2\n}'),
        ('{"a": 1 /* one */}', "b", 2, '{"a": 1, /* one */ "b": 2}'),
        ('{"a": 1, "a": 2}', "a", 3, '{"a": 1, "a": 3}'),
        ('{"a": {"x": 1}, "a": {"y": 2}}', "a.z", 3, '{"a": {"x": 1}, "a": {"y": 2, "z": 3}}'),
        ('{\n  "a": ["x"]\n}', "a", ["x", "y"], '{\n  "a": ["x", "y"]\n}'),
        ('{\n  "a": 1\n}', "a", ["x"], '{\n  "a": [\n    "x"\n  ]\n}'),
        ("{a: 'x'}", "a", "y", "{a: 'y'}"),
        ('{"a": {"x": 1, /* keep */ "y": 2}}', "a", {"y": 3, "z": 4}, '{"a": {/* keep */ "y": 3, "z": 4}}'),
        (CONFIG, "agents.defaults.model", "c/d", CONFIG.replace("'a/b'", "'c/d'")),
        (CONFIG, "agents.defaults.models.x", {},
         CONFIG.replace("'a/b' }", "'a/b', models: { x: {} } }")),
        (CONFIG, "models.providers.q.url", "u",
         CONFIG.replace('"providers": {}',
                        '"providers": {\n      "q": {\n        "url": "u"\n      }\n    }')),
        (CONFIG, "plugins", True,
         CONFIG.replace("} // end", "}, // end").replace("below\n", 'below\n  "plugins": true\n')),
    ],
)  # fmt: skip
def test_an_edit_keeps_the_style_of_the_file(before, path, value, after):
    assert edit(before, [Edit(tuple(path.split(".")), value)]) == after


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        ('{"a": 1}', "a", "{}"),
        ('{ "a": 1 }', "a", "{ }"),
        ('{"a": 1, "b": 2, "c": 3}', "a", '{"b": 2, "c": 3}'),
        ('{"a": 1, "b": 2, "c": 3}', "b", '{"a": 1, "c": 3}'),
        ('{"a": 1, "b": 2, "c": 3}', "c", '{"a": 1, "b": 2}'),
        ("{a: 1, b: 2,}", "b", "{a: 1,}"),
        ('{\n  "a": 1,\n  "b": 2\n}\n', "b", '{\n  "a": 1\n}\n'),
        ('{\r\n  "a": 1,\r\n  "b": 2\r\n}', "a", '{\r\n  "b": 2\r\n}'),
        ('{\n  "a": {\n    "x": 1\n  },\n  "b": 2,\n}', "a", '{\n  "b": 2,\n}'),
        ('{\n  "a": 1, // one\n  "b": 2 // two\n}', "b", '{\n  "a": 1 // one\n // two\n}'),
        ('{\n  "a": 1, // one\n  "b": 2\n}', "a", '{\n  // one\n  "b": 2\n}'),
        ('{\n  "a": 1\n, "b": 2\n}', "b", '{\n  "a": 1\n}'),
        ('{"a": 1 /* x */, "b": 2}', "a", '{ /* x */"b": 2}'),
        ('{"a": 1, "b": 2, "a": 3}', "a", '{"b": 2}'),
        ('{"a": 1, "a": 3}', "a", "{}"),
        ('{"a": {"b": 1}}', "a.c", '{"a": {"b": 1}}'),
        ("{}", "a.b", "{}"),
        ("", "a", ""),
        ("// x", "a", "// x"),
    ],
)
def test_removing_takes_the_member_its_comma_and_its_line(before, path, after):
    assert edit(before, [Edit(tuple(path.split(".")), REMOVE)]) == after


@pytest.mark.parametrize(
    ("text", "path", "where"),
    [
        ("[]", "a", "the document"),
        ("1", "a.b", "the document"),
        ('{"a": 1}', "a.b", "`a`"),
        ('{"a": {"b": []}}', "a.b.c", "`a.b`"),
        ('{"a": null}', "a.b.c", "`a`"),
    ],
)
@pytest.mark.parametrize("value", [1, REMOVE])
def test_a_path_through_something_else_is_refused_by_name(text, path, where, value):
    with pytest.raises(Json5Error, match=re.escape(f"{where} is not an object")):
        edit(text, [Edit(tuple(path.split(".")), value)])


def test_a_path_that_leads_nowhere_is_refused():
    with pytest.raises(Json5Error, match="path"):
        edit("{}", [Edit((), 1)])


@pytest.mark.parametrize("value", [math.nan, math.inf, {"a": -math.inf}, {1: 2}])
def test_what_json_cannot_hold_is_refused(value):
    with pytest.raises(Json5Error):
        edit("{}", [Edit(("a",), value)])


def test_a_value_without_end_is_refused():
    endless = []
    endless.append(endless)
    with pytest.raises(Json5Error, match="levels deep"):
        edit("{}", [Edit(("a",), endless)])


def test_a_half_character_is_escaped_so_that_the_file_can_be_stored():
    text = edit("{}", [Edit(("a",), "\ud83d")])
    assert text.encode()
    assert parse(text).value == {"a": "\ud83d"}


@pytest.mark.parametrize(
    ("old", "new"), [("1", True), ("1", 1.0), ("true", 1), ("null", False), ("''", None)]
)
def test_equal_values_of_different_types_are_different(old, new):
    assert same(parse(edit(f"{{a: {old}}}", [Edit(("a",), new)])).value, {"a": new})


def test_an_edit_does_not_show_its_value():
    assert "hush" not in repr(Edit(("a",), "hush"))


@given(documents())
def test_an_edit_that_changes_nothing_leaves_the_text_alone(document):
    text, value = document
    assert edit(text, [Edit((key,), item) for key, item in value.items()]) == text


@given(
    st.data(), documents(st.dictionaries(KEYS, VALUES, min_size=1, max_size=5)), SCALARS | st.lists(VALUES)
)
def test_a_replaced_value_is_the_only_thing_that_changes(data, document, new):
    text, value = document
    key = data.draw(st.sampled_from(list(value)))
    node = _node(text, key)
    changed = edit(text, [Edit((key,), new)])
    assert changed.startswith(text[: node.start])
    assert changed.endswith(text[node.end :])
    assert same(parse(changed).value, {**value, key: new})


@given(
    st.data(), documents(st.dictionaries(KEYS, VALUES, min_size=1, max_size=5)), SCALARS | st.lists(VALUES)
)
def test_a_value_deep_inside_is_the_only_thing_that_changes(data, document, new):
    text, value = document
    node, path = read(text), []
    while node.members and (not path or data.draw(st.booleans())):
        key = data.draw(st.sampled_from(_keys(node)))
        member = next(m for m in reversed(node.members) if m.key == key)
        node, path = member.node, [*path, member.key]
    changed = edit(text, [Edit(tuple(path), new)])
    assert changed.startswith(text[: node.start])
    assert changed.endswith(text[node.end :])
    expected = copy.deepcopy(value)
    _set(expected, path, new)
    assert same(parse(changed).value, expected)
    assert edit(changed, [Edit(tuple(path), new)]) == changed
    if type(node.value) not in (dict, list):
        back = edit(changed, [Edit(tuple(path), node.value)])
        assert same(parse(back).value, value)
        assert back.startswith(text[: node.start])
        assert back.endswith(text[node.end :])


@given(documents(), KEYS, VALUES)
def test_a_new_member_adds_to_the_text_and_takes_nothing_from_it(document, key, new):
    text, value = document
    assume(key not in value)
    changed = edit(text, [Edit((key,), new)])
    assert same(parse(changed).value, {**value, key: new})
    assert _comments(text) == _comments(changed)
    assert _is_subsequence(_tokens(text), _tokens(changed))
    assert same(parse(edit(changed, [Edit((key,), REMOVE)])).value, value)


@given(documents(), KEYS)
def test_a_removed_member_takes_nothing_else_with_it(document, key):
    text, value = document
    changed = edit(text, [Edit((key,), REMOVE)])
    assert same(parse(changed).value, {name: item for name, item in value.items() if name != key})
    assert _is_subsequence(_tokens(changed), _tokens(text))
    for name in value.keys() - {key}:
        before, after = _node(text, name), _node(changed, name)
        assert text[before.start : before.end] == changed[after.start : after.end]


@given(documents(), OBJECTS)
def test_an_object_becomes_another_member_by_member(document, new):
    text, value = document
    text = f"// head\n{{outer: {text.lstrip(chr(0xFEFF))}, /* tail */}}"
    changed = edit(text, [Edit(("outer",), new)])
    assert same(parse(changed).value, {"outer": new})
    for name in new.keys() & value.keys():
        if same(new[name], value[name]):
            assert _inner(text, name) == _inner(changed, name)


@given(st.lists(st.tuples(st.lists(KEYS, min_size=1, max_size=3), VALUES), max_size=4))
def test_edits_of_nothing_make_readable_json(edits):
    text, expected = "", {}
    for path, value in edits:
        change = Edit(tuple(path), value)
        try:
            text = edit(text, [change])
        except Json5Error:
            continue
        _set(expected, path, value)
        assert same(json.loads(text), expected)
        assert text.endswith("}\n")


# -- helpers -------------------------------------------------------------------------------


def _node(text: str, key: str) -> Node:
    return next(member.node for member in reversed(read(text).members) if member.key == key)


def _keys(node: Node) -> list[str]:
    return list(dict.fromkeys(member.key for member in node.members or ()))


def _inner(text: str, key: str) -> str:
    outer = _node(text, "outer")
    node = next(member.node for member in reversed(outer.members) if member.key == key)
    return text[node.start : node.end]


def _tokens(text: str) -> list[str]:
    """The characters that are not white space: none may get lost."""
    return [char for char in text if not char.isspace()]


def _is_subsequence(short: list[str], long: list[str]) -> bool:
    rest = iter(long)
    return all(char in rest for char in short)


def _comments(text: str) -> list[str]:
    return re.findall(r"(?:note|own line) \d+", text)


def _set(target: dict, path: list[str], value: object) -> None:
    for key in path[:-1]:
        target = target.setdefault(key, {})
    target[path[-1]] = value


def test_no_representation_shows_a_value():
    for shown in (Edit(("a",), "sk-secret"), parse('{a: "sk-secret"}'), read('{a: "sk-secret"}')):
        assert "sk-secret" not in repr(shown)
