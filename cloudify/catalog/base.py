"""Where a catalog lies, and what it may name for that reason.

A catalog of ours or intake's on disk is the operator's own word: it names what it likes. A STAC catalog on disk names
files in its folder and below, and URLs. A catalog from elsewhere names what is on the public network or beside it, and
never a file, a key or a header.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from os.path import realpath
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from cloudify.catalog.driver import absolute_href, is_url
from cloudify.catalog.egress import Network, is_allowed, parse_networks
from cloudify.catalog.unfit import UnfitError, shown
from cloudify.settings import Settings

SCHEMES = ("http", "https", "s3")
SAFE_OPTIONS = ("group", "anonymous", "region", "endpoint_url")
"""What a catalog from elsewhere may say about how its sources are opened."""
_CONTROL = re.compile("[\\x00-\\x1f\\x7f]")


@dataclass(frozen=True, slots=True)
class Base:
    """The place of one document of a catalog."""

    href: str
    """Absolute path or URL of the document."""
    folder: str = ""
    """Where files must lie that it names, ending in ``/``; ``""`` for anywhere."""
    networks: tuple[Network, ...] = ()
    """Networks that a document from elsewhere may name besides the public ones."""

    @classmethod
    def of(cls, href: str, settings: Settings) -> Self:
        """Return the place of a target that the operator named."""
        return cls(href if is_url(href) else realpath(href), networks=parse_networks(settings.fetch_allow))

    @property
    def is_remote(self) -> bool:
        """Whether the document comes from elsewhere."""
        return is_url(self.href)

    def confined(self) -> Self:
        """Return the same place, whose document names files in its folder and below only."""
        return replace(self, folder="" if self.is_remote else self.href.rpartition("/")[0] + "/")

    def resolve(self, href: object) -> str:
        """Return an absolute path or URL for what the document names.

        Raises
        ------
        UnfitError
            If it is no path or URL, or one that this document may not name.
        """
        if not isinstance(href, str) or not href:
            raise UnfitError("a path or URL", shown(href))
        try:
            if _CONTROL.search(href):
                raise UnfitError("a path or URL without control characters", shown(href))
            href.encode()  # JSON may hold halves of surrogate pairs
            if self.is_remote:
                return self._remote(urljoin(self.href, href))
            return self._local(href)
        except (OSError, RuntimeError, ValueError) as error:
            if isinstance(error, UnfitError):
                raise
            raise UnfitError("a path or URL that can be", shown(href)) from error  # '[' in a host, '~nobody', loops

    def linked(self, href: object) -> Self:
        """Return the place of a document that this one links to: a file, or an http or https URL; of a document from
        elsewhere one at the same origin.

        Raises
        ------
        UnfitError
            If it is anything else.
        """  # noqa: D205  # one sentence
        found = self.resolve(href)
        found = urldefrag(found).url if is_url(found) else found
        if is_url(found) and urlsplit(found).scheme not in {"http", "https"}:
            raise UnfitError("a link to a file, or to an http or https URL", shown(found))
        if self.is_remote and _origin(found) != _origin(self.href):
            raise UnfitError(f"a link to {_origin(self.href)}", shown(found))
        return replace(self, href=found)

    def options(self, given: Mapping[str, object], href: str) -> dict[str, object]:
        """Return the options of an entry; those of a document from elsewhere are read without keys of ours.

        Raises
        ------
        UnfitError
            If the document may not set one of them.
        """
        if not self.is_remote:
            return dict(given)
        unsafe = sorted(set(given) - set(SAFE_OPTIONS))
        if unsafe:
            raise UnfitError(f"options among {', '.join(SAFE_OPTIONS)} in a catalog from elsewhere", shown(unsafe[0]))
        endpoint = given.get("endpoint_url")
        if endpoint is not None:
            self._check_host(self.resolve(endpoint))
        is_s3 = urlsplit(href).scheme == "s3"
        return dict(given) | ({"anonymous": True} if is_s3 else {})

    def _local(self, href: str) -> str:
        if is_url(href) and urlsplit(href).scheme in SCHEMES:
            return href
        if not self.folder:
            return absolute_href(href, Path(self.href).parent)
        found = realpath(Path(self.href).parent / Path(self._path(href)).expanduser())
        if not f"{found}/".startswith(self.folder):
            raise UnfitError("a file in the folder of the catalog or below, or a URL", shown(href))
        return found

    @staticmethod
    def _path(href: str) -> str:
        if not is_url(href):
            return href
        parts = urlsplit(href)
        if parts.scheme != "file" or parts.netloc not in {"", "localhost"}:
            raise UnfitError("a path, or an http, https or s3 URL", shown(href))
        return unquote(parts.path)

    def _remote(self, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES or not parts.hostname:
            raise UnfitError("an http, https or s3 URL, as the catalog is not on this machine", shown(url))
        if "@" in parts.netloc:
            raise UnfitError("a URL without a user", "one with")
        if parts.scheme != "s3" and _origin(url) != _origin(self.href):
            self._check_host(url)
        return url

    def _check_host(self, url: str) -> None:
        host = urlsplit(url).hostname or ""
        if not is_allowed(host, self.networks):
            raise UnfitError("a host on the public network, or one in the setting fetch_allow", shown(host))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{port}"
