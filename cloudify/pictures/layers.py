"""The variables of a dataset that have a map, as the layers of a map service."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import atan, degrees, pi, sinh

from cloudify.datasets.grid import is_bounds
from cloudify.datasets.opened import Opened
from cloudify.datasets.subject import Subject, subject_of
from cloudify.errors import BadOptionError, NoMapError
from cloudify.pictures.dimensions import Dimension, dimension_of, named_axes
from cloudify.pictures.frame import Region
from cloudify.pictures.plot import caption_of, check_numbers, region_in

MOST_LAYERS = 500
MERCATOR_EDGE = degrees(atan(sinh(pi)))
"""Latitude at which the web's map of the world ends."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A variable on a map."""

    name: str
    title: str
    units: str
    rank: int
    """Number of its dimensions."""
    region: Region
    dimensions: tuple[Dimension, ...]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """West, south, east, north within -180..180; all longitudes where it crosses the date line."""
        if self.region.east > 180:  # noqa: PLR2004  # the date line
            return -180.0, self.region.south, 180.0, self.region.north
        return self.region.west, self.region.south, self.region.east, self.region.north


def layers_in(opened: Opened) -> tuple[Layer, ...]:
    """Return the layers of a dataset; they are worked out once. Blocks: coordinates are read."""
    return opened.derived("layers", lambda one: tuple(_layers(one))[:MOST_LAYERS])


def layer_in(opened: Opened, name: str) -> Layer:
    """Return one layer.

    Raises
    ------
    UnknownVariableError, BadOptionError, NoMapError
        If the variable has no map, and why.
    """
    return _layer(opened, subject_of(opened, name), {})


def _layers(opened: Opened) -> Iterator[Layer]:
    known: dict[tuple[str, str], Dimension | None] = {}
    nodes = [node.to_dataset() for node in opened.tree.subtree]
    for name in dict.fromkeys(str(name) for ds in nodes for name in ds.data_vars if not is_bounds(ds, str(name))):
        try:
            yield _layer(opened, subject_of(opened, name), known)
        except (BadOptionError, NoMapError):  # it holds no numbers, or lies nowhere
            continue


def _layer(opened: Opened, subject: Subject, known: dict[tuple[str, str], Dimension | None]) -> Layer:
    """Return a layer; `known` are dimensions by group and name: variables have them in common."""
    check_numbers(subject)
    if subject.grid.kind == "none":
        raise NoMapError(subject.name, "it has no longitudes and latitudes that the conventions know")
    found = []
    for name, axis in named_axes(subject).items():
        key = (subject.group, f"{name} {axis.dim}")
        if key not in known:
            known[key] = dimension_of(subject, name, axis)
        found.append(known[key])
    caption = caption_of(subject, (), "")
    dimensions = tuple(dimension for dimension in found if dimension is not None)
    return Layer(subject.name, caption.title, caption.units, len(subject.axes), region_in(opened, subject), dimensions)
