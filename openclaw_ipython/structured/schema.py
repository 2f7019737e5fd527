"""The form of an answer: a Python type → a JSON schema, and the text of an answer → an object of that type.

msgspec handles dataclasses, TypedDicts, named tuples and simple types, pydantic its own models, jsonschema a schema
written as a dictionary. pydantic and jsonschema are used only for these.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from types import UnionType
from typing import Any

import msgspec
from msgspec.structs import replace

from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.structured.annotations import field_names, for_pydantic, has_pydantic_metadata
from openclaw_ipython.structured.extract import json_pieces

_WRAP = "value"  # a schema for anything but an object is sent as an object with this one property
_TYPE_MARKS = ("__origin__", "__supertype__", "__value__")  # of generic types, NewType, and `type X = …`
_MAX_MESSAGE = 400  # characters


class Mismatch(ValueError):
    """A text that does not fit. `str()` is a sentence that says where, for the person and for the model."""


class Schema(msgspec.Struct, frozen=True):
    """The schema of an answer. `json` is a JSON schema of an object; `name` is shown to people and services.

    `read` converts JSON text, without the wrapping object if it is `wrapped`; it raises Mismatch. `columns` are the
    fields of its values; None if they have none.
    """

    name: str
    json: Mapping[str, Any]
    read: Callable[[str], Any]
    wrapped: bool = False
    columns: tuple[str, ...] | None = None

    @property
    def for_request(self) -> dict[str, Any]:
        """Name and schema in the form of a request field."""
        return {"name": re.sub(r"[^A-Za-z0-9_-]", "_", self.name)[:64] or "answer", "schema": dict(self.json)}

    @property
    def instruction(self) -> str:
        """The sentence for the system prompt. In English, as the schema is."""
        return (
            "Answer with JSON only, without a fence and without any other text. "
            f"It has to fit this JSON Schema:\n{json.dumps(self.json, ensure_ascii=False)}"
        )

    def validate(self, text: str) -> Any:
        """The object in `text`, whose JSON may be in a fence or in prose. Raises Mismatch."""
        first: Mismatch | None = None
        for piece in json_pieces(text):
            try:
                return self._value(piece)
            except Mismatch as mismatch:
                first = first or mismatch
        raise first or Mismatch(_("there is no JSON in it"))

    def _value(self, piece: str) -> Any:
        parsed = json.loads(piece) if self.wrapped else None
        if isinstance(parsed, dict) and set(parsed) == {_WRAP}:  # else the model left the wrapping object out
            piece = json.dumps(parsed[_WRAP])
        try:
            return self.read(piece)
        except (Mismatch, UsageError):
            raise
        except Exception as error:  # a validator of the caller
            raise _mismatch(f"{type(error).__name__}: {error}") from None


def schema_of(wanted: Any) -> Schema:
    """The schema of `wanted`: a pydantic model, dataclass, TypedDict, `list[…]` of those, or a JSON schema.

    Raises UsageError for anything else, and if the library that is needed is not installed.
    """
    if isinstance(wanted, Schema):
        return wanted
    if isinstance(wanted, Mapping):
        return _from_json_schema(wanted)
    pydantic = sys.modules.get("pydantic")
    if pydantic is not None and (_is_pydantic(wanted, pydantic) or has_pydantic_metadata(wanted)):
        found = _from_pydantic(wanted, pydantic)
    else:
        found = _from_type(wanted, pydantic)
    return replace(found, columns=field_names(wanted))


def is_schema(value: Any) -> bool:
    """Whether `value` looks like something `schema_of` takes; for suggestions."""
    if isinstance(value, Mapping):
        return isinstance(value.get("type"), str) or "properties" in value or "$ref" in value
    return isinstance(value, type) and any(
        hasattr(value, mark)
        for mark in ("__dataclass_fields__", "__total__", "model_json_schema", "__struct_fields__")
    )


# -- one function for each kind -----------------------------------------------------------


def _from_type(wanted: Any, pydantic: Any) -> Schema:
    if not (isinstance(wanted, type | UnionType) or any(hasattr(wanted, mark) for mark in _TYPE_MARKS)):
        raise _no_schema(wanted)
    try:
        schema = msgspec.json.schema(wanted)
        strict, lax = msgspec.json.Decoder(wanted), msgspec.json.Decoder(wanted, strict=False)
    except (TypeError, NameError) as error:
        if pydantic is not None and not isinstance(error, NameError):
            return _from_pydantic(wanted, pydantic)  # a list of models, say
        raise _no_schema(wanted, str(error).strip().splitlines()[-1]) from None

    def read(text: str) -> Any:
        try:
            return strict.decode(text)
        except msgspec.DecodeError:  # models sometimes write `"3"` for 3
            try:
                return lax.decode(text)
            except msgspec.DecodeError as error:
                raise _mismatch(error) from None

    return _build(_name_of(wanted), schema, read)


def _is_pydantic(wanted: Any, pydantic: Any) -> bool:
    if not isinstance(wanted, type) or hasattr(wanted, "__origin__"):
        return False
    return issubclass(wanted, pydantic.BaseModel) or hasattr(wanted, "__pydantic_validator__")


def _from_pydantic(wanted: Any, pydantic: Any) -> Schema:
    try:
        adapter = pydantic.TypeAdapter(for_pydantic(wanted))
        schema = adapter.json_schema()
    except pydantic.errors.PydanticUserError as error:
        raise _no_schema(wanted, str(error).partition("\n")[0]) from None

    def read(text: str) -> Any:
        try:
            return adapter.validate_json(text)
        except pydantic.ValidationError as error:
            found = [(".".join(map(str, one["loc"])), one["msg"]) for one in error.errors(include_url=False)]
            raise _mismatch("; ".join(": ".join(filter(None, pair)) for pair in found[:5])) from None

    return _build(_name_of(wanted), schema, read)


def _from_json_schema(wanted: Mapping[str, Any]) -> Schema:
    try:
        from jsonschema import exceptions, validators
        from referencing import Registry
    except ImportError:
        raise UsageError(
            _("an answer is checked against a JSON schema by jsonschema, which is not installed"),
            hint="pip install 'openclaw-ipython[schema]'",
        ) from None
    schema = dict(wanted)
    kind = validators.validator_for(schema, default=validators.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except exceptions.SchemaError as error:
        raise UsageError(_("this is no JSON schema: {why}", why=_mismatch(error.message))) from None
    checker = kind(schema, registry=Registry())  # an empty registry: references are never fetched

    def read(text: str) -> Any:
        value = json.loads(text)
        try:
            error = exceptions.best_match(checker.iter_errors(value))
        except Exception as unresolved:  # an unresolvable reference, for which there are several error types
            raise UsageError(_("this is no JSON schema: {why}", why=_mismatch(unresolved))) from None
        if error is not None:
            raise _mismatch(f"{error.message} - at {error.json_path}")
        return value

    found = _build(str(schema.get("title") or "answer"), schema, read)
    properties = found.json.get("properties", {}) if not found.wrapped else None
    return replace(found, columns=tuple(properties) if properties else None)


def _build(name: str, schema: Mapping[str, Any], read: Callable[[str], Any]) -> Schema:
    """A Schema of an object, the only kind that services take; they refuse a bare reference too."""
    flat = resolve_top(schema)
    if flat.get("type") == "object" or "properties" in flat:
        return Schema(name, flat, read)
    definitions: dict[str, Any] = {key: flat.pop(key) for key in ("$defs", "definitions") if key in flat}
    wrapped = {"type": "object", "properties": {_WRAP: flat}, "required": [_WRAP], **definitions}
    return Schema(name, wrapped, read, True)


def resolve_top(schema: Mapping[str, Any]) -> dict[str, Any]:
    """`schema` without a reference at its top level, and with the definitions that are used."""
    flat = dict(schema)
    for _step in range(8):  # a chain of references may lead to itself
        target = flat.get("$ref")
        if not isinstance(target, str) or not target.startswith("#/$defs/"):
            break
        found = flat.get("$defs", {}).get(target.removeprefix("#/$defs/"))
        if not isinstance(found, Mapping):
            break
        del flat["$ref"]
        flat = {**found, **flat}
    definitions, used = flat.pop("$defs", {}), set()
    names = _references(flat)
    while names:
        name = names.pop()
        if name not in used and name in definitions:
            used.add(name)
            names += _references(definitions[name])
    return (
        {**flat, "$defs": {name: definitions[name] for name in definitions if name in used}} if used else flat
    )


def _references(value: Any) -> list[str]:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return re.findall(r'"\$ref": "#/\$defs/([^"/]+)', text)


def _name_of(wanted: Any) -> str:
    name = getattr(wanted, "__name__", "")
    inner = [_name_of(a) for a in getattr(wanted, "__args__", ())]
    return "_of_".join(filter(None, [name, *inner[:1]])) or "answer"


def _mismatch(error: object) -> Mismatch:
    text = " ".join(str(error).split())
    return Mismatch(text if len(text) <= _MAX_MESSAGE else text[:_MAX_MESSAGE] + "…")


def _no_schema(wanted: Any, why: str = "") -> UsageError:
    shown = _name_of(wanted) if isinstance(wanted, type) else type(wanted).__name__
    sentence = _("{shown} is no schema for an answer", shown=shown)
    return UsageError(
        f"{sentence}: {why}" if why else sentence,
        hint=_("a pydantic model, a dataclass, a TypedDict, a list[…] of those, or a JSON schema"),
    )
