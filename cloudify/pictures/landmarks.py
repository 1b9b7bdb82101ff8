"""What tells a place on a map: coasts, and round lines of longitude and latitude."""

import numpy as np

from cloudify.pictures.canvas import Canvas
from cloudify.pictures.sheet import coastlines
from cloudify.pictures.ticks import degree_ticks
from cloudify.pictures.view import Array, View


def coasts(view: View | Canvas) -> list[Array]:
    """Return the coasts that may be on a map, in pixels from its upper left corner, of shape (points, 2) each."""
    found = []
    for line in coastlines():
        x, y = view.x_of(line[:, 0]), view.y_of(line[:, 1])
        if y.max() < 0 or y.min() > view.height:
            continue
        jumps = np.flatnonzero(np.abs(np.diff(x)) > view.turn / 2) + 1
        for part_x, part_y in zip(np.split(x, jumps), np.split(y, jumps), strict=True):
            if len(part_x) > 1 and part_x.max() >= 0 and part_x.min() <= view.width:
                found.append(np.column_stack([part_x, part_y]))
    return found


def meridians(view: View) -> list[float]:
    """Return the longitudes that have a line, in degrees."""
    return degree_ticks(view.west, view.east, max(3, min(7, view.width // 90)))


def parallels(view: View) -> list[float]:
    """Return the latitudes that have a line, in degrees."""
    return degree_ticks(view.south, view.north, max(3, min(7, view.height // 60)))
