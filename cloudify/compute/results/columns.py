"""Which columns a table of plain values has, and of which type. Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any, Literal

import numpy as np

from cloudify.compute.results.names import unicode_text

Kind = Literal["bool", "int", "float", "text", "json"]
MOST_COLUMNS = 1000
"""Objects with more different keys are one column of JSON."""
_INT64 = range(-(2**63), 2**63)
DTYPES: Mapping[Kind, str] = {"bool": "bool", "int": "int64", "float": "float64", "text": "object", "json": "object"}


@dataclass(slots=True)
class Seen:
    """What the values of one column are, as far as they were looked at."""

    count: int = 0
    bools: int = 0
    ints: int = 0
    """Those that are int64."""
    reals: int = 0
    """Other numbers that a float64 is close to."""
    texts: int = 0
    nulls: int = 0
    longest_nbytes: int = 0
    """Of a text, or of a value as JSON."""

    def look(self, value: object) -> None:
        """Look at one more."""
        self.count += 1
        match value:
            case None:
                self.nulls += 1
            case bool():
                self.bools += 1
            case int() if value in _INT64:
                self.ints += 1
            case int() | float() if isfinite(_real(value)):
                self.reals += 1
            case float():
                self.reals += 1
            case str():
                self.texts += 1
                self.longest_nbytes = max(self.longest_nbytes, 4 * len(value))
            case _:
                self.longest_nbytes = max(self.longest_nbytes, 4 * len(as_json(value)))

    def kind(self, total: int) -> Kind:
        """Return the type that holds all of them.

        Parameters
        ----------
        total
            Values that there are: where a column has fewer, the rest is null.

        >>> seen = Seen()
        >>> seen.look(1), seen.kind(1), seen.kind(2)
        (None, 'int', 'float')
        """
        nulls = self.nulls + total - self.count
        if self.bools == total:
            return "bool"
        if self.ints == total:
            return "int"
        if self.ints + self.reals + nulls == total:
            return "float"
        return "text" if self.texts + nulls == total else "json"


@dataclass(frozen=True, slots=True)
class Survey:
    """What a table is made of."""

    rows: int
    columns: Mapping[str, Seen]
    """By key; ``""`` alone is the values themselves."""
    is_keyed: bool
    """Whether all values are objects, whose keys are the columns."""


def survey(values: Iterable[object]) -> Survey:
    """Look at all values of a table."""
    rows, whole, is_keyed = 0, Seen(), True
    columns: dict[str, Seen] = {}
    for value in values:
        rows += 1
        whole.look(value)
        is_keyed = is_keyed and isinstance(value, dict) and len(columns.keys() | value.keys()) <= MOST_COLUMNS
        if is_keyed and isinstance(value, dict):
            for key, item in value.items():
                columns.setdefault(key, Seen()).look(item)
    return Survey(rows, columns, is_keyed=True) if is_keyed and rows else Survey(rows, {"": whole}, is_keyed=False)


def as_array(values: list[object], kind: Kind) -> np.ndarray[Any, np.dtype[Any]]:
    """Return values as elements of a column; null is NaN, the empty text, or ``null`` as JSON.

    >>> as_array([1, None], "float"), as_array(["a", None], "text"), as_array(["a", None], "json")
    (array([ 1., nan]), array(['a', ''], dtype=object), array(['"a"', 'null'], dtype=object))
    """
    if kind == "float":
        return np.array([np.nan if value is None else _real(value) for value in values], np.float64)
    if kind == "text":
        return _objects(["" if value is None else unicode_text(str(value)) for value in values])
    if kind == "json":
        return _objects(list(map(as_json, values)))
    return np.array(values, DTYPES[kind])


def as_json(value: object) -> str:
    """Write a value as JSON that anything can hold."""
    return unicode_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _objects(texts: list[str]) -> np.ndarray[Any, np.dtype[Any]]:
    array = np.empty(len(texts), object)
    array[:] = texts
    return array


def _real(value: Any) -> float:  # noqa: ANN401  # a number
    try:
        return float(value)
    except OverflowError:
        return inf
