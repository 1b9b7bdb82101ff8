"""Targets of the command line become entries with ids that URLs like."""

from pathlib import Path

import pytest

from cloudify.catalog.targets import read_targets
from cloudify.errors import InvalidTargetError


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"CDF\x01")


def ids(*targets: Path) -> dict[str, str]:
    return {entry.id: entry.href for entry in read_targets(map(str, targets)).entries}


def test_a_file_is_named_by_its_name(tmp_path: Path) -> None:
    touch(tmp_path, "Tas Day (2005).nc")
    assert ids(tmp_path / "Tas Day (2005).nc") == {"tas-day-2005": str(tmp_path / "Tas Day (2005).nc")}


def test_a_directory_is_searched_and_ids_hold_the_path(tmp_path: Path) -> None:
    touch(tmp_path, "CMIP6/MPI/tas.nc", "b.nc4", "c.zarr/zarr.json", "c.zarr/inner.nc", ".hidden/x.nc", "readme.txt")
    assert set(ids(tmp_path)) == {"cmip6-mpi-tas", "b", "c"}
    assert {e.id: e.driver for e in read_targets([str(tmp_path)]).entries}["c"] == "zarr"


def test_every_kind_of_dataset_is_found_at_any_depth(tmp_path: Path) -> None:
    touch(
        tmp_path, "a.nc", "deep/er/b.NC4", "deep/c.zarr/zarr.json", "plain-v2/.zmetadata", "plain-v2/t/.zarray",
        "d.grib2", "deep/e.grb", "f.tif", "f2.TIFF", "g.parq/.zmetadata", "g.parq/t/refs.0.parq", "table.parquet",
        "deep/h.hdf5", "notes.json", ".cache/x.nc",
    )  # fmt: skip
    (tmp_path / "refs.json").write_text('{"version": 1, "refs": {".zgroup": "{}"}}')
    found = {entry.id: entry.driver for entry in read_targets([str(tmp_path)]).entries}
    assert found == {
        "a": "netcdf", "deep-er-b": "netcdf", "deep-c": "zarr", "plain-v2": "zarr", "d": "grib", "deep-e": "grib",
        "f": "raster", "f2": "raster", "g": "kerchunk", "deep-h": "netcdf", "refs": "kerchunk",
    }  # fmt: skip


def test_colliding_ids_get_parent_folders_then_six_hex_digits(tmp_path: Path) -> None:
    touch(tmp_path, "one/x.nc", "two/x.nc", "three/y.nc", "three/y.h5")
    found = ids(tmp_path / "one", tmp_path / "two", tmp_path / "three")
    assert found["one-x"].endswith("one/x.nc")
    assert found["two-x"].endswith("two/x.nc")
    hashed = sorted(set(found) - {"one-x", "two-x"})
    assert len(hashed) == 2
    for name in hashed:
        stem, _, digits = name.rpartition("-")
        assert stem == "y"
        assert len(bytes.fromhex(digits)) == 3


def test_the_same_file_twice_is_one_dataset(tmp_path: Path) -> None:
    touch(tmp_path, "x.nc")
    assert list(ids(tmp_path / "x.nc", tmp_path)) == ["x"]


def test_a_store_is_told_by_what_is_in_it(tmp_path: Path) -> None:
    touch(tmp_path, "store/.zgroup", "data.bin")
    assert ids(tmp_path / "store") == {"store": str(tmp_path / "store")}
    assert list(ids(tmp_path / "data.bin")) == ["data"]


def test_urls() -> None:
    (entry,) = read_targets(["https://example.org/a/Sst%20Monthly.zarr/"]).entries
    assert (entry.id, entry.driver) == ("sst-20monthly", "zarr")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("nowhere.nc", "no such target: nowhere.nc; expected a file, a directory, a URL or a catalog"),
        ("ftp://example.org/x.nc", "expected an http, https or s3 URL"),
        (
            "http://127.0.0.1:9/x",
            "its ending is none of .cdf, .grb, .grib.* found ConnectError.*; a catalog .* can say its driver",
        ),
    ],
)
def test_what_names_nothing(target: str, said: str) -> None:
    with pytest.raises(InvalidTargetError, match=said):
        read_targets([target])


def test_a_directory_without_data_and_a_file_of_no_kind(tmp_path: Path) -> None:
    with pytest.raises(InvalidTargetError, match="nothing to serve below"):
        read_targets([str(tmp_path)])
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(InvalidTargetError, match="cannot tell what"):
        read_targets([str(tmp_path / "a.txt")])


def test_an_id_of_two_catalogs_is_a_fault_and_the_first_stands(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(f"datasets: {{a: {{href: {name}.nc}}}}\n")
    catalog = read_targets([str(tmp_path / "one.yaml"), str(tmp_path / "two.yaml")])
    assert [entry.href for entry in catalog.entries] == [str(tmp_path / "one.nc")]
    assert [fault.expected for fault in catalog.faults] == ["an id that no other entry has"]
