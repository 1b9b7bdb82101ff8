"""Random jobs over a dataset."""

from collections.abc import Callable, Mapping
from typing import Any

import xarray as xr
from hypothesis import strategies as st

from oracle import functions
from oracle.whole import Job, default_names

ARRAYS: tuple[Callable[..., Any], ...] = (
    functions.same, functions.main, functions.nameless, functions.values, functions.turned, functions.alone,
    functions.counted, functions.first, functions.first_kept, functions.spread, functions.deepened, functions.both,
    functions.added, functions.relabelled, functions.flipped, functions.total,
)  # fmt: skip
"""Functions that return arrays."""
SIZES = (-1, 1, 2, 3, 5, 99)

Chunks = Callable[[str], tuple[int, ...]]
"""The chunk in which a variable is served."""


def draw_job(data: st.DataObject, ds: xr.Dataset, served: Chunks | None = None) -> tuple[Job, dict[str, Any]]:
    """Return what a job is to give, and the inputs of `map` for it, on_error included.

    Parameters
    ----------
    served
        Where it is not given, each dimension is given a size.
    """
    known = default_names(ds)
    asked = data.draw(st.none() | st.lists(st.sampled_from(known), min_size=1, unique=True), "variables")
    names = asked or known
    main = max(names, key=lambda name: ds[name].ndim)  # the first of those of equal rank
    own = [str(dim) for dim in ds[main].dims]
    dims = list(dict.fromkeys([*own, *(str(dim) for name in names for dim in ds[name].dims)]))
    some = st.sets(st.sampled_from(dims)) if dims else st.just(set())
    named = dims if served is None else sorted(data.draw(some, "cut"))
    chunks = {dim: data.draw(st.sampled_from(SIZES), f"chunk {dim}") for dim in named}
    overlap = {dim: data.draw(st.integers(0, 3), f"overlap {dim}") for dim in sorted(data.draw(some, "overlap"))}
    function = data.draw(st.sampled_from(ARRAYS))
    over = [dim for dim in own if data.draw(st.booleans(), f"over {dim}")]
    args = {"name": main, "dims": over, "fails": []}
    grid = dict(zip(own, served(main) if served else (), strict=False)) | dict(chunks)
    job = Job(ds, names, _sized(ds, grid), overlap, function, args, len(own))
    total = sum(1 for _ in job.places())
    if data.draw(st.booleans(), "some fail"):
        args["fails"] = sorted(data.draw(st.sets(st.integers(1, total), max_size=min(3, total - 1)), "fails"))
    inputs = {"chunks": chunks, "overlap": overlap, "on_error": "skip"} | ({"variables": asked} if asked else {})
    return job, inputs


def _sized(ds: xr.Dataset, chunks: Mapping[str, int]) -> dict[str, int]:
    return {dim: ds.sizes[dim] if size == -1 else min(size, ds.sizes[dim]) for dim, size in chunks.items()}
