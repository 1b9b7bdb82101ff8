"""Opener for GeoTIFF, by rasterio alone (the extra ``raster``); rioxarray would add pyproj and decode what is stored.

Only GDAL's GTiff driver is used: GDAL would otherwise go by the contents, and some of its formats name other files.
"""

from collections.abc import Mapping
from threading import Lock
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from cloudify.catalog.driver import is_url
from cloudify.datasets.source import RefusedError
from cloudify.model.entry import Entry
from cloudify.settings import Settings


def open_raster(entry: Entry, *, timeout_s: float, settings: Settings) -> Mapping[str, xr.Dataset]:  # noqa: ARG001
    """Open a GeoTIFF: the variable ``band_data`` (band, y, x) with the values it stores, and where its pixels are.

    Raises
    ------
    RefusedError
        If the extra is not installed, or the file is not on disk.
    OSError, ValueError, ...
        Whatever rasterio raises.
    """
    try:
        import rasterio  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise RefusedError("GeoTIFF needs an extra: pip install 'cloudify-xarray[raster]'") from error
    if is_url(entry.href):
        raise RefusedError("GeoTIFF files are read from disk only")
    with open(entry.href, "rb"):  # noqa: PTH123  # rasterio has one error for all that can be wrong
        pass
    try:
        file = rasterio.open(entry.href, driver="GTiff")
    except rasterio.errors.RasterioError as error:
        raise OSError(f"not a GeoTIFF: {error}") from error
    if len(set(file.dtypes)) > 1:
        raise RefusedError("its bands are of different types")
    return {"/": _dataset(file)}


class _Bands(BackendArray):  # type: ignore[misc,no-untyped-call,unused-ignore]
    """The bands of an open file; a GDAL handle is for one thread at a time."""

    def __init__(self, file: Any) -> None:  # noqa: ANN401  # rasterio has no types
        self._file, self._lock = file, Lock()
        self.shape = (file.count, file.height, file.width)
        self.dtype = np.dtype(file.dtypes[0])

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._read)

    def _read(self, key: tuple[Any, ...]) -> Any:  # noqa: ANN401
        from rasterio.errors import RasterioError  # noqa: PLC0415  # an extra
        from rasterio.windows import Window  # noqa: PLC0415

        spans = [range(size)[one] if isinstance(one, slice) else range(one, one + 1)
                 for one, size in zip(key, self.shape, strict=True)]  # fmt: skip
        lows = [min(span, default=0) for span in spans]
        highs = [max(span, default=-1) + 1 for span in spans]
        window = Window(lows[2], lows[1], highs[2] - lows[2], highs[1] - lows[1])
        try:
            with self._lock:
                block = self._file.read([band + 1 for band in spans[0]], window=window)
        except RasterioError as error:
            raise OSError(f"bands cannot be read: {error}") from error
        steps = [slice(None, None, one.step) if isinstance(one, slice) else 0 for one in key]
        return block[(slice(None) if isinstance(key[0], slice) else 0, steps[1], steps[2])]


def _dataset(file: Any) -> xr.Dataset:  # noqa: ANN401
    attrs: dict[str, Any] = {"grid_mapping": "spatial_ref"} if file.crs else {}
    if file.nodata is not None:
        attrs["_FillValue"] = np.dtype(file.dtypes[0]).type(file.nodata)
    for name, values, neutral in (("scale_factor", file.scales, 1.0), ("add_offset", file.offsets, 0.0)):
        if len(set(values)) == 1 and values[0] != neutral:
            attrs[name] = float(values[0])
    if file.units and file.units[0]:
        attrs["units"] = file.units[0]
    data = xr.Variable(("band", "y", "x"), indexing.LazilyIndexedArray(_Bands(file)), attrs)
    height, width = file.block_shapes[0]
    data.encoding["chunksizes"] = (1, height, width)
    band = np.arange(1, file.count + 1, dtype="int32")
    variables: dict[str, xr.Variable] = {"band": xr.Variable("band", band, {"long_name": "band"})}
    variables |= _coordinates(file)
    if file.crs:
        variables["spatial_ref"] = xr.Variable((), np.int32(0), _grid_mapping(file))
    coords = xr.Coordinates(variables, indexes={})
    return xr.Dataset({"band_data": data}, coords=coords, attrs={k: str(v) for k, v in file.tags().items()})


def _coordinates(file: Any) -> dict[str, xr.Variable]:  # noqa: ANN401
    """Return the centres of the pixels; a turned raster has none that are one number an axis."""
    step = file.transform
    if step.b or step.d:
        return {}
    x = step.c + step.a * (np.arange(file.width) + 0.5)
    y = step.f + step.e * (np.arange(file.height) + 0.5)
    if file.crs and file.crs.is_geographic:
        names = (("longitude", "degrees_east"), ("latitude", "degrees_north"))
    else:
        unit = str(file.crs.linear_units) if file.crs else ""
        unit = {"metre": "m", "unknown": ""}.get(unit, unit)
        names = (("projection_x_coordinate", unit), ("projection_y_coordinate", unit))
    pairs = zip(("x", "y"), (x, y), names, strict=True)
    return {
        axis: xr.Variable(
            axis, values, {"axis": axis.upper(), "standard_name": name} | ({"units": unit} if unit else {})
        )
        for axis, values, (name, unit) in pairs
    }


def _grid_mapping(file: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the CRS as attributes of a CF grid mapping: its well-known text; the name where it needs no parameters."""
    name = {"grid_mapping_name": "latitude_longitude"} if file.crs.is_geographic else {}
    wkt = file.crs.to_wkt()
    return name | {"crs_wkt": wkt, "spatial_ref": wkt, "GeoTransform": " ".join(map(repr, file.transform.to_gdal()))}
