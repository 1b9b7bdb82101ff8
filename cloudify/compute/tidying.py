"""What an engine removes beside its work: jobs that ended long ago, and files that nobody refers to."""

import logging
from threading import Event
from time import time

from cloudify.compute.store.store import Store
from cloudify.errors import BusyError

EVERY_S = 3600.0
FIRST_S = 60.0
"""After the start of an engine: what it is started for comes first."""

log = logging.getLogger(__name__)


def tidy(store: Store, keep_s: float, ended: Event) -> None:
    """Remove it again and again, until told to end. Blocks.

    Parameters
    ----------
    keep_s
        How long jobs that have ended are kept, in seconds; 0: for ever.
    """
    pause_s = FIRST_S
    while not ended.wait(pause_s):
        pause_s = EVERY_S
        try:
            jobs = store.jobs.prune(time() - keep_s) if keep_s else 0
            files = store.jobs.sweep()
        except BusyError as error:
            log.warning("nothing could be removed", extra={"why": str(error)})
        else:
            if jobs or files:
                log.info("what was kept long enough was removed", extra={"jobs": jobs, "files": files})
