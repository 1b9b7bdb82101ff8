"""What a function may return, as the process that ran it hands it over."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
import xarray as xr

Array = np.ndarray[Any, np.dtype[Any]]


@runtime_checkable
class Plain(Protocol):
    """A number, or another value that is JSON."""

    @property
    def json(self) -> str:
        """The value as JSON."""
        ...


@runtime_checkable
class File(Protocol):
    """A file."""

    @property
    def name(self) -> str:
        """Its name, by the function."""
        ...

    @property
    def data(self) -> memoryview | bytes:
        """Its content."""
        ...


Returned = xr.Dataset | xr.DataArray | Array | Plain | File
"""Asked for the arrays first: those have attributes of any name."""


def kind_of(value: Returned) -> str:
    """Say in words what was returned.

    >>> kind_of(np.zeros((2, 3)))
    'a numpy array of shape (2, 3)'
    """
    if isinstance(value, xr.Dataset):
        return "a Dataset"
    if isinstance(value, xr.DataArray):
        return f"a DataArray of dimensions {tuple(map(str, value.dims))}"
    if isinstance(value, np.ndarray):
        return f"a numpy array of shape {value.shape}"
    return "a plain value" if isinstance(value, Plain) else "a file"
