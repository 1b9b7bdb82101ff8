"""Every zarr key of a server's datasets, worked out from their metadata, with the bytes behind it."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import product
from typing import Any

from benchmarks.failures import RowError
from benchmarks.wire import Answer, Request, Wire

ROOT_DOCUMENTS = ("zarr.json", ".zgroup", ".zattrs", ".zmetadata")


@dataclass(frozen=True, slots=True)
class Known:
    """What a server holds."""

    ids: Sequence[str]
    answers: Mapping[str, Answer]
    """The answer to GET for every key in its only spelling, by path, e.g. ``/datasets/a/zarr/tas/c/0``."""

    def is_below_zarr(self, path: str) -> bool:
        """Whether a path is a key of one of the datasets, or would be one if it existed."""
        return any(path.startswith(f"/datasets/{dataset_id}/zarr") for dataset_id in self.ids)


def read_known(wire: Wire) -> Known:
    """Ask a server for all it holds.

    Raises
    ------
    RowError
        If one of its own keys is not answered with 200.
    """
    ids: list[str] = json.loads(_get(wire, "/datasets").body)
    answers: dict[str, Answer] = {}
    for dataset_id in ids:
        root = f"/datasets/{dataset_id}/zarr"
        v3 = json.loads(_get(wire, f"{root}/zarr.json").body)["consolidated_metadata"]["metadata"]
        v2 = json.loads(_get(wire, f"{root}/.zmetadata").body)["metadata"]
        for key in {*ROOT_DOCUMENTS, *v2, *_v3_keys(v3), *_v2_keys(v2)}:
            answers[f"{root}/{key}"] = _get(wire, f"{root}/{key}")
    return Known(ids, dict(sorted(answers.items())))


def _v3_keys(nodes: Mapping[str, Any]) -> Iterator[str]:
    for path, node in nodes.items():
        yield f"{path}/zarr.json"
        if node["node_type"] == "array":
            chunk = node["chunk_grid"]["configuration"]["chunk_shape"]
            for index in _indices(node["shape"], chunk):
                yield "/".join([path, "c", *map(str, index)])


def _v2_keys(documents: Mapping[str, Any]) -> Iterator[str]:
    for key, document in documents.items():
        if key.endswith("/.zarray"):
            for index in _indices(document["shape"], document["chunks"]):
                yield f"{key.removesuffix('.zarray')}{'.'.join(map(str, index)) or '0'}"


def _indices(shape: Sequence[int], chunk: Sequence[int]) -> Iterator[tuple[int, ...]]:
    return product(*(range(math.ceil(extent / size)) for extent, size in zip(shape, chunk, strict=True)))


def _get(wire: Wire, path: str) -> Answer:
    answer = wire.ask(Request("GET", path))
    if answer.status != HTTPStatus.OK:
        raise RowError(f"{path} is answered with {answer.status}: {answer.body[:200]!r}")
    return answer
