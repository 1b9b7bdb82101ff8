"""Plain values of slices -> a table: a dataset with the dimension ``slice``, a column for each key of flat objects.

Rows are the slices that are done, so a failed one is no row that reads 0: its number is absent from the coordinate.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice

import numpy as np

from cloudify.chunks.encode import Block
from cloudify.chunks.metadata import array_documents
from cloudify.chunks.stored_type import StoredType
from cloudify.compute.layout import Layout
from cloudify.compute.results.columns import DTYPES, Kind, Survey, as_array, survey
from cloudify.compute.results.index import IndexWriter, seal_index
from cloudify.compute.results.large import Noted
from cloudify.compute.results.manifest import StoredArrays, Written, write_manifest
from cloudify.compute.results.names import variable_names
from cloudify.compute.results.source import Source, ranges
from cloudify.compute.store.blobs import Blobs
from cloudify.datasets.vetting import TEXT_NBYTES
from cloudify.errors import ValueTooLongError
from cloudify.model.chunkgrid import ChunkGrid

DIM = "slice"
MOST_ROWS = 2**15
"""In one chunk."""
MOST_CELLS = 2**16
"""Values that are held at once."""
MOST_TEXT_NBYTES = 2**23
"""In one chunk, at most."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    key: str | None
    """Of the objects, None where the values are no objects of columns."""
    name: str
    kind: Kind

    def values(self, rows: Iterable[object]) -> Block:
        """Return its elements of some rows."""
        if self.key is None:
            return as_array(list(rows), self.kind)
        return as_array([row.get(self.key) if isinstance(row, dict) else None for row in rows], self.kind)


def assemble_table(name: str, source: Source, blobs: Blobs) -> Written:
    """Put together a result of plain values. Memory does not grow with their number.

    Parameters
    ----------
    name
        Of the variable, where the values are no objects.

    Raises
    ------
    ValueTooLongError
        If a value, as text, is longer than a chunk of text may be.
    StoreUnavailableError
        If it cannot be written; nobody refers to what was.
    """
    failed, noted = ranges(source.failed_numbers()), Noted(blobs)
    looked = survey(json.loads(text) for _, text in source.values())
    columns = columns_of(looked, name)
    size = rows_per_chunk(looked)
    grid = ChunkGrid((looked.rows,), (size,))
    layouts = {DIM: Layout((DIM,), grid, StoredType(np.dtype("<i8")), attrs={"long_name": "number of the slice"})}
    layouts |= {column.name: _layout(column, grid) for column in columns}
    with ExitStack() as opened:
        indices = {path: opened.enter_context(IndexWriter(noted, grid)) for path in layouts}
        for place, rows in enumerate(_batches(source.values(), size)):
            for path, block in _blocks(columns, rows):
                indices[path].put((place,), noted.put(layouts[path].encode(block)))
        sealed = {path: seal_index(path, index, layouts[path], 0) for path, index in indices.items()}
    nodes = {path: array_documents(layout)["zarr.json"] for path, layout in layouts.items()}
    return write_manifest(StoredArrays(nodes, sealed), noted, failed=failed)


def columns_of(looked: Survey, name: str) -> list[Column]:
    """Return the columns of a table."""
    keys = list(looked.columns)
    names = variable_names(keys if looked.is_keyed else [name], (DIM,))
    return [
        Column(key if looked.is_keyed else None, column, looked.columns[key].kind(looked.rows))
        for key, column in zip(keys, names, strict=True)
    ]


def rows_per_chunk(looked: Survey) -> int:
    """Return how many rows a chunk of each column has."""
    longest = max((seen.longest_nbytes for seen in looked.columns.values()), default=0)
    if longest > TEXT_NBYTES // 2:
        raise ValueTooLongError(longest, TEXT_NBYTES // 2)
    most = min(MOST_ROWS, MOST_CELLS // max(1, len(looked.columns)), MOST_TEXT_NBYTES // max(1, longest), looked.rows)
    return max(1, most)


def _layout(column: Column, grid: ChunkGrid) -> Layout:
    stored = StoredType.of(np.dtype(DTYPES[column.kind]))
    return Layout((DIM,), grid, stored, stored.default_fill if column.kind == "float" else None)


def _batches(values: Iterable[tuple[int, str]], size: int) -> Iterator[list[tuple[int, object]]]:
    rows = ((number, json.loads(text)) for number, text in values)
    while batch := list(islice(rows, size)):
        yield batch


def _blocks(columns: list[Column], rows: list[tuple[int, object]]) -> Iterator[tuple[str, Block]]:
    yield DIM, np.array([number for number, _ in rows], np.int64)
    for column in columns:
        yield column.name, column.values(value for _, value in rows)


def scalars(name: str, value: object) -> Mapping[str, Block]:
    """Return a plain value as variables without dimensions, by name: what a table of it alone has in its row.

    >>> {key: item.tolist() for key, item in scalars("sum", {"n": 3, "mean": 0.5}).items()}
    {'n': 3, 'mean': 0.5}
    """
    return {column.name: column.values([value])[0, ...] for column in columns_of(survey([value]), name)}
