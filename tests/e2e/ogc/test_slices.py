"""Slices: ranges of them, more for an open job, and what they printed."""

from time import time
from typing import Any

import pytest

from cloudify.model.job import Failure
from cloudify.model.outcome import Outcome, Share
from ogc.made import BOOT, DOUBLE, URN, Made, problem, submit


def opened(made: Made, **inputs: Any) -> str:
    """Begin a job that is open."""
    asked = {"inputs": {"function": DOUBLE, **inputs}, "open": True}
    answer = made.client("ada").post("/processes/map/execution", json=asked)
    assert (answer.status_code, answer.json()["open"]) == (201, True)
    return str(answer.json()["jobID"])


def test_slices_are_told_in_ranges(made: Made) -> None:
    ada = made.client("ada")
    job_id = submit(ada, data=list(range(10)), on_error="skip")
    made.begin(job_id)
    made.settle(job_id, [Outcome(number, 1, value="1") for number in (1, 2, 3)])
    made.settle(job_id, [Outcome(number, 1, failure=Failure("timeout", "too slow")) for number in (4, 5)])
    made.store.jobs.lease(job_id, [(6, 1), (7, 1)], BOOT)
    expected = [(1, 3, "done"), (4, 5, "failed"), (6, 7, "running"), (8, 10, "pending")]
    said = ada.get(f"/jobs/{job_id}/slices").json()["slices"]
    assert [(each["first"], each["last"], each["state"]) for each in said] == expected
    assert said[1]["exception"] == {"type": "timeout", "title": "a slice took too long", "detail": "too slow"}
    for first, last, state in expected:
        (only,) = ada.get(f"/jobs/{job_id}/slices?state={state}").json()["slices"]
        assert (only["first"], only["last"]) == (first, last)
    seen, page = [], f"/jobs/{job_id}/slices?limit=1"
    while page:
        answer = ada.get(page).json()
        seen += [(each["first"], each["last"], each["state"]) for each in answer["slices"]]
        page = next((link["href"] for link in answer["links"] if link["rel"] == "next"), "")
    assert seen == expected
    ada.delete(f"/jobs/{job_id}")
    states = [each["state"] for each in ada.get(f"/jobs/{job_id}/slices").json()["slices"]]
    assert states == ["done", "failed", "stopped", "pending"]


def test_slices_that_run_say_how_far_they_are(made: Made) -> None:
    ada = made.client("ada")
    job_id = submit(ada, data=list(range(8)))
    made.begin(job_id)
    made.store.jobs.lease(job_id, [(number, 1) for number in range(1, 6)], BOOT)
    told = [Share(2, 1, 500), Share(3, 1, 500), Share(4, 1, 333, is_event=True)]
    made.store.jobs.progress(job_id, told, boot=BOOT, at=time())
    running: list[dict[str, Any]] = [{"first": 1, "last": 1}, {"first": 2, "last": 3, "progress": 0.5}]
    running += [{"first": 4, "last": 4, "progress": 0.333}, {"first": 5, "last": 5}]
    expected = [each | {"state": "running", "attempt": 1} for each in running]
    assert ada.get(f"/jobs/{job_id}/slices?state=running").json()["slices"] == expected
    said = ada.get(f"/jobs/{job_id}").json()
    assert (said["progress"], said["slices"]["done"]) == (16, 0)  # 1333 thousandths of 8 slices
    (event,) = ada.get(f"/jobs/{job_id}/events?f=json&after=2").json()["events"]
    assert (event["type"], event["slice"], event["payload"]) == ("progress", 4, {"fraction": 0.333})
    assert "emitted" not in event
    made.emit(job_id, 5, 0, "progress", '"mine"')
    (event,) = ada.get(f"/jobs/{job_id}/events?f=json&after=3").json()["events"]
    assert (event["type"], event["payload"], event["emitted"]) == ("progress", "mine", True)
    ada.delete(f"/jobs/{job_id}")
    stopped = ada.get(f"/jobs/{job_id}/slices").json()["slices"]
    assert stopped[:-1] == [each | {"state": "stopped"} for each in expected]


@pytest.mark.parametrize("query", ["state=leased", "limit=0", "after=-1", "after=x", "limit=%00"])
def test_a_query_that_cannot_be_is_refused(made: Made, query: str) -> None:
    job_id = submit(made.client("ada"), data=[1])
    assert problem(made.client("ada").get(f"/jobs/{job_id}/slices?{query}")) == (422, f"{URN}bad-option")


def test_an_open_job_of_data_takes_more_until_it_is_closed(live: Made) -> None:
    ada, job_id = live.client("ada"), opened(live, data=[1, 2])
    added = ada.post(f"/jobs/{job_id}/slices", json={"data": [3, 4, 5]})
    assert (added.status_code, added.json()["slices"]["total"]) == (200, 5)
    closed = ada.post(f"/jobs/{job_id}/close")
    assert (closed.status_code, closed.json()["open"]) == (200, False)
    assert ada.post(f"/jobs/{job_id}/close", json={}).status_code == 200
    assert problem(ada.post(f"/jobs/{job_id}/slices", json={"data": [6]})) == (422, f"{URN}job-closed")
    with ada.stream("GET", f"/jobs/{job_id}/events") as events:
        events.read()
    assert ada.get(f"/jobs/{job_id}/results").json() == {"result": [2, 4, 6, 8, 10]}


def test_an_open_job_of_cells_takes_whole_ones(made: Made) -> None:
    ada, job_id = made.client("ada"), opened(made, dataset="ramp", chunks={"time": 4})
    at = f"/jobs/{job_id}/slices"
    assert ada.get(at).json()["slices"] == []
    assert ada.post(at, json={"regions": [{"time": [4, 8]}]}).json()["slices"]["total"] == 1
    for body, said in (
        ({"regions": [{"time": [4, 7]}]}, "part of the cell"),
        ({"regions": [{"time": [0, 8]}]}, "no single cell"),
        ({"regions": [{"time": [4, 8]}]}, "already"),
        ({"regions": [{"level": [0, 1]}]}, "no dimension"),
        ({"regions": {"time": [0, 4]}}, "list"),
        ({"data": [1]}, "regions"),
        ({"regions": [3]}, "object"),
        ({}, "regions"),
    ):
        refused = ada.post(at, json=body)
        assert problem(refused) == (422, f"{URN}bad-input"), body
        assert said in refused.json()["detail"]
    assert ada.get(f"/jobs/{job_id}").json()["slices"]["total"] == 1
    made.begin(job_id)
    made.fail(job_id, 1)
    assert ada.get(f"/jobs/{job_id}").json()["exception"]["region"] == {"time": [4, 8], "x": [0, 4]}


def test_a_job_that_was_not_opened_takes_nothing(made: Made) -> None:
    ada = made.client("ada")
    job_id = submit(ada, data=[1])
    assert problem(ada.post(f"/jobs/{job_id}/slices", json={"data": [1]})) == (422, f"{URN}job-closed")
    assert ada.post(f"/jobs/{job_id}/slices", content=b"{}").status_code == 415


def test_what_slices_printed_is_told_line_by_line(made: Made) -> None:
    ada = made.client("ada")
    job_id = submit(ada, data=[1, 2, 3])
    made.begin(job_id)
    made.done(job_id, 1, log="one\ntwo")
    made.done(job_id, 3, log="three\n\x1b[31mred", log_is_cut=True)
    at = f"/jobs/{job_id}/log"
    text = ada.get(at)
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.text == ("[slice 1] one\n[slice 1] two\n[slice 3] three\n[slice 3] \x1b[31mred\n[slice 3] ... (cut)\n")
    assert ada.get(f"{at}?slice=1").text == "[slice 1] one\n[slice 1] two\n"
    assert ada.get(f"{at}?slice=2").text == ""
    assert ada.get(f"{at}?f=json&slice=3").json() == {
        "log": [{"slice": 3, "attempt": 1, "text": "three\n\x1b[31mred", "truncated": True}]
    }
    assert [each["slice"] for each in ada.get(f"{at}?f=json").json()["log"]] == [1, 3]
    for query in ("f=xml", "slice=0", "slice=x", "slice=-1"):
        assert problem(ada.get(f"{at}?{query}")) == (422, f"{URN}bad-option")


def test_a_long_log_comes_in_full(made: Made) -> None:
    """More slices than are read at once, and more text than is gathered for a piece."""
    ada = made.client("ada")
    job_id = submit(ada, data=list(range(130)))
    made.begin(job_id)
    line = 1000 * "x"
    made.settle(job_id, [Outcome(number, 1, value="0", log=line) for number in range(1, 131)])
    lines = ada.get(f"/jobs/{job_id}/log").text.splitlines()
    assert lines == [f"[slice {number}] {line}" for number in range(1, 131)]
    assert len(ada.get(f"/jobs/{job_id}/log?f=json").json()["log"]) == 130
