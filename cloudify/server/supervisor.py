"""Several processes that serve on one port, and the one that looks after them.

This one takes no requests and imports nothing of the science stack. It reads the catalogs and watches the targets for
all: an id that two files could have goes to the same one in every worker, also in one that comes later.
"""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Thread

from cloudify.catalog.catalog import Catalog
from cloudify.catalog.survey import Survey
from cloudify.errors import CloudifyError, WorkerFailedError
from cloudify.server.engine_process import ENGINE, EngineProcess
from cloudify.server.object_names import is_object
from cloudify.server.orders import Order, as_line, catalog_line, end_s
from cloudify.server.remote_worker import RemoteWorker
from cloudify.server.sums import Sums
from cloudify.server.watcher import Watcher
from cloudify.settings import Settings

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 30.0
"""Before another worker takes the place of one that ended; doubled each time."""
STEADY_S = 60.0
"""A worker that served so long did not end because it cannot serve: the pause begins anew."""
KILLED_S = 0.3
"""What a process that is killed takes to be gone."""

log = logging.getLogger(__name__)


class Supervisor:
    """Starts workers, has another take the place of one that ended, tells them what the targets say, and ends them.

    Parameters
    ----------
    sock
        The socket that listens; every worker gets it.
    targets
        As `cloudify serve` takes them.
    announce
        Called with the banner when all workers serve.
    """

    def __init__(
        self, sock: socket.socket, settings: Settings, targets: Sequence[str], url: str, announce: Callable[[str], None]
    ) -> None:
        self._sock, self._settings, self._url, self._announce = sock, settings, url, announce
        self._objects = tuple(target for target in targets if is_object(target))
        self._others = [target for target in targets if not is_object(target)]
        self._workers: dict[int, RemoteWorker] = {}
        self._waiting_for = set(range(1, settings.workers + 1))
        """Numbers of the workers that have not served yet."""
        self._first_reading: asyncio.Future[Catalog] | None = None
        self._catalog = Catalog()
        self._banner = ""
        self._sums = Sums()
        self._engine = EngineProcess(self._order(ENGINE)) if settings.unsafe_compute else None
        self._is_ending = False

    def run(self) -> None:
        """Serve until SIGTERM or Ctrl-C.

        Raises
        ------
        InvalidTargetError
            If a target names nothing to serve.
        WorkerFailedError
            If a worker cannot start.
        """
        with asyncio.Runner() as runner:
            runner.run(self._run())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        self._all_serve = asyncio.Event()
        if not self._objects:
            self._read(())
        keepers = {asyncio.create_task(self._keep(number)) for number in sorted(self._waiting_for)}
        serving = asyncio.create_task(self._serve())
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, serving.cancel)
        done, _ = await asyncio.wait({serving, *keepers}, return_when=asyncio.FIRST_COMPLETED)
        self._is_ending = True
        serving.cancel()
        await self._end({serving, *keepers})
        for task in done:
            if not task.cancelled():
                task.result()

    async def _serve(self) -> None:
        """Announce, and watch the targets until this is cancelled."""
        if self._first_reading is not None:
            await asyncio.shield(self._first_reading)  # targets that are none are known at once
        await self._all_serve.wait()
        self._announce(self._banner)
        if self._engine is not None:
            self._engine.start(catalog_line(self._catalog))
        loop = asyncio.get_running_loop()

        def hand_on(said: Catalog) -> None:
            loop.call_soon_threadsafe(self._adopt, said)

        watcher = Watcher(self._survey, hand_on, self._settings.reread_s)
        if self._settings.watch:
            watcher.start()
        try:
            await asyncio.Event().wait()
        finally:
            watcher.stop()

    async def _keep(self, number: int) -> None:
        """Keep a worker of this number running."""
        loop, pause_s = asyncio.get_running_loop(), FIRST_PAUSE_S
        while True:
            worker = self._workers[number] = await RemoteWorker.start(self._order(number), self._sock)
            began = loop.time()
            last = await self._follow(number, worker)
            status = await worker.ended()
            del self._workers[number]
            self._sums.end(number)
            if self._is_ending:
                return
            if number in self._waiting_for:
                self._is_ending = True
                sys.stderr.write(last.get("traceback", ""))
                raise WorkerFailedError(
                    last.get("failed") or f"worker {number} ended with status {status} before it could serve"
                )
            if loop.time() - began > STEADY_S:
                pause_s = FIRST_PAUSE_S
            extra = {"worker": number, "status": status, "pause_s": pause_s, **last}
            log.error("a worker has ended; another takes its place", extra=extra)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _follow(self, number: int, worker: RemoteWorker) -> dict[str, str]:
        """Answer what a worker reports until it ends; return why it did, ``{}`` if it did not say."""
        last: dict[str, str] = {}
        async for report in worker.reports():
            if "loaded" in report:
                if self._first_reading is None:
                    self._read(report["loaded"])
                worker.tell(catalog_line(await self._said()))
            elif "counted" in report:
                self._sums.take(number, report["counted"])
                if report["ask"]:
                    worker.tell(as_line({"sums": self._sums.all()}))
            elif "ready" in report:
                self._waiting_for.discard(number)
                self._banner = self._banner or report["ready"]
                if not self._waiting_for:
                    self._all_serve.set()
            else:
                last = report
        return last

    def _order(self, number: int) -> Order:
        return Order(number, self._settings.workers, self._settings, self._objects, self._url, tuple(sys.argv))

    def _read(self, reserved: Sequence[str]) -> None:
        """Begin to read the targets; ids in `reserved` are taken."""
        self._survey = Survey(self._others, reserved, self._settings)
        outcome: Future[Catalog] = Future()

        def read() -> None:
            try:
                outcome.set_result(self._survey.read())
            except CloudifyError as error:
                outcome.set_exception(error)
            finally:
                if not outcome.done():
                    outcome.set_exception(WorkerFailedError("the targets cannot be read; the traceback says why"))

        self._first_reading = asyncio.wrap_future(outcome)
        Thread(target=read, name="cloudify-targets", daemon=True).start()  # nobody waits for it at the end

    async def _said(self) -> Catalog:
        """Return what the targets say."""
        assert self._first_reading is not None  # noqa: S101  # begun before anybody asks
        if not self._all_serve.is_set():
            self._catalog = await asyncio.shield(self._first_reading)
        return self._catalog

    def _adopt(self, said: Catalog) -> None:
        """Tell all workers what the targets say by now."""
        if said != self._catalog:
            self._catalog, line = said, catalog_line(said)
            for worker in self._workers.values():
                worker.tell(line)
            if self._engine is not None:
                self._engine.tell(line)

    async def _end(self, tasks: set[asyncio.Task[None]]) -> None:
        """End all workers, those that do not end by themselves with force, and then what looks after them."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + end_s(self._settings) - KILLED_S
        has_served = self._all_serve.is_set()
        if self._engine is not None:
            self._engine.end()
        for worker in self._workers.values():
            if has_served:
                worker.end()
            else:
                worker.kill()
        ends = [asyncio.create_task(worker.ended()) for worker in self._workers.values()]
        if ends:
            await asyncio.sleep(0)  # the watcher is stopped meanwhile, which may take a moment
            await asyncio.wait(ends, timeout=max(0.0, deadline - loop.time()))
        if self._engine is not None:
            await asyncio.to_thread(self._engine.join, deadline - loop.time())
        for worker in self._workers.values():
            worker.kill()
        if ends:
            await asyncio.wait(ends, timeout=KILLED_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
