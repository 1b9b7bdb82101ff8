"""When a file that was written is believed.

A large write sets the modification time when it begins, two writes within one tick of the file system's clock have the
same time, and a writer may pause in the middle. So a file is read when it has not been written for a moment; one that
is rewritten in place, where it would be a mix of old and new until then, when it has not been for longer.
"""

import os
from collections import OrderedDict
from threading import Lock
from time import time_ns

NEW_S = 0.05
"""How long a source must rest that was not opened before, or that another took the place of."""
REMEMBERED = 65_536
"""Most sources that are known to have been opened; of the others the shorter time holds."""


class Settling:
    """Tells how long the sources of this process must rest. Safe to use from many threads."""

    def __init__(self) -> None:
        self._inodes: OrderedDict[str, int] = OrderedDict()
        self._lock = Lock()

    def rest_s(self, path: str, status: os.stat_result, settle_s: float) -> float:
        """Return how long what is at `path` must rest before it is read, and remember that it is opened.

        Parameters
        ----------
        settle_s
            The time for a source that was opened before, under the same inode.
        """
        with self._lock:
            known = self._inodes.pop(path, None)
            self._inodes[path] = status.st_ino
            if len(self._inodes) > REMEMBERED:
                self._inodes.popitem(last=False)
        return max(NEW_S, settle_s) if known == status.st_ino else NEW_S


def missing_s(status: os.stat_result, rest_s: float) -> float:
    """Return how much is missing until a file has rested, 0 where it has; one from the future has."""
    age_s = (time_ns() - status.st_mtime_ns) / 1e9
    return rest_s - age_s if 0 <= age_s < rest_s else 0.0


settling = Settling()
