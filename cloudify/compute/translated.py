"""Schemas with what OpenAPI 3.0 writes in its own way -> JSON Schema 2020-12."""

from collections.abc import Mapping
from typing import Any, Final

_ONE: Final = (
    "items", "not", "if", "then", "else", "contains", "propertyNames", "additionalProperties", "contentSchema",
)  # fmt: skip
_LISTED: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED: Final = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
"""Keywords that hold schemas: one, a list, or some by name."""
_BOUNDS: Final = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}


def translated(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema in which `nullable` and exclusive bounds are as JSON Schema has them.

    >>> translated({"type": "number", "nullable": True, "minimum": 0, "exclusiveMinimum": True})
    {'type': ['number', 'null'], 'exclusiveMinimum': 0}
    """
    made = dict(schema)
    _bounds(made)
    _nullable(made)
    for keyword, held in made.items():
        if keyword in _ONE:
            made[keyword] = _part(held)
        elif keyword in _LISTED and isinstance(held, list):
            made[keyword] = [_part(part) for part in held]
        elif keyword in _NAMED and isinstance(held, Mapping):
            made[keyword] = {name: _part(part) for name, part in held.items()}
    return made


def _part(value: object) -> object:
    """Return a part of a schema; what is no schema, `true` for example, as it is."""
    return translated(value) if isinstance(value, Mapping) else value


def _bounds(schema: dict[str, Any]) -> None:
    for exclusive, bound in _BOUNDS.items():
        if isinstance(schema.get(exclusive), bool) and schema.pop(exclusive) and bound in schema:
            schema[exclusive] = schema.pop(bound)


def _nullable(schema: dict[str, Any]) -> None:
    if schema.pop("nullable", False) is not True or not isinstance(schema.get("type"), str):
        return
    schema["type"] = [schema["type"], "null"]
    if isinstance(schema.get("enum"), list):
        schema["enum"] = [*schema["enum"], *([] if None in schema["enum"] else [None])]
