"""A function as it travels: source text, never an object."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Function:
    """Source text, the name of the function in it, and a small tree of files beside it."""

    source: str
    entry: str
    """Name of a function at the top of the source."""
    files: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    """Relative path -> content; in the working directory of the function."""

    def digest(self) -> str:
        """Return a hash of all of it: two functions of one hash do the same."""
        whole = sha256()
        for part in (self.entry.encode(), self.source.encode(), *_flat(self.files)):
            whole.update(len(part).to_bytes(8, "little") + part)
        return whole.hexdigest()


def _flat(files: Mapping[str, bytes]) -> list[bytes]:
    return [part for path in sorted(files) for part in (path.encode(), files[path])]
