"""A store and what a host script computes from it, with the bytes of every answer known before a server is asked.

What is stored is known from the files, what is computed from numpy; of documents their first answers are the truth.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zarr
from numcodecs import Zstd

from benchmarks.answers import fetch
from benchmarks.classes import Keys
from benchmarks.noise import NAME, SMALL

COMPUTED = "computed"
"""Id of the dataset that is computed."""
HOST = """
from pathlib import Path
import xarray as xr

ds = xr.open_dataset(Path(__file__).with_name("noise.zarr"), engine="zarr", chunks={}, consolidated=False)
datasets = {"computed": ds - ds.max("time")}
"""
"""The maximum is needed by every chunk. It is the same in whatever order it is taken, so numpy's is, too."""
DOCUMENTS = ("zarr.json", "tas/zarr.json", ".zmetadata", ".zgroup", ".zattrs", "tas/.zarray", "tas/.zattrs")
NONE = ("tas/c/999/0/0", "tas/999.0.0", "tas/c/0/0", "tas/c/00/0/0", "pr/zarr.json", "pr/.zarray", "nothing")
"""Keys that no dataset has."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What is served, where it lies, and the classes of its keys."""

    targets: Sequence[str]
    """As `cloudify serve` takes them."""
    stored: Keys
    computed: Keys
    absent: Keys
    fetched: Callable[[str], Keys]
    """Fetches the documents of the server at a URL."""

    def classes(self, url: str) -> Sequence[Keys]:
        """Return all classes: stored, computed, metadata, absent."""
        return self.stored, self.computed, self.fetched(url), self.absent


def write_truth(folder: Path) -> Truth:
    """Write a store and a host script below a folder."""
    store = SMALL.write(folder)
    script = folder / "host.py"
    script.write_text(HOST, encoding="utf-8")
    files = {f"/datasets/{NAME}/zarr/{key}": (store / key).read_bytes() for key in SMALL.keys}
    values = np.asarray(zarr.open_array(store / "tas", mode="r")[:])
    steps = values - values.max(axis=0)
    decoded = {f"/datasets/{COMPUTED}/zarr/{key}": steps[i].tobytes() for i, key in enumerate(SMALL.keys)}
    both = (NAME, COMPUTED)
    return Truth(
        (str(store), f"{script}:datasets"),
        Keys("stored", list(files), 200, lambda path, body: body == files[path]),
        Keys("computed", list(decoded), 200, lambda path, body: _is_zstd_of(decoded[path], body)),
        Keys("absent", [f"/datasets/{name}/zarr/{key}" for name in both for key in NONE], 404, _is_refusal),
        lambda url: _documents(url, [f"/datasets/{name}/zarr/{key}" for name in both for key in DOCUMENTS]),
    )


def _documents(url: str, paths: Sequence[str]) -> Keys:
    first = fetch(url, paths)
    return Keys("metadata", paths, 200, lambda path, body: body == first[path])


def _is_zstd_of(decoded: bytes, body: bytes) -> bool:
    try:
        return bool(Zstd().decode(body) == decoded)
    except RuntimeError:  # it is none
        return False


def _is_refusal(path: str, body: bytes) -> bool:
    try:
        problem = json.loads(body)
    except ValueError:
        return False
    return bool((problem.get("status"), problem.get("instance")) == (404, path))
