"""The connection of this process to one scheduler."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import ExitStack, suppress
from pickle import PicklingError
from time import monotonic
from typing import Any

from cloudify.datasets.source import failures
from cloudify.errors import ClusterUnavailableError

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, float(ClusterUnavailableError.retry_after_s)
"""After an attempt to connect that failed, none is made for so long, twice as long each time; who asks is told so."""
CLOSE_S = 2.0

AGREED = ("python", "dask", "distributed", "cloudpickle")
"""What must have one version in the server, the scheduler and the workers: graphs travel as pickles of its objects."""
OURS = "cloudify-xarray"
"""What must, besides, for workers to encode chunks."""

CREDENTIALS: dict[str, Any] = {}
"""Address of a scheduler that this process started -> ``distributed.Security`` of its clients."""

AWAY = "the Dask cluster that computes chunks cannot be reached; ask again in a few seconds"
LOST = "the Dask cluster was lost while it computed this chunk; ask again in a few seconds"

Hear = Callable[[Any], None]
UNSENDABLE: tuple[type[Exception], ...] = (PicklingError, *failures())

log = logging.getLogger(__name__)


class UnsendableError(Exception):
    """A graph that cannot be pickled, so that no other process can compute it."""


class WorkersLostError(Exception):
    """Workers that died while they ran a task."""


class Connection:
    """A connection that is made when first needed, and again after it was lost. Belongs to one event loop."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._client: Any = None
        self._connecting = asyncio.Lock()
        self._encodes = False
        self._pause_s = 0.0
        self._retry_at = 0.0
        self._ending: set[asyncio.Task[None]] = set()
        self._heard: dict[str, tuple[Any, Hear]] = {}
        """By topic: over which connection it is heard, and by whom."""

    async def compute(
        self, graph: Mapping[Any, Any], keys: Sequence[Any], *, connect_s: float
    ) -> tuple[list[Any], BaseException | None]:
        """Compute keys of a graph; a worker that dies is replaced by another.

        Returns
        -------
        list
            The values of `keys`.
        BaseException or None
            What the graph itself raised on a worker. Returned, since whatever it is must not end this loop.

        Raises
        ------
        ClusterUnavailableError
            If there is no connection to the scheduler, or it is lost.
        UnsendableError
            If the graph cannot be sent.
        """
        client = await self._running(connect_s)
        try:
            futures = client.get(graph, list(keys), sync=False)
        except OSError as error:
            raise ClusterUnavailableError(LOST) from error
        except UNSENDABLE as error:  # objects say in many ways that they cannot be pickled
            raise UnsendableError(str(error)) from error
        for future in futures:
            failure = await future.exception()
            if failure is not None:
                return [], failure.with_traceback(await future.traceback())
        if any(future.cancelled() for future in futures):
            raise ClusterUnavailableError(LOST)
        from distributed import CancelledError

        try:
            return await client.gather(futures), None
        except (CancelledError, OSError) as error:
            raise ClusterUnavailableError(LOST) from error

    async def call(
        self, function: Callable[..., Any], given: Sequence[object], *, connect_s: float, topic: str, hear: Hear
    ) -> Any:  # noqa: ANN401  # whatever the function returns
        """Have a worker call a function of ours.

        Raises
        ------
        ClusterUnavailableError
            If there is no connection to the scheduler, or it is lost.
        WorkersLostError
            If workers died while they ran it.
        """
        client = await self._running(connect_s)
        self._listen(client, topic, hear)
        try:
            future = client.submit(function, *given, pure=False, retries=0)
        except OSError as error:
            raise ClusterUnavailableError(LOST) from error
        try:
            return await _outcome(future)
        finally:
            future.release()  # nobody else wants it: a task that has not begun never does

    async def everywhere(self, function: Callable[..., object], given: Sequence[object], *, connect_s: float) -> None:
        """Call a function in every worker, beside its tasks.

        Raises
        ------
        ClusterUnavailableError
            If there is no connection to the scheduler.
        """
        client = await self._running(connect_s)
        try:
            await client.run(function, *given, on_error="ignore")
        except OSError as error:
            raise ClusterUnavailableError(AWAY) from error

    async def restart(self, worker: str, *, connect_s: float) -> None:
        """End a worker by its address, whatever it does; raises as `everywhere`."""
        client = await self._running(connect_s)
        with suppress(ValueError):  # it is gone
            try:
                await client.restart_workers([worker], timeout=connect_s, raise_for_error=False)
            except OSError as error:
                raise ClusterUnavailableError(AWAY) from error

    async def threads(self, *, connect_s: float) -> int:
        """Ask the scheduler how many threads its workers have; raises as `workers`."""
        client = await self._running(connect_s)
        try:
            return sum((await client.nthreads()).values())
        except OSError as error:
            raise ClusterUnavailableError(AWAY) from error

    def _listen(self, client: Any, topic: str, hear: Hear) -> None:  # noqa: ANN401
        """Hear what tasks tell under a topic, over this connection as over those before it."""
        if self._heard.get(topic) != (client, hear):
            self._heard[topic] = client, hear
            client.subscribe_topic(topic, lambda event: hear(event[1]))

    async def encodes(self, *, connect_s: float) -> bool:
        """Whether the scheduler and the workers have this version of ours; told when the connection was made.

        Raises
        ------
        ClusterUnavailableError
            If there is no connection.
        """
        await self._running(connect_s)
        return self._encodes

    async def workers(self, *, connect_s: float) -> int:
        """Ask the scheduler how many workers it has.

        Raises
        ------
        ClusterUnavailableError
            If there is no connection to it.
        """
        client = await self._running(connect_s)
        try:
            return len(await client.nthreads())
        except OSError as error:
            raise ClusterUnavailableError(AWAY) from error

    async def close(self) -> None:
        """End the connection."""
        self._let_go()
        if self._ending:
            await asyncio.wait(self._ending)

    async def _running(self, connect_s: float) -> Any:  # noqa: ANN401  # distributed.Client
        async with self._connecting:
            if self._client is not None and self._client.status == "running":
                return self._client
            self._let_go()
            if monotonic() < self._retry_at:
                raise ClusterUnavailableError(AWAY)
            try:
                self._client = await self._connect(connect_s)
            except (OSError, ImportError, ValueError, TypeError) as error:  # as distributed refuses addresses and TLS
                self._pause_s = min(max(FIRST_PAUSE_S, 2 * self._pause_s), LONGEST_PAUSE_S)
                self._retry_at = monotonic() + self._pause_s
                log.warning("no connection to the Dask scheduler", extra={"address": self._address, "why": repr(error)})
                raise ClusterUnavailableError(AWAY) from error
            self._pause_s = 0.0
            return self._client

    async def _connect(self, connect_s: float) -> Any:  # noqa: ANN401
        from distributed import Client

        client = Client(
            self._address,
            asynchronous=True,
            name="cloudify",
            security=CREDENTIALS.get(self._address),
            set_as_default=False,  # what a host script computes by itself is its own affair
            timeout=connect_s,
        )
        with ExitStack() as unless_connected:
            unless_connected.callback(self._end, _close, client)
            async with asyncio.timeout(connect_s):
                await client
                versions = await client.get_versions(packages=[OURS])
                differing = mismatch(versions)
            if differing:
                raise ImportError(f"versions differ: {differing}")
            unless_connected.pop_all()
        self._encodes = versions["client"]["packages"][OURS] is not None and not mismatch(versions, (OURS,))
        return client

    def _let_go(self) -> None:
        """End a client that has lost its scheduler."""
        if self._client is not None:
            self._end(_close_settled, self._client)
            self._client = None

    def _end(self, close: Callable[[Any], Coroutine[Any, Any, None]], client: Any) -> None:  # noqa: ANN401
        task = asyncio.ensure_future(close(client))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


async def _outcome(future: Any) -> Any:  # noqa: ANN401  # distributed.Future, and what its task returns
    """Return what a task returned; raise what it raised, `WorkersLostError` or `ClusterUnavailableError`."""
    from distributed import CancelledError, KilledWorker

    failure = await future.exception()
    if isinstance(failure, KilledWorker):
        raise WorkersLostError(str(failure)) from failure
    if failure is not None:
        raise failure
    try:
        return await future
    except (CancelledError, OSError) as error:
        raise ClusterUnavailableError(LOST) from error


async def _close_settled(client: Any) -> None:  # noqa: ANN401
    """Close a client that may be connecting again by itself: interrupted, it would write a traceback to the log."""
    while client.status == "connecting":  # noqa: ASYNC110  # for no longer than its time-out; it tells nobody
        await asyncio.sleep(0.1)
    await _close(client)


async def _close(client: Any) -> None:  # noqa: ANN401
    with suppress(OSError):  # time-outs are of that family
        await client.close(timeout=CLOSE_S)


def mismatch(versions: Mapping[str, Any], names: Sequence[str] = AGREED) -> str:
    """Return what of `names` the server, the scheduler and the workers do not agree on, ``""`` if they do.

    >>> here = {"packages": {"python": "3.12.1.final.0", "dask": "2026.8.0"}}
    >>> there = {"packages": {"python": "3.12.4.final.0", "dask": "2026.7.0"}}
    >>> mismatch({"client": here, "scheduler": here, "workers": {"tcp://10.0.0.2:4000": there}})
    'dask 2026.7.0, 2026.8.0'
    """
    sides = [versions["client"], versions["scheduler"], *versions["workers"].values()]
    found = {name: {_relevant(name, side["packages"].get(name)) for side in sides} for name in names}
    return "; ".join(f"{name} {', '.join(sorted(each))}" for name, each in found.items() if len(each) > 1)


def _relevant(name: str, version: str | None) -> str:
    """Return the part of a version that must agree: of Python, 3.12."""
    return ".".join(str(version).split(".")[:2]) if name == "python" else str(version)
