"""A function that can be run, in a process that is there when it is needed."""

from typing import Protocol

from cloudify.compute.child.process import Order, Process
from cloudify.compute.child.returned import BrokenError, Returned, SliceFailedError
from cloudify.compute.child.talk import Input, OnEmitted, Role, Talk


class Lease(Protocol):
    """A right to one process for this function."""

    def take(self) -> Process:
        """Return the process, the same as before if it was not dropped.

        Raises
        ------
        BrokenError
            If there is none.
        """

    def drop(self) -> None:
        """End the process; the next one is another."""


class Child:
    """Runs a function, and the one that combines its results, for one thread at a time."""

    def __init__(self, order: Order, lease: Lease) -> None:
        self._order, self._lease = order, lease

    def run(
        self,
        value: Input,
        *,
        number: int,
        total: int,
        args: str = "{}",
        on_emitted: OnEmitted = lambda _: None,
        entry: Role = "main",
    ) -> Returned:
        """Run a function over a value. Blocks, as long as its limits allow and a process takes to start at most.

        Parameters
        ----------
        value
            A block, a datum as JSON, or two results to combine.
        number, total
            Of the slice, as the function sees them.
        args
            JSON object: further arguments of ``main``.
        on_emitted
            Called in this thread with what the function says, in order, while it runs.

        Raises
        ------
        SliceFailedError
            If it gives no value. The next run has a fresh process if need be.
        """
        try:
            process = self._lease.take()
        except BrokenError as error:
            raise SliceFailedError(error.failure) from None
        talk = Talk(process, self._order, on_emitted)
        try:
            return talk.run(value, {"number": number, "total": total}, args, entry)
        finally:
            if not talk.is_sound:
                self._lease.drop()
