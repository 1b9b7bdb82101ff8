"""Results: datasets, values and files, for their owner alone and as long as they are there."""

import json
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

import httpx
import numpy as np
import pytest
import xarray as xr

from cloudify.model.outcome import Outcome
from ogc.made import EX1, URN, Made, ended, problem, submit

FILES = {
    "source": "def f(x):\n    import pathlib\n    p = pathlib.Path('out put.html')\n"
    "    p.write_bytes(b'<script>' + bytes(range(256)) * x)\n    return p\n",
    "entry": "f",
}
ADDS = {"source": "def f(block):\n    return block['v'] + 100\n", "entry": "f"}


def values(client: httpx.Client, live: Made, job_id: str, who: str) -> xr.Dataset:
    headers = dict(live.client(who).headers) if who else {}
    token = {"Authorization": headers["authorization"]} if who else {}
    href = client.get(f"/jobs/{job_id}/results").json()["result"]["href"]
    return xr.open_dataset(href, engine="zarr", zarr_format=3, storage_options={"headers": token})


def test_a_result_over_a_dataset_is_one_of_its_owner(live: Made) -> None:
    ada = live.client("ada")
    job_id = submit(ada, dataset="ramp", chunks={"time": 4}, function=ADDS)
    assert ended(ada, job_id)["status"] == "successful"
    link = ada.get(f"/jobs/{job_id}/results").json()["result"]
    assert link == {
        "href": f"{live.url}/datasets/job-{job_id}/zarr", "type": "application/vnd+zarr", "rel": "item",
    }  # fmt: skip
    with values(ada, live, job_id, "ada") as ds:
        np.testing.assert_array_equal(ds["v"], np.arange(40.0).reshape(10, 4) + 100)
    paths = ("zarr/zarr.json", "zarr/v/c/0/0", "info", "keys", "stac", "kerchunk", "plot/v/line/viridis/", "subset.csv")
    for path in paths:
        url = f"{live.url}/datasets/job-{job_id}/{path}"
        mine = ada.get(url)
        assert (mine.status_code, mine.headers["cache-control"]) == (200, "private, no-store"), (path, mine.text)
        for who in ("", "bob"):
            other = live.client(who).get(url)
            none = live.client(who).get(url.replace(job_id, "0" * 16))
            assert (other.status_code, none.status_code) == (404, 404), path
            assert other.text.replace(job_id, "0" * 16)[:80] == none.text[:80]
        assert live.client("deployer").get(url).status_code == 404  # hers, and not for reading
    for who in ("ada", "bob", ""):
        assert job_id not in live.client(who).get(f"{live.url}/datasets").text  # in no list


def test_every_route_of_a_dataset_finds_a_result_that_nobody_has_asked_for(live: Made) -> None:
    ada = live.client("ada")
    job_id = submit(ada, dataset="ramp", chunks={"time": 4}, function=ADDS)
    ended(ada, job_id)
    for path in ("", "zarr/.zmetadata", "kerchunk.json", "stac", "catalog.yaml", "check", "info", "subset", "groups"):
        live.server.shelf._beyond._known.clear()
        assert ada.get(f"{live.url}/datasets/job-{job_id}/{path}").status_code == 200, path


def test_who_asks_while_the_owner_waits_is_told_nothing(live: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """The item of a result is made once for all who wait for it, but for those who may read it only."""
    ada, bob = live.client("ada"), live.client("bob")
    job_id = submit(ada, dataset="ramp", function=ADDS)
    ended(ada, job_id)
    live.server.shelf._beyond._known.clear()
    began, go_on, real = Event(), Event(), live.server.summaries.of

    def slowly(opened: Any) -> Any:
        began.set()
        go_on.wait(20)
        return real(opened)

    monkeypatch.setattr(live.server.summaries, "of", slowly)
    url, found = f"{live.url}/datasets/job-{job_id}/stac", []
    asking = Thread(target=lambda: found.append(ada.get(url)))
    asking.start()
    try:
        assert began.wait(20)
        refused = bob.get(url, timeout=10)
    finally:
        go_on.set()
        asking.join()
    assert (refused.status_code, found[0].status_code) == (404, 200)
    assert found[0].json()["id"] == f"job-{job_id}"


def test_a_result_is_gone_a_second_after_its_job(live: Made) -> None:
    ada = live.client("ada")
    job_id = submit(ada, dataset="ramp", function=ADDS)
    ended(ada, job_id)
    url = f"{live.url}/datasets/job-{job_id}/zarr/zarr.json"
    for _ in range(5):
        assert ada.get(url).status_code == 200
    assert ada.delete(f"/jobs/{job_id}").status_code == 200
    deadline = monotonic() + 1
    while ada.get(url).status_code == 200:
        assert monotonic() < deadline
        sleep(0.05)
    assert problem(ada.get(url)) == (404, f"{URN}unknown-dataset")


def test_a_result_that_is_none_is_no_dataset(live: Made) -> None:
    """Of a job that runs or failed, of another kind, and of ids that only look like it."""
    ada = live.client("ada")
    failed = submit(ada, data=[1], function={"source": "def f(x):\n    1 / 0", "entry": "f"})
    ended(ada, failed)
    files = submit(ada, data=[1], function=FILES)
    ended(ada, files)
    for dataset_id in (f"job-{failed}", f"job-{files}", "job-", "job-x", "job-%00", "job-" + "0" * 200, "job-../x"):
        for path in ("zarr/zarr.json", "info", "kerchunk"):
            assert ada.get(f"{live.url}/datasets/{dataset_id}/{path}").status_code == 404, dataset_id


def test_files_are_attachments_read_in_ranges(live: Made) -> None:
    ada, bob = live.client("ada"), live.client("bob")
    job_id = submit(ada, data=[1, 20_000], function=FILES)
    assert ended(ada, job_id)["status"] == "successful"
    listed = ada.get(f"/jobs/{job_id}/results").json()["result"]
    assert [file["type"] for file in listed] == 2 * ["text/html"]
    assert len({file["href"] for file in listed}) == 2
    expected = [b"<script>" + bytes(range(256)) * count for count in (1, 20_000)]
    for file, content in zip(listed, expected, strict=True):
        answer = ada.get(file["href"])
        assert answer.content == content
        assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "private, no-store"
        assert "content-encoding" not in answer.headers
        part = ada.get(file["href"], headers={"Range": "bytes=8-11"})
        assert (part.status_code, part.content) == (206, bytes(range(4)))
        assert part.headers["content-range"] == f"bytes 8-11/{len(content)}"
        beyond = ada.get(file["href"], headers={"Range": f"bytes={len(content)}-"})
        assert beyond.status_code == 416
        head = ada.head(file["href"])
        assert (head.status_code, head.headers["content-length"]) == (200, str(len(content)))
        again = ada.get(file["href"], headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert problem(bob.get(file["href"])) == (404, f"{EX1}no-such-job")
    for name in ("none.txt", "%00", "x" * 500):
        assert problem(ada.get(f"/jobs/{job_id}/results/{name}")) == (404, f"{URN}unknown-file")
    assert problem(ada.get(f"/jobs/{job_id}/results/..%2F..%2Fcloudify.db")) == (404, f"{URN}not-found")
    values_only = submit(ada, data=[1])
    ended(ada, values_only)
    assert ada.get(f"/jobs/{values_only}/results/x").status_code == 404


def test_a_file_that_was_lost_is_a_failure_of_the_source(live: Made) -> None:
    ada = live.client("ada")
    job_id = submit(ada, data=[3], function=FILES)
    ended(ada, job_id)
    (file,) = ada.get(f"/jobs/{job_id}/results").json()["result"]
    (piece,) = live.store.jobs.pieces(job_id)
    live.store.blobs.path(piece.sha256).unlink()
    refused = ada.get(file["href"])
    assert problem(refused) == (502, f"{URN}unreadable-dataset")
    assert str(live.server.settings.data_dir) not in refused.text


def test_values_are_a_list_in_the_order_of_the_data(made: Made) -> None:
    """More than are read at once; those that failed are null."""
    ada, count = made.client("ada"), 2500
    job_id = submit(ada, data=list(range(count)), on_error="skip")
    made.begin(job_id)
    assert problem(ada.get(f"/jobs/{job_id}/results")) == (404, f"{EX1}result-not-ready")
    outcomes = [Outcome(n, 1, value=json.dumps({"n": n, "é": "x\n"})) for n in range(1, count + 1) if n % 1000]
    made.settle(job_id, outcomes)
    for number in (1000, 2000):
        made.fail(job_id, number)
    made.end(job_id)
    expected = [{"n": n, "é": "x\n"} if n % 1000 else None for n in range(1, count + 1)]
    assert ada.get(f"/jobs/{job_id}/results").json() == {"result": expected}


def test_an_open_job_without_slices_has_an_empty_list(made: Made) -> None:
    ada = made.client("ada")
    asked = {"inputs": {"data": [], "function": ADDS}, "open": True}
    job_id = ada.post("/processes/map/execution", json=asked).json()["jobID"]
    ada.post(f"/jobs/{job_id}/close")
    made.begin(job_id)
    made.end(job_id)
    assert ada.get(f"/jobs/{job_id}/results").json() == {"result": []}


@pytest.mark.parametrize(
    ("reason", "status"), [("timeout", 422), ("source-failed", 502), ("worker-lost", 500), ("no-room", 507)]
)
def test_a_failure_is_answered_as_what_it_is(made: Made, reason: Any, status: int) -> None:
    from time import time  # noqa: PLC0415

    from cloudify.compute.lifecycle import Broken  # noqa: PLC0415
    from cloudify.model.job import Failure  # noqa: PLC0415

    ada = made.client("ada")
    job_id = submit(ada, data=[1])
    made.begin(job_id)
    made.store.jobs.happen(job_id, Broken(at=time(), failure=Failure(reason, "so it was")))
    refused = ada.get(f"/jobs/{job_id}/results")
    assert problem(refused) == (status, f"{URN}{reason}")
    assert refused.json()["detail"].endswith("so it was")
    assert refused.json()["job"] == f"{made.url}/ogc-api/jobs/{job_id}"


def test_many_large_values_come_whole_and_in_order(own: Made) -> None:
    """More than are read at once, of which one slice failed."""
    ada = own.client("ada")
    job_id = submit(ada, data=list(range(12)), on_error="skip")
    own.begin(job_id)
    for number in range(1, 13):
        if number in {5, 12}:
            own.fail(job_id, number)
        else:
            own.done(job_id, number, json.dumps(str(number) * 1_000_000))
    own.end(job_id)
    expected = [None if number in {5, 12} else str(number) * 1_000_000 for number in range(1, 13)]
    assert ada.get(f"/jobs/{job_id}/results").json() == {"result": expected}
