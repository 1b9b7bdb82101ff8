"""How a numpy dtype is written in zarr v2 and v3.

Byte order is little-endian. Sources: zarr v2 specification (dtype as numpy's typestr), zarr v3 core specification (data
types and fill values), zarr-extensions (``null_terminated_bytes``, ``string``), and for the attribute ``_FillValue`` in
v3 the coder of xarray's zarr backend.
"""

import math
from base64 import standard_b64encode
from dataclasses import dataclass
from struct import pack
from typing import Any

import numpy as np

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
NUMERIC_KINDS = "biufc"
_MAX_ITEM_NBYTES = {"c": 16}
"""Longer floats differ from machine to machine; other kinds than complex have 8 bytes at most."""


class UnstorableError(ValueError):
    """Values of a type that zarr cannot hold."""


@dataclass(frozen=True, slots=True)
class StoredType:
    """The type of an array's elements as a store holds them.

    >>> StoredType.of(np.dtype(">f4")).v2_name
    '<f4'
    """

    dtype: np.dtype[Any]
    """Little-endian; ``object`` for text of any length."""

    @classmethod
    def of(cls, dtype: np.dtype[Any]) -> "StoredType":
        """Return the stored type of a dtype.

        Raises
        ------
        UnstorableError
            If zarr has no such type.
        """
        if dtype.kind in NUMERIC_KINDS and dtype.itemsize <= _MAX_ITEM_NBYTES.get(dtype.kind, 8):
            return cls(dtype.newbyteorder("<"))
        if dtype.kind == "S" and dtype.itemsize > 0:
            return cls(dtype)
        if dtype.kind in "OUT" or (dtype.kind == "S" and not dtype.itemsize):
            return cls(np.dtype(object))
        raise UnstorableError(f"zarr has no type for {dtype}")

    @property
    def is_text(self) -> bool:
        """Whether elements are text of any length."""
        return self.dtype.kind == "O"

    @property
    def v2_name(self) -> str:
        """``dtype`` of ``.zarray``."""
        return "|O" if self.is_text else self.dtype.str

    @property
    def v3_name(self) -> Json:
        """``data_type`` of ``zarr.json``."""
        if self.is_text:
            return "string"
        if self.dtype.kind == "S":
            return {"name": "null_terminated_bytes", "configuration": {"length_bytes": self.dtype.itemsize}}
        return self.dtype.name

    @property
    def v3_bytes_codec(self) -> Json:
        """The codec that makes bytes of elements."""
        if self.is_text:
            return {"name": "vlen-utf8", "configuration": {}}
        if self.dtype.itemsize == 1 or self.dtype.kind == "S":
            return {"name": "bytes"}
        return {"name": "bytes", "configuration": {"endian": "little"}}

    @property
    def default_fill(self) -> Any:  # noqa: ANN401  # any element type
        """Padding, and v3's mandatory fill value, where the source declares none: NaN, 0, False or ``""``."""
        if self.is_text:
            return ""
        return self.dtype.type(np.nan) if self.dtype.kind in "fc" else self.dtype.type()

    def cast_fill(self, value: object) -> Any:  # noqa: ANN401
        """Return a source's ``_FillValue`` as an element, None where no element can equal it."""
        if self.is_text:
            return value if isinstance(value, str) else None
        try:
            given = np.asarray(value).reshape(-1)[0]
            fill = np.asarray(given).astype(self.dtype)[()]
        except (ValueError, TypeError, OverflowError, IndexError):
            return None
        return fill if fill == given or (fill != fill and given != given) else None  # noqa: PLR0124  # NaN

    def fill_json(self, fill: Any) -> Json:  # noqa: ANN401
        """Write a fill value into the metadata of an array, the same in v2 and v3."""
        kind = self.dtype.kind
        if kind == "S":
            return standard_b64encode(bytes(fill)).decode()
        if kind == "c":
            return [float_json(fill.real), float_json(fill.imag)]
        if kind == "f":
            return float_json(fill)
        return str(fill) if self.is_text else fill.item()

    def fill_attribute(self, fill: Any) -> Json:  # noqa: ANN401
        """Write the attribute ``_FillValue`` of v3 as xarray does; None for text and bytes.

        xarray refuses a whole v3 dataset in which a variable of these has that attribute.
        """
        kind = self.dtype.kind
        if kind in "OS":
            return None
        if kind == "f":
            return _float_base64(fill)
        if kind == "c":
            return [_float_base64(fill.real), _float_base64(fill.imag)]
        return self.fill_json(fill)


def float_json(value: float) -> Json:
    """Write a number; JSON has none for NaN and the infinities, zarr has words."""
    number = float(value)
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return number


def _float_base64(value: float) -> str:
    return standard_b64encode(pack("<d", float(value))).decode()
