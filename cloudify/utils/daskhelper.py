"""``from cloudify.utils.daskhelper import get_dask_cluster``, as host scripts have it."""

import asyncio
from typing import TYPE_CHECKING

from cloudify.cluster.local import end_if_worker, start_local_cluster
from cloudify.errors import UsageError

if TYPE_CHECKING:
    from distributed import LocalCluster


async def get_dask_cluster(
    n_workers: int | None = None, threads_per_worker: int | None = None, *, encrypted: bool = True
) -> "LocalCluster":
    """Start a Dask cluster on this machine, sized by its cores and memory; ``.scheduler._address`` is its address."""
    end_if_worker()
    try:
        return await asyncio.to_thread(
            start_local_cluster, n_workers=n_workers, threads_per_worker=threads_per_worker, encrypted=encrypted
        )
    except UsageError as error:
        raise SystemExit(f"cloudify: {error}") from None
