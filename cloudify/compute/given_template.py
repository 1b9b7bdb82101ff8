"""The input `template`: what all results look like, told by who asks instead of by the first slice."""

import json
import re
from collections.abc import Mapping
from typing import Final

from cloudify.chunks.attributes import json_attributes
from cloudify.compute.elements import read_elements
from cloudify.compute.inputs import check_names, kind_of, read_names, read_object, read_text
from cloudify.compute.plan import AnyPlan
from cloudify.compute.shaped import check_name
from cloudify.compute.storable import MAX_CHUNK_NBYTES, check_sizes
from cloudify.compute.template import KINDS, Dim, Field, Template
from cloudify.compute.templating import DECODED, with_coordinates, with_reduced
from cloudify.datasets.opened import Opened
from cloudify.errors import BadInputError, InvalidResultError

INPUT: Final = "template"
MOST_VARIABLES: Final = 1000
_MEMBERS: Final = ("kind", "variables", "attrs", "coordinates", "first", "present", "bare", "v")
"""As a template is written; those after `attrs` are told by the plan and the dataset, whatever stands there."""
_OF_VARIABLES: Final = ("dims", "dtype", "sizes", "reduced", "without", "attrs", "coordinate", "digest", "unchanged")
_DIGEST: Final = re.compile(r"[0-9a-f]{32}")
_EXAMPLE: Final = '{"variables": {"tas": {"dims": ["time", "lat", "lon"], "dtype": "float32"}}}'


def read_template(
    text: str, plan: AnyPlan, opened: Opened | None = None, *, max_chunk_nbytes: int = MAX_CHUNK_NBYTES
) -> Template:
    """Return a template as it was given, with the coordinates of the dataset. Blocks, with a dataset.

    Parameters
    ----------
    text
        JSON, as `Template.to_json` writes it or in short: of each variable `dims` and `dtype`, and where need be
        `sizes` of new dimensions, `reduced` (a list of those with one element a slice), `without` (those along which it
        is the same) and `attrs`. A dimension of the plan that is not named is reduced.

    Raises
    ------
    BadInputError
        Saying what is wrong with it.
    """
    given = read_object(INPUT, json.loads(text))
    check_names(given, _MEMBERS, INPUT)
    kind = given.get("kind", "grid")
    if kind not in KINDS:
        raise BadInputError(INPUT, f"kind: expected one of {', '.join(KINDS)}")
    if kind != "grid":
        return Template("table" if kind == "table" else "files")
    variables = read_object(f"{INPUT}.variables", given.get("variables", {}))
    if not 0 < len(variables) <= MOST_VARIABLES:
        raise BadInputError(INPUT, f"expected 1 to {MOST_VARIABLES} variables, e.g. {_EXAMPLE}")
    attrs = json_attributes(read_object(f"{INPUT}.attrs", given.get("attrs", {})), DECODED)
    fields = tuple(_field(name, value, plan) for name, value in variables.items())
    if all(one.is_coordinate for one in fields):
        raise BadInputError(INPUT, "all its variables are coordinates")
    template = with_coordinates(Template("grid", fields, (), attrs), plan, opened)
    try:
        check_sizes(template, plan, max_chunk_nbytes)
    except InvalidResultError as error:
        raise BadInputError(INPUT, str(error)) from error
    return template


def _field(name: str, value: object, plan: AnyPlan) -> Field:
    where = f"{INPUT}.variables.{name}"[:200]
    given = read_object(where, value)
    check_names(given, _OF_VARIABLES, where)
    digest = given.get("digest", "")
    if not isinstance(digest, str) or (digest and not _DIGEST.fullmatch(digest)):
        raise BadInputError(where, "digest: expected 32 hexadecimal digits, as a template was written")
    is_coordinate = given.get("coordinate", False) is True
    dims = _dims(where, given, plan)
    without = read_names(f"{where}.without", given["without"]) if given.get("without") else ()
    there = {*without, *(dim.axis for dim in dims)}
    missing = [] if is_coordinate else [axis.dim for axis in plan.axes if axis.dim not in there]
    try:
        check_name(name)
        elements = read_elements(read_text(f"{where}.dtype", given.get("dtype")))
    except InvalidResultError as error:
        raise BadInputError(where, str(error)) from error
    attrs = json_attributes(read_object(f"{where}.attrs", given.get("attrs", {})), DECODED)
    is_unchanged = given.get("unchanged", False) is True
    return Field(name, with_reduced(dims, missing, plan), elements, attrs, is_coordinate, digest, without, is_unchanged)


def _dims(where: str, given: Mapping[str, object], plan: AnyPlan) -> list[Dim]:
    names = given.get("dims")
    if not isinstance(names, list) or len(set(map(str, names))) != len(names):
        raise BadInputError(f"{where}.dims", f"expected a list of dimensions, none twice, not {kind_of(names)}")
    axes = {axis.dim for axis in plan.axes}
    sizes = read_object(f"{where}.sizes", given.get("sizes", {}))
    reduced = _reduced(where, given.get("reduced", {}), axes)
    found = []
    for dim in (read_text(f"{where}.dims", name) for name in names):
        try:
            check_name(dim)
        except InvalidResultError as error:
            raise BadInputError(f"{where}.dims", str(error)) from error
        if dim in reduced:
            found.append(Dim(dim, reduced[dim], is_reduced=True))
        elif dim in axes:
            found.append(Dim(dim, dim))
        else:
            found.append(Dim(dim, size=_size(where, dim, sizes, axes)))
    twice = {dim.axis for dim in found if dim.axis}
    if len(twice) != sum(bool(dim.axis) for dim in found):
        raise BadInputError(f"{where}.dims", "a dimension that is cut stands there twice, whole and reduced")
    return found


def _reduced(where: str, given: object, axes: set[str]) -> dict[str, str]:
    if isinstance(given, list):
        names = [read_text(f"{where}.reduced", name) for name in given]
        given = dict(zip(names, names, strict=True))
    pairs = read_object(f"{where}.reduced", given)
    known = ", ".join(sorted(axes)) or "none"
    for axis in pairs.values():
        if not isinstance(axis, str) or axis not in axes:
            raise BadInputError(f"{where}.reduced", f"{str(axis)[:100]!r} is no dimension that is cut: {known} are")
    return {str(name): str(axis) for name, axis in pairs.items()}


def _size(where: str, dim: str, sizes: Mapping[str, object], axes: set[str]) -> int:
    size = sizes.get(dim)
    if type(size) is not int or size < 1:
        raise BadInputError(
            f"{where}.sizes",
            f"{dim!r} is none of the dimensions that are cut ({', '.join(sorted(axes)) or 'none'}), so it is new: "
            f'give its size, e.g. {{"{dim}": 10}}',
        )
    return size
