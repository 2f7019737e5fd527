"""Python functions that the model may call: signatures → JSON schemas, JSON → arguments, results → text.

msgspec makes the schema from the annotations and converts the arguments. `runner` calls the functions.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import re
import typing
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from openclaw_ipython.context.tables import describer_of
from openclaw_ipython.context.value_text import value_text
from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.secrets import redact
from openclaw_ipython.structured.annotations import for_pydantic, has_pydantic_metadata
from openclaw_ipython.structured.schema import resolve_top

if TYPE_CHECKING:
    from openclaw_ipython.context.image_encoding import EncodedImage

RESULT_LIMIT = 20_000
"""Characters of a result that are sent to the model."""

_ERROR_LIMIT = 2_000
_DRAWN = frozenset({"PIL", "IPython", "altair", "matplotlib", "plotly", "seaborn"})
_STRUCT = "Arguments_"  # the internal name of the struct of a function's parameters
_JSON_DEFAULTS = (str, int, float, bool, type(None))


class BadArguments(ValueError):
    """Arguments that do not fit the function. `str()` is the reason, for the model."""


class Tool(msgspec.Struct, frozen=True):
    """A function. `name` is its name for the model, `spec` its entry in the request field `tools`.

    `struct` has a field for each parameter; `positional` are the positional-only parameters. `variadic` is the
    parameter that takes any number of arguments (`*args`), which the model gives as a list; empty if there is none.
    Without a `struct` the function takes whatever object the model gives, and checks it. `warning` is what the person
    has to know before a call; with one, a call is asked about even where all are allowed.
    """

    name: str
    function: Callable[..., Any]
    spec: Mapping[str, Any]
    struct: type[msgspec.Struct] | None
    positional: tuple[str, ...]
    variadic: str = ""
    warning: Callable[[], str] = str

    def arguments(self, text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The positional and the keyword arguments in `text` (JSON), converted. Raises BadArguments."""
        try:
            parsed = json.loads(text) if text.strip() else {}
        except (ValueError, RecursionError) as error:
            raise BadArguments(f"the arguments are not JSON: {error}") from None
        if not isinstance(parsed, dict):
            raise BadArguments("the arguments have to be a JSON object")
        if self.struct is None:
            return (), parsed
        try:
            values = msgspec.convert(parsed, self.struct, strict=False, dec_hook=_validated_model)
        except (msgspec.ValidationError, RecursionError) as error:
            raise BadArguments(f"the arguments do not fit: {error}") from None
        given = {
            name: value
            for name in self.struct.__struct_fields__
            if (value := getattr(values, name)) is not msgspec.UNSET
        }
        if many := given.get(self.variadic):  # every parameter before `*args` has to be given by its position
            bound = inspect.BoundArguments(
                inspect.signature(self.function), OrderedDict(given, **{self.variadic: tuple(many)})
            )
            bound.apply_defaults()
            return bound.args, bound.kwargs
        given.pop(self.variadic, None)
        args = tuple(given.pop(name) for name in self.positional if name in given)
        return args, given


Tools = Mapping[str, Tool]
Functions = Iterable[Callable[..., Any] | Tool | str] | Mapping[str, Callable[..., Any] | Tool]
"""What may be offered; a string is an MCP server, and is replaced by its tools before they are used here."""


def tools_of(functions: Functions) -> Tools:
    """Name → tool. The keys of a mapping are the names.

    Raises UsageError for an object that is not callable, has no signature, or has a parameter without a JSON form.
    """
    named = functions.items() if isinstance(functions, Mapping) else [(name_of(f), f) for f in functions]
    found: dict[str, Tool] = {}
    for name, function in named:
        tool = function if isinstance(function, Tool) else tool_of(function, name)
        if tool.name in found:
            raise UsageError(_("two functions are called {name}", name=tool.name))
        found[tool.name] = tool
    return found


def name_of(function: Any) -> str:
    """The name of a function, of a partial's function, or of the type of a callable object."""
    function = without_partial(function)
    return str(getattr(function, "__name__", "") or type(function).__name__)


def without_partial(function: Any) -> Any:
    """The function that a partial calls; any other function unchanged."""
    while isinstance(function, functools.partial):
        function = function.func
    return function


def tool_of(function: Any, name: str) -> Tool:
    """One function as a tool; errors as for `tools_of`."""
    if not callable(function):
        raise UsageError(_("{name} cannot be called", name=name), hint=_("--tools takes names of functions"))
    safe_name = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:64]  # what services accept
    struct, parameters, schema = _parameters(function, name)
    spec: dict[str, Any] = {"name": safe_name, "parameters": schema}
    if description := inspect.cleandoc(getattr(_definition(function), "__doc__", None) or ""):
        spec["description"] = description
    positional = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_ONLY)
    variadic = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "")
    return Tool(safe_name, function, {"type": "function", "function": spec}, struct, positional, variadic)


def _definition(function: Any) -> Any:
    """The function or class with the docstring and the annotations of a callable."""
    function = without_partial(function)
    if inspect.isroutine(function) or inspect.isclass(function):
        return function
    return type(function).__call__


def _parameters(
    function: Callable[..., Any], name: str
) -> tuple[type[msgspec.Struct], list[inspect.Parameter], dict[str, Any]]:
    """A struct with a field for each parameter that can be offered, these parameters, and the schema.

    An optional parameter whose type has no form in JSON is left out: the function uses its default.
    """
    offered: list[inspect.Parameter] = []
    fields: list[Any] = []
    extras: dict[str, dict[str, Any]] = {}
    for parameter, wanted in _signature(function, name):
        optional = parameter.default is not parameter.empty or parameter.kind is parameter.VAR_POSITIONAL
        try:
            if isinstance(wanted, Exception):
                raise wanted
            adapted = _adapted(wanted)
            msgspec.json.schema(adapted, schema_hook=_model_schema)
        except Exception as error:  # annotations are code and may raise anything, such as NameError
            if optional:
                continue
            kind = f"{type(error).__name__}: " if isinstance(wanted, Exception) else ""
            why = f"{kind}{error}".strip().splitlines()[-1]
            raise UsageError(
                _(
                    "the model cannot be offered {name}: a parameter has no form in JSON ({why})",
                    name=name,
                    why=why,
                ),
                hint=_("annotate with str, int, float, bool, list, dict, Literal, dataclasses, TypedDict"),
            ) from None
        offered.append(parameter)
        extras[parameter.name] = {"description": text} if (text := _annotated_text(wanted)) else {}
        if optional:  # when left out, the function uses its own default
            unset = Any if adapted is Any else typing.Union[adapted, msgspec.UnsetType]  # noqa: UP007
            fields.append((parameter.name, unset, msgspec.UNSET))
            if isinstance(parameter.default, _JSON_DEFAULTS):
                extras[parameter.name]["default"] = parameter.default
        else:
            fields.append((parameter.name, adapted))
    struct = msgspec.defstruct(_STRUCT, fields, kw_only=True, forbid_unknown_fields=True)
    schema = hoist_definitions(resolve_top(msgspec.json.schema(struct, schema_hook=_model_schema)))
    del schema["title"]
    for field, extra in extras.items():
        schema["properties"][field] = {**schema["properties"][field], **extra}
    return struct, offered, schema


def _annotated_text(wanted: Any) -> str:
    """The description in `Annotated[int, "how many"]` and `Annotated[int, Doc("how many")]`."""
    texts = (getattr(one, "documentation", one) for one in getattr(wanted, "__metadata__", ()))
    return next((text for text in texts if isinstance(text, str)), "")


class _AnyInstance(type):
    """The class of a type whose values are checked by pydantic: msgspec takes each of them for an instance."""

    def __instancecheck__(cls, instance: object) -> bool:
        return True


def _adapted(wanted: Any) -> Any:
    """`wanted`; with constraints that only pydantic reads, a type that it validates."""
    if not has_pydantic_metadata(wanted):
        return wanted
    import pydantic

    adapter = pydantic.TypeAdapter(for_pydantic(wanted))
    schema, validate = staticmethod(adapter.json_schema), staticmethod(adapter.validate_python)
    return _AnyInstance("Adapted", (), {"model_json_schema": schema, "model_validate": validate})


def _model_schema(wanted: Any) -> dict[str, Any]:
    if isinstance(wanted, type) and hasattr(wanted, "model_json_schema"):
        return wanted.model_json_schema()  # type: ignore[no-any-return]
    raise NotImplementedError(f"{getattr(wanted, '__name__', wanted)} is not supported")


def _validated_model(wanted: Any, value: Any) -> Any:
    if hasattr(wanted, "model_validate"):
        return wanted.model_validate(value)
    raise NotImplementedError


def hoist_definitions(schema: Mapping[str, Any]) -> dict[str, Any]:
    """`schema` with all nested definitions moved to its top level, where references point."""
    definitions: dict[str, Any] = {}

    def hoist(value: Any) -> Any:
        if isinstance(value, list):
            return [hoist(item) for item in value]
        if not isinstance(value, Mapping):
            return value
        inner = value.get("$defs")
        if isinstance(inner, Mapping):
            definitions.update({name: hoist(each) for name, each in inner.items() if name != _STRUCT})
        return {key: hoist(each) for key, each in value.items() if key != "$defs"}

    top = hoist(schema)
    return {**top, "$defs": definitions} if definitions else dict(top)


def _signature(function: Callable[..., Any], name: str) -> list[tuple[inspect.Parameter, Any]]:
    """The parameters that the model may give, each with its type, or with the error of its annotation."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise UsageError(
            _("{name} has no signature that can be read", name=name),
            hint=_("wrap it in a function of your own"),
        ) from None
    annotated = _definition(function)
    if inspect.isclass(annotated):
        annotated = annotated.__init__
    annotated = inspect.unwrap(annotated)
    return [(p, _type_of(p, annotated)) for p in parameters if p.kind is not p.VAR_KEYWORD]


def _type_of(parameter: inspect.Parameter, annotated: Any) -> Any:
    """The type of a parameter of the function `annotated`; the error if its annotation cannot be evaluated."""
    annotations = getattr(annotated, "__annotations__", {})
    alone = type("Alone", (), {"__annotations__": {"it": annotations.get(parameter.name, Any)}})
    try:  # one by one: the annotation of another parameter, or of the result, need not make sense here
        hints = typing.get_type_hints(alone, getattr(annotated, "__globals__", {}), include_extras=True)
    except Exception as error:
        return error
    wanted = hints["it"]
    if wanted is Any:
        return Any
    if parameter.kind is parameter.VAR_POSITIONAL:
        return list[wanted]  # type: ignore[valid-type]  # a value here
    return typing.Optional[wanted] if parameter.default is None else wanted  # noqa: UP045


# -- results → text ------------------------------------------------------------------------


def result_text(value: Any) -> str:
    """A result for the model: a string unchanged, else JSON if the value has a JSON form, else a readable text.

    A table, and an array whose JSON is too long, have the text that they have as an attachment.
    """
    if isinstance(value, str):
        return cap(value, RESULT_LIMIT)
    try:
        text = msgspec.json.encode(value, enc_hook=_value_for_json).decode()
    except Exception:  # no JSON form, or a property that raises
        text = _readable(value)
    if describer_of(value) is not None and (text.startswith('"') or len(text) > RESULT_LIMIT):
        text = _readable(value)
    return cap(text, RESULT_LIMIT)


def _value_for_json(value: Any) -> Any:
    """numpy scalars and arrays, and the text of tables, inside other values; else NotImplementedError is raised."""
    for method in ("item", "tolist"):
        found = getattr(value, method, None)
        if callable(found) and type(value).__module__.partition(".")[0] == "numpy":
            try:
                return found()
            except ValueError:  # `item` of an array
                continue
    if describer_of(value) is not None:
        return _readable(value)
    raise NotImplementedError


def _readable(value: Any) -> str:
    """A table as CSV if it is short enough; anything else as it would be inserted into a prompt."""
    written = {"pandas": "to_csv", "polars": "write_csv"}.get(type(value).__module__.partition(".")[0], "")
    if callable(to_csv := getattr(value, written, None) if written else None):
        with contextlib.suppress(Exception):  # CSV has no form for lists and structs
            text = str(to_csv())
            if len(text) <= RESULT_LIMIT:
                return text
    return value_text(value, RESULT_LIMIT).text


def pictures_of(value: Any) -> list[EncodedImage]:
    """The picture that a result is: a figure or a part of one, a PIL image, a chart. Empty for any other value."""
    return encoded([value]) if type(value).__module__.partition(".")[0] in _DRAWN else []


def encoded(values: Sequence[Any]) -> list[EncodedImage]:
    """Pictures as they are sent: scaled, and without what the file says about itself. Empty where one cannot be."""
    from openclaw_ipython.context.image_encoding import STANDARD
    from openclaw_ipython.context.images import images_of

    try:
        return images_of(values, STANDARD)
    except UsageError:  # another object of the library, or it cannot be drawn here
        return []


def error_text(error: BaseException) -> str:
    """An exception for the model: type and message, without secrets and without a traceback."""
    try:
        message = str(error)
    except Exception:
        message = ""
    return cap(
        redact(f"{type(error).__name__}: {message}" if message else type(error).__name__), _ERROR_LIMIT
    )


def cap(text: str, limit: int) -> str:
    """At most `limit` characters of `text`, and how many were left out."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n… {len(text) - limit:,} characters more"
