"""`--schema` in a real kernel: what reaches the service, what is bound, what is shown."""

import pytest

pytestmark = pytest.mark.kernel

TYPES = """
import dataclasses
from typing import TypedDict
import pydantic

@dataclasses.dataclass
class Bird:
    species: str
    mass: float

class Row(TypedDict):
    species: str
    mass: float

class Model(pydantic.BaseModel):
    species: str
    mass: float

by_hand = {"type": "object", "properties": {"species": {"type": "string"}, "mass": {"type": "number"}},
           "required": ["species", "mass"]}
birds = list[Bird]
number = 3
"""


@pytest.fixture
def types(signed_in):
    signed_in.run(TYPES)
    signed_in.kernel.displays.clear()
    return signed_in


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("Bird", "Bird(species='Gentoo', mass=5076.0)"),
        ("Row", "{'mass': 5076.0, 'species': 'Gentoo'}"),
        ("Model", "Model(species='Gentoo', mass=5076.0)"),
        ("by_hand", "{'species': 'Gentoo', 'mass': 5076}"),
        ("birds", "[Bird(species='Gentoo', mass=5076.0)]"),
    ],
)
def test_an_answer_is_bound_as_an_object(types, name, bound):
    cell = types.run(f'%%qwen --schema {name} -o bird\nThe heaviest is "Gentoo" with 5076 g')
    assert not cell.ename, cell.traceback
    assert types.value("(repr(bird), repr(_qwen.parsed))") == (bound, bound)
    assert types.value("type(_qwen).__name__") == "Reply"
    body = types.chats()[-1].json()
    assert body["response_format"] == {"type": "json_object"}
    assert '"species"' in body["messages"][0]["content"]


def test_the_object_is_shown_laid_out(types):
    cell = types.run('%%qwen --schema Bird\n"Gentoo" 5076')
    assert '"species": "Gentoo",\n' in cell.text
    assert "not a model" not in cell.text


def test_an_answer_that_does_not_fit_is_asked_for_once_more_and_only_the_good_one_is_shown(types):
    types.portal.says('{"species": "Gentoo", "mass": "heavy"}').says('{"species": "Gentoo", "mass": 1}')
    cell = types.run("%%qwen --schema Bird -o bird\ngo")
    assert not cell.ename
    assert types.value("repr(bird)") == "Bird(species='Gentoo', mass=1.0)"
    assert "heavy" not in cell.text
    assert "$.mass" in types.chats()[-1].json()["messages"][-1]["content"]


def test_a_second_mismatch_fails_the_cell_in_two_lines_and_keeps_the_answer(types):
    types.portal.says("It is heavy.").says("Very heavy, I said.")
    cell = types.run("bird = None")
    cell = types.run("%%qwen --schema Bird -o bird\ngo")
    assert cell.ename == "SchemaMismatch"
    assert len(cell.traceback.splitlines()) == 2
    assert "Very heavy, I said." in cell.text
    assert types.value("(str(_qwen), _qwen.parsed)") == ("Very heavy, I said.", None)
    assert types.value("str(bird)") == "Very heavy, I said."


def test_a_service_that_refuses_the_response_format_is_asked_without_it(types):
    refusal = {"error": {"message": "Json mode response is not supported when enable_thinking is true"}}
    types.portal.fails_next("chat/completions", 400, refusal)
    cell = types.run('%%qwen --schema Bird\n"Gentoo" 5076')
    assert not cell.ename
    assert types.value("_qwen.parsed.mass") == 5076
    assert "response_format" not in types.chats()[-1].json()
    assert "asked again without response_format" in cell.text


@pytest.mark.parametrize(
    ("name", "message"),
    [("Brid", "did you mean Bird?"), ("number", "no schema"), ("nothing", "nothing here is called nothing")],
)
def test_a_name_that_is_no_schema_ends_the_cell_before_anything_is_sent(types, name, message):
    cell = types.run(f"%%qwen --schema {name}\ngo")
    assert cell.ename == "UsageError"
    assert message in cell.traceback
    assert len(cell.traceback.splitlines()) == 2
    assert types.chats() == []


def test_an_answer_found_by_functions_fits_too(types):
    types.run('def weigh(species: str) -> float:\n    "The mass."\n    return 5076.0')
    types.portal.calls("weigh", {"species": "Gentoo"})
    cell = types.run('%%qwen --schema Bird --tools weigh --yes -o bird\nweigh "Gentoo"')
    assert not cell.ename, cell.traceback
    assert types.value("repr(bird)") == "Bird(species='Gentoo', mass=5076.0)"
    assert "→ weigh(" in cell.text
