"""Kerchunk reference sets in JSON: a table of keys, each with bytes or with the part of a file that holds them.

Source: kerchunk's specification, "References format" (versions 0 and 1). A key is only ever looked up in the table.
"""

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from sys import intern
from typing import NamedTuple, Protocol

from cloudify.datasets.documents import MAX_DOCUMENT_NBYTES, load
from cloudify.datasets.source import RefusedError
from cloudify.datasets.vetting import check_json

MAX_JSON_NBYTES = 2**28
MAX_REFERENCES = 1_000_000
"""Most in one JSON document, which is held in memory; parquet sets are read by parts."""
METADATA = (".zarray", ".zattrs", ".zgroup", ".zmetadata", "zarr.json")
_TRIPLE = 3


class Target(NamedTuple):
    """A part of a file."""

    url: str
    offset: int
    length: int | None
    """Bytes; None for the whole file."""


Reference = bytes | Target


class References(Protocol):
    """A table of references. Safe to use from many threads."""

    def find(self, key: str) -> Reference | None:
        """Return what a key refers to, None for one that is not in the table."""
        ...

    def documents(self) -> Mapping[str, Reference]:
        """Return the references of all metadata documents by key."""
        ...

    def urls(self) -> Iterator[str]:
        """Yield the targets that are known without reading more, each once."""
        ...


class JsonReferences:
    """A JSON reference set, in memory."""

    def __init__(self, table: Mapping[str, Reference]) -> None:
        self._table = table

    @classmethod
    def parse(cls, data: bytes, max_nbytes: int) -> "JsonReferences":
        """Read a document of version 0 (the table itself) or 1 (``{"version": 1, "refs": ...}``).

        Raises
        ------
        RefusedError
            If it is none, is too large, or asks for what is not done here: templates and generated keys.
        """
        try:
            content = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise RefusedError("its reference set is not JSON") from error
        if not isinstance(content, dict):
            raise RefusedError("its reference set is not a JSON object")
        if content.get("templates") or content.get("gen"):
            raise RefusedError("its reference set has templates or generated keys, which are not expanded here")
        table = content.get("refs", content) if "version" in content else content
        if not isinstance(table, dict) or (table is not content and content["version"] != 1):
            raise RefusedError("its reference set is neither of version 0 nor of version 1")
        if len(table) > MAX_REFERENCES:
            raise RefusedError(
                f"its reference set has more than {MAX_REFERENCES} references; write it as parquet files"
            )
        return cls({key: parse_reference(value, max_nbytes) for key, value in table.items()})

    def find(self, key: str) -> Reference | None:
        """Return what a key refers to."""
        return self._table.get(key)

    def documents(self) -> Mapping[str, Reference]:
        """Return the references of all metadata documents by key."""
        return {key: value for key, value in self._table.items() if key.rpartition("/")[2] in METADATA}

    def keys_below(self, path: str) -> Iterator[str]:
        """Yield the keys below a path."""
        return (key for key in self._table if key.startswith(f"{path}/"))

    def urls(self) -> Iterator[str]:
        """Yield all targets."""
        yield from dict.fromkeys(value.url for value in self._table.values() if isinstance(value, Target))


def parse_reference(value: object, max_nbytes: int) -> Reference:
    """Read one value of the table: text, ``base64:`` text, a JSON object, ``[url]`` or ``[url, offset, length]``.

    Raises
    ------
    RefusedError
        If it is none of them, is negative or above `max_nbytes`, or has a template.
    """
    if isinstance(value, str):
        return _inline(value)
    if isinstance(value, dict):
        check_json(value, "its reference set")
        return json.dumps(value).encode()
    if not isinstance(value, list) or len(value) not in {1, _TRIPLE} or not isinstance(value[0], str):
        raise RefusedError("its reference set has a reference that is not understood")
    offset, length = value[1:] if len(value) == _TRIPLE else (0, None)
    return make_target(value[0], offset, length, max_nbytes)


def make_target(url: str, offset: object, length: object, max_nbytes: int) -> Target:
    """Return a target whose numbers are sound (`parse_reference`)."""
    if "{{" in url:
        raise RefusedError("its reference set has templates, which are not expanded here")
    if type(offset) is not int or not 0 <= offset < 2**63:
        raise RefusedError("its reference set has an offset that cannot be")
    if length is not None and (type(length) is not int or not 0 <= length <= max_nbytes):
        raise RefusedError(f"its reference set has a length that is not in 0..{max_nbytes} (max_chunk_nbytes)")
    return Target(intern(url), offset, length)


def _inline(text: str) -> bytes:
    if not text.startswith("base64:"):
        try:
            return text.encode()
        except UnicodeEncodeError as error:
            raise RefusedError("its reference set holds text that is not Unicode") from error
    try:
        return b64decode(text[7:], validate=True)
    except ValueError as error:
        raise RefusedError("its reference set holds base64 that is none") from error


def parse_document(data: bytes | None, key: str) -> dict[str, object]:
    """Read a metadata document that a set refers to."""
    if data is None or len(data) > MAX_DOCUMENT_NBYTES:
        raise RefusedError("a metadata document of its reference set cannot be read")
    return load(data, f"the {key.rpartition('/')[2]} of its reference set")
