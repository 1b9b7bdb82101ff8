"""A Dask cluster as the layers above use it."""

import logging
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar

from cloudify.cluster.connection import Connection, UnsendableError
from cloudify.cluster.loop import LOOP
from cloudify.errors import ClusterUnavailableError
from cloudify.settings import Settings, dask_address

T = TypeVar("T")
_connections: dict[str, Connection] = {}
_making = Lock()

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Dask cluster at an address. Safe to use from many threads; nobody waits longer than the limits."""

    address: str
    connect_s: float
    """Longest wait for the connection."""
    chunk_s: float
    """Longest wait for the values after that."""

    def evaluate(self, graph: Mapping[Any, Any], keys: Sequence[Any]) -> Sequence[Any]:
        """Compute keys of a culled graph on the cluster, in one submission. Blocks; raises what the graph raises.

        A graph that holds what cannot be pickled (an open file, a lock) is computed here: no other process could.

        Raises
        ------
        ClusterUnavailableError
            If the scheduler cannot be reached, is lost, or does not answer in time.
        """
        work = connection_to(self.address).compute(graph, keys, connect_s=self.connect_s)
        try:
            values, failure = LOOP.run(work, self.connect_s + self.chunk_s)
        except UnsendableError as error:
            from dask.local import get_sync

            log.warning("a chunk is computed in the server: its graph cannot be sent", extra={"why": str(error)[:500]})
            return get_sync(graph, list(keys))  # type: ignore[no-any-return]  # dask has no types
        except TimeoutError:
            raise ClusterUnavailableError(
                f"the Dask cluster did not compute this chunk within {self.chunk_s:g} s"
            ) from None
        if failure is not None:
            raise failure
        return values

    def encodes(self) -> bool:
        """Whether workers can encode chunks: they have this version of ours. Blocks; raises as `workers`."""
        return self._ask(connection_to(self.address).encodes(connect_s=self.connect_s))

    def workers(self) -> int:
        """Ask the scheduler how many workers it has. Blocks.

        Raises
        ------
        ClusterUnavailableError
            If it cannot be reached, or does not answer in time.
        """
        return self._ask(connection_to(self.address).workers(connect_s=self.connect_s))

    def _ask(self, question: Coroutine[Any, Any, T]) -> T:
        try:
            return LOOP.run(question, 2 * self.connect_s)
        except TimeoutError:
            raise ClusterUnavailableError(f"the Dask scheduler did not answer within {self.connect_s:g} s") from None


def cluster_of(settings: Settings) -> Cluster | None:
    """Return the cluster that computes chunks, None where none is configured. Nothing is connected."""
    address = dask_address(settings)
    return Cluster(address, settings.dask_connect_s, settings.dask_chunk_s) if address else None


def connection_to(address: str) -> Connection:
    """Return the one connection of this process to an address."""
    with _making:
        if address not in _connections:
            connection = _connections[address] = Connection(address)
            LOOP.at_exit(connection.close)
        return _connections[address]
