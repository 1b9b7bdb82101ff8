"""What a function returned, as something that can be packed, or why not."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from cloudify.compute.child.inside.arrays import UnfitError
from cloudify.compute.child.inside.packing import File, Plain


def passed_on(returned: object, entry: str, folder: Path) -> object:
    """Return what a function returned as something that `pack` takes."""
    if returned is None:
        raise UnfitError(f"{entry}() returned nothing: it has to end with `return` and the result")
    if isinstance(returned, (bytes, bytearray, memoryview)):
        return File(f"{entry}.bin", memoryview(returned).cast("B"))
    if isinstance(returned, Path):
        path = (folder / returned).resolve()
        if not path.is_relative_to(folder.resolve()) or not path.is_file():
            raise UnfitError(f"{entry}() returned the path {str(returned)!r:.200}: no file in its working directory")
        return File(path.name, np.fromfile(path, np.uint8).data)
    if isinstance(returned, np.ndarray):
        return returned
    xr: Any = sys.modules.get("xarray")
    if xr and isinstance(returned, xr.Dataset):
        return returned
    if xr and isinstance(returned, xr.DataArray):
        return returned if returned.name is not None else returned.rename(entry)
    if isinstance(returned, (str, int, float, list, tuple, dict, np.generic)) or hasattr(returned, "isoformat"):
        return Plain(as_json(returned, f"the value that {entry}() returned"))
    raise UnfitError(
        f"{entry}() returned a {type(returned).__qualname__:.100}; it may return an xarray Dataset or DataArray, "
        "a numpy array, a number, a text, a list or dict of these, bytes, or the pathlib.Path of a file in its working "
        "directory"
    )


def as_json(value: object, what: str) -> str:
    """Return a value as JSON, numbers of numpy as numbers.

    Raises
    ------
    UnfitError
        If it has none.
    """
    try:
        return json.dumps(value, allow_nan=False, default=_plain_of)
    except ValueError as error:
        if "JSON compliant" in str(error):
            raise UnfitError(
                f"{what} holds NaN or an infinite number, which JSON cannot say: put None or a text in its place in a "
                "list or dict, or return an xarray DataArray, which may hold it"
            ) from None
        raise UnfitError(f"{what} has no JSON: {error}") from None
    except (TypeError, RecursionError, OverflowError) as error:
        raise UnfitError(f"{what} has no JSON: {error}") from None


def _plain_of(value: Any) -> object:  # noqa: ANN401  # anything
    if isinstance(value, (np.generic, np.ndarray)) or (hasattr(value, "dims") and hasattr(value, "values")):
        array = np.asarray(value)
        if array.dtype.kind == "m":
            raise TypeError("a lapse of time is no number: divide it by one, as by numpy.timedelta64(1, 'D')")
        if array.dtype.kind == "M":
            array = np.where(np.isnat(array), np.array(None), np.datetime_as_string(array).astype(object))
        plain: object = array.tolist()
        return plain
    if hasattr(value, "isoformat"):  # dates of Python, of pandas, of cftime
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__} is no number, text, list or dict")
