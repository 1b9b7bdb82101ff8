"""What a client cannot express at all, each with its reason, and checked to be so still."""

from collections.abc import Callable
from dataclasses import dataclass

from clients.base import Wanted

Concerns = Callable[[Wanted], bool]


@dataclass(frozen=True)
class Declared:
    """Arrays that some clients do not read."""

    clients: tuple[str, ...]
    """How the clients' names begin."""
    concerns: Concerns
    reason: str
    decoded: bool | None = None
    """Whether it concerns only what is decoded, or only what is stored; None: both."""
    silent: bool = False
    """Whether the client reads something else, instead of refusing or reading the same numbers as another type."""

    def covers(self, client: str, wanted: Wanted, *, decoded: bool) -> bool:
        return client.startswith(self.clients) and self.decoded in {decoded, None} and self.concerns(wanted)


def _kind(*kinds: str) -> Concerns:
    return lambda wanted: wanted.dtype.kind in kinds


def _named(*names: str) -> Concerns:
    return lambda wanted: wanted.path.rpartition("/")[2] in names


def _empty(wanted: Wanted) -> bool:
    return 0 in wanted.shape


def _float16(wanted: Wanted) -> bool:
    return wanted.dtype.str[1:] == "f2"


def _text(wanted: Wanted) -> bool:
    return wanted.is_text


DECLARED = (
    Declared(
        ("xarray v", "xarray datatree", "xarray fsspec", "zarr-python", "GDAL"), _named("q?x=1", "#1"),
        "Names with `?` or `#`: fsspec and GDAL do not quote them, so that they begin a query or a fragment of the "
        "address; what is found there is absent, and read as fill values.",
        silent=True,
    ),
    Declared(("zarrita",), _named("q?x=1", "#1", "100%"), "Names with `?`, `#` or `%`: zarrita does not quote them."),
    Declared(
        ("xarray",), lambda wanted: wanted.path == "gaps" and wanted.dtype.kind == "f",
        "A missing time of a calendar that numpy lacks: stored values are the same, but xarray decodes it as the "
        "reference of its unit.",
        decoded=True, silent=True,
    ),
    Declared(("tensorstore",), _text, "Text of any length: tensorstore has no such type."),
    Declared(("tensorstore zarr3",), _kind("S"), "Bytes of fixed length in v3: tensorstore has no such type."),
    Declared(
        ("tensorstore zarr",), _kind("S"),
        "Bytes of fixed length in v2: what tensorstore reads as characters becomes an array of none in numpy.",
        silent=True,
    ),
    Declared(("GDAL",), _text, "Text of any length: GDAL exposes numbers only."),
    Declared(("GDAL",), _kind("S"), "Bytes of fixed length: GDAL exposes numbers only."),
    Declared(("GDAL",), _empty, "A dimension without elements: GDAL has no such raster."),
    Declared(("GDAL",), lambda wanted: not wanted.shape, "A scalar: a raster has one dimension or more."),
    Declared(("GDAL",), _kind("c"), "Complex numbers: GDAL does not read their fill value."),
    Declared(("GDAL",), _kind("b"), "Booleans: GDAL reads them as bytes, the same numbers."),
    Declared(("GDAL",), _float16, "float16: GDAL reads it as float32, the same numbers."),
    Declared(
        ("GDAL",), lambda wanted: wanted.path == "lon_bnds" and len(wanted.shape) == 2,
        "Bounds of a longitude axis: GDAL takes their first dimension for x and their second for x too.",
    ),
    Declared(("GDAL",), lambda wanted: " " in wanted.path, "Names with a space: GDAL does not quote it.", silent=True),
    Declared(("zarrita",), _empty, "A dimension without elements: zarrita takes the type from a chunk."),
    Declared(("zarrita",), _kind("c"), "Complex numbers: JavaScript has no such type."),
    Declared(("zarrita",), _float16, "float16: this JavaScript has no such type."),
    Declared(("zarrita v3", "zarrita range"), _kind("S"), "Bytes of fixed length: zarrita has them in v2 only."),
)  # fmt: skip

NO_RANGES = "Ranges: this server answers them with the whole object."
"""Declared of the client that reads ranges for as long as a probe is not answered 206."""
