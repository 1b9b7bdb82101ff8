"""Jobs and their engine, put together for a process that has datasets."""

import logging
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from functools import cached_property
from secrets import token_hex
from threading import Event, Lock, Thread
from types import MappingProxyType
from typing import Any

from cloudify.cluster.local import start_local_cluster
from cloudify.compute.assembling import Assembler
from cloudify.compute.batch import Alive, Tell, Told
from cloudify.compute.bell import Bell, ring
from cloudify.compute.engine import Engine
from cloudify.compute.executor import Executor, Threads
from cloudify.compute.feeding import Feeder
from cloudify.compute.jobs import Jobs
from cloudify.compute.lock import hold
from cloudify.compute.restarts import Restarts
from cloudify.compute.store.store import Store, open_store
from cloudify.compute.tidying import tidy
from cloudify.datasets.opened import Opened
from cloudify.errors import DataDirectoryInUseError, DirectoryInUseError, UnknownDatasetError
from cloudify.settings import Settings, dask_address

CLOSE_S = 1.0
"""What a cluster gets to end; what is left is killed with the engine."""
LISTEN_S = 0.5
"""How often the engine looks whether it is to stop, and whether it is the only one still."""
SCHEDULER = MappingProxyType({"allowed_failures": 0, "worker_ttl": 30.0})
"""A batch whose worker died is ours to try again; of a worker that is not heard of for so long, in seconds, the others
get what it had."""

log = logging.getLogger(__name__)


class Service:
    """Jobs over the datasets of this process. Nothing is opened before it is needed; safe to use from many threads.

    Parameters
    ----------
    runs_engine
        Whether the engine is a thread of this process, begun with the first job; else another process has it.
    """

    def __init__(self, settings: Settings, *, runs_engine: bool) -> None:
        self.settings, self._runs_engine = settings, runs_engine
        self._opened: Callable[[str], Opened] = _nothing
        self._opening, self._starting = Lock(), Lock()
        self._thread: Thread | None = None
        self._held = ExitStack()
        """The lock of the data directory, while the engine is ours."""
        self._stop = Event()
        self._cluster: Any = None
        """A cluster of this machine, once a job has needed one."""

    def attach(self, opened: Callable[[str], Opened]) -> None:
        """Take what opens a dataset by its id, whoever owns it."""
        self._opened = opened

    @cached_property
    def store(self) -> Store:
        """The store of the data directory, or the one that the settings name."""
        with self._opening:
            url = self.settings.database_url
            known: Store | None = self.__dict__.get("store")  # another thread may have opened it meanwhile
            return known or open_store(url.get_secret_value() if url else None, self.settings.data_dir, migrate=True)

    @cached_property
    def jobs(self) -> Jobs:
        """What owners do with jobs."""
        return Jobs(self.store, self.settings, begin=self._begin, wake=lambda: ring(self.settings.data_dir))

    def run_engine(self, stop: Event) -> None:
        """Run jobs until told to stop. Blocks."""
        bell = Bell(self.settings.data_dir)
        with closing(bell), self.store.hold_engine(stop) as is_held:
            if stop.is_set():
                return
            heard = _Heard()
            executor = self._executor(heard.tell)
            feeder = Feeder(self.store, self._opened, self.settings)
            assembler, restarts = Assembler(self.store, feeder, executor), Restarts(self.settings.data_dir)
            engine = Engine(self.store, feeder, executor, assembler, token_hex(8), restarts)
            heard.engine = engine
            ended = Event()

            def listen() -> None:
                while not (stop.is_set() or ended.is_set()):
                    if bell.wait(LISTEN_S):
                        engine.ring()
                    if not is_held():
                        log.error("another engine may have begun: the database was away; this one ends")
                        break
                engine.stop()

            listener = Thread(target=listen, name="cloudify-bell", daemon=True)
            listener.start()
            Thread(
                target=tidy, args=(self.store, self.settings.keep_jobs_s, ended), name="cloudify-tidying", daemon=True
            ).start()
            try:
                engine.run()
            finally:
                ended.set()
                engine.close()
                listener.join()
                if self._cluster is not None:
                    with suppress(TimeoutError):  # what is left ends with this process
                        self._cluster.close(timeout=CLOSE_S)
                    self._cluster = None

    def close(self) -> None:
        """End the engine, if it is ours."""
        self._stop.set()
        ring(self.settings.data_dir)
        thread = self._thread
        if thread is not None:
            thread.join(2.0)

    def _begin(self) -> None:
        """Start the engine in a thread of this process, if it is ours and does not run.

        Raises
        ------
        DirectoryInUseError
            If another server has the data directory.
        """
        if not self._runs_engine:
            return
        with self._starting:
            if self._thread is not None and self._thread.is_alive():
                return
            with ExitStack() as unless_started:
                try:
                    unless_started.enter_context(hold(self.settings.data_dir))
                except DataDirectoryInUseError as error:
                    raise DirectoryInUseError from error
                self._held = unless_started.pop_all()
            self._thread = Thread(target=self._run_here, name="cloudify-engine", daemon=True)
            self._thread.start()

    def _run_here(self) -> None:
        with self._held:
            self.run_engine(self._stop)

    def _executor(self, tell: Tell) -> Executor:
        address = dask_address(self.settings)
        if address is None and (self._runs_engine or self.settings.dask == "none"):
            return Threads(tell)  # a cluster of its own would run the script of this process again in each worker
        from cloudify.compute.dask_executor import OnDask  # noqa: PLC0415  # distributed, for those who have a cluster

        return OnDask(lambda: address or self._local_cluster(), self.settings.dask_connect_s, tell)

    def _local_cluster(self) -> str:
        """Return the address of a cluster on this machine, started if there is none. Blocks for seconds then."""
        if self._cluster is None:
            import distributed  # noqa: F401, PLC0415  # sets its own level; else it tells of each connection

            logging.getLogger("distributed").setLevel(logging.WARNING)
            self._cluster = start_local_cluster(
                n_workers=None, threads_per_worker=1, encrypted=True, scheduler=SCHEDULER
            )
        return str(self._cluster.scheduler_address)


class _Heard:
    """Passes on what functions say once there is an engine."""

    engine: Engine | None = None

    def tell(self, told: Told | Alive) -> None:
        if self.engine is not None:
            self.engine.tell(told)


def _nothing(dataset_id: str) -> Opened:
    """Stand for what opens datasets where nobody has any."""
    raise UnknownDatasetError(dataset_id, ())
