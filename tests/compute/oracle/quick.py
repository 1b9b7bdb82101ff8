"""What the engine does with its pieces, in one loop and one process: values are packed and stored as they are there."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

import cloudify.slice
from cloudify.compute.blocks import Reader
from cloudify.compute.child.inside.returning import passed_on
from cloudify.compute.child.returned import dump, load
from cloudify.compute.fit import Fitter
from cloudify.compute.plan import Plan
from cloudify.compute.planning import make_plan
from cloudify.compute.request import read_map
from cloudify.compute.results.assemble import assemble
from cloudify.compute.results.parts import store_parts
from cloudify.compute.store.blobs import Blobs
from cloudify.compute.template import Template
from cloudify.compute.templating import template_of, with_coordinates
from cloudify.datasets.open import open_entry
from cloudify.datasets.opened import Opened
from cloudify.model.entry import Entry
from cloudify.model.outcome import Piece

SOURCE = {"source": "def f(block):\n    return block\n", "entry": "f"}


@dataclass
class Left:
    """What slices left."""

    stored: list[Piece]
    plain: list[tuple[int, str]]
    failed: list[int]

    def pieces(self) -> list[Piece]:
        return self.stored

    def values(self) -> list[tuple[int, str]]:
        return self.plain

    def failed_numbers(self) -> list[int]:
        return self.failed


def plan_of(opened: Opened, **inputs: Any) -> Plan:
    request = read_map({"dataset": "made", "function": SOURCE, **inputs})
    return make_plan(request, opened, max_block_nbytes=2**28)


def run(opened: Opened, function: Callable[..., Any], args: dict[str, Any], folder: Path, **inputs: Any) -> xr.Dataset:
    """Return the result of a job whose functions may fail as they are told."""
    plan = plan_of(opened, **inputs)
    reader, blobs, left = Reader(opened, plan), Blobs(folder), Left([], [], [])
    fitter, template = None, None
    for number in range(1, plan.total + 1):
        block = load(dump(reader.block(number)))
        cloudify.slice.number = number
        try:
            value = load(dump(passed_on(function(load(dump(block)), **args), function.__name__, folder)))
        except ValueError as error:
            assert "was told" in str(error)  # noqa: PT017
            left.failed.append(number)
            continue
        if fitter is None:
            template = _template(value, plan, number, function.__name__, block, opened)
            fitter = Fitter(template, plan, function.__name__)
        left.stored += store_parts(fitter.fit(value, number, block), blobs)
    cloudify.slice.number = 1
    assert template is not None
    written = assemble(template, plan, function.__name__, left, blobs, opened=opened)
    result = open_entry(Entry("r", "result", str(blobs.path(written.manifest)), immutable=True), timeout_s=10)
    return result.tree.to_dataset()


def _template(value: Any, plan: Plan, number: int, name: str, block: Any, opened: Opened) -> Template:
    """Return what results look like, as it is kept; objects of Python are not at hand where functions run."""
    if opened.stored:
        return Template.from_json(template_of(value, plan, number, name, block=block, opened=opened).to_json())
    made = template_of(value, plan, number, name, block=block)
    return Template.from_json(with_coordinates(Template.from_json(made.to_json()), plan, opened).to_json())
