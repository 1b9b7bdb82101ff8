"""The values of a diagnostic -> a dataset that says what they are, made of copies: nothing of the source changes."""

from collections.abc import Collection, Hashable, Iterable
from typing import Any, Final

import xarray as xr

from cloudify.datasets.grid import bounds_of
from cloudify.datasets.subject import Subject
from cloudify.diagnostics.groups import Groups

Values = Any
"""An array of numpy or of dask, which has no types."""
METHODS: Final = {
    "mean": "mean",
    "min": "minimum",
    "max": "maximum",
    "sum": "sum",
    "std": "standard_deviation",
    "var": "variance",
    "median": "median",
    "first": "point",
    "last": "point",
}
"""Action -> the method by the CF conventions, appendix E; a count has none, nor has an anomaly."""
STALE: Final = frozenset({"valid_range", "valid_min", "valid_max", "actual_range"})
"""Attributes of the values, not of the quantity."""
WRITTEN: Final = frozenset({"coordinates", "_FillValue", "missing_value", "scale_factor", "add_offset"})
"""Attributes that xarray writes itself; objects of host scripts may hold some."""
KEPT_ENCODING: Final = ("units", "calendar", "dtype")
"""Of times; in other units or types they might not be written exactly."""


def dataset_of(
    subject: Subject,
    groups: Groups,
    action: str,
    values: Values,
    dims: tuple[Hashable, ...],
    area: Collection[str] = (),
) -> xr.Dataset:
    """Return the result as a dataset.

    Parameters
    ----------
    values
        Along `dims`, the grouped one first: a place for each group, for an anomaly as in the source.
    area
        The dimensions that the statistic runs over, each cell counting by its size.
    """
    ds, name, is_anomaly = subject.ds, subject.name, action == "anomaly"
    gone = set(area) if is_anomaly else {groups.dim, *area}
    kept = {str(key): ds.variables[key] for key in _kept(ds, name) if not gone & set(ds.variables[key].dims)}
    leading = groups.dim if is_anomaly else groups.name
    order = [groups.name if dim == groups.dim and not is_anomaly else dim for dim in ds[name].dims if dim in dims]
    coords = {key: _copy(variable) for key, variable in kept.items() if key in ds.coords}
    if not is_anomaly:
        coords[groups.name] = _group_coordinate(groups)
    attrs = _attrs(ds[name], groups, action, over_area=bool(area))
    made = xr.Variable((leading, *dims[1:]), values, attrs).transpose(*order)
    beside = {key: _copy(variable) for key, variable in kept.items() if key not in coords and key not in ds.coords}
    return xr.Dataset(
        {name: made, **{key: item for key, item in beside.items() if key != name}}, coords, dict(ds.attrs)
    )


def _kept(ds: xr.Dataset, name: str) -> Iterable[Hashable]:
    """Return the coordinates of a variable, their bounds, and its grid mapping."""
    coords = [key for key in ds[name].coords if key != name]
    mapping = ds[name].attrs.get("grid_mapping")
    beside = [bounds_of(ds, str(key)) for key in coords] + [mapping if isinstance(mapping, str) else ""]
    return dict.fromkeys([*coords, *(key for key in beside if key in ds.variables)])


def _copy(variable: xr.Variable) -> xr.Variable:
    is_time = variable.dtype.kind in "MO"
    written = WRITTEN | set(KEPT_ENCODING) if is_time else WRITTEN
    attrs = {key: value for key, value in variable.attrs.items() if key not in written}
    return xr.Variable(variable.dims, variable.to_numpy(), attrs, _encoding(variable) if is_time else {})


def _encoding(variable: xr.Variable) -> dict[str, Any]:
    return {key: variable.encoding[key] for key in KEPT_ENCODING if key in variable.encoding}


def _group_coordinate(groups: Groups) -> xr.Variable:
    if groups.component:
        return xr.Variable((groups.name,), groups.labels, {"long_name": f"{groups.component} of {groups.source.name}"})
    like = _copy(groups.source.variable)
    attrs = {key: value for key, value in like.attrs.items() if key not in {"bounds", "climatology"}}
    return xr.Variable((groups.name,), groups.labels, attrs, like.encoding)


def _attrs(variable: xr.DataArray, groups: Groups, action: str, *, over_area: bool) -> dict[str, Any]:
    attrs = {key: value for key, value in variable.attrs.items() if key not in STALE | WRITTEN}
    title = attrs.get("long_name", attrs.get("standard_name", variable.name))
    if action == "anomaly":
        attrs.pop("standard_name", None)
        return attrs | {"long_name": f"{title}, less the mean of its {groups.name}"}
    if action == "count":
        attrs.pop("standard_name", None)
        return attrs | {"long_name": f"number of values of {title}", "units": "1"}
    if action == "var" and "units" in attrs:
        attrs["units"] = f"({attrs['units']})2"
    before = attrs.get("cell_methods")
    methods = [before] if isinstance(before, str) and before else []
    over = f"area: {groups.dim}" if over_area else groups.dim
    return attrs | {"cell_methods": " ".join([*methods, f"{over}: {METHODS[action]}"])}
