"""What is made of datasets on request: once for all who ask at once, and kept while the source is the same."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import blake2b
from math import inf
from os import cpu_count
from typing import TypeVar
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from cloudify.chunks.cache import ByteCache
from cloudify.datasets.opened import Opened
from cloudify.datasets.source import ChangedError, explain, failures
from cloudify.errors import SourceChangedError, UnreadableDatasetError
from cloudify.http.conditional import none_match
from cloudify.http.flights import Flights
from cloudify.http.lookup import Lookup
from cloudify.http.offload import Offload

KEPT_NBYTES = 2**26
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Made:
    """What was asked for, of which the client may have this version already: then nothing was made."""

    body: bytes | None
    etag: str

    def response(self, media_type: str, headers: dict[str, str] | None = None) -> Response:
        """Return the answer: the body, or 304."""
        always = {"etag": self.etag, "cache-control": "no-cache", "vary": "Accept"}
        if self.body is None:
            return Response(None, 304, always)
        return Response(self.body, 200, always | (headers or {}), media_type)


class Derived:
    """Makes things of datasets and keeps their bytes. Belongs to one event loop."""

    def __init__(self, lookup: Lookup, limit_s: float = inf) -> None:
        """Use `lookup` to find datasets; making one thing takes no longer than `limit_s`, where it asks."""
        self._lookup = lookup
        self._kept = ByteCache(KEPT_NBYTES)
        self._flights: Flights[bytes] = Flights(limit_s)
        self._work = Offload(max(2, cpu_count() or 2), kind="derive")

    async def opened(self, dataset_id: str) -> Opened:
        """Return a dataset as the source is now."""
        return await self._work(lambda: self._lookup.opened(dataset_id))

    async def read(self, opened: Opened, work: Callable[[], T]) -> T:
        """Do in a thread what reads of a dataset; raises as `guarded` does."""
        try:
            return await self._work(lambda: guarded(opened, work))
        except SourceChangedError as error:
            if isinstance(error.__cause__, ChangedError):
                self._lookup.let_go(opened.entry.id, error.__cause__.at_ns)
            raise

    async def get(
        self, request: Request, dataset_id: str, asked: object, make: Callable[[Opened], Awaitable[bytes]]
    ) -> Made:
        """Return what `make` makes of a dataset as the source is now, unless the client has it.

        Parameters
        ----------
        asked
            All that the outcome depends on besides the dataset, told apart by its `repr`.
        """
        opened = await self.opened(dataset_id)
        key = f"{dataset_id}\n{opened.token}\n{asked!r}"
        etag = f'"{blake2b(key.encode("utf-8", "replace"), digest_size=12).hexdigest()}"'
        known = request.headers.get("if-none-match")
        if known != "*" and none_match(known, etag):  # only who was given it has it, so it could be made
            return Made(None, etag)
        body = self._kept.get(key)
        if body is None:
            body = await self._flights.join(key, lambda: self._make(key, make(opened)))
        return Made(body, etag)

    async def _make(self, key: str, making: Awaitable[bytes]) -> bytes:
        body = await making
        self._kept.put(key, body)  # before the flight lands: who comes then finds it
        return body


def guarded(opened: Opened, work: Callable[[], T]) -> T:
    """Return what `work`, which reads of a dataset, returns. Blocks.

    Raises
    ------
    SourceChangedError
        If a part of its source was written or removed since it was opened.
    UnreadableDatasetError
        If its source fails; other failures have names of their own.
    """
    try:
        return work()
    except ChangedError as error:
        raise SourceChangedError(opened.entry.id, "dataset") from error
    except failures() as error:  # of the source: what cannot be done has a name of its own
        raise UnreadableDatasetError(opened.entry.id, explain(error)) from error


def attachment(name: str) -> dict[str, str]:
    """Return the header of a download to be saved under a name."""
    return {"content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
