"""Writes cloudify/pictures/coastlines.npy from world-atlas: ``npm pack world-atlas@2.0.2``, unpack, name its land-110m.

A float32 array (points, 2) of longitudes and latitudes in degrees; rows of NaN end a line. TopoJSON: an arc is a list
of integer steps from its first point, scaled and moved by ``transform``.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

TARGET = Path(__file__).parents[1] / "cloudify" / "pictures" / "coastlines.npy"
HALF_TURN = 180.0
SEAM = 179.99
"""Where the map was cut there is no coast: lines along 180 degrees are left out."""


def main() -> None:
    """Decode all arcs."""
    atlas = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    scale, shift = np.array(atlas["transform"]["scale"]), np.array(atlas["transform"]["translate"])
    rows: list[Any] = []
    for arc in atlas["arcs"]:
        points = np.cumsum(arc, axis=0) * scale + shift
        on_seam = np.abs(points[:, 0]) > SEAM
        along = on_seam[:-1] & on_seam[1:] | (np.abs(np.diff(points[:, 0])) > HALF_TURN)
        for first, last, cut in zip(points[:-1], points[1:], along, strict=True):
            if cut:
                rows.append([np.nan, np.nan])
            else:
                rows += [last] if rows and np.array_equal(rows[-1], first) else [first, last]
        rows.append([np.nan, np.nan])
    np.save(TARGET, np.array(rows, np.float32))
    print(f"{TARGET.name}: {len(rows)} rows")


if __name__ == "__main__":
    main()
