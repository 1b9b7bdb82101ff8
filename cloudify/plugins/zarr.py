"""``GET,HEAD /datasets/{dataset_id}/zarr/{key}``: every dataset as zarr v3 and v2 under one URL."""

from collections.abc import Iterator, Sequence
from math import prod

from fastapi import APIRouter
from pydantic import Field, PrivateAttr
from starlette.responses import Response
from starlette.routing import Mount
from xpublish.plugins import Dependencies, Plugin, hookimpl

from cloudify.chunks.array import ServedArray
from cloudify.datasets.opened import Opened
from cloudify.datasets.stored import ORIGINAL_NAME
from cloudify.errors import UnknownKeyError
from cloudify.http.bytes import KeyBytes
from cloudify.http.checks import Checked
from cloudify.http.cors import PublicReads
from cloudify.http.identified import Identified
from cloudify.http.lookup import Lookup
from cloudify.model.finding import Finding
from cloudify.settings import Settings, load_settings

LARGE_CHUNK_NBYTES = 32 * 2**20
"""About three seconds on a line of 100 Mbit/s."""
SMALL_CHUNK_NBYTES = 2**16
MANY_CHUNKS = 1000
MOST_NAMES = 8
"""Most variables that one finding names, where it is about many."""


def read_key(dataset_id: str, key: str) -> Response:
    """One key of the dataset's zarr store: `zarr.json`, `{var}/zarr.json`, `{var}/c/0/1` (v3), or `.zmetadata`,
    `.zgroup`, `.zattrs`, `{var}/.zarray`, `{var}/0.1` (v2). Groups are path prefixes. Open the store with
    `xr.open_dataset(".../zarr", engine="zarr", chunks={}, zarr_format=3)`.
    """  # noqa: D205  # shown as one paragraph in the API docs
    raise UnknownKeyError(
        key, f"the keys of {dataset_id!r} are served by the application mounted in front of this route"
    )


def check_array(array: ServedArray) -> Finding | None:
    """Return what is wrong with the chunks of a variable, None if they suit the web."""
    nbytes = prod(array.grid.chunk) * array.type.dtype.itemsize
    counts = len(array.grid)
    if nbytes > LARGE_CHUNK_NBYTES:
        reason = f"a chunk is {nbytes / 2**20:.0f} MiB before encoding: a reader of one value waits for all of it"
        return Finding(
            "zarr", array.path, "limited", reason, f"rechunk the source to {LARGE_CHUNK_NBYTES >> 20} MiB or less"
        )
    if nbytes < SMALL_CHUNK_NBYTES and counts > MANY_CHUNKS:
        reason = f"{counts} chunks of {nbytes} bytes: a reader of all of it sends as many requests"
        return Finding(
            "zarr", array.path, "limited", reason, f"rechunk the source to {SMALL_CHUNK_NBYTES >> 10} KiB or more"
        )
    return None


def check_reductions(array: ServedArray) -> Finding | None:
    """Return what many chunks of a variable need that could not be kept; None if there is none, or none was read."""
    nbytes = max(array.blocks.too_large, default=0) if array.blocks is not None else 0
    if not nbytes:
        return None
    reason = f"a reduction of {nbytes / 2**20:.0f} MiB is computed again with every chunk"
    fix = "compute it before hosting, e.g. ds.mean('time').compute(), or raise reduction_cache_nbytes"
    return Finding("zarr", array.path, "limited", reason, fix)


def check_zarr(checked: Checked) -> Iterator[Finding]:
    """Yield findings: of the store, of each variable left out, renamed or badly chunked, of chunks sent as stored."""
    yield Finding("zarr", "", "works", f"{len(checked.hierarchy.arrays)} variables, in v3 and v2")
    for path, reason in checked.hierarchy.omitted.items():
        yield Finding(
            "zarr", path, "fails", reason, "store it as numbers, times or text; the other variables are served"
        )
    for group, ds in checked.opened.groups.items():
        for name, variable in ds.variables.items():
            original = variable.encoding.get(ORIGINAL_NAME)
            if original is not None:
                reason = f"served as {name!r}: a slash would make it a group"
                yield Finding("zarr", f"{group}{original}", "limited", reason, "rename it in the source")
    for array in checked.hierarchy.arrays.values():
        yield from filter(None, (check_array(array), check_reductions(array)))
    yield from check_stored(checked)


def check_stored(checked: Checked) -> Iterator[Finding]:
    """Yield which variables are sent as they are stored, and for each reason which are not."""
    why = why_none_are_passed(checked.opened)
    if why:
        yield Finding("stored", "", "works", f"chunks are encoded by the server: {why}")
        return
    arrays = checked.hierarchy.arrays.values()
    passed = [array.path for array in arrays if array.passed is not None]
    reasons = dict.fromkeys(array.encoded_anew for array in arrays if array.encoded_anew)
    if passed:
        yield Finding("stored", shorten(passed) if reasons else "", "works", "chunks are sent as they are stored")
    for reason in reasons:
        subject = shorten([array.path for array in arrays if array.encoded_anew == reason])
        yield Finding("stored", subject, "works", f"chunks are encoded anew: {reason}")


def why_none_are_passed(opened: Opened) -> str:
    """Return why no chunks of a dataset are sent as they are stored, ``""`` where its variables tell."""
    if opened.zarr is not None:
        return ""
    if not opened.stored:
        return "it was handed over in Python"
    if opened.entry.is_prepared:
        return "its catalog has it prepared"
    return f"what the driver {opened.entry.driver!r} reads are no chunks of zarr"


def shorten(names: Sequence[str]) -> str:
    """Return names in one line.

    >>> shorten(["a", "b"]), shorten(list("abcdefghijkl"))
    ('a, b', 'a, b, c, d, e, f, g, h and 4 more')
    """
    shown = names if len(names) <= MOST_NAMES + 1 else names[:MOST_NAMES]
    more = f" and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
    return ", ".join(shown) + more


class ZarrPlugin(Plugin):
    """Datasets as zarr."""

    name: str = "cloudify_zarr"
    settings: Settings = Field(default_factory=load_settings)
    _keys: KeyBytes = PrivateAttr()

    def byte_paths(self) -> dict[str, KeyBytes]:
        """Return what the fast lane may answer."""
        return {"zarr": self._keys}

    @hookimpl
    def app_router(self, deps: Dependencies) -> APIRouter:
        """Mount the byte path, and document it: FastAPI does not list mounted applications."""
        self._keys = KeyBytes(Lookup(deps, self.settings), self.settings)
        router = APIRouter(tags=["zarr"])
        router.routes.append(Mount("/datasets/{dataset_id}/zarr", app=PublicReads(Identified(self._keys))))
        router.add_api_route("/datasets/{dataset_id}/zarr/{key:path}", read_key, response_class=Response)
        return router

    def check(self, checked: Checked) -> Iterator[Finding]:
        """Say what the store can do."""
        return check_zarr(checked)
