"""The size that a netCDF classic file must have, by its header.

The netCDF C library reads zeros beyond the end of a truncated classic file and reports no error (seen with netCDF4
1.7.5). To serve those would be to invent data, so the size is checked when the file is opened.

Source: the NetCDF Classic Format Specification (NetCDF User's Guide, appendix "File Format Specifications"):
formats CDF-1, CDF-2 (64-bit offsets) and CDF-5 (64-bit sizes).
"""

from math import prod
from struct import Struct
from typing import BinaryIO

VALUE_NBYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8, 7: 1, 8: 2, 9: 4, 10: 8, 11: 8}
"""nc_type -> size of one value: byte, char, short, int, float, double, then CDF-5's ubyte to uint64."""

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
        records = self._unsigned(self._count)
        if records == 2 ** (8 * self._count.size) - 1:
            records = 0  # a stream: the number of records follows from the size of the file
        lengths = [self._dimension() for _ in range(self._list())]
        self._skip_attributes()
        ends: list[int] = []
        record_vars: list[tuple[int, int]] = []
        for _ in range(self._list()):
            is_record, nbytes, begin = self._variable(lengths)
            if is_record:
                record_vars.append((begin, nbytes))
            else:
                ends.append(begin + nbytes)
        if records and record_vars:
            # one record variable is packed without padding, several are padded to 4 bytes each
            sizes = [nbytes for _, nbytes in record_vars]
            stride = sizes[0] if len(sizes) == 1 else sum(-(-nbytes // 4) * 4 for nbytes in sizes)
            ends.extend(begin + (records - 1) * stride + nbytes for begin, nbytes in record_vars)
        return max([self._file.tell(), *ends])

    def _variable(self, lengths: list[int]) -> tuple[bool, int, int]:
        """Return whether a variable grows by records, the bytes it needs (in one record), and where it begins."""
        self._name()
        dims = [self._unsigned(self._count) for _ in range(self._unsigned(self._count))]
        self._skip_attributes()
        item_nbytes = self._value_nbytes()
        self._unsigned(self._count)  # vsize: 2**32 - 1 stands for more, so it is worked out instead
        begin = self._unsigned(self._offset)
        if any(dim >= len(lengths) for dim in dims):
            raise ValueError("a variable names a dimension that the header lacks")
        shape = [lengths[dim] for dim in dims]
        is_record = bool(shape) and shape[0] == 0
        return is_record, item_nbytes * prod(shape[1:] if is_record else shape), begin

    def _dimension(self) -> int:
        self._name()
        return self._unsigned(self._count)

    def _skip_attributes(self) -> None:
        for _ in range(self._list()):
            self._name()
            item_nbytes = self._value_nbytes()
            self._skip(item_nbytes * self._unsigned(self._count))

    def _value_nbytes(self) -> int:
        kind = self._unsigned(_U4)
        if kind not in VALUE_NBYTES:
            raise ValueError(f"no external type has the number {kind}")
        return VALUE_NBYTES[kind]

    def _list(self) -> int:
        """Read the tag and the length of a list; both are zero where it is absent."""
        self._unsigned(_U4)
        return self._unsigned(self._count)

    def _name(self) -> None:
        self._skip(self._unsigned(self._count))

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
