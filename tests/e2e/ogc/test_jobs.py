"""Jobs: who sees which, how they are found, and how they end."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest

from cloudify.model.job import Job
from ogc.made import ASYNC, DOUBLE, EX1, URN, Made, problem, submit

START = 1_767_225_600.0
"""2026-01-01T00:00:00Z."""


def add(made: Made, name: str, created: float, lasts_s: float | None = None, **more: Any) -> None:
    """Have a job of carol's: one that ran for a while has ended."""
    job_id = f"{name}0"
    job = Job(job_id, "carol", created=created, total=1, **{"process": "map"} | more)
    made.store.jobs.add(job, '{"combine": null, "dataset": null}', '{"plan": "{\\"v\\": 1, \\"total\\": 1}"}')
    if lasts_s is not None:
        from cloudify.compute.lifecycle import Assembled, Began, SliceDone  # noqa: PLC0415

        for happening in (
            Began(at=created + 1), SliceDone(at=created + 2, number=1), Assembled(at=created + 1 + lasts_s),
        ):  # fmt: skip
            made.store.jobs.happen(job_id, happening)


@pytest.fixture(scope="module")
def carol(made: Made) -> httpx.Client:
    """Whose jobs were made at known times: a to e, a minute from one to the next."""
    made.tokens["carol"] = made.store.tokens.create("carol", ["compute"])
    add(made, "a", START, 10)
    add(made, "b", START + 60, 20, process="half")
    add(made, "c", START + 120, 30)
    add(made, "d", START + 180)
    add(made, "e", START + 240.5, process="third")
    client = made.client("carol")
    client.delete("/jobs/d0")
    return client


def names(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return "".join(job["jobID"][0] for job in answer.json()["jobs"])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "edcba"),
        ("type=process", "edcba"),
        ("type=other", ""),
        ("status=successful", "cba"),
        ("status=accepted,dismissed", "ed"),
        ("status=accepted&status=dismissed", "ed"),
        ("processID=half", "b"),
        ("processID=half,third", "eb"),
        ("processID=none", ""),
        ("datetime=2026-01-01T00:01:00Z", "b"),
        ("datetime=2026-01-01T00:01:00Z/..", "edcb"),
        ("datetime=../2026-01-01T00:01:00Z", "ba"),
        ("datetime=/2026-01-01T00:01:00Z", "ba"),
        ("datetime=2026-01-01T00:01:00Z/2026-01-01T00:02:00Z", "cb"),
        ("datetime=2026-01-01T01:01:00%2B01:00", "b"),
        ("datetime=2026-01-01T00:04:00Z", "e"),  # half a second later, within that second
        ("datetime=2026-01-01T00:04:00.500Z", "e"),
        ("datetime=2026-01-01T00:04:00.501Z", ""),
        ("datetime=2026-01-01", "edcba"),
        ("datetime=2025-12-31/2026-01-01", "edcba"),
        ("datetime=2025-12-31", ""),
        ("datetime=../..", "edcba"),
        ("minDuration=20", "cb"),
        ("maxDuration=20", "ba"),
        ("minDuration=20&maxDuration=20", "b"),
        ("minDuration=20&status=successful&processID=map", "c"),
        ("limit=2", "ed"),
        ("limit=99999", "edcba"),
    ],
)
def test_jobs_are_found_by_what_they_are(carol: httpx.Client, query: str, expected: str) -> None:
    assert names(carol.get(f"/jobs?{query}")) == expected


@pytest.mark.parametrize(
    "query",
    [
        "status=finished", "status=successful,x", "limit=0", "limit=-1", "limit=ten", "limit=1e3", "limit=%D9%A3",
        "limit=9999999999999999999999", "datetime=yesterday", "datetime=2026-13-01", "datetime=2026-01-02/2026-01-01",
        "datetime=2026-01-01T00:00:00Z/x", "datetime=%00", "minDuration=-1", "maxDuration=1.5", "after=x", "after=%00",
        "after=99999999999999999999999", "limit=1&limit=2", "datetime=2026-01-01&datetime=2026-01-02",
        "status=" + ",".join(101 * ["failed"]) + ",x",
    ],
)  # fmt: skip
def test_a_query_that_cannot_be_is_refused_with_what_can(carol: httpx.Client, query: str) -> None:
    assert problem(carol.get(f"/jobs?{query}")) == (422, f"{URN}bad-option")


def test_pages_lead_to_all_of_them_once(carol: httpx.Client) -> None:
    seen, page = "", "/jobs?limit=2&status=successful,accepted,dismissed"
    for expected in ("ed", "cb", "a"):
        answer = carol.get(page)
        assert names(answer) == expected
        seen += expected
        links = {link["rel"]: link["href"] for link in answer.json()["links"]}
        assert names(carol.get(links["self"])) == expected
        page = links.get("next", "")
    assert (page, seen) == ("", "edcba")


ROUTES: dict[str, Callable[[httpx.Client, str], httpx.Response]] = {
    "list": lambda client, _: client.get("/jobs"),
    "show": lambda client, job: client.get(f"/jobs/{job}"),
    "head": lambda client, job: client.head(f"/jobs/{job}"),
    "dismiss": lambda client, job: client.delete(f"/jobs/{job}"),
    "results": lambda client, job: client.get(f"/jobs/{job}/results"),
    "file": lambda client, job: client.get(f"/jobs/{job}/results/x.txt"),
    "slices": lambda client, job: client.get(f"/jobs/{job}/slices"),
    "add": lambda client, job: client.post(f"/jobs/{job}/slices", json={"data": [1]}),
    "close": lambda client, job: client.post(f"/jobs/{job}/close"),
    "events": lambda client, job: client.get(f"/jobs/{job}/events"),
    "page of events": lambda client, job: client.get(f"/jobs/{job}/events?f=json"),
    "log": lambda client, job: client.get(f"/jobs/{job}/log"),
    "pools": lambda client, _: client.get("/pools"),
    "isolation": lambda client, _: client.get("/isolation"),
    "execute": lambda client, _: client.post(
        "/processes/map/execution", json={"inputs": {"data": [1], "function": DOUBLE}}, headers=ASYNC
    ),
}
OF_NO_JOB = {"list", "pools", "isolation", "execute"}


@pytest.mark.parametrize("route", ROUTES)
def test_who_may_do_what(made: Made, route: str) -> None:
    """Nobody in particular, a token without the scope, and another user, who sees what he sees of no job at all."""
    ask, job_id = ROUTES[route], submit(made.client("ada"), data=[1, 2])
    refused = {who: ask(made.client(who), job_id) for who in ("", "ada's reader", "deployer")}
    assert [answer.status_code for answer in refused.values()] == [401, 403, 403]
    assert refused[""].headers["www-authenticate"] == "Bearer"
    for answer in refused.values():
        assert "no-store" in answer.headers["cache-control"]
        assert "access-control-allow-origin" not in answer.headers
    if route not in OF_NO_JOB:
        other, none = ask(made.client("bob"), job_id), ask(made.client("bob"), "0" * 16)
        assert (other.status_code, none.status_code) == (404, 404)
        assert other.headers["cache-control"] == none.headers["cache-control"] == "private, no-store"
        if route != "head":
            assert problem(other) == (404, f"{EX1}no-such-job")
            said = [answer.json() | {"request-id": "", "instance": ""} for answer in (other, none)]
            assert str(said[0]).replace(job_id, "0" * 16) == str(said[1])
    else:
        assert job_id not in ask(made.client("bob"), job_id).text
    assert made.client("ada").get(f"/jobs/{job_id}").json()["status"] == "accepted"


def test_answers_to_a_token_are_kept_by_nobody(made: Made) -> None:
    ada = made.client("ada")
    job_id = submit(ada, data=[1])
    for path in ("/jobs", f"/jobs/{job_id}", f"/jobs/{job_id}/slices", f"/jobs/{job_id}/log", "/pools"):
        answer = ada.get(path, headers={"Origin": "https://evil.example"})
        assert answer.headers["cache-control"] == "private, no-store"
        assert "Authorization" in answer.headers["vary"]
        assert "access-control-allow-origin" not in answer.headers
        for method in ("OPTIONS", "PUT", "PATCH"):
            asked = made.client().request(method, path, headers={"Origin": "https://evil.example"})
            assert asked.status_code == (204 if method == "OPTIONS" else 405)
            assert {"GET", "HEAD", "OPTIONS"} <= set(asked.headers["allow"].split(", "))
            assert "access-control-allow-origin" not in asked.headers
    assert made.client().get("/processes").headers["access-control-allow-origin"] == "*"
    assert made.client().request("PUT", f"/jobs/{job_id}").headers["allow"] == "DELETE, GET, HEAD, OPTIONS"


def test_what_a_path_has_not_is_said_with_all_that_it_has(made: Made) -> None:
    allowed = {
        "": "GET, HEAD, OPTIONS", "/": "GET, HEAD, OPTIONS", "/processes": "GET, HEAD, OPTIONS, POST",
        "/processes/map/execution": "OPTIONS, POST", "/jobs/x": "DELETE, GET, HEAD, OPTIONS",
        "/jobs/x/slices": "GET, HEAD, OPTIONS, POST", "/jobs/x/close": "OPTIONS, POST",
    }  # fmt: skip
    for path, methods in allowed.items():
        url, ada = f"{made.url}/ogc-api{path}", made.client("ada")  # to nobody in particular: a preflight
        assert ada.options(url).headers["allow"] == methods
        for method in ("PATCH", "TRACE", "PROPFIND"):
            answer = ada.request(method, url)
            assert problem(answer)[0] == 405
            assert (answer.headers["allow"], methods in answer.json()["detail"]) == (methods, True)


def test_head_says_what_get_would(made: Made) -> None:
    ada = made.client("ada")
    job_id = submit(ada, data=[1])
    for path in ("/", "/processes/map", f"/jobs/{job_id}", f"/jobs/{job_id}/events", f"/jobs/{job_id}/log"):
        answer = ada.head(path, timeout=5)
        assert (answer.status_code, answer.content) == (200, b"")
    assert ada.head(f"/jobs/{job_id}/events").headers["content-type"].startswith("text/event-stream")


def test_a_job_is_dismissed_then_hidden(made: Made) -> None:
    ada = made.client("ada")
    job_id = submit(ada, data=[1])
    first = ada.delete(f"/jobs/{job_id}")
    assert (first.status_code, first.json()["status"]) == (200, "dismissed")
    made.begin(job_id)  # what comes late changes nothing
    assert ada.get(f"/jobs/{job_id}").json()["status"] == "dismissed"
    assert problem(ada.get(f"/jobs/{job_id}/results")) == (410, f"{URN}job-dismissed")
    second = ada.delete(f"/jobs/{job_id}")
    assert (second.status_code, second.json()["status"]) == (200, "dismissed")
    for refused in (ada.get(f"/jobs/{job_id}"), ada.delete(f"/jobs/{job_id}"), ada.get(f"/jobs/{job_id}/results")):
        assert problem(refused) == (404, f"{EX1}no-such-job")
    assert job_id not in ada.get("/jobs?limit=1000").text


def test_a_job_that_has_ended_is_not_hidden_by_who_says_so(made: Made) -> None:
    ada = made.client("ada")
    job_id = submit(ada, data=[1])
    made.begin(job_id)
    made.done(job_id, 1)
    made.end(job_id)
    for _ in range(2):
        kept = ada.delete(f"/jobs/{job_id}?hide=false")
        assert (kept.status_code, kept.json()["status"]) == (200, "successful")
    assert ada.get(f"/jobs/{job_id}/results").json() == {"result": [0]}
    other = submit(ada, data=[1])
    for _ in range(2):
        assert ada.delete(f"/jobs/{other}?hide=false").json()["status"] == "dismissed"
    assert problem(ada.delete(f"/jobs/{other}?hide=no")) == (422, f"{URN}bad-option")
    assert ada.delete(f"/jobs/{other}?hide=true").status_code == 200
    assert problem(ada.get(f"/jobs/{other}")) == (404, f"{EX1}no-such-job")


@pytest.mark.parametrize("job", ["x", "..%2Fx", "%00", "a" * 65, "0000 000", "job-1", "é", "'; DROP TABLE jobs", "%ff"])
def test_an_id_that_is_none_is_not_there(made: Made, job: str) -> None:
    ada = made.client("ada")
    for path in (f"/jobs/{job}", f"/jobs/{job}/events", f"/jobs/{job}/results/{job}"):
        answer = ada.get(path)
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_job_that_has_ended_says_until_when_it_is_kept(tmp_path: Path) -> None:
    for keep_s, kept in ((86_400.0, timedelta(days=1)), (0.0, None), (1e300, None)):
        with Made(tmp_path / str(keep_s), runs_engine=False, keep_jobs_s=keep_s).run() as made:
            ada = made.client("ada")
            job_id = submit(ada, data=[1])
            assert "expires" not in ada.get(f"/jobs/{job_id}").json()
            said = ada.delete(f"/jobs/{job_id}").json()
            assert ada.get("/jobs").json()["jobs"] == [ada.get(f"/jobs/{job_id}").json()] == [said]
            if kept is None:
                assert "expires" not in said
            else:
                assert datetime.fromisoformat(said["expires"]) - datetime.fromisoformat(said["finished"]) == kept


def test_a_revoked_token_ends_within_five_seconds(made: Made) -> None:
    made.tokens["brief"] = made.store.tokens.create("ada", ["compute"])
    brief = made.client("brief")
    assert brief.get("/jobs").status_code == 200
    made.store.tokens.revoke(made.tokens["brief"].split("_")[1])
    deadline = monotonic() + 5
    while brief.get("/jobs").status_code == 200:
        assert monotonic() < deadline
        sleep(0.1)
    assert problem(brief.get("/jobs")) == (401, f"{URN}invalid-token")
