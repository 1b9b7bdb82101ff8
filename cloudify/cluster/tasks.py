"""Functions of ours, run on the workers of a Dask cluster one by one, and what they say meanwhile."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from cloudify.cluster.cluster import connection_to
from cloudify.cluster.loop import LOOP

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
Hear = Callable[[Any], None]


class Tasks:
    """Tasks at a scheduler. Safe to use from many threads.

    Parameters
    ----------
    address
        Of the scheduler.
    connect_s
        Longest wait for the connection.
    topic
        What tasks tell things under.
    hear
        Called, on the loop of the connection, with each thing a task tells.
    """

    def __init__(self, address: str, connect_s: float, topic: str, hear: Hear) -> None:
        self._connection, self._connect_s = connection_to(address), connect_s
        self._topic, self._hear = topic, hear

    def submit(self, function: Callable[..., T], *given: object) -> "Future[T]":
        """Have a worker call a function of ours. The future raises what the function raises.

        It raises `ClusterUnavailableError` where the scheduler cannot be reached, or is lost with the task, and
        `WorkersLostError` where workers died with it.
        """
        return LOOP.begin(
            self._connection.call(function, given, connect_s=self._connect_s, topic=self._topic, hear=self._hear)
        )

    def everywhere(self, function: Callable[..., object], *given: object) -> None:
        """Call a function in every worker at once, beside its tasks, and return when it was. Blocks.

        Raises
        ------
        ClusterUnavailableError
            If the scheduler cannot be reached.
        """
        LOOP.run(self._connection.everywhere(function, given, connect_s=self._connect_s), 2 * self._connect_s)

    def restart(self, worker: str) -> None:
        """End a worker, whatever it does; its nanny starts another. Blocks; raises as `everywhere`."""
        LOOP.run(self._connection.restart(worker, connect_s=self._connect_s), 4 * self._connect_s)

    def slots(self) -> int:
        """Return how many tasks run at once: threads of all workers. Blocks; raises as `everywhere`."""
        return LOOP.run(self._connection.threads(connect_s=self._connect_s), 2 * self._connect_s)
