"""What each kind of plot must answer for each variable of the real data, written down before it was asked.

A variable's class says what its data are, and so which kinds can show it.
"""

from typing import Final

KINDS: Final = ("image", "pcolormesh", "contourf", "contour", "scatter", "line", "hist")

REASONS: Final = {
    "no map": "no longitudes and latitudes that the conventions know",
    "lines": "lines, and at most 10 are drawn",
    "single": "leaves a single value",
    "one place": "has one value and no bounds",
    "times": "holds times",
    "text": "holds text",
    "scalar": "is a single value, of which there is no plot",
}
"""What a refusal must say."""

MAPS: Final = ("image", "pcolormesh", "contourf", "contour")
CLASSES: Final = {
    # a field on a grid of more than ten rows: all but a line
    "map": dict.fromkeys((*MAPS, "scatter", "hist"), "200") | {"line": "lines"},
    # a field on one line of cells: a line too
    "cells": dict.fromkeys(KINDS, "200"),
    # numbers along one dimension, without a place
    "series": dict.fromkeys(MAPS, "no map") | dict.fromkeys(("scatter", "line", "hist"), "200"),
    # ten or fewer such series side by side
    "several": dict.fromkeys(MAPS, "no map") | dict.fromkeys(("scatter", "line", "hist"), "200"),
    # more than ten
    "many": dict.fromkeys(MAPS, "no map") | dict.fromkeys(("scatter", "line"), "lines") | {"hist": "200"},
    # one number in a dimension of size one
    "one": dict.fromkeys(MAPS, "no map") | dict.fromkeys(("scatter", "line"), "single") | {"hist": "200"},
    # a series at one place, of which the file does not say how far it reaches
    "station": dict.fromkeys(MAPS, "one place") | dict.fromkeys(("scatter", "line", "hist"), "200"),
    "times": dict.fromkeys(KINDS, "times"),
    "text": dict.fromkeys(KINDS, "text"),
    "scalar": dict.fromkeys(KINDS, "scalar"),
}

_CMIP = {
    "lon_bnds": "several",
    "lat_bnds": "several",
    "time_bnds": "times",
    "lon": "series",
    "lat": "series",
    "time": "times",
}
_A1B = {
    "air_temperature": "map", "latitude_longitude": "scalar", "time_bnds": "times", "forecast_period": "series",
    "forecast_reference_time": "times", "height": "scalar", "time": "times", "latitude": "series",
    "longitude": "series",
}  # fmt: skip

SHARED: Final = {
    "monthly_navy_winds.cdf": {"UWND": "map", "VWND": "map", "FNOCX": "series", "FNOCY": "series", "TIME": "times"},
    "rectilinear_grid_3D.nc": {
        "rhumidity": "map", "var3": "map", "t": "map", "lon": "series", "lat": "series", "lev": "series",
        "time": "times",
    },
    "tas_rectilinear_grid_2D.nc": _CMIP | {"tas": "map"},
    "tas_rotated_grid_EUR11.nc": {
        "rotated_pole": "text", "time_bnds": "times", "tas": "map", "rlon": "series", "rlat": "series", "height": "one",
        "time": "times",
    },
    "tos_ocean_bipolar_grid.nc": {
        "lon": "map", "lon_bnds": "many", "lat": "map", "lat_bnds": "many", "time_bnds": "times", "tos": "map",
        "time": "times",
    },
    "triangular_grid_ICON.nc": {
        "clon": "cells", "clon_vertices": "several", "clat": "cells", "clat_vertices": "several", "wet_c": "cells",
        "S": "cells", "depth": "series", "time": "one",
    },
    "uas_rectilinear_grid_2D.nc": _CMIP | {"uas": "map"},
    "vas_rectilinear_grid_2D.nc": _CMIP | {"vas": "map"},
}  # fmt: skip

IRIS: Final = {
    "A1B_north_america.nc": _A1B,
    "E1_north_america.nc": _A1B,
    "NEMO/nemo_1m_20150101-20150201_grid-T.nc": {
        "nav_lat": "map", "nav_lon": "map", "bounds_lon": "many", "bounds_lat": "many", "time_centered": "times",
        "time_centered_bounds": "times", "tos": "map", "time_counter": "one",
    },
    "SOI_Darwin.nc": {"SOI_Darwin": "series", "time": "times"},
    "atlantic_profiles.nc": {
        "salinity": "map", "time": "times", "theta": "map", "depth": "series", "lat": "series", "lon": "series",
    },
    "hybrid_height.nc": {
        "air_potential_temperature": "map", "rotated_latitude_longitude": "scalar", "grid_latitude_bnds": "several",
        "grid_longitude_bnds": "several", "forecast_period": "scalar", "forecast_reference_time": "times",
        "level_height": "series", "level_height_bnds": "several", "sigma": "series", "sigma_bnds": "several",
        "surface_altitude": "map", "time": "times", "model_level_number": "series", "grid_latitude": "series",
        "grid_longitude": "series",
    },
    "mesh_C4_synthetic_float.nc": {
        "synthetic": "cells", "example_C4": "scalar", "example_C4_face_nodes": "several",
        "example_C4_edge_nodes": "several", "example_C4_face_edges": "several", "example_C4_face_links": "several",
        "example_C4_node_x": "series", "example_C4_node_y": "series", "example_C4_face_x": "series",
        "example_C4_face_y": "series",
    },
    "orca2_votemper.nc": {
        "votemper": "map", "deptht": "scalar", "deptht_bnds": "series", "nav_lat": "map", "nav_lat_bnds": "many",
        "nav_lon": "map", "nav_lon_bnds": "many", "time_counter": "times",
    },
    "ostia_monthly.nc": {
        "surface_temperature": "map", "latitude_longitude": "scalar", "time_bnds": "times", "forecast_period": "scalar",
        "forecast_reference_time": "times", "forecast_reference_time_bnds": "times", "time": "times",
        "latitude": "series", "longitude": "series",
    },
    "rotated_pole.nc": {
        "air_pressure_at_sea_level": "map", "rotated_latitude_longitude": "scalar", "forecast_period": "scalar",
        "forecast_reference_time": "times", "time": "times", "grid_latitude": "series", "grid_longitude": "series",
    },
    "space_weather.nc": {
        "latitude": "map", "longitude": "map", "rotated_pole": "text", "Ne": "map", "TEC": "map", "rLat": "series",
        "rLon": "series", "height": "series",
    },
    "toa_brightness_stereographic.nc": {
        "data": "map", "stereographic": "scalar", "lat": "map", "lon": "map", "time": "times", "y": "series",
        "x": "series",
    },
    "vlstr_type.nc": {"wind": "station", "expver": "text", "lat": "one", "lon": "one", "time": "times"},
}  # fmt: skip
