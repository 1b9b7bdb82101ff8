"""Leaflet in a real browser: its WMS layers in both systems and its tiles show a hot cell where it belongs."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clients.elsewhere import npm_install
from PIL import Image
from plots.fields import COLD, HOT, cases

from cloudify import Server
from cloudify.testing import running

HERE = Path(__file__).parent
INSTALLED = Path(__file__).parents[3] / ".venv" / "browser"
WAYS = ("wms-4326", "wms-4326-old", "wms-3857", "tiles")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path, str]:
    """Return what the browser saw, the folder of its screenshots, and the server's URL."""
    npm_install(HERE, INSTALLED)
    shutil.copyfile(HERE / "leaflet.mjs", INSTALLED / "leaflet.mjs")
    folder = tmp_path_factory.mktemp("leaflet")
    env = os.environ | {"CHROMIUM": str(shutil.which("chromium"))}
    with running(Server({"one": cases()["one-cell"].ds}).app) as url:
        command = ["node", "leaflet.mjs", url, "one", str(folder)]
        done = subprocess.run(command, cwd=INSTALLED, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "seen.json").read_text()), folder, url


def colour(picture: Image.Image, place: list[int]) -> Any:
    return picture.getpixel((place[0], place[1]))


@pytest.mark.program("chromium")
@pytest.mark.program("node")
@pytest.mark.program("npm")
@pytest.mark.parametrize("way", WAYS)
def test_leaflet_shows_the_hot_cell_where_it_belongs(found: tuple[dict[str, Any], Path, str], way: str) -> None:
    """The cell from 130 to 120 west and 30 to 40 north; where that is on its map Leaflet says itself."""
    seen, folder, _ = found
    picture = Image.open(folder / f"{way}.png").convert("RGB")
    places = seen["seen"][way]
    hot = [places["hot"], *places["edges"]]
    assert all(0 < x < 1024 and 0 < y < 1024 for x, y in [*hot, *places["cold"]])
    off = [np.abs(np.subtract(colour(picture, place), HOT)).max() for place in hot]
    off += [np.abs(np.subtract(colour(picture, place), COLD)).max() for place in places["cold"]]
    assert max(off) <= 2, off


@pytest.mark.program("chromium")
@pytest.mark.program("node")
@pytest.mark.program("npm")
def test_the_page_of_the_map_service_shows_a_map_and_fetches_nothing_from_elsewhere(
    found: tuple[dict[str, Any], Path, str],
) -> None:
    seen, folder, url = found
    assert seen["complaints"] == []
    assert [address for address in seen["asked"] if not address.startswith((f"{url}/", "data:"))] == []
    page = seen["seen"]["page"]
    assert page["title"] == "map of one"
    assert all("styles=plasma" in tile and "version=1.3.0" in tile for tile in page["tiles"])
    assert "style=plasma" in page["legend"]
    colours = np.asarray(Image.open(folder / "page.png").convert("RGB")).reshape(-1, 3)
    purple = np.abs(colours.astype(int) - (12, 7, 134)).max(axis=1) <= 2  # plasma's first, from matplotlib's own table
    assert purple.sum() > 100_000
