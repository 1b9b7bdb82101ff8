"""xarray: by address in both formats and as a tree, through an fsspec mapper, through obstore."""

from collections.abc import Callable
from typing import Any

import fsspec
import xarray as xr
import zarr
from obstore.store import HTTPStore

from clients.base import Answers, Client, Job, Refused, Wanted, each_array, one_by_one, versions

RAW = {"mask_and_scale": False, "decode_times": False, "decode_timedelta": False, "concat_characters": False}
Open = Callable[[Job, dict[str, Any]], xr.DataTree]


def _groups(job: Job) -> list[str]:
    return sorted({wanted.path.rpartition("/")[0] for wanted in job.wanted})


def _read(job: Job, opened: Open) -> Answers:
    answers: Answers = {}
    for suffix, options in (("", RAW | {"decode_coords": False}), (" decoded", dict(job.decode))):
        try:
            tree = opened(job, options)
        except Exception as error:  # noqa: BLE001  # the client's own
            answers |= {
                wanted.path + suffix: Refused(f"{type(error).__name__}: {error}"[:300]) for wanted in job.wanted
            }
            continue

        def read(wanted: Wanted, tree: xr.DataTree = tree) -> Any:
            group, _, name = wanted.path.rpartition("/")
            return tree[f"/{group}"].dataset.variables[name].to_numpy()

        answers |= {path + suffix: answer for path, answer in each_array(job, read).items()}
    return answers


def _by_group(job: Job, open_group: Callable[[str | None], xr.Dataset]) -> xr.DataTree:
    return xr.DataTree.from_dict({f"/{group}": open_group(group or None) for group in _groups(job)})


def _address(zarr_format: int) -> Open:
    def opened(job: Job, options: dict[str, Any]) -> xr.DataTree:
        more = {"engine": "zarr", "zarr_format": zarr_format, "chunks": {}} | options
        return _by_group(job, lambda group: xr.open_dataset(job.url, group=group, **more))

    return opened


def _tree(job: Job, options: dict[str, Any]) -> xr.DataTree:
    return xr.open_datatree(job.url, engine="zarr", chunks={}, **options)


def _mapper(job: Job, options: dict[str, Any]) -> xr.DataTree:
    def opened(group: str | None) -> xr.Dataset:
        return xr.open_zarr(fsspec.get_mapper(job.url), group=group, zarr_format=3, **options)

    return _by_group(job, opened)


def _obstore(job: Job, options: dict[str, Any]) -> xr.DataTree:
    store = zarr.storage.ObjectStore(HTTPStore(job.url, client_options={"allow_http": True}), read_only=True)
    return _by_group(job, lambda group: xr.open_zarr(store, group=group, zarr_format=3, **options))


def _client(name: str, opened: Open, *packages: str) -> Client:
    return Client(name, versions("xarray", *packages), one_by_one(lambda job: _read(job, opened)))


CLIENTS = [
    _client("xarray v3", _address(3), "zarr"),
    _client("xarray v2", _address(2), "zarr"),
    _client("xarray datatree", _tree, "zarr"),
    _client("xarray fsspec mapper", _mapper, "fsspec", "zarr"),
    _client("xarray obstore", _obstore, "obstore", "zarr"),
]
