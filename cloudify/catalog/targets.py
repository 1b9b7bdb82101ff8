"""TARGET of the command line: a file, a directory, a URL or a catalog, as entries."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from os import walk
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from cloudify.catalog.base import Base
from cloudify.catalog.catalog import Catalog
from cloudify.catalog.driver import DRIVER_OF_ENDING, guess_driver, is_url
from cloudify.catalog.elsewhere import CATALOG_ENDINGS, STAC_ENDINGS, looks_like_references, read_url
from cloudify.catalog.fetch import Fetch
from cloudify.catalog.own import read_catalog
from cloudify.catalog.stac import MAX_DOCUMENT_NBYTES, parse_stac, read_stac
from cloudify.errors import InvalidTargetError
from cloudify.model.entry import Entry, suggest_id
from cloudify.settings import Settings, load_settings


@dataclass(frozen=True, slots=True)
class Found:
    """Something on disk that can be served."""

    path: PurePosixPath
    """Absolute."""
    relative: PurePosixPath
    """To the target; its name where the target is the file itself."""
    driver: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What a target on disk holds: itself, or what is below it."""

    base: str
    """What paths are relative to."""
    files: Mapping[str, str]
    """Absolute path of each thing that can be served -> its driver, sorted."""
    folders: tuple[str, ...] = ()
    """Folders that were looked through."""

    def found(self, path: str) -> Found:
        """Return one of its files."""
        return Found(PurePosixPath(path), PurePosixPath(path[len(self.base) :].lstrip("/")), self.files[path])


def read_targets(targets: Iterable[str], settings: Settings | None = None) -> Catalog:
    """Read everything the operator named, once (`cloudify.catalog.survey` reads it again and again).

    Raises
    ------
    InvalidTargetError
        Where a target names nothing at all. What is wrong *inside* a catalog comes back as its faults.
    """
    settings = settings or load_settings()
    catalogs: list[Catalog] = []
    found: list[Found] = []
    for target in targets:
        read = read_target(target, settings)
        if isinstance(read, Catalog):
            catalogs.append(read)
        else:
            found.extend(map(read.found, read.files))
    ids = served_ids(found)
    files = (entry_of(item, ids[item]) for item in found)
    return Catalog.merge([*catalogs, Catalog(tuple(files))])


def read_target(target: str, settings: Settings, *, may_be_empty: bool = False) -> Catalog | Listing:
    """Read one thing that the operator named: a catalog, or what is on disk.

    Parameters
    ----------
    may_be_empty
        Whether a folder may hold nothing that can be served.

    Raises
    ------
    InvalidTargetError
        If it names nothing at all, or cannot be read.
    """
    if is_url(target):
        catalog = read_url(target, settings)
        return Catalog((_remote_entry(target),)) if catalog is None else catalog
    try:
        catalog = _local_catalog(Path(target).expanduser(), settings)
        if catalog is not None:
            return catalog
        listing = _look_at(target)
    except OSError as error:
        raise InvalidTargetError(f"cannot read {target}: {error.strerror}") from error
    if not listing.files and not may_be_empty:
        raise InvalidTargetError(f"nothing to serve below {target}: no file or folder with {_known_endings()}")
    return listing


def _local_catalog(path: Path, settings: Settings) -> Catalog | None:
    """Read a file if it is a catalog."""
    ending = path.suffix.lower()
    if not path.is_file():
        return None
    if ending in CATALOG_ENDINGS:
        return read_catalog(path, settings)
    if ending not in STAC_ENDINGS or path.stat().st_size > MAX_DOCUMENT_NBYTES:
        return None
    content = parse_stac(path.read_bytes())
    return read_stac(Base.of(str(path), settings), content, Fetch(settings)) if content is not None else None


def entry_of(item: Found, dataset_id: str) -> Entry:
    """Return what there is to say of a file that no catalog describes."""
    return Entry(dataset_id, item.driver, str(item.path), title=item.path.name)


def served_ids(found: Iterable[Found]) -> dict[Found, str]:
    """Give each file an id: its path below the target, without the ending, as URLs like it.

    Where ids collide the target's own parent folders are put before them; files that differ in nothing but their
    ending get 6 hex digits of the hash of their path.

    >>> def file(path, relative): return Found(PurePosixPath(path), PurePosixPath(relative), "netcdf")
    >>> files = [file("/a/2m Temp.nc", "2m Temp.nc"), file("/b/x.nc", "x.nc"), file("/c/x.nc", "x.nc")]
    >>> list(served_ids(files).values())
    ['2m-temp', 'b-x', 'c-x']
    """
    groups: dict[str, list[Found]] = {}
    for item in dict.fromkeys(found):
        groups.setdefault(_id(item, 0), []).append(item)
    ids: dict[Found, str] = {}
    for name, group in groups.items():
        ids |= _tell_apart(group) if len(group) > 1 else {group[0]: name}
    return ids


def _tell_apart(group: list[Found]) -> dict[Found, str]:
    for parents in range(1, max(len(item.path.parents) for item in group)):
        names = [_id(item, parents) for item in group]
        if len(set(names)) == len(names):
            return dict(zip(group, names, strict=True))
    return {item: _hashed_id(item) for item in group}


def other_ids(item: Found) -> Iterator[str]:
    """Yield the ids that a file may have, the shortest first.

    >>> list(other_ids(Found(PurePosixPath("/a/b/x.nc"), PurePosixPath("x.nc"), "netcdf")))
    ['x', 'b-x', 'a-b-x', 'x-fe6980']
    """
    for parents in range(len(item.path.parents)):
        yield _id(item, parents)
    yield _hashed_id(item)


def _hashed_id(item: Found) -> str:
    return f"{_id(item, 0)[:121]}-{sha256(str(item.path).encode()).hexdigest()[:6]}"


def _id(item: Found, parents: int) -> str:
    parts = item.path.with_suffix("").parts[1:]
    return suggest_id("/".join(parts[-(len(item.relative.parts) + parents) :]))


def _look_at(target: str) -> Listing:
    """Return what a path names: itself, or what is below it, which may be nothing.

    Links are not resolved: what a path leads to may be exchanged while it is served.

    Raises
    ------
    InvalidTargetError
        If there is no such path, or it is a file of no known kind.
    OSError
        If a folder cannot be listed for a reason other than that it vanished or is not ours to read.
    """
    path = Path(target).expanduser()
    if not path.exists():
        raise InvalidTargetError(
            f"no such target: {path}; expected a file, a directory, a URL or a catalog (*.yaml, STAC) that exists"
        )
    path = path.resolve() if ".." in path.parts else path.absolute()
    driver = guess_driver(str(path))
    if driver:
        return Listing(str(path.parent), {str(path): driver})
    if not path.is_dir():
        raise InvalidTargetError(
            f"cannot tell what {path} is: expected {_known_endings()}, or a catalog (*.yaml) that names its driver"
        )
    folders: list[str] = []
    return Listing(str(path), dict(sorted(_find(str(path), folders))), tuple(folders))


def _find(root: str, visited: list[str]) -> Iterator[tuple[str, str]]:
    """Yield what can be served below `root`; a zarr store is one thing and is not entered, links are not followed."""
    for folder, names, files in walk(root, onerror=_refuse):
        visited.append(folder)
        entered = []
        for name in names:
            if name.startswith("."):
                continue
            path = f"{folder}/{name}"
            if (driver := guess_driver(path)) in {"zarr", "kerchunk"}:
                yield path, driver
            else:
                entered.append(name)
        names[:] = entered
        for name in files:
            path = f"{folder}/{name}"
            driver = DRIVER_OF_ENDING.get(f".{name.rpartition('.')[2].lower()}")
            if driver and not name.startswith(".") and (driver != "kerchunk" or _has_references(path)):
                yield path, driver


def _refuse(error: OSError) -> None:
    """Pass over what vanished and what we may not read; what a disk fails to tell is not taken for absent."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError | PermissionError):
        raise error


def _has_references(path: str) -> bool:
    """Whether a file is JSON that looks like a reference set: archives hold other JSON too."""
    if not path.lower().endswith(".json"):
        return False
    try:
        with Path(path).open("rb") as file:
            head = file.read(2**16)
    except OSError:
        return False
    return looks_like_references(head)


def _remote_entry(url: str) -> Entry:
    if urlsplit(url).scheme not in {"http", "https", "s3"}:
        raise InvalidTargetError(f"cannot read {url}: expected an http, https or s3 URL")
    driver = guess_driver(url)
    if driver is None:
        raise InvalidTargetError(
            f"cannot tell what {url} is: expected a URL that ends in {_known_endings()}, "
            "or a catalog (*.yaml) that names its driver"
        )
    name = PurePosixPath(urlsplit(url).path.rstrip("/"))
    return Entry(suggest_id(name.stem), driver, url, title=name.name)


def _known_endings() -> str:
    return ", ".join(sorted(DRIVER_OF_ENDING))
