"""The elements of results: of which type they are, and the numbers or texts that a store holds of them.

Numbers stay what they are. Times are counted in their own unit since 1970, in integers of which the smallest stands for
what is missing, so that all slices count alike; those of another calendar in microseconds, and none of them can be
missing: xarray opens no dataset that has such a time.
"""

from dataclasses import dataclass
from typing import Any, Final

import cftime
import numpy as np

from cloudify.chunks.stored_type import Json, StoredType, UnstorableError
from cloudify.datasets.times import MISSING, count_cftimes
from cloudify.errors import InvalidResultError

Array = np.ndarray[Any, np.dtype[Any]]

TEXT: Final = "text"
CALENDAR: Final = "cftime:"
"""How the type of times of a calendar begins, which follows."""
EPOCH: Final = "1970-01-01"
_WORDS: Final = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
"""Units of numpy's times that xarray can hold."""
_COARSE: Final = frozenset({"Y", "M", "W", "D", "h", "m"})
"""Units that are whole seconds."""
_CALENDARS: Final = frozenset({
    "standard", "gregorian", "proleptic_gregorian", "julian", "noleap", "365_day", "all_leap", "366_day", "360_day",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Elements:
    """The type of the elements of one variable of a result.

    >>> Elements.of(np.array([1.5], ">f4")).name
    '<f4'
    """

    name: str
    """numpy's, little-endian; `TEXT`; or `CALENDAR` and the name of one."""

    @classmethod
    def of(cls, values: Array) -> "Elements":
        """Return the type of an array.

        Raises
        ------
        InvalidResultError
            If no store can hold it.
        """
        if values.dtype.kind == "O":
            return cls(_name_of_objects(values))
        return cls.named(values.dtype)

    @classmethod
    def named(cls, dtype: np.dtype[Any]) -> "Elements":
        """Return the type of a dtype; raises as `of`."""
        if dtype.kind in "UT":
            return cls(TEXT)
        if dtype.kind in "mM":
            unit = str(np.datetime_data(dtype)[0])
            if unit in _COARSE and dtype.kind == "M":
                unit = "s"
            if unit not in _WORDS:
                raise InvalidResultError(f"times in the unit {unit!r}; return seconds, milli-, micro- or nanoseconds")
            return cls(f"<{dtype.kind}8[{unit}]")
        try:
            return cls(StoredType.of(dtype).dtype.str)
        except UnstorableError as error:
            raise InvalidResultError(f"it holds {dtype}, and a result holds numbers, texts or times") from error

    @property
    def stored(self) -> StoredType:
        """The type that a store holds."""
        if self.name == TEXT:
            return StoredType(np.dtype(object))
        if self._is_numpy_time or self.name.startswith(CALENDAR):
            return StoredType(np.dtype("<i8"))
        return StoredType(np.dtype(self.name))

    @property
    def fill(self) -> Any:  # noqa: ANN401  # any element
        """What reads as missing: NaN, or the smallest integer for NaT; None where there is nothing like that."""
        if self._is_numpy_time:
            return np.int64(MISSING)
        return self.stored.default_fill if self.stored.dtype.kind in "fc" else None

    @property
    def attrs(self) -> dict[str, Json]:
        """What tells a reader how to decode it."""
        if self.name.startswith(CALENDAR):
            return {"units": f"microseconds since {EPOCH}", "calendar": self.name.removeprefix(CALENDAR)}
        dtype = None if self.name == TEXT else np.dtype(self.name)
        if dtype is None or dtype.kind not in "mM":
            return {}
        word = _WORDS[str(np.datetime_data(dtype)[0])]
        if dtype.kind == "M":
            return {"units": f"{word} since {EPOCH}", "calendar": "proleptic_gregorian"}
        return {"units": word, "dtype": dtype.name}  # by which xarray decodes it

    def store(self, values: Array) -> Array:
        """Return what a store holds of values, exactly.

        Raises
        ------
        InvalidResultError
            If they are of another type in which they cannot be said exactly.
        """
        if self.name == TEXT:
            return _texts(values)
        if self.name.startswith(CALENDAR):
            return _counts(values, self.name.removeprefix(CALENDAR))
        wanted = np.dtype(self.name)
        return _exactly(values, wanted).view("<i8") if self._is_numpy_time else _exactly(values, wanted)

    @property
    def _is_numpy_time(self) -> bool:
        return self.name.startswith(("<M8", "<m8"))


def read_elements(name: str) -> Elements:
    """Return the type that somebody named.

    >>> read_elements("float32").name, read_elements("str").name
    ('<f4', 'text')

    Raises
    ------
    InvalidResultError
        If there is none.
    """
    if name in {TEXT, "str", "string"}:
        return Elements(TEXT)
    if name.startswith(CALENDAR) and name.removeprefix(CALENDAR) in _CALENDARS:
        return Elements(name)
    try:
        dtype = np.dtype(name)
    except (TypeError, ValueError, SyntaxError) as error:
        raise InvalidResultError(f"no type {name[:60]!r}; expected one like float32, int64, bool, str") from error
    if dtype.kind == "O":
        raise InvalidResultError("Python objects; expected a type like float32, int64, bool, str")
    return Elements.named(dtype)


def _name_of_objects(values: Array) -> str:
    present = [item for item in values.ravel().tolist() if not _is_missing(item)]
    first = present[0] if present else ""
    if isinstance(first, str):
        return TEXT
    if isinstance(first, cftime.datetime):
        return f"{CALENDAR}{first.calendar}"
    raise InvalidResultError(
        f"it holds Python objects ({type(first).__name__}); return numbers, texts or times, "
        "e.g. with .astype('float64')"
    )


def _texts(values: Array) -> Array:
    if values.dtype.kind in "UT":
        return values.astype(object)
    if values.dtype.kind != "O" or _name_of_objects(values) != TEXT:
        raise InvalidResultError(f"it holds {values.dtype} where the first slice returned texts")
    flat = ["" if _is_missing(item) else item for item in values.ravel().tolist()]
    strange = next((item for item in flat if not isinstance(item, str)), None)
    if strange is not None:
        raise InvalidResultError(f"it holds texts and, among them, {type(strange).__name__}")
    found = np.empty(len(flat), dtype=object)
    found[:] = flat
    return found.reshape(values.shape)


def _counts(values: Array, calendar: str) -> Array:
    if values.dtype.kind != "O":
        raise InvalidResultError(f"it holds {values.dtype} where the first slice returned times of {calendar}")
    items = values.ravel().tolist()
    for item in items:
        if not isinstance(item, cftime.datetime) or item.calendar != calendar:
            other = item.calendar if isinstance(item, cftime.datetime) else type(item).__name__
            raise InvalidResultError(f"it holds {other} among times of the calendar {calendar}")
    return count_cftimes(values, units=f"microseconds since {EPOCH}", first=items[0])


def _exactly(values: Array, wanted: np.dtype[Any]) -> Array:
    """Return values in another type, if each of them can be said in it."""
    own = values.dtype
    if own == wanted:
        return values
    if "O" in own.kind or (own.kind != wanted.kind and (own.kind not in "biufc" or wanted.kind not in "biufc")):
        raise _differs(own, wanted)
    if own.kind == wanted.kind and own.kind not in "mM" and np.can_cast(own, wanted, "safe"):
        return values.astype(wanted)
    if own.kind == "c" and wanted.kind != "c":
        raise _differs(own, wanted)
    with np.errstate(all="ignore"):
        cast = values.astype(wanted)
        is_same = np.array_equal(cast.astype(own), values, equal_nan=own.kind in "fcmM")
    if not is_same:
        raise _differs(own, wanted)
    return cast


def _differs(own: np.dtype[Any], wanted: np.dtype[Any]) -> InvalidResultError:
    return InvalidResultError(
        f"its type {own} cannot hold its values as {wanted}, the type of the first slice, exactly; "
        f"return one type from every slice, e.g. with .astype({wanted.name!r})"
    )


def _is_missing(item: object) -> bool:
    return item is None or (isinstance(item, float) and item != item)  # noqa: PLR0124  # NaN
