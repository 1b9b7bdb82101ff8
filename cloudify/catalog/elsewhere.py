"""Catalogs on a web server: ours, intake's and STAC, told by their content."""

from pathlib import PurePosixPath
from urllib.parse import urlsplit

from cloudify.catalog.base import Base
from cloudify.catalog.catalog import Catalog
from cloudify.catalog.driver import DRIVER_OF_ENDING, guess_driver
from cloudify.catalog.fetch import MAX_REDIRECTS, Fetch
from cloudify.catalog.own import MAX_NBYTES, parse_catalog, unreadable
from cloudify.catalog.stac import MAX_DOCUMENT_NBYTES, parse_stac, read_stac
from cloudify.catalog.unfit import UnfitError
from cloudify.errors import InvalidTargetError
from cloudify.settings import Settings

CATALOG_ENDINGS = (".yaml", ".yml")
STAC_ENDINGS = (".json", ".geojson")
_REFERENCES = (b'"refs"', b'.zgroup"', b'zarr.json"')


def read_url(url: str, settings: Settings) -> Catalog | None:
    """Read what an http or https URL names if it is a catalog; None where it is, or may be, a dataset.

    A URL whose ending tells nothing is asked for, as those of STAC servers have none.

    Raises
    ------
    InvalidTargetError
        If the ending of a URL tells nothing, and it cannot be read either.
    """
    parts = urlsplit(url)
    ending = PurePosixPath(parts.path.rstrip("/")).suffix.lower()
    is_catalog = ending in CATALOG_ENDINGS
    if parts.scheme not in {"http", "https"} or not (is_catalog or ending in STAC_ENDINGS or guess_driver(url) is None):
        return None
    fetch = Fetch(settings)
    try:
        if is_catalog:
            data, found = fetch.read(url, redirects=MAX_REDIRECTS, limit_nbytes=MAX_NBYTES)
            return parse_catalog(data, url, Base.of(found, settings))
        data, found = fetch.read(
            url, redirects=MAX_REDIRECTS, limit_nbytes=MAX_DOCUMENT_NBYTES, stop=looks_like_references
        )
        content = parse_stac(data)
        return None if content is None else read_stac(Base.of(found, settings), content, fetch)
    except UnfitError as error:
        if is_catalog:
            return unreadable(url, error.expected, error.found)
        if guess_driver(url) is None:
            raise InvalidTargetError(
                f"cannot tell what {url} is: its ending is none of {', '.join(sorted(DRIVER_OF_ENDING))}, .yaml, "
                f"and asking for it: expected {error.expected}, found {error.found}; "
                "a catalog (*.yaml) can say its driver"
            ) from error
        return None
    finally:
        fetch.close()


def looks_like_references(head: bytes) -> bool:
    """Whether a JSON document that begins like this is a kerchunk reference set: archives hold other JSON too."""
    return b'"stac_version"' not in head and any(mark in head for mark in _REFERENCES)
