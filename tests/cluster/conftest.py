"""A Dask cluster in a process of its own, which can be killed and started again on the same port."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudify.server.run import listen

SCRIPT = """
import sys
from distributed import LocalCluster

if __name__ == "__main__":
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, scheduler_port=int(sys.argv[1]), dashboard_address="127.0.0.1:0",
    )
    print(cluster.scheduler._address, flush=True)
    sys.stdin.read()
"""


class LocalClusterProcess:
    """Two workers with a thread each."""

    def __init__(self, folder: Path) -> None:
        self._script = folder / "cluster.py"
        self._script.write_text(SCRIPT)
        with listen("127.0.0.1", 0) as sock:
            self._port = sock.getsockname()[1]
        self.start()

    def start(self) -> None:
        command = [sys.executable, str(self._script), str(self._port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()
        assert self.address == f"tcp://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        self._process.communicate("")

    def kill(self) -> None:
        self._process.kill()
        with self._process:
            pass


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalClusterProcess]:
    process = LocalClusterProcess(tmp_path_factory.mktemp("cluster"))
    yield process
    process.stop()
