"""Inputs as OGC API - Processes has them: the value itself, or an object that says of which form it is."""

from collections.abc import Mapping
from typing import Any, Final

from cloudify.compute.inputs import kind_of
from cloudify.errors import BadInputError

FORM: Final = frozenset({"mediaType", "encoding", "schema"})
"""Beside `value`: what a value is."""
BY_NAME: Final = frozenset({"args", "chunks", "overlap"})
"""Inputs of `map` whose members are named by others: `value` and `href` may be among them."""


def read_value(name: str, given: object) -> tuple[object, str]:
    """Return the value of an input, and its media type, ``""`` where that is not said.

    >>> read_value("k", {"value": {"a": 1}, "mediaType": "application/json"})
    ({'a': 1}, 'application/json')

    Raises
    ------
    BadInputError
        If it is a reference.
    """
    if not isinstance(given, Mapping) or (name in BY_NAME and FORM.isdisjoint(given)):
        return given, ""
    if isinstance(given.get("href"), str) and "value" not in given:
        raise BadInputError(name, "it is a reference, and this server fetches none; send the value itself")
    if "value" not in given or not set(given) <= {"value", *FORM}:
        return given, ""
    said = {member: given.get(member, "") for member in ("mediaType", "encoding")}
    for member, text in said.items():
        if not isinstance(text, str):
            raise BadInputError(name, f"its {member!r} is {kind_of(text)}; expected a text, or nothing")
    return given["value"], said["mediaType"]


def plain_inputs(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return inputs as values, whatever they are said to be of.

    Raises
    ------
    BadInputError
        If one is a reference.
    """
    return {name: read_value(name, given)[0] for name, given in inputs.items()}
