"""``python -I <this folder> IN OUT``: make this folder a package by its name, whatever else is installed, and run.

IN and OUT are descriptors of memories shared with whoever started this.
"""

import sys
from pathlib import Path
from types import ModuleType

INSIDE = "cloudify.compute.child.inside"

parts = INSIDE.split(".")
for end in range(1, len(parts) + 1):
    name = ".".join(parts[:end])
    sys.modules[name] = ModuleType(name)
sys.modules[INSIDE].__path__ = [str(Path(__file__).parent)]
sys.path[:] = [path for path in sys.path if path != str(Path(__file__).parent)]

from cloudify.compute.child.inside.runner import main  # noqa: E402  # by the package made above

main(*map(int, sys.argv[1:]))
