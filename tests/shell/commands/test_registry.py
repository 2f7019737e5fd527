"""The declarations of the subcommands: each function takes what its options and positional arguments give it."""

import inspect

import msgspec
import pytest

from openclaw_ipython.errors import UsageError
from openclaw_ipython.shell.commands import COMMANDS, find, next_words, overview_of_commands
from openclaw_ipython.shell.commands.registry import JSON, PLAIN, Command
from openclaw_ipython.shell.parser import Option, Positional, Spec, count
from openclaw_ipython.shell.views import MessageView

each_command = pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda c: " ".join(c.words))


def annotations(command):
    """The annotation of each parameter, as written."""
    if command.arguments is not None:
        return dict(command.arguments.__annotations__)
    parameters = list(inspect.signature(command.function).parameters.values())[1:]
    return {one.name: one.annotation for one in parameters if one.name not in command.fixed}


def fits(declared, annotation):
    """Whether a parameter of this annotation can hold the value of an option or a positional argument."""
    repeated = declared.repeat if isinstance(declared, Option) else declared.rest
    if repeated:
        return annotation.startswith("tuple[")
    if isinstance(declared, Option) and not declared.metavar:
        return annotation == "bool"
    optional = isinstance(declared, Option) or not declared.required
    return annotation.endswith(" | None") == optional


@each_command
def test_the_function_takes_exactly_the_declared_arguments(command):
    declared = {one.key: one for one in command.spec.options if one not in (JSON, PLAIN)}
    declared |= {one.name: one for one in command.spec.positionals}
    taken = annotations(command)
    assert set(declared) <= set(taken)
    if command.arguments is None:
        assert set(declared) == set(taken)
    assert [name for name, one in declared.items() if not fits(one, taken[name])] == []


@each_command
def test_the_help_is_one_sentence(command):
    assert command.help.endswith(".")
    assert command.help[0].isupper()


@each_command
def test_the_typed_words_find_the_command(command):
    assert find([*command.words, "--json"]) == (command, ["--json"])
    assert command.words[-1] in next_words(command.words[:-1])


def test_each_word_of_the_help_is_a_command():
    rows = [line.split()[1:] for _, section in overview_of_commands() for line, _ in section]
    typed = [(*words[:-1], last) for words in rows for last in words[-1].split("|")]
    assert [words for words in typed if words not in COMMANDS] == []


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [
        ("modles", "models"),
        ("models lits", "models list"),
        ("status", "models status"),
        ("models aliases ad x y", "models aliases add"),
    ],
)
def test_a_mistyped_word_is_answered_with_the_nearest_command(typed, suggested):
    with pytest.raises(UsageError) as caught:
        find(typed.split())
    assert suggested in caught.value.suggestions


def test_the_beginning_of_a_command_lists_what_follows():
    with pytest.raises(UsageError, match="needs one of: list, add, remove"):
        find(["models", "aliases"])


# -- running -------------------------------------------------------------------------------


class Given(msgspec.Struct, frozen=True):
    name: str | None = None


SPEC = Spec(
    "%openclaw x", (JSON, PLAIN, Option(("--days",), "", "N", count)), (Positional("name", required=False),)
)


def test_a_function_is_called_with_a_keyword_for_each_argument():
    def function(session, *, name, days, fixed):
        return MessageView(f"{session} {name} {days} {fixed}", data={"name": name}, words=["a", "b"])

    command = Command(("x",), SPEC, "", function, __name__, fixed={"fixed": 1})
    assert command.run("session", ["a", "--days", "3"]).text() == "session a 3 1"
    assert command.run("session", ["a", "--json"]).text() == '{\n  "name": "a"\n}'
    assert command.run("session", ["--plain"]).text() == "a\nb"


def test_a_function_can_take_its_arguments_as_one_value():
    spec = Spec("%openclaw x", (), (Positional("name", required=False),))
    command = Command(("x",), spec, "", lambda session, given: (session, given), __name__, Given)
    assert command.run("session", ["a"]) == ("session", Given("a"))


def test_arguments_that_do_not_fit_do_not_reach_the_function():
    command = Command(("x",), SPEC, "", lambda *_, **__: pytest.fail("called"), __name__)
    with pytest.raises(UsageError, match="no option --jsn"):
        command.run("session", ["--jsn"])
