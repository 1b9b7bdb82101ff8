"""The summaries of a server's datasets: made once for each version token, kept in memory and on disk.

Nothing here fails for the disk's sake: what cannot be read or written is made again.
"""

import re
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final, Literal

from pydantic import TypeAdapter, ValidationError

from cloudify.datasets.keep import Keep
from cloudify.datasets.opened import Opened
from cloudify.datasets.summarise import summarise
from cloudify.datasets.token import is_cheap, version_token
from cloudify.model.entry import Entry
from cloudify.model.extent import Extent
from cloudify.model.summary import Summary
from cloudify.settings import Settings

IN_MEMORY = 256
"""Summaries kept in memory; of all others only the extents are."""
ON_DISK_NBYTES = 256 * 2**20
"""Some 80,000 summaries."""
LARGEST_NBYTES = 2**20
"""A summary of more bytes (some thousand variables) is not written."""

_TOKEN = re.compile(r"[0-9a-f]{24}")
"""Of sources; objects in memory have others, and end with the process."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A file."""

    form: Literal[1]
    """Counted up when a summary says other things of the same dataset."""
    summary: Summary


_FORM: Final = TypeAdapter(_Kept)


class Summaries:
    """Summaries by version token, extents by dataset. Safe to use from many threads, and by several processes.

    Parameters
    ----------
    folder
        Where they are kept between starts; made when the first is written. None: in memory only.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._keep = Keep(folder, ON_DISK_NBYTES) if folder else None
        self._recent: OrderedDict[str, Summary] = OrderedDict()
        self._extents: dict[str, tuple[str, Extent]] = {}
        self._failed: set[str] = set()
        self._lock = Lock()

    def of(self, opened: Opened) -> Summary:
        """Return the summary of an open dataset. Blocks; who asks at the same time waits for one making."""
        summary = opened.derived("summary", self._find)
        self.learn(opened.entry.id, opened.token, summary)
        return summary

    def unopened(self, entry: Entry, settings: Settings) -> Summary | None:
        """Return the summary of a source as it is now if that takes no opening, None if it does. Blocks for a file."""
        if entry.fault or not is_cheap(entry):
            return None
        try:
            token = version_token(entry, timeout_s=settings.remote_timeout_s, settings=settings)
        except OSError:
            return None
        summary = self.kept(token)
        if summary is not None:
            self.learn(entry.id, token, summary)
        return summary

    def kept(self, token: str) -> Summary | None:
        """Return the summary of a version token from memory or disk, None where neither has it."""
        with self._lock:
            summary = self._recent.get(token)
            if summary is not None:
                self._recent.move_to_end(token)
                return summary
        summary = self._read(token)
        if summary is not None:
            self._remember(token, summary)
        return summary

    def learn(self, dataset_id: str, token: str, summary: Summary) -> None:
        """Take note of where and when a dataset is."""
        with self._lock:
            self._extents[dataset_id] = (token, summary.extent)
            self._failed.discard(dataset_id)

    def fail(self, dataset_id: str) -> None:
        """Take note that a dataset cannot be opened as it is."""
        with self._lock:
            self._failed.add(dataset_id)

    def has_failed(self, dataset_id: str) -> bool:
        """Whether a dataset could not be opened when last it was tried for its summary."""
        return dataset_id in self._failed

    def token(self, dataset_id: str) -> str | None:
        """Return the version token at which a dataset was last summarised, None if it never was."""
        known = self._extents.get(dataset_id)
        return known[0] if known else None

    def last(self, dataset_id: str) -> Summary | None:
        """Return the summary of a dataset as it was last seen, None where it never was; asks no source."""
        token = self.token(dataset_id)
        return self.kept(token) if token else None

    def extent(self, entry: Entry) -> Extent:
        """Return what is known of where and when a dataset is: by its catalog, else by its summary; reads nothing."""
        stated = Extent(entry.bbox, entry.interval)
        known = self._extents.get(entry.id)
        return stated.or_else(known[1]) if known else stated

    def count(self, entries: Iterable[Entry]) -> int:
        """Return how many of the datasets are summarised, or placed by their catalog."""
        return sum(entry.id in self._extents or is_placed(entry) for entry in entries)

    def _find(self, opened: Opened) -> Summary:
        summary = self.kept(opened.token)
        if summary is None:
            summary = summarise(opened)
            if summary.is_whole:
                self._remember(opened.token, summary)
                self._write(opened.token, summary)
        return summary

    def _remember(self, token: str, summary: Summary) -> None:
        with self._lock:
            self._recent[token] = summary
            self._recent.move_to_end(token)
            while len(self._recent) > IN_MEMORY:
                self._recent.popitem(last=False)

    def _read(self, token: str) -> Summary | None:
        text = self._keep.get(f"{token}.json") if self._keep and _TOKEN.fullmatch(token) else None
        if text is None:
            return None
        try:
            return _FORM.validate_json(text, strict=True).summary
        except ValidationError:
            return None

    def _write(self, token: str, summary: Summary) -> None:
        if self._keep is None or not _TOKEN.fullmatch(token):
            return
        try:
            text = _FORM.dump_json(_Kept(1, summary))
        except ValueError:  # a name that UTF-8 cannot write
            return
        if len(text) <= LARGEST_NBYTES:
            self._keep.put(f"{token}.json", text)


def is_placed(entry: Entry) -> bool:
    """Whether the catalog says itself where and when a dataset is."""
    return entry.bbox is not None and entry.interval is not None
