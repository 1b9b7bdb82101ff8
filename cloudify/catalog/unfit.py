"""What of a catalog cannot be served."""

from collections.abc import Mapping
from typing import Any

from cloudify.model.entry import is_valid_id, suggest_id

LONGEST = 80


class UnfitError(ValueError):
    """Something that cannot be served: what was expected, what was found."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(expected, found)
        self.expected, self.found = expected, found


def shown(value: object) -> str:
    """Describe a value that a stranger wrote, in a few words whatever its size.

    >>> shown("x" * 100)[:10], shown([[1], 2]), shown(None), shown({"a": 1})
    ("'xxxxxxxxx", 'a list of 2', 'nothing', 'a mapping')
    """
    if isinstance(value, str):
        return repr(value[:LONGEST])
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return "nothing" if value is None else repr(value)[:LONGEST]


def mapping(value: object, what: str) -> Mapping[str, Any]:
    """Return a value that must be a mapping."""
    if not isinstance(value, Mapping):
        raise UnfitError(f"a mapping as {what}", shown(value))
    return value


def valid_id(name: object) -> str:
    """Return a name that must be fit for an id."""
    text = name if isinstance(name, str) else str(name) if isinstance(name, int | float) else ""
    if not is_valid_id(text):
        raise UnfitError(f"an id such as {suggest_id(text)!r}", shown(name))
    return text


def text_of(value: object) -> str:
    """Return a text for people, ``""`` for what is none; JSON's halves of surrogate pairs are replaced."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""
