"""``/pools`` and ``/isolation``: where functions run, and what keeps them from the rest of the machine."""

import platform
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from cloudify.compute.pools import POOLS, Pool
from cloudify.errors import UnknownPoolError
from cloudify.http.ogc.desk import Desk, json_answer, owner_with
from cloudify.http.ogc.links import link

NONE: Final = "none"


class WorkerHandlers:
    """What is asked of where functions run."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list_pools(self, request: Request) -> Response:
        """Pools of workers."""
        owner_with("compute")
        base = self._desk.base(request)
        found = [_pool(pool, base) for pool in POOLS.values()]
        return json_answer({"pools": found, "links": [link(f"{base}/pools", "self")]})

    async def pool(self, request: Request, pool_id: str) -> Response:
        """One pool: its interpreter, and what a slice may take there."""
        owner_with("compute")
        if pool_id not in POOLS:
            raise UnknownPoolError(pool_id, POOLS)
        return json_answer(_pool(POOLS[pool_id], self._desk.base(request)))

    async def isolation(self) -> Response:
        """How functions are kept apart from the rest of the machine."""
        owner_with("compute")
        return json_answer(isolation(is_allowed=self._desk.settings.unsafe_compute))


def isolation(*, is_allowed: bool) -> dict[str, Any]:
    """Return what is in force: so far nothing.

    Parameters
    ----------
    is_allowed
        Whether functions run without.
    """
    message = (
        "functions run without a sandbox, in processes of their own: whoever may compute may do whatever the server "
        "may, its files and its network included; the operator has allowed that (CLOUDIFY_UNSAFE_COMPUTE=1)"
        if is_allowed
        else "there is no sandbox here, and without one no function is run; the operator may allow that by "
        "CLOUDIFY_UNSAFE_COMPUTE=1"
    )
    return {"level": NONE, "runs_functions": is_allowed, "selftest": None, "message": message}


def _pool(pool: Pool, base: str) -> dict[str, Any]:
    return {
        "id": pool.id,
        "kind": "local",
        "interpreter": f"Python {platform.python_version()}",
        "limits": {"wall": pool.limits.wall_s, "memory": pool.limits.memory_nbytes},
        "links": [link(f"{base}/pools/{pool.id}", "self")],
    }
