"""Whether what a function returned can be stored and served."""

import json
from math import prod
from typing import Final

from cloudify.compute.plan import AnyPlan
from cloudify.compute.returned import Plain
from cloudify.compute.template import Template
from cloudify.errors import InvalidResultError

MAX_CHUNK_NBYTES: Final = 2**28
MOST_ELEMENTS: Final = 2**56
"""Of a variable of the result; its size in bytes is to be a number of 63 bits."""


def check_plain(value: Plain) -> None:
    """Return if a plain value can be part of a result.

    Raises
    ------
    InvalidResultError
        If it is nothing, or no JSON.
    """
    try:
        parsed = json.loads(value.json, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidResultError(f"a value that is not JSON ({error})"[:200]) from error
    if parsed is None:
        raise InvalidResultError("nothing (None) was returned; end the function with `return` and its result")


def check_sizes(template: Template, plan: AnyPlan, max_chunk_nbytes: int) -> None:
    """Return if all variables of a result can be stored and served.

    Raises
    ------
    InvalidResultError
        If one or one of its chunks is too large, or their dimensions contradict each other.
    """
    sizes: dict[str, int] = {}
    layouts = template.layouts(plan)
    for name, layout in layouts.items():
        nbytes = layout.type.dtype.itemsize * prod(layout.grid.chunk)
        if nbytes > max_chunk_nbytes:
            raise InvalidResultError(
                f"{name!r} would have chunks of {nbytes} bytes, above the limit of {max_chunk_nbytes}; "
                "return less of it, or run the job on smaller chunks"
            )
        if prod(layout.grid.shape) > MOST_ELEMENTS:
            raise InvalidResultError(f"{name!r} would have {prod(layout.grid.shape)} elements in all")
        for dim, size in zip(layout.dims, layout.grid.shape, strict=True):
            if sizes.setdefault(dim, size) != size:
                raise InvalidResultError(
                    f"the dimension {dim!r} has {sizes[dim]} elements in one variable and {size} in {name!r}; "
                    "give one of them another name"
                )
    named = next((name for name in sizes if name in layouts and layouts[name].dims != (name,)), None)
    if named is not None:
        raise InvalidResultError(f"a variable is named {named!r} as a dimension is; give it another name, .rename(...)")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
