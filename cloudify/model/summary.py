"""What a dataset holds, in so few words that they can be kept for every dataset of a catalog."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cloudify.model.extent import Extent

Role = Literal["x", "y", "z", "time", "cells", "other"]
"""What runs along a dimension; `cells`: those of an unstructured grid."""

NUMBERS = ("int", "uint", "float")
"""How the names of types begin of which there are pictures."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """One dimension that a variable uses."""

    name: str
    """With the path of its group where that is not the root."""
    size: int
    role: Role
    has_coordinate: bool
    """Whether values are known along it; without them `extent` counts positions from 0."""
    extent: tuple[float | str | None, float | str | None] = (None, None)
    """Least and greatest value: numbers in `unit`, RFC 3339 for times."""
    unit: str = ""
    step: float | str | None = None
    """Between neighbours where it is always the same; of times an ISO 8601 duration."""
    description: str = ""
    reference_system: str = ""
    """WKT2 of a projection; ``""`` for longitudes and latitudes, and where there is none."""


@dataclass(frozen=True, slots=True)
class VariableSummary:
    """One variable."""

    name: str
    """With the path of its group where that is not the root."""
    dimensions: tuple[str, ...]
    is_data: bool
    """False for coordinates, bounds, grid mappings."""
    dtype: str
    """Stored type, numpy's name."""
    unit: str = ""
    description: str = ""
    missing: float | str | None = None
    """Stored value that stands for a missing one; ``nan``, ``inf`` and ``-inf`` as text."""
    is_gridded: bool = False
    """Whether it has a horizontal grid, so that a map can be drawn."""
    range: tuple[float, float] | None = None
    """Least and greatest value, where its attributes say so."""


@dataclass(frozen=True, slots=True)
class Raster:
    """A regular grid in longitude and latitude."""

    shape: tuple[int, int]
    """Rows and columns."""
    transform: tuple[float, float, float, float, float, float]
    """From column and row to longitude and latitude of a cell's corner, in the order of STAC's projection extension."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One dataset at one version token."""

    dimensions: tuple[Dimension, ...]
    variables: tuple[VariableSummary, ...]
    extent: Extent
    calendar: str = ""
    """Of the time axis that gives the interval."""
    raster: Raster | None = None
    doubts: tuple[str, ...] = ()
    """Why something is not known, for the owner of the data."""
    is_whole: bool = True
    """False if something could not be read just now, so that it is worth another try."""

    @property
    def pictured(self) -> str:
        """The variable of which a picture stands for the dataset (`pictured_among`); ``""`` where none has a map."""
        drawn = {
            one.name: len(one.dimensions)
            for one in self.variables
            if one.is_data and one.is_gridded and one.dtype.startswith(NUMBERS) and "/" not in one.name
        }
        return pictured_among(drawn)


def pictured_among(variables: Mapping[str, int]) -> str:
    """Return the first of those with most dimensions: a mask or an orography has fewer than what it is there for.

    >>> pictured_among({"mask": 2, "so": 4, "thetao": 4})
    'so'
    """
    return max(variables, key=lambda name: variables[name], default="")
