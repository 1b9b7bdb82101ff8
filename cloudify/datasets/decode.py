"""Stored values -> what users of xarray expect: times, masks and scales decoded."""

from collections.abc import Mapping

import xarray as xr

_UNDECODABLE = (ValueError, OverflowError, TypeError, AttributeError)
"""The last two where an attribute that should be text is a number or a list."""


def decode_groups(groups: Mapping[str, xr.Dataset]) -> xr.DataTree:
    """Decode every group by the CF conventions and join them to a tree, lazily.

    A time that no rule can decode keeps its stored numbers: a dataset with one strange axis is still of use.
    """
    return xr.DataTree.from_dict({path: decode(ds) for path, ds in groups.items()})


def decode(ds: xr.Dataset) -> xr.Dataset:
    """Decode one group."""
    ds = ds.copy()  # xarray takes the attribute `coordinates` away from decoded times, which it passes on as they are
    try:
        return xr.decode_cf(ds)
    except _UNDECODABLE:
        strange = [name for name, variable in ds.variables.items() if not _decodes(ds, str(name), variable)]
        return xr.decode_cf(ds.drop_vars(strange)).assign({name: ds[name] for name in strange})


def _decodes(ds: xr.Dataset, name: str, variable: xr.Variable) -> bool:
    bounds = variable.attrs.get("bounds")
    names = [name, bounds] if isinstance(bounds, str) and bounds in ds.variables else [name]
    try:
        xr.decode_cf(xr.Dataset({n: ds.variables[n] for n in names}))
    except _UNDECODABLE:
        return False
    return True
