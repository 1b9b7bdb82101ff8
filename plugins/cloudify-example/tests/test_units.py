"""The plugin alone, on a real socket: run with the plugin installed, `python -m pytest plugins/cloudify-example`."""

import json
from urllib.request import urlopen

import numpy as np
import xarray as xr
import xpublish
from cloudify_example import UnitsPlugin

from cloudify.testing import running


def test_units_are_those_of_the_variables() -> None:
    ds = xr.Dataset({"tas": ("x", np.zeros(2), {"units": "K"}), "mask": ("x", np.zeros(2))})
    rest = xpublish.Rest({"a": ds}, plugins={"units": UnitsPlugin()})
    with running(rest.app) as url, urlopen(f"{url}/datasets/a/units") as answer:
        assert json.load(answer) == {"tas": "K", "mask": "1"}
