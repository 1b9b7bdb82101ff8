"""What a catalog says about one dataset."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from cloudify.model.extent import Bbox, Interval
from cloudify.model.preparation import NOTHING, Preparation

CodecName = Literal["zstd", "blosc", "gzip", "none"]
Place = Literal["auto", "cluster", "server"]
PLACES: tuple[Place, ...] = ("auto", "cluster", "server")
CODECS: tuple[CodecName, ...] = ("zstd", "blosc", "gzip", "none")

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def is_valid_id(dataset_id: str) -> bool:
    """Whether an id can stand in a URL, a catalog and a file name.

    >>> is_valid_id("mpi-esm-tas"), is_valid_id("../etc")
    (True, False)
    """
    return _ID.fullmatch(dataset_id) is not None and ".." not in dataset_id


def suggest_id(text: str) -> str:
    """Return a valid id close to `text`: lower case, every run of other characters as one ``-``.

    >>> suggest_id("2 m temperature (ERA5)/v1.0")
    '2-m-temperature-era5-v1-0'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:128] or "dataset"


@dataclass(frozen=True, slots=True)
class Link:
    """Something elsewhere that a dataset has to do with: where it came from, its licence, how it is cited."""

    rel: str
    """What it is to the dataset, e.g. ``derived_from``, ``via``, ``cite-as``, ``license``."""
    href: str
    """An http or https URL without a password. Shown to everybody."""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One dataset as a catalog describes it; nothing of it has been opened."""

    id: str
    driver: str
    """Name of the opener, an entry point of ``cloudify.opener``."""
    href: str
    """Absolute path or URL. Never shown to anybody but the operator."""
    title: str = ""
    description: str = ""
    license: str = ""
    keywords: tuple[str, ...] = ()
    version: str = ""
    citation: str = ""
    links: tuple[Link, ...] = ()
    bbox: Bbox | None = None
    """Where the data is, by the operator's word; nothing is read to find out."""
    interval: Interval | None = None
    """When."""
    immutable: bool = False
    """The operator's word that the source never changes."""
    codec: CodecName | None = None
    """How chunks are compressed; None: as they are stored, where they are passed on, else zstd."""
    compute: Place = "auto"
    """Where chunks of lazy variables are computed, if there is a cluster: ``auto`` measures whether that pays."""
    options: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    """Given to the opener. May hold credentials: never shown."""
    fault: str = ""
    """Why the entry cannot be opened, where reading the catalog already told."""
    prepare: Preparation = NOTHING
    """What is done to the dataset before it is served."""
    owner: str = ""
    """The only user who sees it; ``""`` for everybody. Set by code: no catalog says it."""

    @property
    def is_prepared(self) -> bool:
        """Whether what is served differs from what the source stores, so that no stored bytes may stand for it."""
        return self.prepare != NOTHING
