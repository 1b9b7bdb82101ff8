"""What each worker of a cluster on this machine does first: Dask imports this module as a preload."""

import logging
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Worker


def dask_setup(worker: "Worker") -> None:
    """Leave the end of a worker to the script that has it, without tracebacks of what is then under way.

    Ctrl-C goes from a terminal to every process. And a heartbeat that meets a closing worker is logged as an error
    of the connection, though nothing is wrong.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("distributed.worker").addFilter(lambda record: not _is_last_heartbeat(record, worker))


def _is_last_heartbeat(record: logging.LogRecord, worker: "Worker") -> bool:
    return "during heartbeat" in record.getMessage() and worker.status.name in ("closing", "closed")
