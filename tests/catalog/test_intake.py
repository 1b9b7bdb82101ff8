"""Intake catalogs of both versions become entries."""

from pathlib import Path

import pytest

from cloudify.catalog.base import Base
from cloudify.catalog.catalog import Catalog
from cloudify.catalog.own import parse_catalog
from cloudify.catalog.targets import read_targets
from cloudify.model.entry import Entry

V1 = """\
metadata: {version: 1, title: Old archive}
plugins: {source: [{module: intake_xarray}]}
sources:
  tas:
    driver: netcdf
    description: Air temperature
    args: {urlpath: '{{ CATALOG_DIR }}/data/tas.nc', chunks: {}}
    metadata: {title: Tas, license: CC0}
  pr:
    driver: zarr
    args:
      urlpath: "s3://bucket/{{ scenario }}/pr.zarr"
      storage_options: {anon: true}
    parameters:
      scenario: {description: x, type: str, default: historical}
  refs:
    driver: zarr
    args: {urlpath: 'reference://', storage_options: {fo: refs.json}}
"""
V2 = """\
version: 2
metadata: {}
data:
  1234abcd:
    datatype: intake.readers.datatypes:Zarr
    kwargs: {root: '', storage_options: null, url: /data/x.zarr}
    metadata: {title: X}
  raw:
    datatype: intake.readers.datatypes:HDF5
    kwargs: {path: '', storage_options: {anon: true}, url: 'https://example.org/y.nc'}
    metadata: {}
entries:
  x:
    kwargs: {data: '{data(1234abcd)}'}
    reader: intake.readers.readers:XArrayDatasetReader
  made:
    kwargs: {steps: []}
    reader: intake.readers.transform:Method
"""
UNFIT = {
    "driver": ("driver: csv\n    args: {urlpath: x.csv}", "one of the drivers", "'csv'"),
    "pattern": ("driver: netcdf\n    args: {urlpath: 'x*.nc'}", "one path or URL", "a pattern, 'x*.nc'"),
    "list": ("driver: netcdf\n    args: {urlpath: [a.nc, b.nc]}", "one path or URL", "a list of 2"),
    "none": ("driver: netcdf", "one path or URL", "nothing"),
    "shell": (
        "driver: netcdf\n    args: {urlpath: '{{ shell(\"id\") }}.nc'}",
        "no template but CATALOG_DIR",
        "'{{ shell",
    ),
    "env": (
        "driver: netcdf\n    args: {urlpath: '{{env(HOME)}}/x.nc'}",
        "no template but CATALOG_DIR",
        "'{{env(HOME)}}",
    ),
    "options": (
        "driver: zarr\n    args: {urlpath: x.zarr, storage_options: {protocol: x}}",
        "storage options among",
        "protocol",
    ),
    "args": ("driver: netcdf\n    args: x.nc", "a mapping as args", "'x.nc'"),
}


def read(folder: Path, text: str) -> Catalog:
    return parse_catalog(text.encode(), str(folder / "c.yaml"), Base(str(folder / "c.yaml")))


def test_version_1(tmp_path: Path) -> None:
    catalog = read(tmp_path, V1)
    assert catalog.faults == ()
    assert catalog.title == "Old archive"
    tas, pr, refs = catalog.entries
    assert tas == Entry("tas", "netcdf", f"{tmp_path}/data/tas.nc", "Tas", "Air temperature", "CC0")
    assert (pr.driver, pr.href, pr.options) == (
        "zarr", "s3://bucket/historical/pr.zarr", {"anonymous": True},
    )  # fmt: skip
    assert (refs.driver, refs.href) == ("kerchunk", f"{tmp_path}/refs.json")


def test_version_2_as_intake_writes_it(tmp_path: Path) -> None:
    catalog = read(tmp_path, V2)
    x, raw = catalog.entries
    assert x == Entry("x", "zarr", "/data/x.zarr", "X")
    assert (raw.id, raw.driver, raw.options) == ("raw", "netcdf", {"anonymous": True})
    (fault,) = catalog.faults
    assert (fault.line, fault.found) == (16, "'a pipeline'")


def test_version_2_fills_in_its_folder_and_nothing_else(tmp_path: Path) -> None:
    text = """\
version: 2
data:
  x: {datatype: 'intake.readers.datatypes:Zarr', kwargs: {url: '{CATALOG_DIR}/x.zarr'}}
  y: {datatype: 'intake.readers.datatypes:Zarr', kwargs: {url: '{CATALOG_DIR}/{year}.zarr'}}
"""
    catalog = read(tmp_path, text)
    assert [entry.href for entry in catalog.entries] == [f"{tmp_path}/x.zarr"]
    assert [(fault.line, fault.expected) for fault in catalog.faults] == [(4, "no template but CATALOG_DIR")]


@pytest.mark.parametrize(("source", "expected", "found"), UNFIT.values(), ids=UNFIT.keys())
def test_what_cannot_be_served_is_a_fault_with_its_line(tmp_path: Path, source: str, expected: str, found: str) -> None:
    text = f"sources:\n  good: {{driver: netcdf, args: {{urlpath: a.nc}}}}\n  bad:\n    {source}\n"
    catalog = read(tmp_path, text)
    assert [entry.id for entry in catalog.entries] == ["good"]
    (fault,) = catalog.faults
    assert fault.line == 3
    assert fault.expected.startswith(expected)
    assert fault.found.startswith(found)


def test_an_intake_catalog_is_told_from_ours(tmp_path: Path) -> None:
    (tmp_path / "v1.yaml").write_text(V1)
    (tmp_path / "v2.yaml").write_text(V2)
    (tmp_path / "ours.yaml").write_text("datasets: {own: {href: x.nc}}\n")
    catalog = read_targets([str(tmp_path / name) for name in ("v1.yaml", "v2.yaml", "ours.yaml")])
    assert [entry.id for entry in catalog.entries] == ["tas", "pr", "refs", "x", "raw", "own"]


@pytest.mark.parametrize(
    "text", ["sources: 3",
        "sources:", "version: 2\ndata: [1]", "version: 2\ndata: {}\nentries: {a: 3}", "sources: {a: 3}",
             "sources: {a: {driver: netcdf, args: !!python/object/apply:os.getcwd []}}"],
)  # fmt: skip
def test_a_broken_intake_catalog_is_a_fault(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    catalog = read_targets([str(tmp_path / "c.yaml")])
    assert catalog.entries == ()
    assert len(catalog.faults) == 1
