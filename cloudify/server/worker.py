"""One of several processes that serve on one port: ``python -m cloudify.server.worker CHANNEL SOCKET``.

`cloudify.server.supervisor` starts it and hands over two file descriptors: the channel between them, and the socket
that listens. It ends when it is told to, and when the supervisor has ended.
"""

import json
import os
import signal
import sys
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from socket import socket
from threading import Event, Thread
from time import sleep
from traceback import format_exception
from types import TracebackType
from typing import Any

from cloudify.errors import CloudifyError
from cloudify.http.meters import Meters, Snapshot, of_worker
from cloudify.server.garbage import uncollected
from cloudify.server.logs import set_up_logs
from cloudify.server.orders import Channel, Order, end_s, read_catalog

COUNT_S = 1.0
"""How often the supervisor is told what meters show, and how long an answer of it is waited for."""
SUMMARISES = 1
"""Number of the worker that summarises datasets in the background."""


def main(channel_file: int, socket_file: int) -> None:
    """Serve until told to end."""
    for file in (channel_file, socket_file):
        os.set_inheritable(file, False)  # noqa: FBT003  # what this process starts must not hold them
    channel = Channel(socket(fileno=channel_file))
    try:
        order = Order.read(channel.receive())
    except EOFError:  # it has ended already
        return
    said = _listen(channel, order)
    sys.argv = list(order.argv)
    set_up_logs(order.settings, worker=order.number)
    sys.excepthook = _reporting(channel)
    try:
        _serve(channel, order, said, socket(fileno=socket_file))
    except CloudifyError as error:
        channel.report(failed=str(error))
        sys.exit(1)


def _serve(channel: Channel, order: Order, said: "_Said", sock: socket) -> None:
    with uncollected():
        from cloudify.server.app import Server  # noqa: PLC0415  # the science stack: what ends this ends it meanwhile
        from cloudify.server.banner import describe  # noqa: PLC0415
        from cloudify.server.objects import load_objects  # noqa: PLC0415
        from cloudify.server.run import run  # noqa: PLC0415

        objects = load_objects(order.objects)
        channel.report(loaded=list(objects))
        catalog = read_catalog(said.catalogs.get())
        server = Server(catalog, settings=order.settings, objects=objects, runs_engine=False)
    Thread(target=_follow, args=(said.catalogs, server), name="cloudify-orders", daemon=True).start()
    counts = _Counts(channel, server.meters, said.sums, order.number)
    server.meters.all = counts.all
    Thread(target=counts.run, name="cloudify-counts", daemon=True).start()
    banner = describe(server, order.url, order.workers)
    server.summary_pass.makes = order.number == SUMMARISES
    with server.summary_pass:
        run(server.app, sock, order.settings, server.meters, lambda: channel.report(ready=banner))


@dataclass(frozen=True, slots=True)
class _Said:
    """What the supervisor said and nobody has heard yet."""

    catalogs: "SimpleQueue[dict[str, Any]]" = field(default_factory=SimpleQueue)
    sums: "SimpleQueue[Snapshot]" = field(default_factory=SimpleQueue)
    """Meters of all workers."""


class _Counts:
    """Tells the supervisor what this worker's meters show, and asks what those of all do."""

    def __init__(self, channel: Channel, meters: Meters, sums: "SimpleQueue[Snapshot]", number: int) -> None:
        self._channel, self._meters, self._sums, self._number = channel, meters, sums, number
        self._asked = Event()

    def run(self) -> None:
        """Tell it again and again, in a thread of its own: nobody else waits for the supervisor."""
        while True:
            ask = self._asked.wait(COUNT_S)
            self._asked.clear()
            self._channel.report(counted=of_worker(self._meters.snapshot(), self._number), ask=ask)

    def all(self) -> Snapshot | None:
        """Return the meters of all workers; None if there is no answer in time."""
        while not self._sums.empty():
            self._sums.get()  # too late for who asked
        self._asked.set()
        try:
            return self._sums.get(timeout=COUNT_S)
        except Empty:
            return None


def _listen(channel: Channel, order: Order) -> _Said:
    """Return what the supervisor says from now on; end this process when it has ended."""
    said = _Said()

    def listen() -> None:
        try:
            while True:
                heard = json.loads(channel.receive())
                if "sums" in heard:
                    said.sums.put(heard["sums"])
                else:
                    said.catalogs.put(heard)
        except EOFError:
            os.kill(os.getpid(), signal.SIGTERM)
            sleep(end_s(order.settings))
            os.killpg(0, signal.SIGKILL)  # of which we are the first: the supervisor saw to that

    Thread(target=listen, name="cloudify-supervisor", daemon=True).start()
    return said


def _follow(said: "SimpleQueue[dict[str, Any]]", server: Any) -> None:  # noqa: ANN401  # imported late
    """Serve what the supervisor reads in the catalogs."""
    while True:
        server.adopt(read_catalog(said.get()))


def _reporting(channel: Channel) -> Any:  # noqa: ANN401  # as of `sys.excepthook`
    """Return what tells the supervisor of a failure that nobody foresaw, in a host script for example."""

    def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        why = "".join(format_exception(kind, error, trace))
        channel.report(failed=f"{kind.__name__}: {error}".splitlines()[0], traceback=why)

    return report


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
