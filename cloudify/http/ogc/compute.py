"""The jobs of a server from the moment that somebody needs them: before it, nothing of them is imported or opened."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from threading import Lock
from time import time
from typing import TYPE_CHECKING, Any, Final

from cloudify.datasets.opened import Opened
from cloudify.errors import NoSandboxError, StoreUnavailableError
from cloudify.model.entry import Entry
from cloudify.model.job import Job
from cloudify.model.token import StoredToken
from cloudify.settings import Settings

if TYPE_CHECKING:
    from cloudify.compute.jobs import Jobs
    from cloudify.compute.service import Service
    from cloudify.compute.store.store import Store

PREFIX: Final = "job-"
"""Before the id of a job: the id of the dataset that it left."""
_FILE = "cloudify.db"


class Compute:
    """Jobs, and where they and tokens are kept. Safe to use from many threads; all of it blocks but `is_in_use`.

    Parameters
    ----------
    runs_engine
        Whether jobs are run by this process, from the first one on; else another has the engine.
    """

    def __init__(self, settings: Settings, *, runs_engine: bool) -> None:
        self.settings, self._runs_engine = settings, runs_engine
        self._opened: Callable[[str], Opened] | None = None
        self._making = Lock()
        self.tokens = _Tokens(self)

    def attach(self, opened: Callable[[str], Opened]) -> None:
        """Take what opens a dataset by its id, whoever owns it."""
        with self._making:
            self._opened = opened
            made = self._made()
        if made is not None:
            made.attach(opened)

    @property
    def is_in_use(self) -> bool:
        """Whether anything can be kept by now: else there is no need to look."""
        settings = self.settings
        return settings.unsafe_compute or settings.database_url is not None or (settings.data_dir / _FILE).exists()

    @property
    def service(self) -> "Service":
        """Jobs and their engine."""
        with self._making:
            return self._service

    @property
    def store(self) -> "Store":
        """Where jobs and tokens are kept."""
        return self.service.store

    @property
    def jobs(self) -> "Jobs":
        """What owners do with jobs."""
        return self.service.jobs

    def submit(
        self, owner: str, process: str, inputs: Mapping[str, Any], opened: Callable[[str], Opened],
        *, is_open: bool = False, key: str | None = None,
    ) -> Job:  # fmt: skip
        """Store a job (`Jobs.submit`)."""
        if not self.settings.unsafe_compute:
            raise NoSandboxError
        from cloudify.compute.jobs import Asked  # noqa: PLC0415

        return self.jobs.submit(owner, Asked(process, inputs, is_open, key), opened)

    def entry(self, dataset_id: str) -> Entry | None:
        """Return the dataset ``job-{id}`` as a catalog would, None where no job left one of this name."""
        if not dataset_id.startswith(PREFIX) or not self.is_in_use:
            return None
        from cloudify.compute.result_entry import result_entry  # noqa: PLC0415

        return result_entry(self.store, dataset_id, dataset_id.removeprefix(PREFIX))

    def close(self) -> None:
        """End the engine, if this process has it."""
        with self._making:
            made = self._made()
        if made is not None:
            made.close()

    def _made(self) -> "Service | None":
        """Return the service if anybody has needed it."""
        return self.__dict__.get("_service")

    @cached_property
    def _service(self) -> "Service":
        from cloudify.compute.service import Service  # noqa: PLC0415  # SQLAlchemy, and all that jobs need

        service = Service(self.settings, runs_engine=self._runs_engine)
        if self._opened is not None:
            service.attach(self._opened)
        return service


class _Tokens:
    """The tokens of the store, which nobody opens for want of one."""

    def __init__(self, compute: Compute) -> None:
        self._compute = compute

    @property
    def are_kept(self) -> bool:
        """Whether there may be any."""
        return self._compute.is_in_use

    def find(self, token_id: str) -> StoredToken | None:
        """Return a token by its id, and take note that it was used."""
        if not self._compute.is_in_use:
            return None
        tokens = self._compute.store.tokens
        found = tokens.find(token_id)
        if found is not None:
            with suppress(StoreUnavailableError):  # who may read may do so where nothing can be written
                tokens.note_use(found.id, time())
        return found
