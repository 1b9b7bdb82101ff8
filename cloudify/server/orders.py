"""What a supervisor and its workers say to each other: lines of JSON, over one socket for each worker.

Either end sees at once that the other has ended, however that came about.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from socket import socket
from threading import Lock
from typing import Any, Final

import yaml
from pydantic import SecretStr

from cloudify.catalog.catalog import Catalog, Fault
from cloudify.model.entry import Entry, Link
from cloudify.model.preparation import Preparation
from cloudify.settings import Settings

LAST_S: Final = 4.5
"""Longest time that workers get to end, in seconds: what is left then is killed. All is to end within 5."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker has to know to start; after it come catalogs, the first one when the worker has loaded."""

    number: int
    """Which worker it is, counted from 1; another that takes its place has the same."""
    workers: int
    settings: Settings
    objects: tuple[str, ...]
    """Targets that are objects of host scripts: each worker imports them itself."""
    url: str
    """Where the server is, for its banner."""
    argv: tuple[str, ...]
    """Of the command: host scripts may look at it."""

    def as_line(self) -> bytes:
        """Return it as it is sent; whoever may read that socket may know the secrets."""
        settings = {name: _plain(value) for name, value in self.settings.model_dump().items()}
        fields = {name: getattr(self, name) for name in ("number", "workers", "objects", "url", "argv")}
        return as_line({**fields, "settings": settings})

    @classmethod
    def read(cls, line: bytes) -> "Order":
        """Read what was sent."""
        fields = _tuples(json.loads(line))
        return cls(**{**fields, "settings": Settings(**fields["settings"])})


class Channel:
    """The worker's end."""

    def __init__(self, sock: socket) -> None:
        self._sock, self._file, self._lock = sock, sock.makefile("rb"), Lock()

    def receive(self) -> bytes:
        """Wait for the next line of the supervisor.

        Raises
        ------
        EOFError
            If it has ended.
        """
        try:
            line = self._file.readline()
        except ConnectionError as error:
            raise EOFError from error
        if not line.endswith(b"\n"):
            raise EOFError
        return line

    def report(self, **said: object) -> None:
        """Tell the supervisor, if it is still there: this process ends if it is not."""
        with self._lock, suppress(ConnectionError):
            self._sock.sendall(as_line(said))


def end_s(settings: Settings) -> float:
    """Return the time that a worker gets to end, in seconds."""
    return min(settings.shutdown_s + 0.5, LAST_S)


def catalog_line(said: Catalog) -> bytes:
    """Return a catalog as it is sent; options as YAML, of which they come: JSON has no dates."""
    options = {entry.id: yaml.safe_dump(dict(entry.options)) for entry in said.entries if entry.options}
    entries = [asdict(replace(entry, options={})) for entry in said.entries]
    faults = [asdict(fault) for fault in said.faults]
    return as_line({"entries": entries, "faults": faults, "title": said.title, "options": options})


def read_catalog(said: Mapping[str, Any]) -> Catalog:
    """Read a catalog that was sent, but for its JSON."""
    entries = (_entry(fields, said["options"].get(fields["id"])) for fields in said["entries"])
    return Catalog(tuple(entries), tuple(Fault(**fault) for fault in said["faults"]), said["title"])


def _entry(fields: dict[str, Any], options: str | None) -> Entry:
    made = {
        "links": tuple(Link(**link) for link in fields["links"]),
        "prepare": Preparation(**_tuples(fields["prepare"])),
    }
    entry = Entry(**{**_tuples(fields), **made, "options": {}})
    return replace(entry, options=yaml.safe_load(options)) if options else entry


def as_line(said: Mapping[str, Any]) -> bytes:
    """Return something as it is sent."""
    return json.dumps(said).encode() + b"\n"


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields with tuples for the lists that JSON made of them, to two levels."""
    return {
        name: tuple(tuple(item) if isinstance(item, list) else item for item in value)
        if isinstance(value, list)
        else value
        for name, value in fields.items()
    }


def _plain(value: object) -> object:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return value if value is None or isinstance(value, int | float | str) else str(value)
