"""Row ``stored-chunk``: the chunks of a zarr store as cloudify serves them, against the same bytes as files."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx
import numpy as np
import zarr
from zarr.codecs import ZstdCodec

from benchmarks.failures import RowError
from benchmarks.load import write_script
from benchmarks.rows import Effort, Outcome, Row, compare
from benchmarks.servers import constant, nginx, serve

SHAPE = (64, 256, 254)
CHUNK = (1, 256, 254)
LIMIT = "nginx, files"


def write_store(folder: Path) -> Path:
    """Write 64 chunks of 260 kB, each about 74 kB as zstd: noise with one decimal. Return the store's path."""
    store = folder / "noise.zarr"
    noise = np.random.default_rng(1).standard_normal(SHAPE)
    group = zarr.create_group(store, zarr_format=3)
    array = group.create_array(
        "tas",
        shape=SHAPE, chunks=CHUNK, dtype="float32",
        compressors=ZstdCodec(level=1), dimension_names=("time", "lat", "lon"),
    )  # fmt: skip
    array[:] = (280 + noise).round(1).astype("float32")
    return store


def fetch(url: str, paths: list[str]) -> dict[str, bytes]:
    """Return what a server answers for each path.

    Raises
    ------
    RowError
        If it answers one with anything but 200.
    """
    found: dict[str, bytes] = {}
    with httpx.Client(base_url=url, trust_env=False) as client:
        for path in paths:
            answer = client.get(path)
            if answer.status_code != httpx.codes.OK:
                raise RowError(f"{path} is answered with {answer.status_code}")
            found[path] = answer.content
    return found


def write_files(root: Path, contents: Mapping[str, bytes]) -> None:
    """Write what was fetched below a folder, each under its URL's path."""
    for path, content in contents.items():
        file = root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def run(effort: Effort) -> Outcome:
    """Compare the servers after checking that they answer the same bytes."""
    paths = [f"/datasets/noise/zarr/tas/c/{i}/0/0" for i in range(SHAPE[0])]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="cloudify-bench-")))
        ours = stack.enter_context(serve(write_store(folder)))
        contents = fetch(ours.url, paths)
        root = folder / "root"
        write_files(root, contents)
        limit = stack.enter_context(nginx(root))
        if fetch(limit.url, paths) != contents:
            raise RowError("nginx and cloudify answer different bytes")
        bare = stack.enter_context(constant(root / paths[0].lstrip("/")))
        peers = {LIMIT: limit, "bare ASGI, one constant": bare, "cloudify": ours}
        figures = compare(peers, write_script(folder / "keys.lua", paths), effort, limit=LIMIT)
    decoded = int(np.prod(CHUNK)) * 4
    answered = median(len(content) for content in contents.values())
    return Outcome(
        f"one of {SHAPE[0]} zarr v3 chunks at random, {answered / 1e3:.0f} kB as zstd, {decoded / 1e3:.0f} kB decoded; "
        "nginx serves what cloudify answered, byte for byte; every chunk was asked for once before",
        figures,
    )


ROW = Row(LIMIT, run)
