"""Our own catalog format: a YAML file that names datasets.

::

    cloudify: 1
    title: My archive
    datasets:
      sst-monthly:
        href: data/sst.nc          # a path, relative to this file, or a URL
        driver: netcdf             # where the ending does not tell
        title: Monthly sea surface temperature
        description: ...
        license: CC-BY-4.0
        keywords: [ocean, monthly]
        version: "1.2"
        citation: ...              # how it is cited
        links: [{rel: derived_from, href: "https://example.org/run-7", title: ...}]
        bbox: [-30, 20, 45, 75]    # west, south, east, north, where the coordinates do not tell
        interval: [2005-01-01, 2005-12-31]
        immutable: true            # the source never changes
        codec: zstd                # or blosc, gzip, none
        compute: auto              # or cluster, server: where chunks that are no file's are computed
        options: {}                # given to the opener
        prepare: {}                # done to the dataset before it is served: see `catalog.preparation`

A fault costs only the entry it is in: the file and line are reported and the other entries are served.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import yaml

from cloudify.catalog.base import Base
from cloudify.catalog.catalog import Catalog, Fault
from cloudify.catalog.driver import guess_driver
from cloudify.catalog.intake import is_intake, read_intake
from cloudify.catalog.nodes import NotPlainError, compose, construct, pairs
from cloudify.catalog.preparation import read_preparation
from cloudify.catalog.stated import OURS, parse_bbox, parse_interval, parse_link
from cloudify.catalog.unfit import UnfitError
from cloudify.model.entry import CODECS, PLACES, Entry, Link, is_valid_id, suggest_id
from cloudify.model.extent import Bbox, Interval
from cloudify.model.preparation import Preparation
from cloudify.settings import Settings, load_settings

FORMAT_VERSION = "1"
MAX_NBYTES = 64 * 2**20
"""A catalog of 10,000 entries is about 3 MB."""


def read_catalog(path: Path, settings: Settings | None = None) -> Catalog:
    """Read one catalog file, ours or intake's; whatever is wrong with it comes back as faults."""
    try:
        if path.stat().st_size > MAX_NBYTES:
            return unreadable(path, f"a file of at most {MAX_NBYTES} bytes", "a larger one")
        data = path.read_bytes()
    except OSError as error:
        return unreadable(path, "a readable YAML file", error.strerror or type(error).__name__)
    return parse_catalog(data, str(path), Base.of(str(path), settings or load_settings()))


def parse_catalog(data: bytes, name: str, base: Base) -> Catalog:
    """Read the text of a catalog, ours or intake's.

    Parameters
    ----------
    name
        What its faults call it.
    """
    try:
        root = compose(data.decode("utf-8"))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        return unreadable(name, "YAML", f"{error.problem}", line)
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        return unreadable(name, "a readable YAML file", type(error).__name__)
    return read_intake(name, root, base) if is_intake(set(pairs(root))) else _Reader(name, base).read(root)


def unreadable(name: object, expected: str, found: str, line: int = 0) -> Catalog:
    """Return a catalog of which nothing could be read, and why."""
    return Catalog(faults=(Fault(str(name), line, expected, found),))


class _Reader:
    """Turns the nodes of one file into entries, collecting faults with their lines."""

    def __init__(self, name: str, base: Base) -> None:
        self.name, self.base = name, base
        self.faults: list[Fault] = []

    def read(self, root: yaml.Node | None) -> Catalog:
        fields = dict(self._pairs(root, "a mapping with the key `datasets`", known=("cloudify", "title", "datasets")))
        version = fields.get("cloudify")
        if version is not None and version.value != FORMAT_VERSION:
            self._fault(version, f"cloudify: {FORMAT_VERSION}")
        if root is not None and "datasets" not in fields:
            self._fault(root, "the key `datasets`", "none")
        datasets = fields.get("datasets")
        title = self._text(fields["title"]) if "title" in fields else ""
        entries = tuple(self._entries(datasets)) if datasets is not None else ()
        return Catalog(entries, tuple(self.faults), title or "")

    def _entries(self, node: yaml.Node) -> Iterator[Entry]:
        for dataset_id, value in self._pairs(node, "a mapping of dataset ids"):
            if not is_valid_id(dataset_id):
                self._fault(value, f"an id such as {suggest_id(dataset_id)!r}", repr(dataset_id))
                continue
            before = len(self.faults)
            entry = self._entry(dataset_id, value)
            if entry is not None and len(self.faults) == before:
                yield entry
            else:
                reasons = "; ".join(f"line {f.line}: expected {f.expected}" for f in self.faults[before:])
                yield Entry(dataset_id, driver="", href="", fault=f"its catalog entry is faulty ({reasons})")

    def _entry(self, dataset_id: str, node: yaml.Node) -> Entry | None:
        fields = dict(self._pairs(node, "a mapping with the key `href`", known=(*self._READERS, "href", "driver")))
        href = self._text(fields["href"]) if "href" in fields else None
        if not href:
            if "href" not in fields and isinstance(node, yaml.MappingNode):
                self._fault(node, "the key `href`", "none")
            return None
        try:
            href = self.base.resolve(href)
        except UnfitError as error:
            self._fault(fields["href"], error.expected, error.found)
            return None
        driver = self._text(fields["driver"]) if "driver" in fields else guess_driver(href)
        if not driver:
            self._fault(fields["href"], "a file whose ending tells its driver, or the key `driver`")
            return None
        given = {name: read(self, fields[name]) for name, read in self._READERS.items() if name in fields}
        try:
            given["options"] = self.base.options(given.get("options", {}), href)  # type: ignore[arg-type]  # as below
        except UnfitError as error:
            self._fault(fields.get("options", node), error.expected, error.found)
        return Entry(dataset_id, driver, href, **given)  # type: ignore[arg-type]  # a wrong type is a fault above

    def _text(self, node: yaml.Node) -> str:
        if isinstance(node, yaml.ScalarNode) and node.tag != "tag:yaml.org,2002:null":
            return str(node.value)
        self._fault(node, "text")
        return ""

    def _texts(self, node: yaml.Node) -> tuple[str, ...]:
        if isinstance(node, yaml.SequenceNode):
            return tuple(self._text(item) for item in node.value)
        self._fault(node, "a list of texts")
        return ()

    def _links(self, node: yaml.Node) -> tuple[Link, ...]:
        if not isinstance(node, yaml.SequenceNode):
            self._fault(node, "a list of links, each with `rel` and `href`")
            return ()
        return tuple(link for link in map(self._link, node.value) if link is not None)

    def _link(self, node: yaml.Node) -> Link | None:
        expected = "a link with `rel` and `href`"
        fields = dict(self._pairs(node, expected, known=("rel", "href", "title")))
        texts = {name: self._text(value) for name, value in fields.items()}
        if isinstance(node, yaml.MappingNode) and not {"rel", "href"} <= set(texts):
            self._fault(node, expected)
        elif texts:
            link = parse_link(**texts)
            if link is None:
                expected = (
                    f"a relation other than {', '.join(sorted(OURS))}, and an http or https URL without a password"
                )
                self._fault(node, expected, f"{texts['rel'][:40]!r}")  # the URL may hold a password
            return link
        return None

    def _bbox(self, node: yaml.Node) -> Bbox | None:
        bbox = parse_bbox(self._texts(node)) if isinstance(node, yaml.SequenceNode) else None
        if bbox is None:
            self._fault(node, "[west, south, east, north] in degrees, longitudes in -180..180")
        return bbox

    def _interval(self, node: yaml.Node) -> Interval | None:
        interval = parse_interval(self._texts(node)) if isinstance(node, yaml.SequenceNode) else None
        if interval is None:
            self._fault(node, "[start, end] as ISO dates or times, e.g. [2005-01-01, 2005-12-31]")
        return interval

    def _flag(self, node: yaml.Node) -> bool:
        if node.tag != "tag:yaml.org,2002:bool":
            self._fault(node, "true or false")
        return node.value in {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"}

    def _codec(self, node: yaml.Node) -> str:
        if node.value not in CODECS:
            self._fault(node, f"one of {', '.join(CODECS)}")
        return str(node.value)

    def _compute(self, node: yaml.Node) -> str:
        if node.value not in PLACES:
            self._fault(node, f"one of {', '.join(PLACES)}")
        return str(node.value)

    def _options(self, node: yaml.Node) -> dict[str, object]:
        if not isinstance(node, yaml.MappingNode):
            self._fault(node, "a mapping")
            return {}
        try:
            values = construct(node)
        except NotPlainError as error:
            self._fault(node, "plain YAML values", str(error))
            return {}
        if not isinstance(values, Mapping):  # the tag !!set
            self._fault(node, "a mapping")
            return {}
        return {str(name): value for name, value in values.items()}

    def _prepare(self, node: yaml.Node) -> Preparation:
        return replace(read_preparation(node, self._pairs, self._fault), file=self.name)

    _READERS: ClassVar[dict[str, Callable[["_Reader", yaml.Node], object]]] = {
        "title": _text, "description": _text, "license": _text, "keywords": _texts,
        "version": _text, "citation": _text, "links": _links, "bbox": _bbox, "interval": _interval,
        "immutable": _flag, "codec": _codec, "compute": _compute, "options": _options, "prepare": _prepare,
    }  # fmt: skip

    def _pairs(
        self, node: yaml.Node | None, expected: str, known: tuple[str, ...] = ()
    ) -> Iterator[tuple[str, yaml.Node]]:
        """Yield the keys and values of a mapping; report another kind of node, and keys twice or not `known`."""
        if not isinstance(node, yaml.MappingNode):
            self._fault(node, expected)
            return
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
            if not name:
                self._fault(key, "a text as key")
            elif name in seen:
                self._fault(key, f"{name!r} once")
            elif known and name not in known:
                self._fault(key, f"one of {', '.join(known)}")
            else:
                seen.add(name)
                yield name, value

    def _fault(self, node: yaml.Node | None, expected: str, found: str = "") -> None:
        line = node.start_mark.line + 1 if node is not None else 1
        self.faults.append(Fault(self.name, line, expected, found or _describe(node)))


def _describe(node: yaml.Node | None) -> str:
    if isinstance(node, yaml.ScalarNode):
        return repr(node.value[:80]) if node.value else "nothing"
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    return "a list" if isinstance(node, yaml.SequenceNode) else "nothing"
