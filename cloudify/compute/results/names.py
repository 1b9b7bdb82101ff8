"""Names in a result: of files and variables, whatever a function called them."""

import re
from mimetypes import MimeTypes

MAX_LENGTH = 120
_STRANGE_IN_KEYS = re.compile(r"[/\\\x00-\x1f\x7f]")
_TYPES = MimeTypes()  # of Python alone: those of this machine may differ from the next one's
_ANY = "application/octet-stream"


def media_type(name: str) -> str:
    """Return the media type that an ending tells.

    >>> media_type("a.nc"), media_type("a.csv"), media_type("a")
    ('application/x-netcdf', 'text/csv', 'application/octet-stream')
    """
    found, coding = _TYPES.guess_type(name)
    return found if found and not coding else _ANY


def variable_names(keys: list[str], taken: tuple[str, ...]) -> list[str]:
    """Return a name for the variable of each key: none is taken, no two are alike, and each can be a folder's.

    >>> variable_names(["a/b", "a_b", "slice", ".."], ("slice",))
    ['a_b', 'a_b_', 'slice_', '__']
    """
    names: list[str] = []
    used = set(taken)
    for key in keys:
        name = _STRANGE_IN_KEYS.sub("_", unicode_text(key))[:MAX_LENGTH]
        if not name.strip("."):
            name = "_" * max(1, len(name))
        while name in used:
            name += "_"
        used.add(name)
        names.append(name)
    return names


def unicode_text(text: str) -> str:
    r"""Return text without halves of surrogate pairs, which JSON may hold and nothing else can write.

    >>> unicode_text("a\ud800")
    'a?'
    """
    return text.encode("utf-8", "replace").decode()
