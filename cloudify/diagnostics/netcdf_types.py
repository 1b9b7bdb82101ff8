"""What a netCDF-4 file can hold of stored values and attributes, and as what."""

import json
import re
from typing import Any, Final

import numpy as np

from cloudify.errors import BadOptionError

Array = np.ndarray[Any, np.dtype[Any]]

OWN_ATTRIBUTES: Final = frozenset({
    "_FillValue", "_NCProperties", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_nc3_strict", "CLASS", "NAME",
    "DIMENSION_LIST", "REFERENCE_LIST", "DIMENSION_LABELS",
})  # fmt: skip
"""Attributes that the library writes itself."""
_UNFIT = re.compile(r"[\x00-\x1f\x7f/]")


def type_of(name: str, dtype: np.dtype[Any]) -> np.dtype[Any] | type[str]:
    """Return the type that a file holds a variable in: native, texts as texts, truth values as bytes.

    Raises
    ------
    BadOptionError
        If there is none.
    """
    if dtype.kind in "OTU" or (dtype.kind == "S" and dtype.itemsize != 1):
        return str
    if dtype.kind == "b":
        return np.dtype(np.int8)
    if dtype == np.float16:
        return np.dtype(np.float32)
    if dtype.kind == "f" and dtype.itemsize > 8:  # noqa: PLR2004  # float128
        return np.dtype(np.float64)
    if dtype.kind not in "iufS":
        raise BadOptionError(f"{name!r} is of the type {dtype}, which netCDF cannot hold; it is at .../zarr")
    return dtype.newbyteorder("=")


def values_of(name: str, values: Array, wanted: np.dtype[Any] | type[str]) -> Array:
    """Return values in the type that the file holds.

    Raises
    ------
    BadOptionError
        If they are objects that are no texts.
    """
    if wanted is not str:
        return values.astype(wanted, copy=False)
    texts = np.empty(values.size, object)
    texts[:] = [_text(name, item) for item in values.ravel().tolist()]
    return texts.reshape(values.shape)


def fill_of(dtype: np.dtype[Any] | type[str], attrs: dict[str, Any]) -> Any:  # noqa: ANN401  # of that type
    """Return what the source says stands for a missing value, None where it says nothing that fits."""
    for key in ("_FillValue", "missing_value"):
        if key in attrs and not isinstance(dtype, type):
            try:
                with np.errstate(all="ignore"):
                    return np.asarray(attrs[key]).astype(dtype).ravel()[0]
            except (ValueError, TypeError, IndexError, OverflowError):
                continue
    return None


def default_fill(dtype: np.dtype[Any] | type[str]) -> Any:  # noqa: ANN401
    """Return what netCDF itself takes for a missing value of a type."""
    if isinstance(dtype, type):
        return ""
    if dtype.kind == "S":
        return b"\0"
    from netCDF4 import default_fillvals  # noqa: PLC0415  # a library to load, for those who write files

    return dtype.type(default_fillvals[dtype.str[1:]])


def attribute(value: object) -> Any:  # noqa: ANN401  # what netCDF4 takes
    """Return an attribute as a file can hold it; what is neither number nor text as JSON."""
    if isinstance(value, str | bytes):
        return _plain(value)
    if isinstance(value, bool | np.bool_):
        return np.int8(value)
    array = np.asarray(value) if not isinstance(value, dict) else np.asarray(None)
    if array.dtype.kind in "iuf" and array.ndim <= 1 and array.size:
        kind = np.float64 if array.dtype.itemsize not in {1, 2, 4, 8} or array.dtype == np.float16 else array.dtype
        return array.astype(np.dtype(kind).newbyteorder("="))
    if array.dtype.kind in "US" and array.ndim == 1 and array.size:
        return [_plain(item) for item in array.tolist()]
    return _plain(json.dumps(value, default=str))


def attribute_name(name: str) -> str:
    """Return a name that netCDF takes.

    >>> attribute_name("a/b"), attribute_name(" +x ")
    ('a_b', '_+x')
    """
    fit = _UNFIT.sub("_", name.encode("utf-8", "replace").decode()).rstrip()[:200]
    return fit if re.match(r"[\w\u0080-\U0010ffff]", fit) else f"_{fit.lstrip()}"


def _text(name: str, item: object) -> str:
    if item is None or (isinstance(item, float) and np.isnan(item)):
        return ""
    if not isinstance(item, str | bytes):
        raise BadOptionError(f"{name!r} holds objects that are neither numbers nor texts, which no file can hold")
    return _plain(item)


def _plain(text: str | bytes) -> str:
    """Return text that UTF-8 can write, up to its end by C's rules."""
    decoded = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return decoded.encode("utf-8", "replace").decode().partition("\0")[0]
