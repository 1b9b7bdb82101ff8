"""Reads the targets again while they are served, and hands on what they say by then.

One daemon thread. The kernel tells of files that come and go in the folders that were looked through, no others; the
targets themselves are looked at every half second; all is read again now and then, as some file systems tell nothing.
"""

import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from errno import ENOSPC
from threading import Event, Thread
from time import monotonic

from watchfiles import Change, watch

from cloudify.catalog.catalog import Catalog
from cloudify.catalog.survey import Survey
from cloudify.datasets.source import explain, failures

TICK_MS = 500
STEP_MS = 50
"""How soon after the last of several changes they are handed on; also how soon the thread ends when it is told to."""
GATHER_MS = 400
"""Longest wait for more changes."""
IDLE_SHARE = 10
"""After a reading, at least so many times its duration passes before the next one."""
MAX_FOLDERS = 10_000
"""Most folders of which the kernel is asked to tell; of more the regular reading tells."""
END_S = 2.0

Changes = set[tuple[Change, str]]
log = logging.getLogger(__name__)
logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it would report each batch of changes


class Watcher:
    """Watches the targets of one server.

    Parameters
    ----------
    hand_on
        Called in the thread with the whole of what the targets say, after every reading.
    reread_s
        How often everything is read again though nothing told of a change, in seconds; 0 for never.
    """

    def __init__(self, survey: Survey, hand_on: Callable[[Catalog], None], reread_s: float) -> None:
        self._survey, self._hand_on, self._reread_s = survey, hand_on, reread_s
        self._thread: Thread | None = None
        self._end = Event()
        self._tells = True
        self.readings = 0
        """How often the targets were read again."""
        self._read_at = 0.0
        self._took_s = 0.0

    def start(self) -> None:
        """Begin to watch, if that has not been done and there is anything to watch."""
        if self._thread is None and len(self._survey):
            self._end = Event()
            self._thread = Thread(target=self._run, name="cloudify-watcher", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End within moments; a reading under way is not waited for longer than `END_S`."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(END_S)
            self._thread = None

    def _run(self) -> None:
        self._read_at = monotonic()
        while not self._end.is_set():
            watched = self._survey.folders
            try:
                with closing(self._changes(list(watched)[:MAX_FOLDERS])) as batches:
                    self._follow(batches, watched)
            except FileNotFoundError:
                self._end.wait(STEP_MS / 1000)  # a folder vanished before it was watched
                self._read(everything=False)
            except (OSError, RuntimeError) as error:
                self._tells = False
                extra = {"reason": explain(error), "reread_s": self._reread_s}
                if isinstance(error, OSError) and error.errno == ENOSPC:
                    extra["fix"] = "raise fs.inotify.max_user_watches"
                log.warning("folders cannot be watched: they are read again now and then", extra=extra)

    def _changes(self, folders: list[str]) -> Generator[Changes]:
        """Yield what has changed in folders, at least once a tick, until told to end."""
        if folders and self._tells:
            yield from watch(
                *folders,
                watch_filter=None, recursive=False, ignore_permission_denied=True, stop_event=self._end,
                step=STEP_MS, debounce=GATHER_MS, rust_timeout=TICK_MS, yield_on_timeout=True, raise_interrupt=False,
            )  # fmt: skip
            return
        while not self._end.wait(TICK_MS / 1000):
            yield set()

    def _follow(self, batches: Iterator[Changes], watched: object) -> None:
        """Read again when that is due, until there are other folders to watch."""
        is_due = True  # what changed between the last reading and the beginning of the watch, nobody told
        for changes in batches:
            is_due = self._survey.look() or self._is_news(changes) or is_due
            idle_s = monotonic() - self._read_at
            is_time = 0 < self._reread_s < idle_s
            if (is_due or is_time) and idle_s > IDLE_SHARE * self._took_s:
                self._read(everything=is_time)
                is_due = False
                if self._survey.folders != watched:
                    return

    def _is_news(self, changes: Changes) -> bool:
        """Whether files came or went. What was written into a served file its version token tells."""
        return any(change != Change.modified or not self._survey.knows(path) for change, path in changes)

    def _read(self, *, everything: bool) -> None:
        begun = monotonic()
        try:
            self._hand_on(self._survey.read_again(everything=everything))
        except failures() as error:  # a catalog that its reader has not foreseen; what was served goes on being served
            log.warning("targets cannot be read again", exc_info=error)
        self.readings += 1
        self._read_at = monotonic()
        self._took_s = self._read_at - begun
