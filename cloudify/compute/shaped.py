"""What a function returned of arrays, as variables by name: a Dataset, a DataArray, an array of numpy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import xarray as xr

from cloudify.compute.plan import AnyPlan
from cloudify.errors import InvalidResultError

Array = np.ndarray[Any, np.dtype[Any]]

LONGEST_NAME: Final = 128
_DOCUMENTS: Final = frozenset({"zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata"})


@dataclass(frozen=True, eq=False)
class Shaped:
    """Variables by name."""

    data: Mapping[str, xr.Variable]
    coords: Mapping[str, xr.Variable] = field(default_factory=dict)
    attrs: Mapping[Any, Any] = field(default_factory=dict)
    is_bare: bool = False
    """Whether it came without names of dimensions, so that coordinates could not come along."""
    is_single: bool = False
    """Whether it is one array, whatever its name."""


def shape(value: xr.Dataset | xr.DataArray | Array, plan: AnyPlan, number: int, name: str) -> Shaped:
    """Return the variables of what a function returned for a slice.

    Parameters
    ----------
    name
        Of an array without a name.

    Raises
    ------
    InvalidResultError
        If they have no names that a result can have, or an array of numpy has not the shape of the block.
    """
    if isinstance(value, np.ndarray):
        return Shaped({name: _named(value, plan, number)}, is_bare=True, is_single=True)
    coords = {_text(key): variable for key, variable in value.coords.variables.items()}
    if isinstance(value, xr.DataArray):
        own = name if value.name is None else _text(value.name)
        if own in coords:
            raise InvalidResultError(
                f"the DataArray is named {own!r} as one of its coordinates is; give it another name, .rename('...')"
            )
        if not coords and _is_unnamed(value, plan, number):
            return Shaped({own: _named(value.to_numpy(), plan, number, value.attrs)}, is_bare=True, is_single=True)
        shaped = Shaped({own: value.variable}, coords, is_single=True)
    else:
        data = {_text(key): value.variables[key] for key in value.data_vars}
        if not data:
            raise InvalidResultError("a Dataset without a data variable; return one variable at least")
        shaped = Shaped(data, coords, value.attrs)
    _check_names(shaped)
    return shaped


def block_shape(plan: AnyPlan, number: int) -> tuple[int, ...]:
    """Return the shape of the block of a slice, overlap included."""
    cell = plan.read_cell(number)
    return tuple(cell[axis.dim].stop - cell[axis.dim].start for axis in plan.axes[: plan.rank])


def _named(values: Array, plan: AnyPlan, number: int, attrs: Mapping[Any, Any] | None = None) -> xr.Variable:
    if not plan.variables:
        invented = tuple(f"dim_{place}" for place in range(values.ndim))
        return xr.Variable(invented, values, attrs, fastpath=True)
    expected = block_shape(plan, number)
    dims = tuple(axis.dim for axis in plan.axes[: plan.rank])
    if values.shape != expected:
        raise InvalidResultError(
            f"a numpy array of shape {values.shape}, where the block has {expected} along {dims}; return that shape, "
            "or a DataArray, whose dimensions have names"
        )
    return xr.Variable(dims, values, attrs, fastpath=True)


def _is_unnamed(value: xr.DataArray, plan: AnyPlan, number: int) -> bool:
    """Whether an array was only wrapped: its dimensions have the names that xarray gives those without one."""
    invented = tuple(f"dim_{place}" for place in range(value.ndim))
    return bool(plan.variables) and value.dims == invented and value.shape == block_shape(plan, number)


def _check_names(shaped: Shaped) -> None:
    dims = (str(dim) for variable in (*shaped.data.values(), *shaped.coords.values()) for dim in variable.dims)
    for name in dict.fromkeys([*shaped.data, *shaped.coords, *dims]):
        check_name(name)


def check_name(name: str) -> None:
    """Return if a variable or dimension of a result can have a name.

    Raises
    ------
    InvalidResultError
        If no key of zarr could hold it.
    """
    usable = 0 < len(name) <= LONGEST_NAME and name.isprintable() and not set(name) & set("/\\")
    if not usable or not name.strip(".") or name.startswith("__") or name in _DOCUMENTS:
        raise InvalidResultError(
            f"a variable or dimension named {name[:LONGEST_NAME]!r}; a name has 1 to {LONGEST_NAME} printable "
            "characters, no slash, and does not begin with '__'"
        )


def _text(name: object) -> str:
    if not isinstance(name, str):
        raise InvalidResultError(f"a variable named {name!r}, which is no text; rename it")
    return name
