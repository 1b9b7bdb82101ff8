"""All datasets as one STAC collection; none is opened for it."""

from collections.abc import Sequence

from cloudify.http.stac.terms import (
    COLLECTION,
    COLLECTION_TYPE,
    ITEM_TYPE,
    OTHER,
    VERSION,
    WORLD,
    Json,
    link,
    spdx,
)
from cloudify.model.entry import Entry, suggest_id
from cloudify.model.extent import Extent


def collection_id(title: str) -> str:
    """Return the id of the collection of a server of this title.

    >>> collection_id("My archive"), collection_id("")
    ('my-archive', 'cloudify')
    """
    return suggest_id(title) if title else "cloudify"


def collection(root: str, title: str, entries: Sequence[Entry], extents: Sequence[Extent], left_out: int) -> Json:
    """Return the collection.

    Parameters
    ----------
    extents
        What is known of each entry, in the same order. Theirs is the union of what is known; STAC wants one where
        nothing is: then it is the world, at any time.
    left_out
        How many datasets have no item, because they cannot be opened.
    """
    whole = Extent.union(extents)
    known = {
        "spatial": sum(extent.bbox is not None for extent in extents),
        "temporal": sum(extent.interval is not None for extent in extents),
        "of": len(extents),
    }
    below = f"{root}/datasets"
    return {
        "type": "Collection",
        "stac_version": VERSION,
        "id": collection_id(title),
        "title": title or "cloudify",
        "description": f"{len(entries)} dataset{'' if len(entries) == 1 else 's'}, each as a zarr store over HTTP.",
        "license": _license(entries),
        "extent": {
            "spatial": {"bbox": [list(whole.bbox or WORLD)]},
            "temporal": {"interval": [list(whole.interval or (None, None))]},
        },
        "cloudify:extent_known": known,
        **({"cloudify:left_out": left_out} if left_out else {}),
        "links": [
            link("self", f"{root}/{COLLECTION}", COLLECTION_TYPE),
            link("root", f"{root}/{COLLECTION}", COLLECTION_TYPE),
            link("alternate", f"{root}/", "text/html", "page of this server"),
            *(link("item", f"{below}/{entry.id}/stac", ITEM_TYPE, entry.title or entry.id) for entry in entries),
        ],
    }


def _license(entries: Sequence[Entry]) -> str:
    found = {spdx(entry.license) for entry in entries}
    return found.pop() if len(found) == 1 else OTHER
