"""The documents of the API against the schemas of the standard, in every state of a job."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from jsonschema import Draft7Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from cloudify.http.ogc.status import TITLES
from cloudify.model.job import Reason
from ogc.made import ASYNC, DOUBLE, Made, submit

SCHEMAS = Path(__file__).parents[4] / "shared" / "schemas" / "ogcapi-processes-1.0"
BASE = "schemas:/"
needs_schemas = pytest.mark.skipif(
    not SCHEMAS.is_dir(), reason="the schemas of OGC API - Processes are absent beside the project"
)


def check(document: Any, name: str) -> None:
    """Compare a document with a schema of the standard."""
    registry: Any = Registry(
        retrieve=lambda uri: Resource.from_contents(
            yaml.safe_load((SCHEMAS / uri.rpartition("/")[2]).read_text()), default_specification=DRAFT7
        )
    )
    schema = {"$ref": f"{BASE}{name}.yaml"}
    Draft7Validator(schema, registry=registry, format_checker=FormatChecker()).validate(document)


def status_in_every_state(made: Made) -> dict[str, dict[str, Any]]:
    """Return what is said of a job in each state."""
    ada = made.client("ada")
    jobs = {state: submit(ada, data=[1, 2]) for state in ("accepted", "running", "successful", "failed", "dismissed")}
    for state in ("running", "successful", "failed"):
        made.begin(jobs[state])
    made.done(jobs["running"], 1)
    for number in (1, 2):
        made.done(jobs["successful"], number, str(number))
    made.end(jobs["successful"])
    made.fail(jobs["failed"], 2)
    ada.delete(f"/jobs/{jobs['dismissed']}")
    return {state: ada.get(f"/jobs/{job_id}").json() for state, job_id in jobs.items()}


@needs_schemas
def test_public_documents_fit_the_standard(made: Made) -> None:
    anybody = made.client()
    check(anybody.get("/").json(), "landingPage")
    check(anybody.get("/conformance").json(), "confClasses")
    check(anybody.get("/processes").json(), "processList")
    described = anybody.get("/processes/map").json()
    check(described, "process")
    for described_input in described["inputs"].values():
        check(described_input, "inputDescription")
    refused = anybody.get("/processes/none")
    check(refused.json(), "exception")


@needs_schemas
def test_a_job_fits_the_standard_in_every_state(made: Made) -> None:
    for state, said in status_in_every_state(made).items():
        assert said["status"] == state
        check(said, "statusInfo")
        for name in {"created", "started", "updated", "finished"} & set(said):
            assert datetime.fromisoformat(said[name]).utcoffset() == timedelta(0), name
    listed = made.client("ada").get("/jobs", params={"limit": 100}).json()
    assert len(listed["jobs"]) >= 5
    check(listed, "jobList")


@needs_schemas
def test_what_is_sent_and_what_comes_back_fit_the_standard(made: Made) -> None:
    ada = made.client("ada")
    asked = {"inputs": {"data": [1, 2], "function": {"value": DOUBLE}}, "response": "document"}
    check(asked, "execute")
    job_id = submit(ada, data=[1, 2])
    made.begin(job_id)
    for number in (1, 2):
        made.done(job_id, number, str(2 * number))
    made.end(job_id)
    results = ada.get(f"/jobs/{job_id}/results").json()
    assert results == {"result": [2, 4]}
    check(results, "results")
    link = {"href": "http://x/datasets/job-1/zarr", "type": "application/vnd+zarr", "rel": "item"}
    check({"result": link}, "results")


def test_a_status_says_what_happened(made: Made) -> None:
    said = status_in_every_state(made)
    accepted, running, successful, failed, dismissed = said.values()
    assert (accepted["progress"], running["progress"], successful["progress"]) == (0, 50, 100)
    assert "started" not in accepted
    assert running["slices"] == {"total": 2, "done": 1, "failed": 0, "reused": 0}
    assert successful["usage"] == {"cpu_s": 1.0, "peak_bytes": 1000, "bytes_in": 20, "bytes_out": 40}
    assert failed["exception"] == {
        "type": "user-error", "title": "the function raised", "detail": "it raised", "slice": 2,
        "traceback": "Traceback: of the function",
    }  # fmt: skip
    for each in said.values():
        assert (each["isolation"], each["owner"], each["processID"]) == ("none", "ada", "map")
        assert ("finished" in each) == (each["status"] in {"successful", "failed", "dismissed"})
        assert {link["rel"] for link in each["links"]} >= {"self", "monitor"}
    assert dismissed["open"] is False


def test_every_reason_of_a_failure_has_a_title() -> None:
    assert set(TITLES) == set(get_args(Reason))


def test_an_execution_is_answered_as_the_standard_has_it(made: Made) -> None:
    ada = made.client("ada")
    asked = {"inputs": {"data": [1], "function": DOUBLE}}
    for prefer in ("respond-async", "respond-async;return=representation", "wait=0, Respond-Async"):
        answer = ada.post("/processes/map/execution", json=asked, headers={"Prefer": prefer})
        assert answer.status_code == 201
        assert answer.headers["preference-applied"] == "respond-async"
        assert answer.headers["location"] == f"{made.url}/ogc-api/jobs/{answer.json()['jobID']}"
        assert ada.get(answer.headers["location"]).json()["status"] == "accepted"
    assert ASYNC == {"Prefer": "respond-async"}
