"""What the slices of one job share while they run in one process: the open dataset, what results look like."""

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b
from threading import Lock
from weakref import WeakValueDictionary

import xarray as xr

from cloudify.compute.batch import Item, Work
from cloudify.compute.blocks import Reader
from cloudify.compute.child.returned import Value, load
from cloudify.compute.fit import Fitter
from cloudify.compute.planned import Planned
from cloudify.compute.template import Template
from cloudify.compute.templating import template_of
from cloudify.datasets.open import open_entry
from cloudify.errors import SourceMovedOnError
from cloudify.model.entry import Entry

MOST = 8
"""Jobs whose datasets are held open."""
MIB = 2**20
LEAST_SLOT_NBYTES, MOST_SLOT_NBYTES = 64 * MIB, 256 * MIB
"""Of the memory that a value is handed over in."""


@dataclass(slots=True)
class Bench:
    """One job, in one process. Safe to use from many threads."""

    work: Work
    planned: Planned
    reader: Reader | None
    known: Fitter | None

    @property
    def slot_nbytes(self) -> int:
        """Memory that the largest block takes with its names and attributes, and the largest result."""
        nbytes = 0 if not self.planned.dataset else self.planned.cells.nbytes
        return max(LEAST_SLOT_NBYTES, min(2 * nbytes, nbytes + MOST_SLOT_NBYTES))

    def value(self, item: Item) -> Value | str:
        """Return what the function is given. Blocks; raises what the source raises."""
        if item.datum is not None:
            return item.datum
        if item.block is not None:
            return load(item.block)
        assert self.reader is not None  # noqa: S101  # else values come with the slices
        return self.reader.block(item.cell)

    def cell(self, item: Item) -> int:
        """Return the number of a slice in the plan."""
        return item.cell or item.number

    def fitter(self, value: Value, item: Item, given: Value | str) -> tuple[Fitter, str | None]:
        """Return what fits results into the whole, and the template if this result is the one that fixes it.

        Raises
        ------
        InvalidResultError
            If the first result cannot be part of a whole.
        """
        if self.known is not None:
            return self.known, None
        name = self.work.function.entry
        block = given if isinstance(given, xr.Dataset) else None
        opened = None if self.reader is None else self.reader.opened
        template = template_of(value, self.planned.plan, self.cell(item), name, opened=opened, block=block)
        return Fitter(template, self.planned.plan, name), template.to_json()


class _Turn:
    """Of those that want one dataset open: the first opens it."""

    def __init__(self) -> None:
        self.lock = Lock()


class Benches:
    """Those of one process, the last few. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = Lock()  # guards what follows
        self._readers: OrderedDict[str, Reader] = OrderedDict()
        self._fitters: OrderedDict[bytes, Fitter] = OrderedDict()
        self._opening: WeakValueDictionary[str, _Turn] = WeakValueDictionary()

    def of(self, work: Work) -> Bench:
        """Return that of a job. Blocks while its dataset is opened.

        Raises
        ------
        SourceError
            If its dataset cannot be opened.
        SourceMovedOnError
            If it is another than when the job was planned.
        """
        planned = Planned.from_json(work.planned).grown(work.total)
        reader = None if work.entry is None else self._reader(work, work.entry, planned)
        with self._lock:
            return Bench(work, planned, reader, self._fitter(work, planned))

    def _reader(self, work: Work, entry: Entry, planned: Planned) -> Reader:
        """Return the one reader of a job. Others go on while a dataset is opened, which may take long."""
        with self._lock:
            turn = self._opening.setdefault(work.job_id, _Turn())
        with turn.lock:
            with self._lock:
                if work.job_id in self._readers:
                    self._readers.move_to_end(work.job_id)
                    return self._readers[work.job_id]
            opened = open_entry(entry, timeout_s=work.settings.remote_timeout_s, settings=work.settings)
            if opened.token != planned.token:
                raise SourceMovedOnError(planned.dataset)
            reader = Reader(opened, planned.cells)
            with self._lock:
                self._readers[work.job_id] = reader
                while len(self._readers) > MOST:
                    self._readers.popitem(last=False)
            return reader

    def _fitter(self, work: Work, planned: Planned) -> Fitter | None:
        if work.template is None:
            return None
        key = blake2b(f"{work.job_id}\n{work.total}\n{work.template}".encode(), digest_size=16).digest()
        fitter = self._fitters.get(key)
        if fitter is None:
            fitter = Fitter(Template.from_json(work.template), planned.plan, work.function.entry)
            self._fitters[key] = fitter
            while len(self._fitters) > MOST:
                self._fitters.popitem(last=False)
        return fitter
