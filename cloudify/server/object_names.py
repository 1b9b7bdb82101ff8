"""Which targets of the command line are objects of Python; apart from loading them, which takes the science stack."""

import re
from pathlib import Path

OBJECT = re.compile(r"(?P<module>[A-Za-z_][\w.]*|.*\.py):(?P<name>[A-Za-z_]\w*)", re.DOTALL)


def is_object(target: str) -> bool:
    """Whether a target names an object of a module or host script.

    >>> is_object("host.py:collection"), is_object("package.module:datasets"), is_object("http://example.org/x.zarr")
    (True, True, False)
    """
    return "://" not in target and OBJECT.fullmatch(target) is not None and not Path(target).exists()
