"""A catalog of 10,000 entries: listed at once, none opened for it; their extents come from the background pass."""

import gc
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
import xarray as xr

from cloudify import Server
from cloudify.datasets import open as opening
from cloudify.datasets import summary_pass
from cloudify.datasets.opened import Opened
from cloudify.model.entry import Entry
from cloudify.settings import Settings
from cloudify.testing import running

ENTRIES = 10_000
FILES = 10
LISTS = [
    ("/datasets", ""), ("/", ""), ("/", "text/html"), ("/?q=number+77&page=2", "text/html"),
    ("/stac-collection-all.json", ""), ("/intake.yaml", ""), ("/ready", ""),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _own_objects() -> Iterator[None]:
    """Have no time taken by collections among what other tests have left: a server has none of that."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    for number in range(FILES):
        coords = {
            "lon": ("lon", [10.0 * number, 10.0 * number + 5], {"units": "degrees_east"}),
            "lat": ("lat", [float(number)], {"units": "degrees_north"}),
            "time": ("time", [number], {"units": "days since 2001-01-01"}),
        }
        xr.Dataset({"v": (("time", "lat", "lon"), np.zeros((1, 1, 2)))}, coords=coords).to_netcdf(
            folder / f"{number}.nc"
        )
    rows = (
        f"  d{n}:\n    href: {n % FILES}.nc\n    title: Number {n}\n    description: One of many datasets.\n"
        f"    license: CC-BY-4.0\n    keywords: [atmosphere, temperature]\n"
        for n in range(ENTRIES)
    )
    path = folder / "c.yaml"
    path.write_text("title: Ten thousand\ndatasets:\n" + "".join(rows))
    return path


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Ids of the entries that anybody opened, in order."""
    ids: list[str] = []
    real = opening.open_entry

    def counted(entry: Entry, **given: Any) -> Opened:
        ids.append(entry.id)
        return real(entry, **given)

    for module in ("shelf", "summary_pass"):
        monkeypatch.setattr(f"cloudify.datasets.{module}.open_entry", counted)
    return ids


def test_lists_of_10_000_take_less_than_a_second_and_open_nothing(
    catalog: Path, tmp_path: Path, opened: list[str]
) -> None:
    server = Server(catalog, settings=Settings(data_dir=tmp_path))
    with running(server.app) as url:
        httpx.get(f"{url}/health")
        for path, accept in LISTS:
            before = time.process_time()
            answer = httpx.get(url + path, headers={"Accept": accept}, timeout=60)
            used_s = time.process_time() - before
            assert answer.status_code == 200
            assert used_s < 1, path
        collection = httpx.get(f"{url}/stac-collection-all.json", timeout=60).json()
        assert sum(link["rel"] == "item" for link in collection["links"]) == ENTRIES
        assert collection["cloudify:extent_known"] == {"spatial": 0, "temporal": 0, "of": ENTRIES}
        assert collection["license"] == "CC-BY-4.0"
    assert opened == []
    assert list(tmp_path.iterdir()) == []


def test_a_list_of_ten_times_as_many_takes_ten_times_as_long_at_most(tmp_path: Path) -> None:
    """Nothing grows with the square of the entries; the bound leaves room for a busy machine."""

    def used_s(count: int) -> float:
        path = tmp_path / f"{count}.yaml"
        path.write_text("datasets:\n" + "".join(f"  d{n}: {{href: x.nc}}\n" for n in range(count)))
        server = Server(path, settings=Settings(data_dir=tmp_path))
        with running(server.app) as url:
            best = 9.0
            for _ in range(3):
                before = time.process_time()
                for listed in ("/datasets", "/", "/stac-collection-all.json", "/intake.yaml"):
                    httpx.get(url + listed, timeout=60)
                best = min(best, time.process_time() - before)
            return best

    assert used_s(10_000) < 3 * 10 * used_s(1000)


def test_unknown_extents_come_from_the_background_pass(
    catalog: Path, tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summary_pass, "FIRST_S", 0.0)
    monkeypatch.setattr(summary_pass, "PAUSE_S", 0.0005)
    server = Server(catalog, settings=Settings(data_dir=tmp_path))
    with server.summary_pass, running(server.app) as url:
        deadline = time.monotonic() + 60
        while (found := httpx.get(f"{url}/", timeout=60).json()["summarised"])["known"] < ENTRIES:
            assert time.monotonic() < deadline, found
            time.sleep(0.2)
        collection = httpx.get(f"{url}/stac-collection-all.json", timeout=60).json()
    assert collection["extent"] == {
        "spatial": {"bbox": [[0.0, 0.0, 95.0, 9.0]]},
        "temporal": {"interval": [["2001-01-01T00:00:00Z", "2001-01-10T00:00:00Z"]]},
    }
    assert collection["cloudify:extent_known"] == {"spatial": ENTRIES, "temporal": ENTRIES, "of": ENTRIES}
    assert sorted(opened) == [f"d{number}" for number in range(FILES)]  # the others have the same sources
    assert all(server.shelf.peek(f"d{number}") is None for number in range(FILES))


def test_a_server_of_10_000_starts_within_5_seconds(catalog: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cloudify", "serve", str(catalog), "--port", "0", "--data-dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=tmp_path)
    assert process.stdout is not None
    try:
        page = next(line for line in process.stdout if line.startswith("  page "))
        assert httpx.get(page.split()[1], timeout=30).json()["summarised"]["of"] == ENTRIES
        used = psutil.Process(process.pid).cpu_times()  # how long it waits for others is not its own doing
        assert used.user + used.system < 5
    finally:
        process.terminate()
        process.stdout.read()
        process.stdout.close()
        assert process.wait(10) == 0


def test_the_landing_page_is_read_a_page_at_a_time_and_searched(catalog: Path, tmp_path: Path) -> None:
    def rows(query: str) -> list[str]:
        page = httpx.get(f"{url}/{query}", headers={"Accept": "text/html"}).text
        return re.findall(r"<strong>(d\d+)</strong>", page)

    with running(Server(catalog, settings=Settings(data_dir=tmp_path)).app) as url:
        assert rows("") == [f"d{number}" for number in range(100)]
        assert rows("?page=100") == rows("?page=99999") == [f"d{number}" for number in range(9900, 10_000)]
        assert rows("?page=-1") == rows("?page=x") == rows("?page=") == rows("")
        numbered = [f"d{number}" for number in range(ENTRIES) if "777" in str(number)]
        assert rows("?q=NUMBER+777") == numbered[:100]
        assert rows("?q=no+such+thing") == []
        hostile = httpx.get(f'{url}/?q="><script>alert(1)</script>', headers={"Accept": "text/html"}).text
        assert "<script>alert" not in hostile
        assert "No dataset has all of these words." in hostile
        second = httpx.get(f"{url}/?q=number&page=2", headers={"Accept": "text/html"}).text
        assert "page 2 of 100" in second
        assert 'href="/?q=number&amp;page=3"' in second
