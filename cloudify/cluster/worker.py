"""What each worker of a cluster on this machine does first: Dask imports this module as a preload."""

import signal


def dask_setup(_worker: object) -> None:
    """Leave Ctrl-C, which a terminal sends to every process, to the script: it ends its workers without a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
