"""The engine's process: ``python -m cloudify.server.engine``, started by the server's first one.

It is told on its standard input what a worker is told, an `Order` and then catalogs, and ends when that ends.
"""

import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from threading import Event, Thread
from types import FrameType

from cloudify.server.logs import set_up_logs
from cloudify.server.orders import Order, read_catalog

log = logging.getLogger(__name__)


def main() -> None:
    """Run jobs until told to end."""
    lines = iter(os.fdopen(os.dup(0), "rb"))  # not that of `sys`: a thread that waits in it would hold up the end
    order = Order.read(next(lines))
    sys.argv = list(order.argv)
    set_up_logs(order.settings, worker=order.number)
    stop = Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # from a terminal; the process that started this one ends it
    first = next(lines, None)
    if first is not None:
        _run(order, first, lines, stop)


def _run(order: Order, first: bytes, lines: Iterator[bytes], stop: Event) -> None:
    from cloudify.server.app import Server  # noqa: PLC0415  # the science stack: a signal ends this process before, too
    from cloudify.server.objects import load_objects  # noqa: PLC0415

    catalog, objects = read_catalog(json.loads(first)), load_objects(order.objects)
    server = Server(catalog, settings=order.settings, objects=objects, runs_engine=False)

    def follow() -> None:
        for line in lines:
            server.adopt(read_catalog(json.loads(line)))
        stop.set()  # who started this process has ended

    Thread(target=follow, name="cloudify-orders", daemon=True).start()
    log.warning("functions run without a sandbox: whoever may compute may do whatever this server may")
    server.service.run_engine(stop)


if __name__ == "__main__":
    main()
