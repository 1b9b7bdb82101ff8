"""Which part of a variable is meant: the text of a URL as values, before any dataset is looked at.

``coord/value`` or ``coord/lo_hi``, any number of pairs joined by ``/``. A number has an optional sign and fraction; a
date is ISO 8601, shortened at will (``2005``, which is a number, is no date; ``2005-06`` is).
"""

import re
from dataclasses import dataclass

MAX_PICKS = 32
MAX_LENGTH = 200

_NUMBER = r"[+-]?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(?:[eE][+-]?[0-9]{1,3})?"
_DATE = r"-?[0-9]{4,5}-[0-9]{2}(?:-[0-9]{2}(?:[T ][0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?)?Z?)?)?"
_BOUND = rf"(?:{_DATE}|{_NUMBER})"
_PICK = re.compile(rf"(?P<low>{_BOUND})(?:_(?P<high>{_BOUND}))?")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


class SelectionError(ValueError):
    """Text that is no selection, and what would be."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a range, or a single value.

    >>> Bound("-1").position, Bound("-1").number, Bound("2005-06").date
    (-1, -1.0, '2005-06')
    """

    text: str

    @property
    def position(self) -> int | None:
        """The number as a place along an axis, from the end where it is negative; None for a fraction or a date."""
        return int(self.text) if _INTEGER.fullmatch(self.text) else None

    @property
    def number(self) -> float | None:
        """The number, None for a date."""
        return None if self.date else float(self.text)

    @property
    def date(self) -> str | None:
        """The date, None for a number."""
        return self.text if re.fullmatch(_DATE, self.text) else None


@dataclass(frozen=True, slots=True)
class Pick:
    """What is wanted of one coordinate."""

    coord: str
    low: Bound
    high: Bound | None = None
    """None for a single value."""
    written: str = ""
    """The whole of it as it was written, where that was not ``coord/value``."""

    @property
    def text(self) -> str:
        """What was picked, as it was written."""
        return self.low.text if self.high is None else f"{self.low.text}_{self.high.text}"


def is_date(text: str) -> bool:
    """Whether a text is a date that a bound may be.

    >>> is_date("2005-06"), is_date("2005-01-16T12:00:00.000Z"), is_date("2005")
    (True, True, False)
    """
    return len(text) <= MAX_LENGTH and re.fullmatch(_DATE, text) is not None


def bound_of(text: str) -> Bound | None:
    """Read a number or a date; None for anything else."""
    return Bound(text) if len(text) <= MAX_LENGTH and re.fullmatch(_BOUND, text) else None


def parse_selection(text: str) -> tuple[Pick, ...]:
    """Read a selection.

    >>> [(pick.coord, pick.low.text, pick.high and pick.high.text) for pick in parse_selection("lat/-10.5_20/time/0")]
    [('lat', '-10.5', '20'), ('time', '0', None)]
    >>> parse_selection("")
    ()

    Raises
    ------
    SelectionError
        Saying what was found and what was expected.
    """
    parts = text.strip("/").split("/") if text.strip("/") else []
    if len(parts) % 2:
        raise SelectionError(f"{_short(text)} has {len(parts)} parts; expected pairs: coord/value or coord/lo_hi")
    if len(parts) > 2 * MAX_PICKS:
        raise SelectionError(f"a selection of {len(parts) // 2} pairs; the most is {MAX_PICKS}")
    picks = [_pick(coord, value) for coord, value in zip(parts[::2], parts[1::2], strict=True)]
    names = [pick.coord for pick in picks]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SelectionError(f"{_short(twice)} is selected twice")
    return tuple(picks)


def _pick(coord: str, value: str) -> Pick:
    match = _PICK.fullmatch(value) if len(value) <= MAX_LENGTH else None
    if match is None:
        raise SelectionError(
            f"{_short(value)} for {_short(coord)} is no value and no range; expected a number, an ISO date, "
            "or two of them as lo_hi"
        )
    return Pick(coord, Bound(match["low"]), Bound(match["high"]) if match["high"] else None)


def _short(text: str, longest: int = 60) -> str:
    return repr(text if len(text) <= longest else f"{text[:longest]}...")
