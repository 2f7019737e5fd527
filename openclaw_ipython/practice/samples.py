"""Sample values for JSON schemas, with numbers and strings taken from a prompt. Pure.

For JSON answers and the arguments of tool calls. The keywords of schemas of pydantic, dataclasses and function
signatures are supported; others are ignored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_QUOTED = re.compile(r"\"([^\"\n]{1,200})\"|“([^”\n]{1,200})”|'([^'\n]{1,200})'")
_NUMBERS = re.compile(r"(?<![\w.])-?\d{1,15}(?:\.\d{1,15})?(?![\w])")
_DEEPEST = 12  # levels; a schema can refer to itself

NOT_A_MODEL = "practice portal, not a model"


def sample_value(schema: Mapping[str, Any], prompt: str) -> Any:
    """A value for `schema`, with the numbers and quoted strings of `prompt` in their order."""
    return _Sampler(schema, prompt).value(schema, 0)


def find_schema(text: str) -> Mapping[str, Any] | None:
    """The first JSON schema of an object in `text`."""
    decoder = json.JSONDecoder()
    for brace in re.finditer(r"\{\s*\"", text):
        try:
            value, _ = decoder.raw_decode(text, brace.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and isinstance(value.get("properties"), dict):
            return value
    return None


class _Sampler:
    def __init__(self, root: Mapping[str, Any], prompt: str) -> None:
        self._root = root
        self._prompt = prompt
        self._numbers = iter(_NUMBERS.findall(prompt))
        self._strings = (next(filter(None, groups)) for groups in _QUOTED.findall(prompt))

    def value(self, schema: object, depth: int) -> Any:
        if not isinstance(schema, Mapping) or depth > _DEEPEST:
            return None
        if "const" in schema:
            return schema["const"]
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return self._choice(schema["enum"])
        for inner in self._references(schema):
            return self.value(inner, depth + 1)
        return self._by_type(schema, depth)

    def _references(self, schema: Mapping[str, Any]) -> Iterator[object]:
        if isinstance(schema.get("$ref"), str):
            yield self._resolved(schema["$ref"])
        for word in ("anyOf", "oneOf", "allOf"):
            options = schema.get(word)
            if isinstance(options, list) and options:
                yield options[0]

    def _resolved(self, reference: str) -> object:
        found: object = self._root
        for step in reference.removeprefix("#").strip("/").split("/"):
            found = found.get(step) if isinstance(found, Mapping) else None
        return found

    def _choice(self, options: Sequence[Any]) -> Any:
        """The first option that the prompt mentions, else the first one."""
        words = self._prompt.casefold()
        return next((each for each in options if str(each).casefold() in words), options[0])

    def _by_type(self, schema: Mapping[str, Any], depth: int) -> Any:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = kind[0] if kind else None
        match kind:
            case "integer":
                return int(self._number(schema))
            case "number":
                return self._number(schema)
            case "boolean":
                return False
            case "null":
                return None
            case "array":
                count = max(1, _positive(schema.get("minItems")))
                return [self.value(schema.get("items", {}), depth + 1) for _ in range(min(count, 20))]
            case "object":
                return self._object(schema, depth)
            case _ if "properties" in schema:
                return self._object(schema, depth)
            case _:
                return self._string(schema)

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties")
        if not isinstance(properties, Mapping):
            return {}
        required = schema.get("required")
        wanted = required if isinstance(required, list) else []
        return {
            name: self.value(inner, depth + 1)
            for name, inner in properties.items()
            if name in wanted or not isinstance(inner, Mapping) or "default" not in inner
        }

    def _number(self, schema: Mapping[str, Any]) -> float:
        taken = next(self._numbers, None)
        value = float(taken) if taken is not None else 0.0
        for word, pick in (("minimum", max), ("maximum", min)):
            limit = schema.get(word)
            if isinstance(limit, int | float):
                value = pick(value, float(limit))
        return int(value) if value.is_integer() else value

    def _string(self, schema: Mapping[str, Any]) -> str:
        text = next(self._strings, NOT_A_MODEL)
        longest = _positive(schema.get("maxLength"))
        return text[:longest] if longest else text


def _positive(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
