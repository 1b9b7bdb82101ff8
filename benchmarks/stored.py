"""Rows ``stored-chunk`` and ``large-chunk``: chunks of a zarr store as they are served, against the same as files."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import xarray as xr

from benchmarks.answers import check_equal, write_files
from benchmarks.failures import RowError
from benchmarks.load import ask_for
from benchmarks.noise import LARGE, NAME, SMALL, Noise
from benchmarks.processes import Running
from benchmarks.rows import Effort, Outcome, Row, Target, compare
from benchmarks.servers import constant, files, host, nginx, serve
from benchmarks.stock import NAME as STOCK
from benchmarks.stock import stock_python

LIMIT, CONSTANT, FILE_RESPONSE = "nginx, files", "bare ASGI, one constant", "FastAPI FileResponse"
SERVE, REST = "cloudify serve", "plain xpublish.Rest with our plugins"
UNKEPT = "cloudify serve, no chunk kept"
SAME = "cloudify and nginx serve the store's files, byte for byte; every chunk was asked for once before"


def small(effort: Effort) -> Outcome:
    """Compare all peers on small chunks."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="cloudify-bench-")))
        store, root = SMALL.write(folder), folder / "root"
        peers, contents = _stored(stack, store, SMALL, root)
        peers[UNKEPT] = stack.enter_context(serve(store, settings={"chunk_cache_nbytes": 0}))
        peers[CONSTANT] = stack.enter_context(constant(root / SMALL.paths()[0].lstrip("/")))
        peers[FILE_RESPONSE] = stack.enter_context(files(root))
        peers[REST] = stack.enter_context(host(str(store)))
        for name in (UNKEPT, FILE_RESPONSE, REST):
            check_equal(peers[name].url, contents, name)
        left_out: dict[str, str] = {}
        try:
            peers[STOCK] = stack.enter_context(host(str(store), python=stock_python()))
            _check_values(peers[STOCK], store)
        except RowError as error:
            peers.pop(STOCK, None)
            left_out[STOCK] = str(error)
        asked = ask_for(folder / "keys.lua", SMALL.paths())
        figures, given_up = compare(peers, asked, effort, limit=LIMIT, frail={STOCK})
    subject = f"{_subject(SMALL, contents)}; {STOCK} encodes anew, so its values are compared, not its bytes"
    return Outcome(subject, figures, left_out | given_up)


def large(effort: Effort) -> Outcome:
    """Compare throughput on large chunks."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="cloudify-bench-")))
        peers, contents = _stored(stack, LARGE.write(folder), LARGE, folder / "root")
        figures, _ = compare(peers, ask_for(folder / "keys.lua", LARGE.paths()), effort, limit=LIMIT)
    return Outcome(_subject(LARGE, contents), figures)


def _stored(stack: ExitStack, store: Path, noise: Noise, root: Path) -> tuple[dict[str, Running], Mapping[str, bytes]]:
    """Serve a store by cloudify, and its files under the same paths by nginx."""
    ours = stack.enter_context(serve(store))
    contents = dict(zip(noise.paths(), ((store / key).read_bytes() for key in noise.keys), strict=True))
    check_equal(ours.url, contents, SERVE)
    write_files(root, contents)
    limit = stack.enter_context(nginx(root))
    check_equal(limit.url, contents, LIMIT)
    return {LIMIT: limit, SERVE: ours}, contents


def _check_values(server: Running, store: Path) -> None:
    url = f"{server.url}/datasets/{NAME}/zarr"
    with (
        xr.open_dataset(url, engine="zarr", chunks=None, zarr_format=3) as found,
        xr.open_dataset(store, engine="zarr", chunks=None, consolidated=False) as right,
    ):
        if not np.array_equal(found["tas"].to_numpy(), right["tas"].to_numpy()):
            raise RowError("it answers with other values")


def _subject(noise: Noise, contents: Mapping[str, bytes]) -> str:
    answered = median(len(content) for content in contents.values())
    return (
        f"one of {noise.shape[0]} zarr v3 chunks at random, {answered / 1e3:.0f} kB as zstd, "
        f"{noise.nbytes / 1e3:.0f} kB decoded; {SAME}"
    )


SMALL_ROW = Row(LIMIT, small, {SERVE: Target(cpu=5), UNKEPT: Target(cpu=5), REST: Target(cpu=8)})
LARGE_ROW = Row(LIMIT, large, {SERVE: Target(throughput=0.9)})
