"""The page of a plot in a real browser: a slider moves the picture, whose address gives it to others; a click asks."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from clients.elsewhere import npm_install

HERE = Path(__file__).parent
INSTALLED = Path(__file__).parents[3] / ".venv" / "browser"


@pytest.mark.program("chromium")
@pytest.mark.program("node")
@pytest.mark.program("npm")
def test_the_slider_moves_the_picture_and_a_click_shows_the_series(demo: Any, tmp_path: Path) -> None:
    npm_install(HERE, INSTALLED)
    shutil.copyfile(HERE / "plot_page.mjs", INSTALLED / "plot_page.mjs")
    url = f"{demo.url}/datasets/mpi-esm-tas/plot/tas/image/viridis/"
    env = os.environ | {"CHROMIUM": str(shutil.which("chromium"))}
    command = ["node", "plot_page.mjs", url, str(tmp_path)]
    done = subprocess.run(command, cwd=INSTALLED, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert seen["first"]["label"] == "time 2005-12-16 12:00"
    assert seen["moved"]["label"] == "time 2005-07-16 12:00"
    assert seen["moved"]["address"] == "/datasets/mpi-esm-tas/plot/tas/image/viridis/time/6"
    assert seen["contours"]["address"] == "/datasets/mpi-esm-tas/plot/tas/contourf/viridis/time/6"
    pictures = [httpx.get(seen[step]["copied"]).content for step in ("first", "moved", "contours")]
    assert len(set(pictures)) == 3
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert [seen[step]["width"] for step in ("first", "moved", "contours")] == [900, 900, 900]
    assert httpx.get(seen["moved"]["src"]).content == pictures[1]
    assert httpx.get(f"{demo.url}{seen['moved']['address']}").content == pictures[1]
    assert "no colour map 'no-such-map'" in seen["problem"]
    series = httpx.get(seen["series"]["href"]).json()
    assert (series["lon"], round(series["lat"], 3), len(series["time"])) == (9.375, 53.16, 12)
    assert series["distance_km"] < 60
    assert httpx.get(seen["series"]["src"]).headers["content-type"] == "image/svg+xml"
    assert [line for line in seen["complaints"] if "422" not in line] == []
