"""The size a netCDF classic file must have, against files that the netCDF library wrote."""

import io
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from cloudify.datasets.classic import required_nbytes

FORMATS = ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA"]


def write(path: Path, file_format: str, *, records: int, record_vars: int) -> int:
    with netCDF4.Dataset(path, "w", format=file_format) as file:
        file.title = "odd length"
        file.createDimension("time", None)
        file.createDimension("x", 5)
        file.createVariable("fixed", "f8", ("x",))[:] = np.arange(5) + 1
        file.createVariable("scalar", "i4", ())[...] = 7
        for number in range(record_vars):
            variable = file.createVariable(f"v{number}", "i1" if number else "i2", ("time", "x"))
            variable.note = b"abc"
            if records:
                variable[:records] = np.ones((records, 5))
    return path.stat().st_size


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize(("records", "record_vars"), [(0, 0), (0, 2), (1, 1), (3, 1), (3, 2), (4, 3)])
def test_required_size_is_that_of_the_file_but_for_padding(
    tmp_path: Path, file_format: str, records: int, record_vars: int
) -> None:
    size = write(tmp_path / "a.nc", file_format, records=records, record_vars=record_vars)
    with (tmp_path / "a.nc").open("rb") as file:
        required = required_nbytes(file)
    assert size - 4 < required <= size


@pytest.mark.parametrize("name", ["mpi-esm-tas.nc"])
def test_required_size_of_a_real_file(name: str) -> None:
    path = Path(__file__).parents[2] / "cloudify" / "demo" / name
    with path.open("rb") as file:
        assert required_nbytes(file) == path.stat().st_size


def test_what_is_no_header_is_refused() -> None:
    for data in (b"", b"CDF", b"CDF\x01", b"CDF\x01\x00\x00\x00\x01\x00\x00\x00\x0a\x00\x00\x00\x09"):
        with pytest.raises(EOFError):
            required_nbytes(io.BytesIO(data))
    with pytest.raises(ValueError, match="not a netCDF classic file"):
        required_nbytes(io.BytesIO(b"\x89HDF\r\n\x1a\n"))
