"""Rotated poles: longitudes and latitudes of a grid whose own poles are elsewhere (CF, appendix F)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Numbers = np.ndarray[Any, np.dtype[Any]]

MAPPING = "rotated_latitude_longitude"
_DEGREE = 'ANGLEUNIT["degree",0.0174532925199433]'


@dataclass(frozen=True, slots=True)
class RotatedPole:
    """Where the grid's north pole is, in degrees."""

    latitude: float
    longitude: float
    turn: float = 0.0
    """Rotated longitude of the true north pole."""

    @classmethod
    def of(cls, attrs: Mapping[str, Any]) -> "RotatedPole | None":
        """Return the pole that a grid mapping names, None where it names none.

        >>> RotatedPole.of({"grid_north_pole_latitude": 39.25, "grid_north_pole_longitude": -162})
        RotatedPole(latitude=39.25, longitude=-162.0, turn=0.0)
        """
        try:
            pole = cls(
                float(attrs["grid_north_pole_latitude"]),
                float(attrs["grid_north_pole_longitude"]),
                float(attrs.get("north_pole_grid_longitude", 0.0)),
            )
        except (KeyError, TypeError, ValueError):
            return None
        is_real = np.isfinite([pole.latitude, pole.longitude, pole.turn]).all() and abs(pole.latitude) <= 90  # noqa: PLR2004
        return pole if is_real else None

    def places(self, x: Numbers, y: Numbers) -> tuple[Numbers, Numbers]:
        """Return longitudes and latitudes in degrees of rotated ones.

        >>> lon, lat = RotatedPole(39.25, -162.0).places(np.array([0.0, 0.0]), np.array([0.0, 39.25]))
        >>> lon.round(6).tolist()[0], lat.round(6).tolist()
        (18.0, [50.75, 90.0])
        """
        pole, east, north = np.deg2rad(self.latitude), np.deg2rad(x - self.turn), np.deg2rad(y)
        upward = np.sin(pole) * np.sin(north) + np.cos(pole) * np.cos(north) * np.cos(east)
        away = np.cos(pole) * np.sin(north) - np.sin(pole) * np.cos(north) * np.cos(east)
        aside = -np.cos(north) * np.sin(east)
        lon = self.longitude + np.rad2deg(np.arctan2(aside, away))
        return (lon + 180.0) % 360.0 - 180.0, np.rad2deg(np.arctan2(upward, np.hypot(aside, away)))

    def wkt(self) -> str:
        """Return the reference system as WKT2 (ISO 19162), on a sphere: grid mappings seldom name another body."""
        named = {
            "Grid north pole latitude": self.latitude,
            "Grid north pole longitude": self.longitude,
            "North pole grid longitude": self.turn,
        }
        convention = "(netCDF CF convention)"
        parameters = ",".join(f'PARAMETER["{name} {convention}",{value:g},{_DEGREE}]' for name, value in named.items())
        body = 'DATUM["sphere",ELLIPSOID["sphere",6371229,0,LENGTHUNIT["metre",1]]]'
        method = f'METHOD["Pole rotation {convention}"]'
        axes = f'AXIS["longitude",east,ORDER[1],{_DEGREE}],AXIS["latitude",north,ORDER[2],{_DEGREE}]'
        return (
            f'GEOGCRS["rotated pole",BASEGEOGCRS["sphere",{body},PRIMEM["Greenwich",0,{_DEGREE}]],'
            f'DERIVINGCONVERSION["rotation",{method},{parameters}],CS[ellipsoidal,2],{axes}]'
        )
