"""The background pass: summarises what nobody has asked for yet, one dataset at a time, out of everybody's way."""

import logging
import os
import sys
from contextlib import suppress
from threading import Event, Thread, get_native_id
from time import monotonic
from types import TracebackType
from typing import Self

from cloudify.datasets.open import open_entry
from cloudify.datasets.shelf import Shelf
from cloudify.datasets.source import explain, failures
from cloudify.datasets.summaries import Summaries, is_placed
from cloudify.datasets.token import is_cheap, version_token
from cloudify.errors import CloudifyError
from cloudify.model.entry import Entry
from cloudify.settings import Settings

FIRST_S = 1.0
"""After the start, so that the first requests are answered first."""
AGAIN_S = 300.0
"""Between rounds: what is new or has changed since is summarised then."""
PAUSE_S = 0.5
"""After a dataset it rests as long as that took, at most so long: half of one core is the most it uses."""
STOP_S = 1.0
NICE = 10
MOST_STUCK = 2
"""Datasets beyond their time that may still be waited for; with more the pass stands still until one comes back."""

log = logging.getLogger(__name__)


class SummaryPass:
    """One daemon thread that opens the entries of a shelf that have no summary, each once, beside the shelf.

    The datasets that readers have open stay on the shelf. A dataset that fails, or takes longer than
    ``summary_timeout_s``, is not tried again until its source changes. Used as ``with summary_pass: ...``.
    """

    def __init__(self, shelf: Shelf, summaries: Summaries, settings: Settings) -> None:
        self._shelf, self._summaries, self._settings = shelf, summaries, settings
        self._tried: dict[str, str | None] = {}
        """Dataset -> version token at which it was last tried."""
        self._stuck: list[Thread] = []
        self._end = Event()
        self._thread: Thread | None = None
        self.makes = True
        """False where another process of the server makes summaries: what that one has written is taken note of."""

    def __enter__(self) -> Self:
        """Begin, unless the time for a dataset is 0."""
        if self._settings.summary_timeout_s and self._thread is None:
            self._end.clear()
            self._thread = Thread(target=self._run, name="cloudify-summaries", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End, after the dataset under way or `STOP_S`."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(STOP_S)
            self._thread = None

    def _run(self) -> None:
        if sys.platform == "linux":  # elsewhere this would be the priority of the process
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, get_native_id(), NICE)
        wait_s = FIRST_S
        while not self._end.wait(wait_s):
            if self.makes:
                self._round()
                wait_s = AGAIN_S
            else:
                wait_s = FIRST_S if self._learn() else min(2 * wait_s, AGAIN_S)

    def _learn(self) -> bool:
        """Take note of the summaries that another process has made since; whether there were any."""
        learnt = False
        for dataset_id in self._shelf.ids():
            entry = self._shelf.entry(dataset_id)
            if self._end.is_set() or entry is None or not self._is_due(entry):
                continue
            token = self._token(entry)
            known = self._summaries.kept(token) if token else None
            if token and known:
                self._summaries.learn(dataset_id, token, known)
                learnt = True
        return learnt

    def _round(self) -> None:
        for dataset_id in self._shelf.ids():
            if self._end.is_set():
                return
            entry = self._shelf.entry(dataset_id)
            if entry is not None and self._is_due(entry):
                began = monotonic()
                self._summarise(entry)
                self._end.wait(min(PAUSE_S, monotonic() - began))

    def _is_due(self, entry: Entry) -> bool:
        """Whether a dataset has no summary of its source as it is now, and was not tried in vain."""
        if entry.fault or is_placed(entry):
            return False
        if not is_cheap(entry):
            return entry.id not in self._tried and self._summaries.token(entry.id) is None
        token = self._token(entry)
        if (entry.id, token) in self._tried.items():
            return False
        return token is None or token != self._summaries.token(entry.id)

    def _token(self, entry: Entry) -> str | None:
        try:
            return version_token(entry, timeout_s=self._settings.remote_timeout_s, settings=self._settings)
        except OSError:
            return None

    def _summarise(self, entry: Entry) -> None:
        """Summarise a dataset in a thread of its own, which is left alone when its time is up."""
        while len(self._stuck) > MOST_STUCK and not self._end.wait(PAUSE_S):
            self._stuck = [thread for thread in self._stuck if thread.is_alive()]
        work = Thread(target=self._attempt, args=(entry,), name="cloudify-summary", daemon=True)
        deadline = monotonic() + self._settings.summary_timeout_s
        work.start()
        while work.is_alive() and monotonic() < deadline and not self._end.is_set():
            work.join(min(PAUSE_S, self._settings.summary_timeout_s))
        if work.is_alive():
            self._stuck.append(work)
            if not self._end.is_set():
                log.warning("dataset takes too long to summarise", extra={"dataset": entry.id})

    def _attempt(self, entry: Entry) -> None:
        token = self._token(entry)
        self._tried[entry.id] = token
        known = self._summaries.kept(token) if token else None
        if token and known:
            self._summaries.learn(entry.id, token, known)
            return
        try:
            opened = open_entry(entry, timeout_s=self._settings.remote_timeout_s, settings=self._settings)
            self._summaries.of(opened)
        except CloudifyError as error:
            if is_cheap(entry):  # of another source nobody would see that it is back
                self._summaries.fail(entry.id)
            log.info("dataset has no summary", extra={"dataset": entry.id, "reason": str(error)})
        except failures() as error:
            log.info("dataset has no summary", extra={"dataset": entry.id, "reason": explain(error)})
