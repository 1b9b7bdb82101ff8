"""STAC as a catalog: an Item, a Collection or a Catalog, on disk or on the web, as entries.

Plain JSON of STAC 1.0 and 1.1, read without pystac. Each item is an entry, or each of its data assets where it has
several; links of the relations ``item`` and ``child`` are followed, so many and so deep. What cannot be served is a
fault of that item or link, and the rest is served.
"""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from cloudify.catalog.assets import DataAsset, data_assets, describe_assets
from cloudify.catalog.base import Base
from cloudify.catalog.catalog import Catalog, Fault
from cloudify.catalog.fetch import Fetch
from cloudify.catalog.stated import parse_bbox, parse_interval, parse_link
from cloudify.catalog.unfit import UnfitError, mapping, shown, text_of, valid_id
from cloudify.model.entry import Entry, Link, is_valid_id, suggest_id
from cloudify.model.extent import Bbox, Interval
from cloudify.model.preparation import NOTHING, Preparation

MAX_DOCUMENTS = 20_000
MAX_DEPTH = 16
"""Most links between the target and an item."""
MAX_DOCUMENT_NBYTES = 2**24
MAX_FAULTS = 1000
"""Most that are told: each is a line of the log and of the screen."""
AT_ONCE = 8
"""Documents read at once."""
PROVENANCE = frozenset({"about", "cite-as", "derived_from", "describedby", "license", "predecessor-version", "via"})
"""Links of an item that are handed on."""
KINDS = frozenset({"Feature", "FeatureCollection", "Collection", "Catalog"})

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Document:
    """A document that was read, and what it has from the one that led to it."""

    base: Base
    content: Json
    collection: Json


def parse_stac(data: bytes) -> Json | None:
    """Return a document if it is one of STAC, None for anything else, kerchunk references above all."""
    if len(data) > MAX_DOCUMENT_NBYTES or (b'"stac_version"' not in data and b'"Feature' not in data):
        return None
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or "refs" in content:
        return None
    return content if "stac_version" in content or content.get("type") in ("Feature", "FeatureCollection") else None


def read_stac(base: Base, content: Json, fetch: Fetch) -> Catalog:
    """Read a document and what it links to. Blocks; bounded by `fetch`, `MAX_DOCUMENTS` and `MAX_DEPTH`."""
    entries: list[Entry] = []
    faults: list[Fault] = []
    seen = {base.href}
    level = [_Document(base.confined(), content, {})]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for depth in range(MAX_DEPTH + 1):
            links: list[tuple[Base, Json]] = []
            for document in level:
                _read_document(document, entries, faults)
                links += _links(document, seen, faults)
            left = MAX_DOCUMENTS - len(seen) + len(links)
            if links and (depth == MAX_DEPTH or len(links) > left):
                most = f"at most {MAX_DOCUMENTS} documents, {MAX_DEPTH} links from the first"
                faults.append(Fault(base.href, 0, most, "more"))
                links = [] if depth == MAX_DEPTH else links[: max(0, left)]
            found = pool.map(lambda link: _follow(link, fetch), links)
            level = []
            for one in found:
                (faults if isinstance(one, Fault) else level).append(one)  # type: ignore[arg-type]  # told apart here
            if not level:
                break
    if not entries and not faults:
        faults.append(Fault(base.href, 0, "an item, or links to some", "none"))
    if len(faults) > MAX_FAULTS:
        faults[MAX_FAULTS:] = [Fault(base.href, 0, f"at most {MAX_FAULTS} faults", str(len(faults)))]
    title = text_of(content.get("title"))
    return Catalog.merge([Catalog(tuple(entries), tuple(faults), title)])


def _follow(link: tuple[Base, Json], fetch: Fetch) -> _Document | Fault:
    base, collection = link
    try:
        data, _ = fetch.read(base.href, limit_nbytes=MAX_DOCUMENT_NBYTES)
    except UnfitError as error:
        return Fault(base.href, 0, *error.args)
    content = parse_stac(data)
    if content is None:
        return Fault(base.href, 0, "a STAC item, collection or catalog", "something else")
    return _Document(base, content, collection)


def _links(document: _Document, seen: set[str], faults: list[Fault]) -> Iterator[tuple[Base, Json]]:
    """Yield the documents that one links to, those not seen before, with what their items have from it."""
    content = document.content
    links = content.get("links")
    if content.get("type") == "Feature" or not isinstance(links, list):
        return
    collection = content if content.get("type") == "Collection" else document.collection
    for link in links:
        if not isinstance(link, Mapping) or link.get("rel") not in ("item", "child"):
            continue
        try:
            base = document.base.linked(link.get("href"))
        except UnfitError as error:
            faults.append(Fault(document.base.href, 0, *error.args))
            continue
        if base.href not in seen:
            seen.add(base.href)
            yield base, collection


def _read_document(document: _Document, entries: list[Entry], faults: list[Fault]) -> None:
    """Add what a document holds itself: an item, the items of a collection of features, a collection's own assets."""
    content = document.content
    items = content.get("features") if content.get("type") == "FeatureCollection" else [content]
    for item in items if isinstance(items, list) else []:
        if isinstance(item, Mapping) and (item.get("type") == "Feature" or item.get("assets")):
            try:
                entries.extend(_item_entries(replace(document, content=item), faults))
            except UnfitError as error:
                faults.append(Fault(document.base.href, 0, *error.args))


def _item_entries(document: _Document, faults: list[Fault]) -> Iterator[Entry]:
    item, base = document.content, document.base
    name = item.get("id")
    found = mapping(item.get("assets"), "assets")
    assets = data_assets(found)
    if not assets and item.get("type") == "Feature":
        raise UnfitError("an asset of zarr, netCDF, HDF5, GRIB, GeoTIFF or kerchunk references", describe_assets(found))
    for asset in assets:
        try:
            entry_id = valid_id(name) if len(assets) == 1 else _joined_id(name, asset.key)
            yield _entry(
                entry_id, asset, base, _described(item, document.collection, asset if len(assets) > 1 else None)
            )
        except UnfitError as error:
            faults.append(Fault(base.href, 0, f"{error.expected} in the asset {shown(asset.key)}", error.found))


def _joined_id(name: object, key: str) -> str:
    joined = f"{valid_id(name)}-{key}"
    return joined if is_valid_id(joined) else f"{valid_id(name)}-{suggest_id(key)}"[:128]


def _entry(entry_id: str, asset: DataAsset, base: Base, described: Mapping[str, Any]) -> Entry:
    href = base.resolve(asset.href)
    options = base.options(asset.options, href)
    prepare = Preparation(drop=asset.drop) if asset.drop else NOTHING
    return Entry(entry_id, asset.driver, href, options=options, prepare=prepare, **described)


def _described(item: Json, collection: Json, asset: DataAsset | None) -> dict[str, Any]:
    """Return what an item says for people, as fields of an entry: the one place that knows them.

    What the item is silent about its collection says; an asset, given where an item has several, has its own title.
    """
    properties = item.get("properties")
    said = properties if isinstance(properties, Mapping) else item  # a collection says it at its top
    keywords = said.get("keywords") or collection.get("keywords")
    title = text_of(said.get("title")) or text_of(item.get("id"))
    if asset is not None:
        title = f"{title}, {asset.title}"
    return {
        "title": title,
        "description": text_of(said.get("description")),
        "license": text_of(said.get("license")) or text_of(collection.get("license")),
        "keywords": tuple(filter(None, map(text_of, keywords))) if isinstance(keywords, list) else (),
        "version": text_of(said.get("version")),
        "citation": text_of(said.get("sci:citation")),
        "links": tuple(_provenance(item)),
        "bbox": _bbox(item.get("bbox")),
        "interval": _interval(said),
    }


def _provenance(item: Json) -> Iterator[Link]:
    """Yield the links that say where an item comes from; what is no web address is left out."""
    links = item.get("links")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, Mapping) and link.get("rel") in PROVENANCE:
            found = parse_link(text_of(link["rel"]), text_of(link.get("href")), text_of(link.get("title")))
            if found is not None:
                yield found


def _bbox(value: object) -> Bbox | None:
    """Return the box of an item, of one with heights without them; None for an absent or impossible one."""
    if not isinstance(value, list) or len(value) not in {4, 6}:
        return None
    return parse_bbox([str(number) for number in (value if len(value) == 4 else (*value[:2], *value[3:5]))])  # noqa: PLR2004


def _interval(said: Json) -> Interval | None:
    """Return when an item is; both ends are those of a single time where it has no range."""
    start, end = (text_of(said.get(f"{end}_datetime")) or text_of(said.get("datetime")) for end in ("start", "end"))
    return parse_interval([start, end])
