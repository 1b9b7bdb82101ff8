"""The inputs `function` and `combine`: source text, the name of a function in it, files beside it."""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from cloudify.compute.inputs import check_names, kind_of, read_object, read_text
from cloudify.errors import BadInputError
from cloudify.model.function import Function

MOST_SOURCE: Final = 2**18
"""Characters of a source; its bytes are looked at where it is parsed."""
MOST_FILES: Final = 64
MOST_FILE_NBYTES: Final = 2**20
"""Of all files of a function together."""
MOST_PATH: Final = 200
_PART = re.compile(r"[^\x00-\x1f\x7f/\\]{1,100}")

CheckSource = Callable[[str, str], None]
"""Raises if there is no function of a name in a source."""


def accept_source(_source: str, _entry: str) -> None:
    """Look at nothing: whoever runs the function has looked, or will."""


def read_function(name: str, value: object, check_source: CheckSource = accept_source) -> Function:
    """Return a function as it travels.

    Raises
    ------
    BadInputError
        If it is no object of `source`, `entry` and perhaps `files`.
    CloudifyError
        What `check_source` raises.
    """
    given = read_object(name, value)
    check_names(given, ("source", "entry", "files"), name)
    for needed in ("source", "entry"):
        if needed not in given:
            raise BadInputError(name, f'it has no {needed!r}; expected {{"source": "def f(block): ...", "entry": "f"}}')
    source = given["source"]
    if not isinstance(source, str):
        raise BadInputError(f"{name}.source", f"expected the text of a function, not {kind_of(source)}")
    if len(source) > MOST_SOURCE:
        raise BadInputError(f"{name}.source", f"{len(source)} characters; the most is {MOST_SOURCE}")
    entry = read_text(f"{name}.entry", given["entry"])
    check_source(source, entry)
    return Function(source, entry, read_files(f"{name}.files", given.get("files", {})))


def read_files(name: str, value: object) -> Mapping[str, bytes]:
    """Return a small tree of files: relative path -> content, of a text or of ``{"base64": ...}``.

    Raises
    ------
    BadInputError
        If a path could leave the tree or cannot be, or they are too many or too large.
    """
    given = read_object(name, value)
    if len(given) > MOST_FILES:
        raise BadInputError(name, f"{len(given)} files; the most is {MOST_FILES}")
    files: dict[str, bytes] = {}
    for path, content in given.items():
        _check_path(name, path)
        files[path] = _content(f"{name}.{path}", content)
    _check_folders(name, files)
    nbytes = sum(map(len, files.values()))
    if nbytes > MOST_FILE_NBYTES:
        raise BadInputError(name, f"{nbytes} bytes in all; the most is {MOST_FILE_NBYTES}")
    return MappingProxyType(files)


def function_json(function: Function) -> dict[str, object]:
    """Return a function as JSON, as `read_function` reads it; all files in base64."""
    files = {path: {"base64": b64encode(content).decode()} for path, content in function.files.items()}
    return {"source": function.source, "entry": function.entry} | ({"files": files} if files else {})


def _check_path(name: str, path: str) -> None:
    parts = path.split("/")
    if len(path) > MOST_PATH or any(part in {".", ".."} or not _PART.fullmatch(part) for part in parts):
        raise BadInputError(
            name,
            f"{path[:MOST_PATH]!r} is no path of a file; expected a relative one like 'tables/codes.csv', without '..'",
        )
    if not path.isprintable():
        raise BadInputError(name, f"{path[:MOST_PATH]!r} has characters that no file's name should have")


def _check_folders(name: str, files: Mapping[str, bytes]) -> None:
    for path in files:
        parts = path.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            if folder in files:
                raise BadInputError(name, f"{folder!r} is a file and, for {path!r}, a folder")


def _content(name: str, value: object) -> bytes:
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError as error:
            raise BadInputError(name, "it holds text that is not Unicode") from error
    given = read_object(name, value) if isinstance(value, Mapping) else {}
    encoded = given.get("base64")
    if set(given) != {"base64"} or not isinstance(encoded, str):
        raise BadInputError(name, f'expected a text, or {{"base64": "..."}} for bytes, not {kind_of(value)}')
    try:
        return b64decode(encoded, validate=True)
    except (Base64Error, ValueError) as error:
        raise BadInputError(name, "its base64 cannot be read") from error
