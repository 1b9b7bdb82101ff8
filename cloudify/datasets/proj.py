"""``python -m cloudify.datasets.proj``: projected coordinates in, longitudes and latitudes out (`datasets.unproject`).

Standard input and output are numpy archives: ``attrs`` (JSON, a grid mapping of CF), ``x`` and ``y`` in metres; ``lon``
and ``lat`` in degrees, NaN beyond the projection's domain.
"""

import io
import json
import sys

import numpy as np
from pyproj import CRS, Transformer


def main() -> None:
    """Answer one request."""
    with np.load(io.BytesIO(sys.stdin.buffer.read())) as given:
        crs = CRS.from_cf(json.loads(given["attrs"].tobytes()))
        geographic = crs.geodetic_crs
        if geographic is None:
            raise ValueError("a projection of no earth")
        lon, lat = Transformer.from_crs(crs, geographic, always_xy=True).transform(given["x"], given["y"])
    out = io.BytesIO()
    np.savez(out, lon=np.where(np.isfinite(lon), lon, np.nan), lat=np.where(np.isfinite(lat), lat, np.nan))
    sys.stdout.buffer.write(out.getvalue())


if __name__ == "__main__":
    main()
