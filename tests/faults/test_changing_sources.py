"""Sources that change while they are read: every answer is the old bytes, the new bytes or a problem, never a mix."""

import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import httpx
import numpy as np
import pytest
import xarray as xr

from cloudify import Server
from cloudify.settings import Settings
from cloudify.testing import running

CHUNKS = 6
READERS = 8
CACHE = 2**28
PROBLEMS = {"source-changed", "unreadable-dataset", "unreadable-chunk"}

Changer = Callable[[Path, Path], None]


def settings(**given: int) -> Settings:
    """Cut a classic file, which has no chunks, into as many as the others have; bear with a writer that is held up."""
    return Settings.load(token_check_s=0.2, settle_s=1.0, chunk_nbytes=240_000, **given)


def made(value: int) -> xr.Dataset:
    """Chunks that differ in every element from those of another value, and from each other."""
    numbers = np.arange(CHUNKS * 60_000, dtype="int32").reshape(CHUNKS, 60_000) + value * 10_000_000
    return xr.Dataset({"v": (("t", "x"), numbers)}, attrs={"version": value})


def write(kind: str, path: Path, value: int) -> None:
    ds = made(value)
    if kind == "netcdf4":
        ds.to_netcdf(path, encoding={"v": {"chunksizes": (1, 60_000)}})
    elif kind == "netcdf3":
        ds.to_netcdf(path, format="NETCDF3_64BIT")
    else:
        encoding = {"v": {"chunks": (1, 60_000), "compressors": None}}  # torn bytes would decode well
        ds.to_zarr(path, zarr_format=int(kind[-1]), consolidated=True, encoding=encoding)


def rename(path: Path, new: Path) -> None:
    """What a careful writer does."""
    if path.is_dir():
        path.rename(path.with_name(f".{path.name}.old"))
    new.rename(path)


def remove_then_rename(path: Path, new: Path) -> None:
    shutil.rmtree(path)
    new.rename(path)


def overwrite(path: Path, new: Path) -> None:
    """What a careless writer does: the same files, piece by piece."""
    files = [new] if new.is_file() else sorted(one for one in new.rglob("*") if one.is_file())
    for file in files:
        target = path if new.is_file() else path / file.relative_to(new)
        data = file.read_bytes()
        with target.open("r+b") as out:
            for start in range(0, len(data), 100_000):
                out.write(data[start : start + 100_000])
                out.flush()
                time.sleep(0.0005)
            out.truncate()


class Readers:
    """Reads all chunks again and again, and keeps every answer."""

    def __init__(self, url: str, keys: Sequence[str]) -> None:
        self.url, self.keys = url, keys
        self.bodies: dict[tuple[str, str], set[bytes]] = defaultdict(set)
        self.statuses: set[tuple[str, int, str]] = set()
        self._end = Event()
        self._pool = ThreadPoolExecutor(READERS)
        self._runs = [self._pool.submit(self._read, number) for number in range(READERS)]

    def _read(self, number: int) -> None:
        with httpx.Client(timeout=30) as client:
            turn = number
            while not self._end.is_set():
                key = self.keys[turn % CHUNKS]
                turn += 1
                answer = client.get(f"{self.url}/{key}")
                if answer.status_code == 200:
                    self.bodies[key, answer.headers["etag"]].add(answer.content)
                else:
                    code = answer.json()["type"].rpartition("/")[2]
                    self.statuses.add(("chunk", answer.status_code, code))

    def seen(self, key: str) -> set[bytes]:
        return {body for (found, _), bodies in list(self.bodies.items()) if found == key for body in list(bodies)}

    def stop(self) -> None:
        self._end.set()
        self._pool.shutdown()
        for run in self._runs:
            run.result()


def until(condition: Callable[[], bool], what: str, deadline_s: float = 20.0) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def keys_of(kind: str, route: str) -> list[str]:
    """Stored chunks have the keys of their format."""
    name = "v/{}.0" if route == "kerchunk" and kind != "zarr3" else "v/c/{}/0"
    return [name.format(number) for number in range(CHUNKS)]


def chunks_of(kind: str, folder: Path, value: int, route: str = "zarr") -> dict[str, bytes]:
    """What each chunk's answer is, from a server of a source that nobody changes."""
    path = folder / f"a{'.zarr' if 'zarr' in kind else '.nc'}"
    folder.mkdir()
    write(kind, path, value)
    with running(Server(path, settings=settings()).app) as url:
        return {
            key: httpx.get(f"{url}/datasets/a/{route}/{key}").raise_for_status().content for key in keys_of(kind, route)
        }


@pytest.mark.parametrize(
    ("kind", "change", "route", "cache_nbytes"),
    [
        ("netcdf4", rename, "zarr", CACHE), ("netcdf4", overwrite, "zarr", 0), ("netcdf4", overwrite, "kerchunk", 0),
        ("netcdf3", rename, "zarr", CACHE), ("netcdf3", overwrite, "zarr", 0), ("zarr2", overwrite, "zarr", 0),
        ("zarr3", overwrite, "zarr", CACHE), ("zarr3", rename, "zarr", 0), ("zarr3", remove_then_rename, "zarr", 0),
        ("zarr3", overwrite, "kerchunk", 0), ("zarr3", rename, "kerchunk", 0),
    ],
)  # fmt: skip
def test_a_source_changed_under_eight_readers_is_never_mixed(
    tmp_path: Path, kind: str, change: Changer, route: str, cache_nbytes: int
) -> None:
    old, new = chunks_of(kind, tmp_path / "old", 1, route), chunks_of(kind, tmp_path / "new", 2, route)
    (source,) = (tmp_path / "old").iterdir()
    (other,) = (tmp_path / "new").iterdir()
    with running(Server(tmp_path / "old", settings=settings(chunk_cache_nbytes=cache_nbytes)).app) as url:
        readers = Readers(f"{url}/datasets/a/{route}", [*old])
        try:
            until(lambda: all(readers.seen(key) for key in old), "the old chunks are read")
            change(source, other)
            until(lambda: all(new[key] in readers.seen(key) for key in new), f"the new chunks: {readers.statuses}")
        finally:
            readers.stop()
        with xr.open_dataset(f"{url}/datasets/a/zarr", engine="zarr", zarr_format=3) as served:
            xr.testing.assert_identical(served.load(), made(2))
    tags: dict[str, set[bool]] = defaultdict(set)
    for (key, etag), bodies in readers.bodies.items():
        assert bodies <= {old[key], new[key]}, f"{key} has bytes of neither version"
        assert len(bodies) == 1, f"{key} has two bodies under one tag"
        tags[etag].add(bodies == {new[key]})
    assert all(len(versions) == 1 for versions in tags.values())
    assert {status for _, status, _ in readers.statuses} <= {502}
    assert {code for _, _, code in readers.statuses} <= PROBLEMS


@pytest.mark.parametrize("kind", ["netcdf4", "zarr3"])
def test_a_source_removed_under_eight_readers_is_never_fill_values(tmp_path: Path, kind: str) -> None:
    """To who reads chunks 404 means fill value; to who opens the dataset it means that there is none."""
    old = chunks_of(kind, tmp_path / "old", 1)
    (source,) = (tmp_path / "old").iterdir()
    with running(Server(tmp_path / "old", settings=settings()).app) as url:
        readers = Readers(f"{url}/datasets/a/zarr", [*old])
        try:
            until(lambda: all(readers.seen(key) for key in old), "the old chunks are read")
            shutil.rmtree(source) if source.is_dir() else source.unlink()
            until(lambda: httpx.get(f"{url}/datasets").json() == [], "the dataset is gone")
            gone = httpx.get(f"{url}/datasets/a/zarr/zarr.json")
            assert (gone.status_code, gone.json()["type"]) == (404, "urn:cloudify:problems/unknown-dataset")
            assert httpx.get(f"{url}/datasets/a/zarr/w/c/0/0").status_code == 404
            until(lambda: ("chunk", 502, "source-changed") in readers.statuses, "readers are told")
        finally:
            readers.stop()
    assert all(bodies == {old[key]} for (key, _), bodies in readers.bodies.items())
    assert {status for _, status, _ in readers.statuses} == {502}


def test_a_chunk_that_the_new_version_lacks_is_not_fill_values_to_who_read_the_old_one(tmp_path: Path) -> None:
    write("netcdf4", tmp_path / "a.nc", 1)
    with running(Server(tmp_path).app) as url:
        store = f"{url}/datasets/a/zarr"
        assert httpx.get(f"{store}/v/c/{CHUNKS - 1}/0").status_code == 200
        made(2).isel(t=slice(0, 2)).to_netcdf(tmp_path / "new", encoding={"v": {"chunksizes": (1, 60_000)}})
        (tmp_path / "new").rename(tmp_path / "a.nc")
        assert httpx.get(f"{store}/v/c/1/0").status_code == 200
        late = httpx.get(f"{store}/v/c/{CHUNKS - 1}/0")
        assert (late.status_code, late.json()["type"]) == (502, "urn:cloudify:problems/source-changed")
        assert httpx.get(f"{store}/v/{CHUNKS - 1}.0").status_code == 502
        assert httpx.get(f"{store}/v/c/{CHUNKS}/0").status_code == 404  # no version had it


def test_two_entries_of_one_file_never_share_what_hdf5_remembers(tmp_path: Path) -> None:
    """HDF5 gives every handle on a file the metadata and chunks that another one has read."""
    write("netcdf4", tmp_path / "a.nc", 1)
    write("netcdf4", tmp_path / "b.nc", 2)
    catalog = tmp_path / "c.yaml"
    catalog.write_text("datasets: {one: {href: a.nc}, two: {href: a.nc}}\n")
    with running(Server(catalog, settings=Settings.load(chunk_cache_nbytes=0)).app) as url:
        keys = [f"{url}/datasets/{name}/zarr/v/c/{i}/0" for name in ("one", "two") for i in range(CHUNKS)]
        before = [httpx.get(key).content for key in keys]
        with (tmp_path / "a.nc").open("r+b") as file:
            file.write((tmp_path / "b.nc").read_bytes())
        after = [httpx.get(key).content for key in keys]
        assert not set(before) & set(after)
        for name in ("one", "two"):
            with xr.open_dataset(f"{url}/datasets/{name}/zarr", engine="zarr", zarr_format=3) as served:
                xr.testing.assert_identical(served.load(), made(2))
