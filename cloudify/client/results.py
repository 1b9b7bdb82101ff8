"""What a job leaves: a dataset, values, or files."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from secrets import token_hex
from typing import IO
from urllib.parse import unquote, urlsplit

from cloudify.client.datasets import open_dataset
from cloudify.client.session import ANSWER_S, Session
from cloudify.client.status import mapping, text

_DATASET = re.compile(r"/datasets/([A-Za-z0-9][A-Za-z0-9._-]{0,127})/zarr/?")

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class File:
    """A file that a function returned; its bytes stay on the server until they are asked for."""

    name: str
    media_type: str
    _session: Session = field(repr=False)
    _path: str = field(repr=False)

    def read(self) -> bytes:
        """Return its bytes."""
        return self._session.get(self._path).content

    def save(self, path: str | Path = ".") -> Path:
        """Write it to `path`, under its own name if that is a folder; return where it is.

        It is there as a whole or not at all.
        """
        target = Path(path)
        if target.is_dir():
            target /= self.name
        with _appearing(target) as file, self._session.stream(self._path, {}, silence_s=ANSWER_S) as answer:
            for piece in answer.iter_bytes():
                file.write(piece)
        return target


def fetch(session: Session, path: str) -> object:
    """Return the result of the job at `path`: a lazy dataset, a list of values or of files, or one value.

    Raises
    ------
    ServerSaysError
        If there is none.
    """
    result = mapping(session.read(f"{path}/results")).get("result")
    if dataset_id := _dataset_id(session, result):
        return open_dataset(session, dataset_id, None, {})
    if isinstance(result, list) and result:
        files = [_file(session, path, element) for element in result]
        if any(files) and all(file or element is None for file, element in zip(files, result, strict=True)):
            return files
    return result


def _dataset_id(session: Session, result: object) -> str:
    """Return the id of the dataset that a result is, ``""`` if it is none."""
    said = mapping(result)
    if text(said.get("type")) != "application/vnd+zarr":
        return ""
    match = _DATASET.fullmatch(_within(session, text(said.get("href"))))
    return match[1] if match else ""


def _file(session: Session, path: str, element: object) -> File | None:
    """Return the file that an element of a result is: one of this job, on this server."""
    said: Mapping[str, object] = mapping(element)
    at = _within(session, text(said.get("href")))
    if not at.startswith(f"{path}/results/"):
        return None
    name = _CONTROLS.sub("_", PurePosixPath(unquote(at)).name)  # a function chose it: it names no folder of ours
    return File("result" if name == ".." else name, text(said.get("type")), session, at)


def _within(session: Session, href: str) -> str:
    """Return the path of a link below the root of the server, whatever name the server goes by there."""
    root, path = urlsplit(session.url).path, urlsplit(href).path
    return path.removeprefix(root) if path.startswith(f"{root}/") else path


@contextmanager
def _appearing(target: Path) -> Iterator[IO[bytes]]:
    """Write a file that has its name once the block has ended well."""
    unfinished = target.with_name(f".{token_hex(8)}.part")
    try:
        with unfinished.open("xb") as file:
            yield file
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
