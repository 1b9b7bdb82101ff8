"""``GET /datasets/{dataset_id}/units``: the unit of every variable."""

from fastapi import APIRouter
from xpublish.plugins import Plugin, hookimpl

from cloudify.http.deps import Dataset


def list_units(ds: Dataset) -> dict[str, str]:
    """The unit of every variable, `"1"` where the source is silent."""
    return {str(name): _unit(variable.attrs, variable.encoding) for name, variable in ds.variables.items()}


def _unit(attrs: dict[str, object], encoding: dict[str, object]) -> str:
    """Return a unit as the source has it: xarray keeps that of a decoded time in its encoding."""
    return str(attrs.get("units", encoding.get("units", "1")))


class UnitsPlugin(Plugin):
    """Units of variables."""

    name: str = "units"

    @hookimpl
    def dataset_router(self) -> APIRouter:
        """Wire the route; the handler above holds the thinking."""
        router = APIRouter(tags=["metadata"])
        router.add_api_route("/units", list_units)
        return router
