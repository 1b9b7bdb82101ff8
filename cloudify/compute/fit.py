"""The result of a slice -> its parts of the whole: checked against the template, trimmed of overlap, as stored."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from string import ascii_letters, digits
from typing import Any, Final

import numpy as np
import xarray as xr

from cloudify.compute.part import FilePart, Part
from cloudify.compute.plan import AnyPlan
from cloudify.compute.returned import File, Returned, kind_of
from cloudify.compute.shaped import Shaped, shape
from cloudify.compute.storable import check_plain
from cloudify.compute.template import Dim, Field, Kind, Template
from cloudify.compute.templating import digest_of, same
from cloudify.errors import InvalidResultError

Array = np.ndarray[Any, np.dtype[Any]]

_EXPECTED: Final[Mapping[Kind, str]] = {"grid": "an array", "table": "a plain value", "files": "a file"}
_USABLE: Final = frozenset(ascii_letters + digits + "._-")


def fit(
    value: Returned, template: Template, plan: AnyPlan, number: int, *, name: str = "", block: xr.Dataset | None = None
) -> list[Part | FilePart]:
    """Return the parts of the whole that a slice leaves, as `Fitter.fit`, which serves many slices faster."""
    return Fitter(template, plan, name).fit(value, number, block)


class Fitter:
    """Fits results into a template. Safe to use from many threads.

    Parameters
    ----------
    name
        Of the function.
    """

    def __init__(self, template: Template, plan: AnyPlan, name: str = "") -> None:
        self._template, self._plan, self._name = template, plan, name
        self._layouts = template.layouts(plan)
        self._dims = tuple(axis.dim for axis in plan.axes)
        self._first = plan.index(template.first)

    def fit(self, value: Returned, number: int, block: xr.Dataset | None = None) -> list[Part | FilePart]:
        """Return the parts of the whole that a slice leaves; none for a plain value, which is kept as it is.

        Parameters
        ----------
        block
            What the function was given of a dataset, to see that coordinates came back as they were.

        Raises
        ------
        InvalidResultError
            If it does not fit, saying what came and what was expected.
        """
        if isinstance(value, xr.Dataset | xr.DataArray | np.ndarray):
            self._expect("grid", value)
            return self._fit_arrays(value, number, block)
        if isinstance(value, File):
            self._expect("files", value)
            return [FilePart(file_name(value.name, number), value.data)]
        self._expect("table", value)
        check_plain(value)
        return []

    def _expect(self, kind: Kind, value: Returned) -> None:
        if kind != self._template.kind:
            raise InvalidResultError(
                f"{kind_of(value)} came, where {_EXPECTED[self._template.kind]} was expected, as all slices return the "
                "same kind of result"
            )

    def _fit_arrays(
        self, value: xr.Dataset | xr.DataArray | Array, number: int, block: xr.Dataset | None
    ) -> list[Part | FilePart]:
        shaped = shape(value, self._plan, number, self._name or self._template.data[0].name)
        variables = _matched(shaped, self._template)
        if block is not None:
            _check_unchanged(variables, shaped, self._template, block.variables)
        return list(self._parts(variables, number))

    def _parts(self, variables: list[tuple[Field, xr.Variable]], number: int) -> Iterator[Part]:
        index = dict(zip(self._dims, self._plan.index(number), strict=True))
        placement = _Placement(self._plan, number)
        elsewhere = {dim for dim, first in zip(self._dims, self._first, strict=True) if index[dim] != first}
        for field, variable in variables:
            try:
                values = field.elements.store(placement.values(field.dims, variable))
                _check_digest(field, values)
            except InvalidResultError as error:
                raise InvalidResultError(f"{field.name!r}: {error}") from error
            if not elsewhere or elsewhere <= {dim.axis for dim in field.dims}:  # else another slice writes the same
                place = tuple(index[dim.axis] if dim.axis else 0 for dim in field.dims)
                yield Part(field.name, place, values, self._layouts[field.name])


@lru_cache(maxsize=1024)
def file_name(name: str, number: int) -> str:
    """Return the name of a slice's file in the result.

    >>> file_name("a b/my map.png", 3)
    '3-my_map.png'
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    plain = "".join(one if one in _USABLE else "_" for one in last).lstrip(".")[-100:]
    return f"{number}-{plain or 'file'}"


class _Placement:
    """Which elements of the result of one slice go into the whole."""

    def __init__(self, plan: AnyPlan, number: int) -> None:
        self._cell, self._read = plan.cell(number), plan.read_cell(number)

    def values(self, dims: tuple[Dim, ...], variable: xr.Variable) -> Array:
        """Return them with all dimensions of the field, in its order.

        Raises
        ------
        InvalidResultError
            If the variable has other dimensions than the template, or others sizes.
        """
        given = dict(zip(variable.dims, variable.shape, strict=True))
        order: list[Any] = []
        region: list[slice | None] = []
        for dim in dims:
            name = dim.axis or dim.name
            if name in given:
                order.append(name)
                region.append(self._part(name, dim, given[name]))
            elif dim.is_reduced:
                region.append(None)
            else:
                raise InvalidResultError(f"it has no dimension {name!r}, which the first slice had")
        if len(order) != len(given):
            extra = next(dim for dim in given if dim not in order)
            raise InvalidResultError(f"it has a dimension {extra!r}, which the first slice had not")
        values = variable.to_numpy()
        if tuple(order) != variable.dims:
            values = values.transpose([variable.dims.index(name) for name in order])
        part: Array = values[(*region, ...)]  # without the dots a scalar would be no array
        return part

    def _part(self, name: str, dim: Dim, size: int) -> slice:
        if not dim.axis:
            if size != dim.size:
                raise InvalidResultError(f"it has {size} elements along {name!r}, where the first slice had {dim.size}")
            return slice(None)
        read, cell = self._read[name], self._cell[name]
        expected = 1 if dim.is_reduced else read.stop - read.start
        if size != expected:
            with_overlap = ", overlap included, which is trimmed afterwards" if read != cell else ""
            raise InvalidResultError(f"it has {size} elements along {name!r}, expected {expected}{with_overlap}")
        return slice(None) if dim.is_reduced else slice(cell.start - read.start, cell.stop - read.start)


def _check_digest(field: Field, values: Array) -> None:
    if not field.digest or digest_of(values) == field.digest:
        return
    if [dim.name for dim in field.dims] == [field.name]:
        raise InvalidResultError(
            "its labels differ from those of the first slice, and a dimension has the same in all slices; choose "
            f"chunks with which they are, e.g. -1, or drop them, .drop_vars({field.name!r})"
        )
    raise InvalidResultError(
        "its values differ from those of the first slice; return what differs as a variable, not as a coordinate"
    )


def _matched(shaped: Shaped, template: Template) -> list[tuple[Field, xr.Variable]]:
    """Return the variable of each field that came."""
    data = template.data
    if shaped.is_single and len(data) == 1:
        found = list(zip(data, shaped.data.values(), strict=True))
    else:
        names = [one.name for one in data]
        if set(names) != shaped.data.keys():
            raise InvalidResultError(
                f"the variables {', '.join(shaped.data)} came, where the first slice returned {', '.join(names)}"
            )
        found = [(one, shaped.data[one.name]) for one in data]
    for one in template.fields:
        if one.is_coordinate and one.name in shaped.coords:
            found.append((one, shaped.coords[one.name]))
        elif one.is_coordinate and not one.digest:
            raise InvalidResultError(f"the coordinate {one.name!r} did not come, which came with the first slice")
    return found


def _check_unchanged(
    variables: Iterable[tuple[Field, xr.Variable]],
    shaped: Shaped,
    template: Template,
    source: Mapping[Any, xr.Variable],
) -> None:
    """Refuse what a function changed where it did not in the first slice: that would be lost."""
    for field, variable in variables:
        own = source.get(field.name)
        if field.is_unchanged and own is not None and not same(own, variable):
            raise InvalidResultError(
                f"{field.name!r} came back changed, while the first slice left it as it was; "
                "give what is computed a name of its own"
            )
    for one in template.carried:
        came, own = shaped.coords.get(one.name), source.get(one.name)
        if one.make == "whole" and came is not None and own is not None and not same(own, came):
            raise InvalidResultError(
                f"the coordinate {one.name!r} differs from that of the block, while that of the first slice did not"
            )
