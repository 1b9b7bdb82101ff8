"""`get_dask_cluster`: the host script that people have, as they have it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
import xarray as xr
from distributed import Client

from cloudify.cluster.cluster import Cluster
from cloudify.errors import ClusterUnavailableError
from cloudify.utils.daskhelper import get_dask_cluster

SCRIPT = """
    from cloudify.utils.daskhelper import get_dask_cluster
    import asyncio
    import os
    import xpublish as xp
    import xarray as xr

    if __name__ == "__main__":  #
        import dask
        zarrcluster = asyncio.get_event_loop().run_until_complete(get_dask_cluster())
        os.environ["ZARR_ADDRESS"] = zarrcluster.scheduler._address
        dsdict={}
        dsdict["test"] = xr.open_dataset(DATASET,chunks="auto")
        collection = xp.Rest(dsdict)
        collection.serve(host="0.0.0.0", port=9000)
"""
PIDS = """
        import dask.array as da, numpy as np
        def own_pid(block):
            import os
            return np.full_like(block, os.getpid())
        numbers = da.zeros((4, 3), chunks=(1, 3), dtype="int64")
        pids = numbers.map_blocks(own_pid, dtype="int64", meta=np.empty((0, 0), dtype="int64"))
        dsdict["pids"] = xr.Dataset({"pid": (("y", "x"), pids)})
"""
UNGUARDED = """
    from cloudify.utils.daskhelper import get_dask_cluster
    import asyncio
    with open("starts.txt", "a") as file:
        file.write("start\\n")
    zarrcluster = asyncio.get_event_loop().run_until_complete(get_dask_cluster())
"""


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE}


def test_the_script_that_people_have_computes_on_its_cluster(host_script: Any, tmp_path: Path) -> None:
    """But for the name of the file, the address, the port, and a dataset that says which process computed it."""
    stored = xr.Dataset({"t": (("y", "x"), np.arange(6.0).reshape(2, 3))})
    stored.to_netcdf(tmp_path / "t.nc")
    text = dedent(SCRIPT).replace("DATASET", repr(str(tmp_path / "t.nc"))).replace("0.0.0.0", "127.0.0.1")
    text = text.replace("9000", "int(sys.argv[1])").replace("import os\n", "import os, sys\n", 1)
    text = text.replace("    collection = ", f"{dedent(PIDS).replace(chr(10), chr(10) + '    ')}\n    collection = ", 1)
    (tmp_path / "host.py").write_text(text)
    script = host_script("host.py", "{port}")
    workers = {process.pid for process in psutil.Process(script.process.pid).children(recursive=True)}
    with xr.open_dataset(f"{script.url}/datasets/test/zarr", engine="zarr", zarr_format=3) as ds:
        xr.testing.assert_equal(ds.load(), stored)
    with xr.open_dataset(f"{script.url}/datasets/pids/zarr", engine="zarr", zarr_format=3) as ds:
        assert set(ds["pid"].values.ravel().tolist()) <= workers
    assert httpx.get(f"{script.url}/ready").json()["workers"] >= 1
    listening = [c.laddr.ip for pid in workers for c in psutil.Process(pid).net_connections() if c.status == "LISTEN"]
    assert set(listening) == {"127.0.0.1"}
    for pid in (script.process.pid, *workers):  # Ctrl-C, as a terminal sends it
        os.kill(pid, signal.SIGINT)
    assert script.process.wait(timeout=10) == 0
    assert "Traceback" not in script.log.read_text()
    deadline = time.monotonic() + 10
    while alive(workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def faults_of_fresh_memory() -> list[int]:
    """Count the pages that the system has to clear for an array of 16 MiB, each time it is made."""
    import resource  # noqa: PLC0415  # called in a worker
    from threading import Thread  # noqa: PLC0415

    counts = []

    def make() -> None:
        for _ in range(8):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            np.ones(2**21)
            counts.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

    thread = Thread(target=make)  # as tasks are, not in the main one
    thread.start()
    thread.join()
    return counts


def test_a_cluster_outlasts_the_loop_that_waited_for_it_and_only_we_have_its_keys() -> None:
    async def start() -> Any:
        return await get_dask_cluster(n_workers=1, threads_per_worker=1)

    cluster = asyncio.run(start())
    try:
        with Client(cluster) as client:
            (faults,) = client.run(faults_of_fresh_memory).values()
        assert sum(faults[2:]) < faults[0]
        address = cluster.scheduler._address
        assert address.startswith("tls://127.0.0.1:")
        assert Cluster(address, connect_s=10, chunk_s=10).workers() == 1
        plain = Cluster(address.replace("tls", "tcp"), connect_s=1, chunk_s=1)
        with pytest.raises(ClusterUnavailableError):
            plain.workers()
        code = (
            f"from distributed import Client, Security; Client({address!r}, security=Security.temporary(), timeout=1)"
        )
        stranger = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert stranger.returncode == 1
        assert "certificate does not match" in stranger.stderr
    finally:
        cluster.close()


def test_a_script_without_a_guard_is_told_so_in_one_line(tmp_path: Path) -> None:
    """It was started once more, as a worker would, and neither it nor anything it started is left."""
    (tmp_path / "host.py").write_text(dedent(UNGUARDED))
    done = subprocess.run([sys.executable, "host.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith('cloudify: this script starts a cluster without `if __name__ == "__main__":`')
    assert (tmp_path / "starts.txt").read_text() == "start\n" * 2
    assert not [p for p in psutil.process_iter(["cwd"]) if p.info["cwd"] == str(tmp_path)]


def test_a_script_that_a_worker_cannot_import_is_told_so(tmp_path: Path) -> None:
    text = dedent(UNGUARDED).replace("with open", 'if __name__ != "__main__":\n    raise SystemExit(3)\nwith open')
    (tmp_path / "host.py").write_text(text)
    done = subprocess.run([sys.executable, "host.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "a worker cannot import this script (it ended with status 3)" in done.stderr
    assert done.stderr.count("\n") == 1


def test_dask_is_not_imported_for_what_needs_none_of_it(tmp_path: Path) -> None:
    """Neither for the import path of host scripts, nor for stored data and lazy data without a cluster."""
    code = """
        import sys
        import cloudify.utils.daskhelper
        import httpx, numpy as np, xarray as xr
        from cloudify import Server
        from cloudify.testing import running
        ds = xr.Dataset({"v": ("x", np.arange(4.0))})
        with running(Server({"a": ds, "b": ds.chunk(x=2)}).app) as url:
            for key in ("a/zarr/v/c/0", "b/zarr/v/c/1"):
                httpx.get(f"{url}/datasets/{key}").raise_for_status()
            assert httpx.get(f"{url}/ready").json() == {"status": "ready", "datasets": 2}
        assert "distributed" not in sys.modules
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(code)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
