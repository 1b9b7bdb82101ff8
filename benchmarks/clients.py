"""Rows ``xarray-load`` and ``xarray-load-obstore``: what a reader waits for, through us and through nginx."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import obstore.store
import xarray as xr
from zarr.storage import ObjectStore

from benchmarks.answers import check_equal, fetch, write_files
from benchmarks.calls import compare_calls
from benchmarks.failures import RowError
from benchmarks.noise import NAME, SMALL
from benchmarks.rows import Effort, Outcome, Row, Target
from benchmarks.servers import nginx, serve

CHUNKS = 50
LIMIT, OURS = "through nginx", "through cloudify serve"
ROOT = f"/datasets/{NAME}/zarr"
DOCUMENTS = (f"{ROOT}/zarr.json", f"{ROOT}/tas/zarr.json")
Values = np.ndarray[Any, np.dtype[np.float32]]


def by_fsspec(url: str) -> Values:
    """Open a dataset by its URL and load its first chunks."""
    with xr.open_dataset(url + ROOT, engine="zarr", chunks=None, zarr_format=3) as ds:
        return ds["tas"][:CHUNKS].to_numpy()


def by_obstore(url: str) -> Values:
    """Open a dataset through obstore and load its first chunks."""
    store = ObjectStore(obstore.store.HTTPStore(url + ROOT, client_options={"allow_http": True}), read_only=True)
    with xr.open_dataset(store, engine="zarr", chunks=None, zarr_format=3) as ds:  # type: ignore[arg-type]  # a store
        return ds["tas"][:CHUNKS].to_numpy()


def run(effort: Effort, load: Callable[[str], Values]) -> Outcome:
    """Compare how long a reader takes, and the CPU time of its own process."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="cloudify-bench-")))
        ours = stack.enter_context(serve(SMALL.write(folder)))
        contents = fetch(ours.url, [*DOCUMENTS, *SMALL.paths()])
        write_files(folder / "root", contents)
        limit = stack.enter_context(nginx(folder / "root"))
        check_equal(limit.url, contents, LIMIT)
        if not np.array_equal(load(ours.url), load(limit.url)):
            raise RowError("readers get different values")
        figures = compare_calls(
            {LIMIT: (partial(load, limit.url), 1), OURS: (partial(load, ours.url), 1)},
            effort,
            limit=LIMIT,
            clock=time.process_time,
        )
    return Outcome(
        f"`xr.open_dataset` and the load of {CHUNKS} chunks of 74 kB; a request is one such load, the CPU time is that "
        "of the reader, while the servers take theirs from the same cores",
        figures,
    )


TARGETS = {OURS: Target(cpu=1.1, throughput=round(1 / 1.1, 2))}
FSSPEC_ROW = Row(LIMIT, partial(run, load=by_fsspec), TARGETS)
OBSTORE_ROW = Row(LIMIT, partial(run, load=by_obstore), TARGETS)
