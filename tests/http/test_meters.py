"""What `/metrics` shows is what was asked, counted by hand."""

import re
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

import dask.array as da
import httpx
import numpy as np
import pytest
import xarray as xr
import xpublish

from cloudify import Server
from cloudify.http import meters as module
from cloudify.settings import Settings
from cloudify.testing import running

GO = Event()
ROUTES = Path(__file__).parents[2] / "docs" / "reference" / "routes.md"


def slowly(block: Any) -> Any:
    assert GO.wait(20)
    return block


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A file, and a lazy dataset that waits for `GO`."""
    monkeypatch.setattr(module, "KEPT_S", 0.0)
    xr.Dataset({"t": ("x", np.arange(4.0))}).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    lazy = xr.Dataset({"v": ("x", da.arange(8.0, chunks=2).map_blocks(slowly, dtype=float, meta=np.empty(0)))})
    GO.clear()
    made = Server(str(tmp_path / "a.nc"), objects={"lazy": lazy}, settings=Settings(data_dir=tmp_path / "data"))
    with running(made.app) as url:
        yield url
    GO.set()


def read(url: str) -> dict[str, float]:
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def requests(shown: dict[str, float]) -> dict[tuple[str, str], float]:
    pattern = r'cloudify_requests_total\{route="(.*)",status="(.*)"\}'
    return {found.groups(): value for name, value in shown.items() if (found := re.fullmatch(pattern, name))}  # type: ignore[misc]


def test_requests_bytes_and_look_ups_are_counted_in_the_lane_and_behind_it(server: str) -> None:
    data = f"{server}/datasets/a"
    before = read(server)
    nbytes = 0
    with httpx.Client(headers={"Accept-Encoding": "identity"}) as client:
        answers = [client.get(f"{data}/zarr/{key}") for key in ["zarr.json", "t/c/0", "t/c/9"] * 5]
        tag = answers[1].headers["etag"]
        answers += [client.get(f"{data}/zarr/t/c/0", headers={"If-None-Match": tag}) for _ in range(3)]
        answers += [client.get(f"{data}/zarr/t/c/0", headers={"Range": "bytes=0-3"})]
        answers += [client.get(f"{data}/{name}") for name in ("keys", "keys", "info", "kerchunk", "source.nc")]
        answers += [client.get(f"{server}/{path}") for path in ("nothing", "x/y\u00e9", "health")]
        answers += [client.post(f"{server}/health")]
        for _ in range(4):
            client.head(f"{data}/zarr/zarr.json")
    nbytes = sum(len(answer.content) for answer in answers)
    after = read(server)
    grown = {key: value - requests(before).get(key, 0) for key, value in requests(after).items()}
    assert {key: value for key, value in grown.items() if value} == {
        ("/datasets/{dataset_id}/zarr/{key}", "2xx"): 10 + 1 + 4,
        ("/datasets/{dataset_id}/zarr/{key}", "3xx"): 3,
        ("/datasets/{dataset_id}/zarr/{key}", "4xx"): 5,
        ("/datasets/{dataset_id}/keys", "2xx"): 2,
        ("/datasets/{dataset_id}/info", "2xx"): 1,
        ("/datasets/{dataset_id}/kerchunk", "2xx"): 1,
        ("/datasets/{dataset_id}/source.nc", "2xx"): 1,
        ("none", "4xx"): 2,
        ("/health", "2xx"): 1,
        ("/health", "4xx"): 1,
        ("/metrics", "2xx"): 1,
    }
    sent = after["cloudify_sent_bytes_total"] - before["cloudify_sent_bytes_total"]
    assert nbytes < sent < nbytes + 2000  # with the first reading, which was compressed
    assert after["cloudify_cache_misses_total"] == 1
    assert after["cloudify_cache_hits_total"] == 4 + 1  # four of five readings, and the range
    assert after["cloudify_cache_bytes"] == len(answers[1].content)
    timed = after['cloudify_request_seconds_count{route="/datasets/{dataset_id}/keys"}']
    assert timed == 2
    assert after["cloudify_open_datasets"] == 1


def test_labels_are_routes_of_the_documentation_and_never_paths(server: str) -> None:
    documented = set(re.findall(r"^\| `GET ([^`]+)`", ROUTES.read_text(), re.MULTILINE))
    for path in documented:
        asked = re.sub(r"\{\w+\}", lambda match: {"{dataset_id}": "a", "{var}": "t"}.get(match[0], "datasets"), path)
        httpx.get(f"{server}{asked}", headers={"Accept": "text/html"}, timeout=30)
    for path in ("/datasets/datasets/keys", "/datasets/a/zarr/..%2f", "/%7Broute%7D", "/datasets/a/groups/x/keys"):
        httpx.get(f"{server}{path}")
    routes = {route for route, _ in requests(read(server))}
    spellings = ("groups/{group_path}/keys", "plot/{var}/{kind}/{cmap}")
    extra = {"none", "/static/{key}", *(f"/datasets/{{dataset_id}}/{spelling}" for spelling in spellings)}
    with_spelling = {route.rstrip("/") for route in documented}
    assert {route for route in routes if route.rstrip("/") not in with_spelling} <= extra
    assert len(routes) > 25


def test_what_waits_is_shown_while_it_does(server: str) -> None:
    answers: list[int] = []
    url = f"{server}/datasets/lazy/zarr/v/c/"
    asks = [Thread(target=lambda key=key: answers.append(httpx.get(url + key).status_code)) for key in "0012"]
    for ask in asks:
        ask.start()
    deadline = monotonic() + 20
    while (shown := read(server))["cloudify_flights"] < 3:
        assert monotonic() < deadline
        sleep(0.02)
    assert shown['cloudify_queue_held{kind="compute"}'] == 3
    GO.set()
    for ask in asks:
        ask.join()
    assert answers == [200] * 4
    shown = read(server)
    assert shown["cloudify_flights"] == 0
    assert shown['cloudify_queue_held{kind="compute"}'] == 0
    assert shown["cloudify_cache_misses_total"] == 3


def test_who_is_refused_since_a_queue_is_full_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One chunk is computed, none may wait: each of two more is refused."""
    monkeypatch.setattr(module, "KEPT_S", 0.0)
    GO.clear()
    lazy = xr.Dataset({"v": ("x", da.arange(8.0, chunks=2).map_blocks(slowly, dtype=float, meta=np.empty(0)))})
    made = Server({"lazy": lazy}, settings=Settings(data_dir=tmp_path / "data", read_threads=1, queue=0))
    with running(made.app) as url:
        keys = f"{url}/datasets/lazy/zarr/v/c/"
        assert httpx.get(f"{url}/datasets/lazy/zarr/zarr.json").status_code == 200
        before = read(url)
        first = Thread(target=lambda: httpx.get(f"{keys}0", timeout=30))
        first.start()
        deadline = monotonic() + 20
        while not read(url)['cloudify_queue_held{kind="compute"}']:
            assert monotonic() < deadline
            sleep(0.02)
        refused = [httpx.get(keys + key) for key in "12"]
        grown = {name: value - before[name] for name, value in read(url).items() if "queue_full_total" in name}
        GO.set()
        first.join()
    assert [(answer.status_code, answer.headers["retry-after"]) for answer in refused] == [(503, "2")] * 2
    assert {name: value for name, value in grown.items() if value} == {'cloudify_queue_full_total{kind="compute"}': 2}


def test_who_asks_often_is_given_the_same(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_S", 60.0)
    first = httpx.get(f"{server}/metrics")
    httpx.get(f"{server}/health")
    assert httpx.get(f"{server}/metrics").content == first.content
    assert first.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_a_plain_rest_has_what_is_not_requests() -> None:
    rest = xpublish.Rest({"a": xr.Dataset({"t": ("x", np.arange(4.0))})})
    with running(rest.app) as url:
        httpx.get(f"{url}/datasets/a/zarr/t/c/0")
        shown = read(url)
    assert shown["cloudify_cache_misses_total"] >= 1
    assert shown["process_resident_memory_bytes"] > 0
    assert not requests(shown)
