"""Inputs of processes as they come, parsed from JSON -> plain values, or a failure that names the input."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from math import isfinite

from cloudify.datasets.source import RefusedError
from cloudify.datasets.vetting import check_json
from cloudify.errors import BadInputError

LONGEST_NAME = 256
"""Of a variable, a dimension, a process."""


def check_names(given: Iterable[str], known: Iterable[str], within: str = "") -> None:
    """Return if all names are known.

    Parameters
    ----------
    within
        The input that they are members of; by default they are inputs themselves.

    Raises
    ------
    BadInputError
        Naming the first that is not, and one that is near.
    """
    names = list(known)
    for name in given:
        if name not in names:
            near = get_close_matches(name[:LONGEST_NAME], names, n=1)
            there = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
            shown = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}..."
            if within:
                raise BadInputError(within, f"it has no member {shown!r}; {there}")
            raise BadInputError(shown, f"there is no such input; {there}")


def read_object(name: str, value: object) -> Mapping[str, object]:
    """Return a JSON object.

    Raises
    ------
    BadInputError
        If it is something else.
    """
    if not isinstance(value, Mapping):
        raise BadInputError(name, f"expected a JSON object, not {kind_of(value)}")
    return value


def read_text(name: str, value: object, longest: int = LONGEST_NAME) -> str:
    """Return a text of one character at least.

    Raises
    ------
    BadInputError
        If it is something else, or longer.
    """
    if not isinstance(value, str) or not value:
        raise BadInputError(name, f"expected a text, not {kind_of(value)}")
    if len(value) > longest:
        raise BadInputError(name, f"a text of {len(value)} characters; the most is {longest}")
    compact_json(name, value)
    return value


def read_names(name: str, value: object) -> tuple[str, ...]:
    """Return a list of names, none twice; one alone may stand without brackets.

    Raises
    ------
    BadInputError
        If it is something else.
    """
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not items:
        raise BadInputError(name, f'expected a list of names, e.g. ["tas"], not {kind_of(value)}')
    names = tuple(read_text(name, item) for item in items)
    twice = next((item for item, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise BadInputError(name, f"{twice!r} is named twice")
    return names


def read_sizes(name: str, value: object, *, least: int, example: str) -> dict[str, int]:
    """Return a number of elements for each dimension.

    Raises
    ------
    BadInputError
        If it is something else, or a number is less than `least`.
    """
    sizes: dict[str, int] = {}
    for dim, size in read_object(name, value).items():
        if type(size) is not int or size < least:
            raise BadInputError(
                name, f"{dim[:LONGEST_NAME]!r}: expected a whole number from {least} on, e.g. {example}"
            )
        sizes[read_text(name, dim)] = size
    return sizes


def read_number(name: str, value: object, most: float, unit: str) -> float:
    """Return a number above zero.

    Raises
    ------
    BadInputError
        If it is something else, or more than `most`.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0 or not isfinite(value):
        raise BadInputError(name, f"expected a number of {unit} above 0, not {kind_of(value)}")
    if value > most:
        raise BadInputError(name, f"{value:g} {unit} are more than the pool's {most:g}")
    return value


def compact_json(name: str, value: object) -> str:
    """Write a value as JSON without spaces, members in their order.

    Raises
    ------
    BadInputError
        If it holds what JSON does not: NaN, infinities, half characters, too many levels.
    """
    try:
        check_json(value, "it")
        return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except RefusedError as error:
        raise BadInputError(name, str(error)) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise BadInputError(
            name, "it holds a value that is not JSON (NaN and the infinities are not); give null or a text instead"
        ) from error


def kind_of(value: object) -> str:
    """Say in words what kind of JSON value something is.

    >>> kind_of(True), kind_of([]), kind_of("")
    ('true', 'an empty list', 'an empty text')
    """
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int | float):
        return f"the number {value!r}"[:40]
    words: dict[type, str] = {str: "text", list: "list", dict: "object"}
    kind = words.get(type(value), type(value).__name__)
    empty = isinstance(value, str | list | dict) and not value
    article = "an" if empty or kind[0] in "aeiou" else "a"
    return f"{article} empty {kind}" if empty else f"{article} {kind}"
