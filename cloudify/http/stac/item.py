"""A dataset as a STAC item."""

from collections.abc import Sequence

from cloudify.http.stac.cube import DATACUBE, PROJECTION, RENDER, cube, projection, renders
from cloudify.http.stac.terms import (
    ALL_TIME,
    COLLECTION,
    COLLECTION_TYPE,
    ITEM_TYPE,
    OTHER,
    VERSION,
    Json,
    geometry,
    license_links,
    link,
    spdx,
)
from cloudify.http.thumbnails import thumbnail_path
from cloudify.model.entry import Entry
from cloudify.model.extent import Extent
from cloudify.model.summary import Summary

ZARR = "https://stac-extensions.github.io/zarr/v1.1.0/schema.json"
XARRAY_ASSETS = "https://stac-extensions.github.io/xarray-assets/v1.0.0/schema.json"

ZARR_TYPE = "application/vnd.zarr; version=3"
KERCHUNK_TYPE = "application/json"


def item(root: str, entry: Entry, summary: Summary, methods: Sequence[str], collection_id: str) -> Json:
    """Return the item of a dataset.

    Parameters
    ----------
    root
        URL of the server, without a slash at its end.
    methods
        The routes below it that hold its chunks (`datasets.methods`).
    """
    below = f"{root}/datasets/{entry.id}"
    extent = Extent(entry.bbox, entry.interval).or_else(summary.extent)
    drawn, placed = renders(summary), projection(summary)
    extensions = [DATACUBE] if summary.dimensions else []
    extensions += [ZARR, XARRAY_ASSETS, *([RENDER] if drawn else []), *([PROJECTION] if placed else [])]
    return {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": extensions,
        "id": entry.id,
        "geometry": geometry(extent.bbox),
        **({"bbox": list(extent.bbox)} if extent.bbox else {}),
        "properties": _catalog_properties(entry)
        | _times(extent, summary)
        | (cube(summary, extent.bbox) if summary.dimensions else {})
        | ({"renders": drawn} if drawn else {})
        | placed,
        "links": _links(root, entry),
        "assets": _assets(below, methods, summary.pictured),
        "collection": collection_id,
    }


def _catalog_properties(entry: Entry) -> Json:
    license_id = spdx(entry.license)
    found = {
        "title": entry.title or entry.id,
        "description": entry.description,
        "keywords": list(entry.keywords),
        "license": license_id if entry.license else "",
        "cloudify:license": entry.license if license_id == OTHER else "",
        "version": entry.version,
        "sci:citation": entry.citation,
    }
    return {name: value for name, value in found.items() if value}


def _times(extent: Extent, summary: Summary) -> Json:
    start, end = extent.interval or ALL_TIME
    found: Json = {"datetime": None, "start_datetime": start, "end_datetime": end}
    if extent.interval is None:
        found["cloudify:time_known"] = False
    if summary.calendar:
        found["cloudify:calendar"] = summary.calendar
    if summary.doubts:
        found["cloudify:doubts"] = list(summary.doubts)
    return found


def _links(root: str, entry: Entry) -> list[Json]:
    collection, below = f"{root}/{COLLECTION}", f"{root}/datasets/{entry.id}"
    return [
        link("self", f"{below}/stac", ITEM_TYPE),
        *(link(rel, collection, COLLECTION_TYPE) for rel in ("root", "parent", "collection")),
        link("alternate", f"{below}/", "text/html", "page of this dataset"),
        *license_links(entry.license, entry.links),
    ]


def _assets(below: str, methods: Sequence[str], pictured: str) -> Json:
    assets: Json = {
        "data": {
            "href": f"{below}/zarr",
            "type": ZARR_TYPE,
            "title": "zarr store, v3 and v2",
            "roles": ["data"],
            "zarr:node_type": "group",
            "zarr:zarr_format": 3,
            "zarr:consolidated": True,
            "xarray:open_kwargs": {"engine": "zarr", "chunks": {}, "consolidated": True},
        }
    }
    if "kerchunk" in methods:
        assets["kerchunk"] = {
            "href": f"{below}/kerchunk",
            "type": KERCHUNK_TYPE,
            "title": "kerchunk references to the stored bytes",
            "roles": ["references"],
            "xarray:open_kwargs": {"engine": "kerchunk", "chunks": {}},
        }
    if pictured:
        assets["thumbnail"] = {
            "href": f"{below}/{thumbnail_path(pictured)}",
            "type": "image/png",
            "title": f"map of {pictured}",
            "roles": ["thumbnail"],
        }
    return assets
