"""TARGET of the command line: a file, a directory, a URL or a catalog, as entries."""

from collections.abc import Iterable, Iterator
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


def read_targets(targets: Iterable[str], settings: Settings | None = None) -> Catalog:
    """Read everything the operator named.

    Raises
    ------
    InvalidTargetError
        Where a target names nothing at all. What is wrong *inside* a catalog comes back as its faults.
    """
    settings = settings or load_settings()
    catalogs: list[Catalog] = []
    found: list[Found] = []
    for target in targets:
        catalog = read_url(target, settings) if is_url(target) else _local_catalog(Path(target).expanduser(), settings)
        if catalog is not None:
            catalogs.append(catalog)
        elif is_url(target):
            catalogs.append(Catalog((_remote_entry(target),)))
        else:
            found.extend(_look_at(Path(target).expanduser()))
    ids = served_ids(found)
    files = (Entry(ids[item], item.driver, str(item.path), title=item.path.name) for item in found)
    return Catalog.merge([*catalogs, Catalog(tuple(files))])


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
    return {item: name for group in groups.values() for item, name in _tell_apart(group).items()}


def _tell_apart(group: list[Found]) -> dict[Found, str]:
    deepest = max(len(item.path.parents) for item in group)
    for parents in range(deepest if len(group) > 1 else 1):
        names = [_id(item, parents) for item in group]
        if len(set(names)) == len(names):
            return dict(zip(group, names, strict=True))
    return {item: f"{_id(item, 0)[:121]}-{sha256(str(item.path).encode()).hexdigest()[:6]}" for item in group}


def _id(item: Found, parents: int) -> str:
    parts = item.path.with_suffix("").parts[1:]
    return suggest_id("/".join(parts[-(len(item.relative.parts) + parents) :]))


def _look_at(target: Path) -> list[Found]:
    """Return what a path names: itself, or what is below it."""
    if not target.exists():
        raise InvalidTargetError(
            f"no such target: {target}; expected a file, a directory, a URL or a catalog (*.yaml, STAC) that exists"
        )
    target = target.resolve()
    driver = guess_driver(str(target))
    if driver:
        return [Found(PurePosixPath(target), PurePosixPath(target.name), driver)]
    if not target.is_dir():
        raise InvalidTargetError(
            f"cannot tell what {target} is: expected {_known_endings()}, or a catalog (*.yaml) that names its driver"
        )
    found = [
        Found(PurePosixPath(path), PurePosixPath(path.relative_to(target)), driver)
        for path, driver in sorted(_find(target))
    ]
    if not found:
        raise InvalidTargetError(f"nothing to serve below {target}: no file or folder with {_known_endings()}")
    return found


def _find(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield what can be served below `root`; a zarr store is one thing and is not entered, links are not followed."""
    for folder, names, files in walk(root):
        for name in [*names]:
            path = Path(folder, name)
            if name.startswith("."):
                names.remove(name)
            elif (driver := guess_driver(str(path))) in {"zarr", "kerchunk"}:
                names.remove(name)
                yield path, driver
        for name in files:
            driver = DRIVER_OF_ENDING.get(Path(name).suffix.lower())
            if driver and not name.startswith(".") and (driver != "kerchunk" or _has_references(Path(folder, name))):
                yield Path(folder, name), driver


def _has_references(path: Path) -> bool:
    """Whether a file is JSON that looks like a reference set: archives hold other JSON too."""
    try:
        with path.open("rb") as file:
            head = file.read(2**16)
    except OSError:
        return False
    return path.suffix.lower() == ".json" and looks_like_references(head)


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
