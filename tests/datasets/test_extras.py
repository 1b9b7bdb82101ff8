"""GRIB and GeoTIFF: the values their own libraries read; without the extra a reason."""

import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import eccodes
import httpx
import iris_sample_data
import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine

from cloudify import Server
from cloudify.catalog.targets import read_targets
from cloudify.settings import Settings
from cloudify.testing import running

GRIB = Path(iris_sample_data.__file__).parent / "sample_data" / "polar_stereo.grib2"


def server(*targets: Path | str) -> Server:
    return Server(read_targets(map(str, targets)), settings=Settings.load(token_check_s=0))


def eccodes_values(path: Path) -> np.ndarray:
    with path.open("rb") as file:
        message = eccodes.codes_grib_new_from_file(file)
        values = eccodes.codes_get_values(message)
        shape = eccodes.codes_get(message, "Ny"), eccodes.codes_get(message, "Nx")
        eccodes.codes_release(message)
    return values.reshape(shape)


def test_grib_has_the_values_that_eccodes_reads_and_nothing_is_written_beside_it(tmp_path: Path) -> None:
    shutil.copyfile(GRIB, tmp_path / "a.grib2")
    with running(server(tmp_path).app) as url:
        with xr.open_dataset(f"{url}/datasets/a/zarr", engine="zarr", zarr_format=3) as ds:
            assert ds["t"].shape == (200, 247)
            np.testing.assert_array_equal(ds["t"].to_numpy(), eccodes_values(GRIB).astype("f4"))
            assert ds["t"].attrs["units"] == "K"
            assert {"latitude", "longitude", "time"} <= set(ds.coords)
            assert ds["time"].to_numpy() == np.datetime64("2013-05-20T00:00")
        assert [path.name for path in tmp_path.iterdir()] == ["a.grib2"]


def test_grib_that_is_none_or_gone_is_502(tmp_path: Path) -> None:
    (tmp_path / "cut.grib2").write_bytes(GRIB.read_bytes()[:5000])
    (tmp_path / "none.grib").write_bytes(b"no GRIB at all")
    (tmp_path / "gone.grb").write_bytes(b"x")
    app = server(tmp_path).app
    (tmp_path / "gone.grb").unlink()
    with running(app) as url:
        for name in ("cut", "none", "gone"):
            assert httpx.get(f"{url}/datasets/{name}/zarr/zarr.json").status_code == 502


def write_tiff(path: Path, data: np.ndarray, **profile: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rasterio on files that are placed nowhere
        bands, height, width = data.shape
        with rasterio.open(
            path, "w", driver="GTiff", count=bands, height=height, width=width, dtype=data.dtype, **profile
        ) as file:
            file.write(data)


def test_geotiff_keeps_values_and_says_where_its_pixels_are(tmp_path: Path) -> None:
    data = np.arange(2 * 50 * 70, dtype="int16").reshape(2, 50, 70)
    place = Affine(10, 0, 500_000, 0, -20, 6_000_000)
    tiles = {"tiled": True, "blockxsize": 16, "blockysize": 32, "compress": "deflate"}
    write_tiff(tmp_path / "a.tif", data, crs="EPSG:32632", transform=place, nodata=-9, **tiles)
    write_tiff(tmp_path / "b.tiff", data[:1].astype("f4"), crs="EPSG:4326", transform=Affine(0.5, 0, -180, 0, -0.5, 90))
    write_tiff(tmp_path / "turned.tif", data, crs="EPSG:32632", transform=Affine(1, 2, 3, 4, 5, 6))
    with running(server(tmp_path).app) as url:
        base = f"{url}/datasets"
        with xr.open_dataset(f"{base}/a/zarr", engine="zarr", zarr_format=3, mask_and_scale=False) as ds:
            assert ds["band_data"].dtype == np.dtype("int16")
            np.testing.assert_array_equal(ds["band_data"].to_numpy(), data)
            assert ds["band_data"].attrs["_FillValue"] == -9
            assert ds["x"].to_numpy()[:2].tolist() == [500_005.0, 500_015.0]
            assert ds["y"].to_numpy()[:2].tolist() == [5_999_990.0, 5_999_970.0]
            assert ds["band"].to_numpy().tolist() == [1, 2]
            mapping = ds["band_data"].attrs.get("grid_mapping") or ds["band_data"].encoding["grid_mapping"]
            assert 'ID["EPSG",32632]' in ds[mapping].attrs["crs_wkt"] or "32632" in ds[mapping].attrs["crs_wkt"]
        with xr.open_dataset(f"{base}/b/zarr", engine="zarr", zarr_format=3) as ds:
            assert (float(ds["x"][0]), float(ds["y"][0])) == (-179.75, 89.75)
            assert ds["x"].attrs["units"] == "degrees_east"
            assert ds["spatial_ref"].attrs["grid_mapping_name"] == "latitude_longitude"
        with xr.open_dataset(f"{base}/turned/zarr", engine="zarr", zarr_format=3) as ds:
            assert "x" not in ds.coords
            np.testing.assert_array_equal(ds["band_data"].to_numpy(), data)


def test_a_tiff_that_is_another_format_of_gdal_is_refused(tmp_path: Path) -> None:
    """A VRT is text that names files."""
    write_tiff(tmp_path / "secret.tif", np.ones((1, 4, 4), "u1"))
    (tmp_path / "a.tif").write_text(
        '<VRTDataset rasterXSize="4" rasterYSize="4"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        f"<SourceFilename>{tmp_path}/secret.tif</SourceFilename><SourceBand>1</SourceBand></SimpleSource>"
        "</VRTRasterBand></VRTDataset>"
    )
    with running(server(tmp_path / "a.tif").app) as url:
        answer = httpx.get(f"{url}/datasets/a/zarr/zarr.json")
        assert answer.status_code == 502
        assert str(tmp_path) not in answer.text


@pytest.mark.parametrize(("name", "module", "extra"), [("a.grib2", "cfgrib", "grib"), ("a.tif", "rasterio", "raster")])
def test_without_the_extra_the_entry_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str, extra: str
) -> None:
    (tmp_path / name).write_bytes(b"x")
    monkeypatch.setitem(sys.modules, module, None)
    with running(server(tmp_path / name).app) as url:
        answer = httpx.get(f"{url}/datasets/a/zarr/zarr.json")
        assert answer.status_code == 502
        assert f"pip install 'cloudify-xarray[{extra}]'" in answer.json()["detail"]
