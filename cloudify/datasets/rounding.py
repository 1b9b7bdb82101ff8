"""Floats with fewer bits: float64 as float32, and mantissas rounded so that they compress."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numcodecs import BitRound
from xarray.backends import BackendArray
from xarray.core import indexing

Block = np.ndarray[Any, np.dtype[Any]]
_MISSING = ("_FillValue", "missing_value")
_MANTISSA = {2: 10, 4: 23, 8: 52}
"""Bytes of a float -> bits of its mantissa (IEEE 754)."""


@dataclass(frozen=True, slots=True)
class Rounding:
    """What is done to each element of one variable.

    A missing element stays missing, and no other becomes so; NaN and infinities stay bit for bit. A number beyond the
    range of float32 becomes infinite.
    """

    source: np.dtype[Any]
    """Of the elements as they are stored, in the machine's byte order."""
    dtype: np.dtype[Any]
    """Of the elements afterwards."""
    keepbits: int | None
    """Bits of the mantissa that stay; the last of them is rounded to even on a tie, as numcodecs' ``BitRound`` does."""
    missing: tuple[float, ...]
    """Stored values that mean "missing", NaN apart."""

    @classmethod
    def of(cls, variable: xr.Variable, *, to_float32: bool, keepbits: int | None) -> "Rounding | None":
        """Return what is to be done to a variable of floats, None where nothing is."""
        source = variable.dtype.newbyteorder("=")
        if source.itemsize not in _MANTISSA:
            return None
        dtype = np.dtype("f4") if to_float32 and source == np.dtype("f8") else source
        keeps = keepbits if keepbits is not None and keepbits < _MANTISSA[dtype.itemsize] else None
        if dtype == source and keeps is None:
            return None
        found = {float(value) for key in _MISSING for value in _floats(variable.attrs.get(key), source)}
        return cls(source, dtype, keeps, tuple(value for value in found if value == value))  # noqa: PLR0124  # NaN

    def attributes(self, attrs: Mapping[Any, Any]) -> dict[Any, Any]:
        """Return a variable's attributes with what means "missing" as it is afterwards."""
        changed = dict(attrs)
        for key in _MISSING if self.dtype != self.source else ():
            values = _floats(attrs.get(key), self.source)
            if values.size:
                cast = np.array([self._cast_missing(value) for value in values], self.dtype)
                changed[key] = cast if np.ndim(attrs[key]) else cast[0]
        return changed

    def __call__(self, block: Block) -> Block:
        """Return the elements of a block, changed; one of any shape, 0-d included."""
        values = np.asarray(block, self.source)
        with np.errstate(over="ignore", invalid="ignore"):  # a NaN that signals is one that does not afterwards
            out = np.array(values, self.dtype)
        if self.dtype != self.source:
            for value in self.missing:
                is_missing, cast = values == value, self._cast_missing(value)
                near = ~is_missing & (out == cast)
                out[near] = np.nextafter(cast, np.where(values[near] > value, np.inf, -np.inf).astype(self.dtype))
                out[is_missing] = cast
        return out if self.keepbits is None else self._round(out, self.keepbits)

    def _round(self, values: Block, keepbits: int) -> Block:
        rounded = BitRound(keepbits).encode(values).view(self.dtype)
        stay = ~np.isfinite(values)
        for value in self.missing:
            cast = self._cast_missing(value)
            stay |= (values == cast) | (rounded == cast)
        return np.asarray(np.where(stay, values, rounded))

    def _cast_missing(self, value: float) -> Any:  # noqa: ANN401  # a float of either size
        """Return what means "missing" as an element; NaN where it is too large for one."""
        with np.errstate(over="ignore"):
            cast = self.dtype.type(value)
        return cast if np.isfinite(cast) or not np.isfinite(value) else self.dtype.type(np.nan)


class _Mapped(BackendArray):  # type: ignore[misc,no-untyped-call,unused-ignore]
    """The elements of a variable, changed when they are read."""

    def __init__(self, variable: xr.Variable, function: Callable[[Block], Block], dtype: np.dtype[Any]) -> None:
        self._variable, self._function = variable, function
        self.shape, self.dtype = variable.shape, dtype

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> Block:
        return self._function(np.asarray(self._variable[key].values))


def map_elements(variable: xr.Variable, function: Callable[[Block], Block], dtype: np.dtype[Any]) -> xr.Variable:
    """Return a variable whose elements are those of another, changed one by one when they are read."""
    if variable.chunks is not None:
        return xr.Variable(variable.dims, variable.data.map_blocks(function, dtype=dtype))
    return xr.Variable(variable.dims, indexing.LazilyIndexedArray(_Mapped(variable, function, dtype)), fastpath=True)


def _floats(value: object, dtype: np.dtype[Any]) -> Block:
    """Return the numbers of an attribute as elements, none where it holds none."""
    try:
        with np.errstate(over="ignore"):
            return np.asarray([] if value is None else value, "f8").ravel().astype(dtype)
    except (ValueError, TypeError):
        return np.zeros(0, dtype)
