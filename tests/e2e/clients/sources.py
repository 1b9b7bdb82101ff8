"""Every dataset of the matrix: how it is served, and what it holds by a reader that is not ours."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cftime
import httpx
import numpy as np
import xarray as xr

from clients.base import Array, Job, Wanted
from clients.made import FILES, OBJECTS

PROJECT = Path(__file__).parents[3]
RAW = {"mask_and_scale": False, "decode_times": False, "decode_timedelta": False, "concat_characters": False}
DEMO = {"mpi-esm-tas": "mpi-esm-tas.nc", "mpi-esm-wind": "mpi-esm-wind.zarr", "icon-ocean": "icon-ocean.nc"}
SHARED = (
    "monthly_navy_winds.cdf", "rectilinear_grid_3D.nc", "tas_rectilinear_grid_2D.nc", "tas_rotated_grid_EUR11.nc",
    "tos_ocean_bipolar_grid.nc", "triangular_grid_ICON.nc", "uas_rectilinear_grid_2D.nc", "vas_rectilinear_grid_2D.nc",
)  # fmt: skip
IRIS = (
    "A1B_north_america.nc", "E1_north_america.nc", "NEMO/nemo_1m_20150101-20150201_grid-T.nc",
    "NEMO/nemo_1m_20150201-20150301_grid-T.nc", "NEMO/nemo_1m_20150301-20150401_grid-T.nc", "SOI_Darwin.nc",
    "atlantic_profiles.nc", "hybrid_height.nc", "mesh_C4_synthetic_float.nc", "orca2_votemper.nc", "ostia_monthly.nc",
    "rotated_pole.nc", "space_weather.nc", "toa_brightness_stereographic.nc", "vlstr_type.nc",
)  # fmt: skip


def shared_folder() -> Path | None:
    """Return where the real data are, None where they are absent."""
    folders = [os.environ.get("CLOUDIFY_TEST_DATA"), PROJECT.parent / "shared" / "data"]
    return next((Path(folder) for folder in folders if folder and Path(folder).is_dir()), None)


def shared_ids() -> list[str]:
    """Return the ids of the real data, present or not."""
    return [_id(name) for name in SHARED]


def iris_folder() -> Path:
    spec = find_spec("iris_sample_data")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "sample_data"


@dataclass
class Source:
    """A dataset, and what its variables hold, as they are stored and as they are meant."""

    id: str
    href: Path | None = None
    made: xr.Dataset | xr.DataTree | None = None
    decode: dict[str, Any] = field(default_factory=dict)
    """Options with which a reader can decode it."""
    stored: dict[str, Array] = field(default_factory=dict)
    meant: dict[str, Array] = field(default_factory=dict)

    def job(self, url: str) -> Job:
        wanted = tuple(Wanted(path, values.dtype, values.shape) for path, values in self.stored.items())
        return Job(self.id, f"{url}/datasets/{self.id}/zarr", wanted, self.decode)


def of_file(dataset_id: str, path: Path) -> Source:
    """Read a file with xarray, from the disk."""
    engine = {"engine": "zarr" if path.suffix == ".zarr" else "netcdf4"}
    if path.suffix == ".zarr":
        engine["zarr_format"] = 3 if (path / "zarr.json").exists() else 2  # type: ignore[assignment]
    source = Source(dataset_id, href=path)
    source.stored = _values(xr.open_groups(path, **engine, **RAW, decode_coords=False))  # type: ignore[arg-type]
    try:
        source.meant = _values(xr.open_groups(path, **engine))  # type: ignore[arg-type]
    except ValueError:  # a unit of time that no rule decodes
        source.decode = {"decode_times": False}
        source.meant = _values(xr.open_groups(path, **engine, **source.decode))  # type: ignore[arg-type]
    return source


def of_object(dataset_id: str, made: xr.Dataset | xr.DataTree) -> Source:
    """Take an object as it is; what is stored of its times is known when their units are: `count_times`."""
    source = Source(dataset_id, made=made)
    groups = (
        {"/": made}
        if isinstance(made, xr.Dataset)
        else {node.path: node.to_dataset(inherit=False) for node in made.subtree}
    )
    values = _values(groups)
    for group, ds in groups.items():
        for name, index in ds.xindexes.items():
            if name in ds.dims and len(index.to_pandas_index().names) > 1:
                values.pop(f"{group}/{name}".strip("/"))  # a MultiIndex is left out, its levels are served
    meant = _values({group: xr.decode_cf(ds) for group, ds in groups.items()})  # of a _FillValue among the attributes
    source.stored = {path.replace("m/s", "m_s"): value for path, value in values.items()}
    source.meant = {path: meant[path.replace("m_s", "m/s")] for path in source.stored}
    return source


def count_times(source: Source, url: str) -> None:
    """Count an object's times with xarray or cftime, in the units that the server says."""
    document = httpx.get(f"{url}/datasets/{source.id}/zarr/zarr.json").json()
    for path, said in document["consolidated_metadata"]["metadata"].items():
        attributes = said.get("attributes", {})
        values = source.meant.get(path)
        if values is None or "units" not in attributes or values.dtype.kind not in "mMO":
            continue
        if values.dtype.kind == "O":
            units = attributes["units"], attributes["calendar"]
            counts = [np.nan if time is None else cftime.date2num(time, *units) for time in values.ravel()]
            source.stored[path] = np.array(counts, said["data_type"]).reshape(values.shape)
            continue
        encoding = {name: attributes[name] for name in ("units", "calendar") if name in attributes}
        encoding["dtype"] = np.dtype(said["data_type"])
        names = [f"d{i}" for i in range(values.ndim)]
        stored = xr.conventions.encode_cf_variable(xr.Variable(names, values, encoding=encoding))
        source.stored[path] = stored.to_numpy()


def files(folder: Path) -> Iterator[Source]:
    """Yield what is served from files; made ones are written into a folder."""
    for dataset_id, name in DEMO.items():
        yield of_file(f"demo-{dataset_id}", PROJECT / "cloudify" / "demo" / name)
    shared = shared_folder()
    for name in SHARED if shared else ():
        yield of_file(_id(name), shared / name)  # type: ignore[operator]
    for name in IRIS:
        yield of_file(f"iris-{_id(name)}", iris_folder() / name)
    for dataset_id, (name, write) in FILES.items():
        write(folder / name)
        yield of_file(dataset_id, folder / name)


def objects(folder: Path) -> Iterator[Source]:
    """Yield what is handed over in Python: made, and opened from the files that `files` has written."""
    for name, make in OBJECTS.items():
        yield of_object(f"python-{name}", make())
    for dataset_id, (name, _) in FILES.items():
        opened = xr.open_datatree(folder / name, engine="zarr" if name.endswith(".zarr") else "netcdf4", chunks={})
        yield of_object(dataset_id.replace("made-", "opened-"), opened)


def _id(name: str) -> str:
    return Path(name).stem.replace("_", "-").lower()


def _values(groups: Mapping[str, xr.Dataset]) -> dict[str, Array]:
    return {
        f"{group}/{name}".strip("/"): variable.to_numpy()
        for group, ds in groups.items()
        for name, variable in ds.variables.items()
    }
