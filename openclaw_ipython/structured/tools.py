"""Python functions the model may call: a signature → what the service is told, JSON → arguments, results → text.

msgspec makes the schema from the annotations and converts the arguments by it. Nothing is called from here; who runs a
function, on which thread or loop, is decided in `running`.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.secrets import redact
from openclaw_ipython.structured.schema import resolved

RESULT_LIMIT = 20_000
"""Characters of a result that the model is told."""

_ERROR_LIMIT = 2_000
_STRUCT = "Arguments_"  # what the struct of a function's parameters is called; nobody sees it
_KEPT_DEFAULTS = (str, int, float, bool, type(None))


class BadArguments(ValueError):
    """Arguments that cannot be passed on; `str()` says why, to the model."""


@dataclass(frozen=True)
class Tool:
    """One function. `spec` is the entry of the request's `tools`, `name` what the model calls it by."""

    name: str
    function: Callable[..., Any]
    spec: Mapping[str, Any]
    _fields: Any
    _by_place: tuple[str, ...]

    def arguments(self, text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments in `text` (JSON), converted: those passed by place, and by name. Raises BadArguments."""
        import msgspec

        try:
            parsed = json.loads(text) if text.strip() else {}
        except (ValueError, RecursionError) as error:
            raise BadArguments(f"the arguments are not JSON: {error}") from None
        if not isinstance(parsed, dict):
            raise BadArguments("the arguments have to be a JSON object")
        try:
            values = msgspec.convert(parsed, self._fields, strict=False, dec_hook=_model)
        except (msgspec.ValidationError, RecursionError) as error:
            raise BadArguments(f"the arguments do not fit: {error}") from None
        given = {
            name: value
            for name in self._fields.__struct_fields__
            if (value := getattr(values, name)) is not msgspec.UNSET
        }
        places = [given.pop(name) for name in self._by_place if name in given]
        return tuple(places), given


Tools = Mapping[str, Tool]
Functions = Iterable[Callable[..., Any]] | Mapping[str, Callable[..., Any]]


def tools_of(functions: Functions) -> Tools:
    """The tools that `functions` are, by name. A mapping says the names itself.

    Raises UsageError for what cannot be called, has no readable signature, or takes what has no form in JSON.
    """
    named = functions.items() if isinstance(functions, Mapping) else [(name_of(f), f) for f in functions]
    found: dict[str, Tool] = {}
    for name, function in named:
        tool = tool_of(function, name)
        if tool.name in found:
            raise UsageError(_("two functions are called {name}", name=tool.name))
        found[tool.name] = tool
    return found


def name_of(function: Any) -> str:
    """What a function is called, also one that was wrapped or made of an object."""
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__name__", "") or type(function).__name__)


def tool_of(function: Callable[..., Any], name: str) -> Tool:
    """One function as a tool; errors as for `tools_of`."""
    if not callable(function):
        raise UsageError(_("{name} cannot be called", name=name), hint=_("--tools takes names of functions"))
    safe_name = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:64]  # all that services take
    fields, by_place, schema = _parameters(function, name)
    spec: dict[str, Any] = {"name": safe_name, "parameters": schema}
    described = _description(function)
    if described:
        spec["description"] = described
    return Tool(safe_name, function, {"type": "function", "function": spec}, fields, by_place)


def _description(function: Any) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    if not (inspect.isroutine(function) or inspect.isclass(function)):
        function = type(function).__call__
    return inspect.cleandoc(getattr(function, "__doc__", None) or "")


def _parameters(function: Callable[..., Any], name: str) -> tuple[Any, tuple[str, ...], dict[str, Any]]:
    """A struct with a field for each parameter, those passed by place, and the schema of all."""
    import msgspec

    parameters, hints = _signature(function, name)
    fields: list[Any] = []
    defaults: dict[str, Any] = {}
    for parameter in parameters:
        wanted = hints.get(parameter.name, Any)
        if parameter.default is parameter.empty:
            fields.append((parameter.name, wanted))
        else:  # left out, the function's own default holds, whatever it is
            fields.append((parameter.name, _or_unset(wanted), msgspec.UNSET))
            if isinstance(parameter.default, _KEPT_DEFAULTS):
                defaults[parameter.name] = parameter.default
    struct = msgspec.defstruct(_STRUCT, fields, kw_only=True, forbid_unknown_fields=True)
    try:
        schema = hoisted(resolved(msgspec.json.schema(struct, schema_hook=_model_schema)))
    except (TypeError, NotImplementedError) as error:
        raise _no_json(name, str(error).strip().splitlines()[-1]) from None
    del schema["title"]
    for field, default in defaults.items():
        schema["properties"][field] = {**schema["properties"][field], "default": default}
    by_place = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_ONLY)
    return struct, by_place, schema


def _or_unset(wanted: Any) -> Any:
    import msgspec

    return Any if wanted is Any else typing.Union[wanted, msgspec.UnsetType]  # noqa: UP007  (`wanted` is a value here)


def _model_schema(wanted: Any) -> dict[str, Any]:
    """pydantic's models describe themselves."""
    if isinstance(wanted, type) and hasattr(wanted, "model_json_schema"):
        return wanted.model_json_schema()  # type: ignore[no-any-return]
    raise NotImplementedError(f"{getattr(wanted, '__name__', wanted)} is not supported")


def _model(wanted: Any, value: Any) -> Any:
    if hasattr(wanted, "model_validate"):
        return wanted.model_validate(value)
    raise NotImplementedError


def hoisted(schema: Mapping[str, Any]) -> dict[str, Any]:
    """`schema` with the definitions that stand inside of it at its top, where references look for them."""
    definitions: dict[str, Any] = {}

    def lifted(value: Any) -> Any:
        if isinstance(value, list):
            return [lifted(item) for item in value]
        if not isinstance(value, Mapping):
            return value
        inner = value.get("$defs")
        if isinstance(inner, Mapping):
            definitions.update({name: lifted(each) for name, each in inner.items() if name != _STRUCT})
        return {key: lifted(each) for key, each in value.items() if key != "$defs"}

    top = lifted(schema)
    return {**top, "$defs": definitions} if definitions else dict(top)


def _signature(function: Callable[..., Any], name: str) -> tuple[list[inspect.Parameter], dict[str, Any]]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise UsageError(
            _("{name} has no signature that can be read", name=name),
            hint=_("wrap it in a function of your own"),
        ) from None
    annotated: Any = function
    while isinstance(annotated, functools.partial):
        annotated = annotated.func
    if not (inspect.isroutine(annotated) or inspect.isclass(annotated)):
        annotated = type(annotated).__call__
    if inspect.isclass(annotated):
        annotated = annotated.__init__
    try:
        hints = typing.get_type_hints(inspect.unwrap(annotated), include_extras=True)
    except Exception as error:  # annotations are code: a name that is not there any more, and anything else
        raise _no_json(name, f"{type(error).__name__}: {error}") from None
    return [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)], hints


def _no_json(name: str, why: str) -> UsageError:
    return UsageError(
        _("the model cannot be offered {name}: a parameter has no form in JSON ({why})", name=name, why=why),
        hint=_("annotate with str, int, float, bool, list, dict, Literal, dataclasses, TypedDict"),
    )


# -- results → text ------------------------------------------------------------------------


def result_text(value: Any) -> str:
    """What the model is told of a result: a string as it is, JSON where there is such a form, else how it prints."""
    if isinstance(value, str):
        return capped(value, RESULT_LIMIT)
    import msgspec

    try:
        text = msgspec.json.encode(value, enc_hook=_plain).decode()
    except Exception:  # no form in JSON, or a property that raises
        text = _printed(value)
    return capped(text, RESULT_LIMIT)


def _plain(value: Any) -> Any:
    """numpy's scalars and arrays inside other values; the rest has to be printed as a whole."""
    for method in ("item", "tolist"):
        found = getattr(value, method, None)
        if callable(found) and type(value).__module__.partition(".")[0] == "numpy":
            try:
                return found()
            except ValueError:  # `item` of an array
                continue
    raise NotImplementedError


def _printed(value: Any) -> str:
    """A table in full where it is short enough; anything else, and a long table, as it would go into a prompt."""
    from openclaw_ipython.context.text import readable

    written = {"pandas": "to_csv", "polars": "write_csv"}.get(type(value).__module__.partition(".")[0], "")
    if callable(to_csv := getattr(value, written, None) if written else None):
        with contextlib.suppress(Exception):  # lists and structures have no place in CSV
            text = str(to_csv())
            if len(text) <= RESULT_LIMIT:
                return text
    return readable(value, RESULT_LIMIT).text


def error_text(error: BaseException) -> str:
    """What the model is told of an exception: its type and message, nothing of where it came from."""
    try:
        said = str(error)
    except Exception:
        said = ""
    return capped(redact(f"{type(error).__name__}: {said}" if said else type(error).__name__), _ERROR_LIMIT)


def capped(text: str, limit: int) -> str:
    """`text` with at most `limit` characters, and how many more there were."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n… {len(text) - limit:,} characters more"
