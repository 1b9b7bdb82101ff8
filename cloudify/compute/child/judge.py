"""Whether what came out of a process may be passed on. Whoever wrote the function may have written every byte of it."""

import json
import re
from typing import Any

import numpy as np
import xarray as xr

from cloudify.compute.child.inside.arrays import Array, UnfitError
from cloudify.compute.child.inside.packing import File, Plain, unpack

HEADER_NBYTES = 2**20
"""Longest names and attributes of a value."""
JSON_NBYTES, JSON_DEPTH = 2**21, 64
NAME = re.compile(r"(?!\.{1,2}$)[^/\x00-\x1f\x7f-\x9f]{1,255}")
"""What names a variable, a dimension or a file: one part of a path."""
_LIES = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, RuntimeError)
"""What numpy, xarray and pandas raise, besides ValueError, when they are told what is not so."""
_SURROGATES = 0xD800, 0xDFFF
_MOST_CODE = 0x10FFFF


def read_value(memory: memoryview) -> Any:  # noqa: ANN401  # any value of `returned.Value`
    """Return the one value that was packed into memory; its arrays are views.

    Raises
    ------
    UnfitError
        If there is none that may be passed on.
    """
    try:
        (value,) = unpack(memory, HEADER_NBYTES, _look)
        return _vetted(value)
    except UnfitError:
        raise
    except (ValueError, *_LIES) as error:
        raise UnfitError(f"what came back is no value ({type(error).__name__})") from error


def plain_text(text: str, most_nbytes: int = JSON_NBYTES) -> str:
    """Return JSON as we write it: bounded, no NaN, no number too large, no text that is none.

    Raises
    ------
    UnfitError
        If it is not so.
    """
    if len(text) > most_nbytes:
        raise UnfitError(
            f"as JSON it takes {len(text)} bytes, and {most_nbytes} are passed on: return an array or a file"
        )
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()
        plain = json.dumps(value, allow_nan=False)
    except RecursionError:
        value, plain = None, ""
    except ValueError as error:
        raise UnfitError(f"it is no JSON: {error}") from None
    if not plain or _depth(value) > JSON_DEPTH:
        raise UnfitError(f"its lists and objects lie more than {JSON_DEPTH} deep in each other")
    return plain


def _depth(value: object) -> int:
    """Return how deep lists and objects lie in each other."""
    depth, level = 0, [value]
    while level := [one for one in level if isinstance(one, (list, dict))]:
        depth += 1
        level = [part for one in level for part in (one.values() if isinstance(one, dict) else one)]
    return depth


def _look(array: Array) -> None:
    """Refuse bytes that no array of this type has: what reads them later trusts them."""
    if array.dtype.kind == "b" and (array.view(np.uint8) > 1).any():
        raise UnfitError("an array of booleans holds other numbers")
    if array.dtype.kind == "U" and array.size:
        codes = np.frombuffer(array.data.cast("B"), f"{array.dtype.str[0]}u4")
        first, last = _SURROGATES
        if ((codes > _MOST_CODE) | ((codes >= first) & (codes <= last))).any():
            raise UnfitError("an array of texts holds characters that are none")


def _vetted(value: object) -> object:
    if isinstance(value, Plain):
        return Plain(plain_text(value.json))
    if isinstance(value, File):
        _name(value.name, "file")
    if isinstance(value, xr.DataArray) and value.name is not None:
        _name(value.name, "variable")
    if isinstance(value, (xr.Dataset, xr.DataArray)):
        for name in (*value.coords, *value.dims, *(value if isinstance(value, xr.Dataset) else ())):
            _name(name, "variable or dimension")
    return value


def _name(name: object, what: str) -> None:
    if not NAME.fullmatch(str(name)):
        raise UnfitError(
            f"no {what} can be stored under the name {str(name)!r:.100}: a name has no '/' and 255 characters"
        )
