"""Where the values of a netCDF classic file are, and the size that it must have, by its header.

The netCDF C library reads zeros beyond the end of a truncated classic file and reports no error (seen with netCDF4
1.7.5). To serve those would be to invent data, so the size is checked when the file is opened.

Source: the NetCDF Classic Format Specification (NetCDF User's Guide, appendix "File Format Specifications"):
formats CDF-1, CDF-2 (64-bit offsets) and CDF-5 (64-bit sizes).
"""

from dataclasses import dataclass
from math import prod
from struct import Struct
from typing import BinaryIO

DTYPES = {
    1: "|i1", 2: "|S1", 3: ">i2", 4: ">i4", 5: ">f4", 6: ">f8",
    7: "|u1", 8: ">u2", 9: ">u4", 10: ">i8", 11: ">u8",
}  # fmt: skip
"""nc_type -> numpy's name of it: byte, char, short, int, float, double, then CDF-5's ubyte to uint64."""
VALUE_NBYTES = {kind: int(name[2:]) for kind, name in DTYPES.items()}

MAX_NAME_NBYTES = 2**16
_U4, _U8 = Struct(">I"), Struct(">Q")


def is_classic(head: bytes) -> bool:
    """Whether the first four bytes of a file are those of a netCDF classic file."""
    return head[:3] == b"CDF" and head[3:4] in {b"\x01", b"\x02", b"\x05"}


def required_nbytes(file: BinaryIO) -> int:
    """Return the smallest size in bytes that holds all values the header promises.

    Padding after the last value is not counted: writers may leave it out.

    Raises
    ------
    EOFError
        If the header itself is cut off.
    ValueError
        If the header is not one.
    """
    return _Header(file).required_nbytes()


@dataclass(frozen=True, slots=True)
class Placed:
    """A variable of a classic file, and where its values are."""

    name: str
    dtype: str
    """As numpy writes it, big-endian."""
    shape: tuple[int, ...]
    """In elements; of a record variable without the records."""
    begin: int
    """Offset of its first value in the file, in bytes."""
    is_record: bool
    """Whether it grows by records: its first dimension is the number of them."""

    @property
    def nbytes(self) -> int:
        """Bytes of its values, of a record variable in one record."""
        return int(self.dtype[2:]) * prod(self.shape)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the values of a classic file are."""

    variables: tuple[Placed, ...]
    records: int
    stride: int
    """Bytes from one record to the next."""


def read_layout(file: BinaryIO) -> Layout:
    """Read where the values are.

    Raises
    ------
    EOFError
        If the header itself is cut off.
    ValueError
        If the header is not one.
    """
    return _Header(file).layout()


class _Header:
    """One pass over the header; ``NON_NEG`` has 8 bytes in CDF-5, ``OFFSET`` in CDF-2 and CDF-5."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        head = self._read(4)
        if not is_classic(head):
            raise ValueError("not a netCDF classic file")
        self._count = _U8 if head[3] == 5 else _U4  # noqa: PLR2004  # the version byte of CDF-5
        self._offset = _U4 if head[3] == 1 else _U8

    def required_nbytes(self) -> int:
        layout = self.layout()
        ends = [self._file.tell()]
        for placed in layout.variables:
            if not placed.is_record:
                ends.append(placed.begin + placed.nbytes)
            elif layout.records:
                ends.append(placed.begin + (layout.records - 1) * layout.stride + placed.nbytes)
        return max(ends)

    def layout(self) -> Layout:
        records = self._unsigned(self._count)
        if records == 2 ** (8 * self._count.size) - 1:
            records = 0  # a stream: the number of records follows from the size of the file
        lengths = [self._dimension() for _ in range(self._list())]
        self._skip_attributes()
        variables = tuple(self._variable(lengths) for _ in range(self._list()))
        # one record variable is packed without padding, several are padded to 4 bytes each
        sizes = [placed.nbytes for placed in variables if placed.is_record]
        stride = sizes[0] if len(sizes) == 1 else sum(-(-nbytes // 4) * 4 for nbytes in sizes)
        return Layout(variables, records, stride)

    def _variable(self, lengths: list[int]) -> Placed:
        name = self._name()
        dims = [self._unsigned(self._count) for _ in range(self._unsigned(self._count))]
        self._skip_attributes()
        dtype = DTYPES[self._kind()]
        self._unsigned(self._count)  # vsize: 2**32 - 1 stands for more, so it is worked out instead
        begin = self._unsigned(self._offset)
        if any(dim >= len(lengths) for dim in dims):
            raise ValueError("a variable names a dimension that the header lacks")
        shape = tuple(lengths[dim] for dim in dims)
        is_record = bool(shape) and shape[0] == 0
        return Placed(name, dtype, shape[1:] if is_record else shape, begin, is_record)

    def _dimension(self) -> int:
        self._name()
        return self._unsigned(self._count)

    def _skip_attributes(self) -> None:
        for _ in range(self._list()):
            self._name()
            item_nbytes = VALUE_NBYTES[self._kind()]
            self._skip(item_nbytes * self._unsigned(self._count))

    def _kind(self) -> int:
        kind = self._unsigned(_U4)
        if kind not in DTYPES:
            raise ValueError(f"no external type has the number {kind}")
        return kind

    def _list(self) -> int:
        """Read the tag and the length of a list; both are zero where it is absent."""
        self._unsigned(_U4)
        return self._unsigned(self._count)

    def _name(self) -> str:
        nbytes = self._unsigned(self._count)
        if nbytes > MAX_NAME_NBYTES:
            raise ValueError("a name is longer than any")
        return self._read(-(-nbytes // 4) * 4)[:nbytes].decode("utf-8", errors="replace")

    def _skip(self, nbytes: int) -> None:
        """Pass over `nbytes` and the padding to a multiple of four."""
        self._file.seek(-(-nbytes // 4) * 4, 1)

    def _unsigned(self, layout: Struct) -> int:
        return int(layout.unpack(self._read(layout.size))[0])

    def _read(self, nbytes: int) -> bytes:
        data = self._file.read(nbytes)
        if len(data) < nbytes:
            raise EOFError("the header is cut off")
        return data
