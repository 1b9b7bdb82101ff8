"""Processes as OGC API - Processes describes them: `map`, which is built in, and those that were deployed."""

import json
from typing import TYPE_CHECKING, Any, Final

import cloudify
from cloudify.http.ogc.links import REL, Link, link
from cloudify.http.ogc.map_inputs import INPUTS, OUTPUTS

if TYPE_CHECKING:
    from cloudify.compute.store.records import Deployed

MAP: Final = "map"
_CONTROL: Final = {
    "jobControlOptions": ["async-execute", "sync-execute", "dismiss"],
    "outputTransmission": ["value", "reference"],
}
_MAP: Final = {
    "id": MAP,
    "version": cloudify.__version__,
    "title": "A function over every chunk",
    "description": "Runs a function over every block of a dataset, or over values. Each is a slice of the job; what "
    "the function returns becomes a dataset, a list of values, or files.",
    "keywords": ["function", "xarray", "dask"],
    "mutable": False,
}


def map_summary(base: str) -> dict[str, Any]:
    """Return what a list says of `map`."""
    return {**_MAP, **_CONTROL, "links": _links(base, MAP)}


def map_description(base: str) -> dict[str, Any]:
    """Return all that is said of `map`."""
    return map_summary(base) | {"inputs": INPUTS, "outputs": OUTPUTS}


def deployed_summary(process: "Deployed", base: str) -> dict[str, Any]:
    """Return what a list says of a deployed process."""
    said = {"id": process.id, "version": process.version, "title": process.title, "description": process.description}
    return {
        **{name: text for name, text in said.items() if text},
        "mutable": True,
        **_CONTROL,
        "links": _links(base, process.id),
    }


def deployed_description(process: "Deployed", base: str) -> dict[str, Any]:
    """Return all that is said of a deployed process; its source is nobody else's."""
    described = {"inputs": json.loads(process.inputs), "outputs": json.loads(process.outputs)}
    return deployed_summary(process, base) | described


def _links(base: str, process_id: str) -> list[Link]:
    at = f"{base}/processes/{process_id}"
    return [
        link(at, "self", title="its description"),
        link(f"{at}/execution", f"{REL}execute", title="executes it"),
    ]
