"""Executions: what cannot be is refused by name; what is waited for comes, or ends with who waits."""

import gzip
import json
from threading import Thread
from time import monotonic, sleep
from typing import Any

import httpx
import pytest

from cloudify.errors import StoreUnavailableError
from ogc.made import ASYNC, DOUBLE, EX1, EX2, URN, Made, ended, posted, problem, submit

EXECUTE = "/processes/map/execution"
SLEEPS = {"source": "def f(x):\n    import time\n    time.sleep(30)\n", "entry": "f"}


def function(source: str, entry: str = "f") -> dict[str, Any]:
    return {"data": [1], "function": {"source": source, "entry": entry}}


BAD_INPUTS: dict[str, tuple[dict[str, Any], tuple[int, str], str]] = {
    "source that does not parse": (function("def f(x:\n"), (422, f"{URN}invalid-function"), "line 1"),
    "no entry": (function("def g(x): return x"), (422, f"{URN}invalid-function"), "'f'"),
    "lambda": (function("f = lambda x: x"), (422, f"{URN}invalid-function"), "lambda"),
    "300 kB of source": (function("#" * 300_000 + "\ndef f(x): return x"), (422, f"{URN}bad-input"), "characters"),
    "100,000 parentheses": (function("x = " + "(" * 100_000), (422, f"{URN}invalid-function"), ""),
    "NUL": (function("def f(x): return '\0'"), (422, f"{URN}invalid-function"), "NUL"),
    "half a character": (function("# \ud800\ndef f(x): return x"), (422, f"{URN}invalid-function"), "surrogates"),
    "args that are no object": ({**function("def f(x): return x"), "args": [1]}, (422, f"{URN}bad-input"), "args"),
    "unknown dataset": ({"dataset": "rampp", "function": DOUBLE}, (404, f"{URN}unknown-dataset"), "'ramp'"),
    "no dataset's id": ({"dataset": "../x", "function": DOUBLE}, (422, f"{URN}bad-input"), "dataset"),
    "unknown variable": (
        {"dataset": "ramp", "variables": ["vv"], "function": DOUBLE}, (404, f"{URN}unknown-variable"), "'v'",
    ),
    "unknown pool": ({"data": [1], "function": DOUBLE, "pool": "gpu"}, (404, f"{URN}unknown-pool"), "default"),
    "unknown process": ({"data": [1], "function": {"process": "nix"}}, (404, f"{EX1}no-such-process"), "nix"),
    "no function": ({"data": [1]}, (422, f"{URN}bad-input"), "function"),
    "no data": ({"data": [], "function": DOUBLE}, (422, f"{URN}bad-input"), "data"),
    "data and dataset": ({"data": [1], "dataset": "ramp", "function": DOUBLE}, (422, f"{URN}bad-input"), "not both"),
    "unknown input": ({"data": [1], "function": DOUBLE, "colour": 1}, (422, f"{URN}bad-input"), "colour"),
    "unknown dimension": (
        {"dataset": "ramp", "chunks": {"level": 1}, "function": DOUBLE}, (422, f"{URN}bad-input"), "time, x",
    ),
    "limits beyond the pool's": (
        {"data": [1], "function": DOUBLE, "limits": {"wall": 1e9}}, (422, f"{URN}bad-input"), "wall",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_INPUTS)
def test_an_input_that_cannot_be_is_named(made: Made, case: str) -> None:
    inputs, refusal, said = BAD_INPUTS[case]
    ada = made.client("ada")
    before = len(ada.get("/jobs", params={"limit": 10_000}).json()["jobs"])
    answer = posted(ada, EXECUTE, {"inputs": inputs}, ASYNC)
    assert problem(answer) == refusal
    assert said in answer.json()["detail"]
    assert len(answer.text) < 2000
    assert len(ada.get("/jobs", params={"limit": 10_000}).json()["jobs"]) == before


def test_a_block_beyond_the_bound_is_refused_with_what_would_fit(tmp_path: Any) -> None:
    with Made(tmp_path, runs_engine=False, max_block_nbytes=200).run() as made:
        answer = made.client("ada").post(
            EXECUTE, json={"inputs": {"dataset": "ramp", "chunks": {"time": 10}, "function": DOUBLE}}
        )
    assert problem(answer) == (413, f"{URN}block-too-large")
    assert '"chunks": {"time": ' in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "content_type", "refusal"),
    [
        (b"{}", "text/plain", (415, f"{EX2}unsupported-media-type")),
        (b"{}", "", (415, f"{EX2}unsupported-media-type")),
        (b"a=b", "application/x-www-form-urlencoded", (415, f"{EX2}unsupported-media-type")),
        (b"", "application/json", (400, f"{URN}malformed-body")),
        (b"{", "application/json", (400, f"{URN}malformed-body")),
        (b"[]", "application/json", (400, f"{URN}malformed-body")),
        (b'{"inputs": {"data": [NaN]}}', "application/json", (400, f"{URN}malformed-body")),
        (b'{"inputs": {"data": [1e999]}}', "application/json", (400, f"{URN}malformed-body")),
        (b'{"inputs": {"data": [' + b"9" * 5000 + b"]}}", "application/json", (400, f"{URN}malformed-body")),
        (b"[" * 100_000, "application/json", (400, f"{URN}malformed-body")),
        (b'{"a": "\xff"}', "application/json", (400, f"{URN}malformed-body")),
        ('{"a": 1}'.encode("utf-16"), "application/json", (400, f"{URN}malformed-body")),
        (b'{"inputs": 3}', "application/json; charset=utf-8", (422, f"{URN}bad-input")),
        (b'{"inputs": {}, "open": 1}', "application/json", (422, f"{URN}bad-input")),
        (b'{"inputs": {}, "response": "xml"}', "application/json", (422, f"{URN}bad-input")),
        (b'{"inputs": {}, "outputs": {"picture": {}}}', "application/json", (422, f"{URN}bad-input")),
        (b'{"inputs": {}, "outputs": false}', "application/json", (422, f"{URN}bad-input")),
        (b'{"inputs": {}, "outputs": ""}', "application/json", (422, f"{URN}bad-input")),
        (b'{"inputs": {}, "outputs": {"result": 1}}', "application/json", (422, f"{URN}bad-input")),
        (
            b'{"inputs": {}, "outputs": {"result": {"transmissionMode": "carrier pigeon"}}}',
            "application/json",
            (422, f"{URN}bad-input"),
        ),
        (b'{"inputs": {}, "inputs": {}}', "application/json", (400, f"{URN}malformed-body")),
        (b'{"inputs": {"data": [{"a": 1, "a": 2}]}}', "application/json", (400, f"{URN}malformed-body")),
        (b"{}", "application/json; charset=utf-16", (415, f"{EX2}unsupported-media-type")),
        (b"{}", 'application/json;charset="latin-1"', (415, f"{EX2}unsupported-media-type")),
        (b'{"inputs": {}, "subscriber": {"successUri": "http://x"}}', "application/json", (422, f"{URN}bad-input")),
        (b'{"inputs": {}, "colour": 1}', "application/json", (422, f"{URN}bad-input")),
        (b'{"inputs": "' + b"x" * 2**21 + b'"}', "application/json", (413, f"{URN}body-too-large")),
    ],
)
def test_a_body_that_cannot_be_is_refused(made: Made, body: bytes, content_type: str, refusal: tuple[int, str]) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    assert problem(made.client("ada").post(EXECUTE, content=body, headers=headers)) == refusal


@pytest.mark.parametrize("encoding", ["gzip", "br", "x", "gzip, identity"])
def test_a_compressed_body_is_refused(made: Made, encoding: str) -> None:
    ada, asked = made.client("ada"), json.dumps({"inputs": {"data": [1], "function": DOUBLE}}).encode()
    headers = {**ASYNC, "Content-Type": "application/json"}
    refused = ada.post(EXECUTE, content=gzip.compress(asked), headers={**headers, "Content-Encoding": encoding})
    assert problem(refused) == (415, f"{URN}encoded-body")
    as_it_is = ada.post(EXECUTE, content=asked, headers={**headers, "Content-Encoding": "Identity"})
    assert as_it_is.status_code == 201


def test_a_result_is_waited_for_as_long_as_it_is_asked_to_be(live: Made) -> None:
    ada, quick = live.client("ada"), {"inputs": {"data": [1], "function": DOUBLE}}
    slow = {"inputs": {"data": [1], "function": SLEEPS}}
    for prefer in ("wait=25", "respond-async, wait=25"):
        answer = ada.post(EXECUTE, json=quick, headers={"Prefer": prefer})
        assert (answer.status_code, answer.json()) == (200, {"result": [2]})
    for prefer, applied in (("wait=1", "respond-async, wait=1"), ("respond-async,wait=0", "respond-async")):
        began = monotonic()
        answer = ada.post(EXECUTE, json=slow, headers={"Prefer": prefer})
        assert (answer.status_code, answer.headers["preference-applied"]) == (201, applied)
        assert monotonic() - began < 10
        job_id = answer.json()["jobID"]
        assert ada.get(f"/jobs/{job_id}").json()["status"] in {"accepted", "running"}
        assert ada.delete(f"/jobs/{job_id}").json()["status"] == "dismissed"


def test_a_client_that_would_have_waited_leaves_a_job_that_goes_on(made: Made) -> None:
    ada = made.client("ada")
    with pytest.raises(httpx.ReadTimeout):
        ada.post(
            EXECUTE, json={"inputs": {"data": [1], "function": DOUBLE}}, timeout=0.5,
            headers={"Prefer": "respond-async, wait=20"},
        )  # fmt: skip
    job_id = ada.get("/jobs").json()["jobs"][0]["jobID"]
    until = monotonic() + 1
    while monotonic() < until:
        assert ada.get(f"/jobs/{job_id}").json()["status"] == "accepted"
        sleep(0.2)


@pytest.mark.parametrize("process", ["nix", "..a", "%00", "a%2Fb", "x" * 300, "map%0A", "é"])
def test_a_process_that_is_none_is_not_there(made: Made, process: str) -> None:
    ada = made.client("ada")
    asked = {"inputs": {"data": [1], "function": DOUBLE}}
    for answer in (ada.post(f"/processes/{process}/execution", json=asked), ada.get(f"/processes/{process}")):
        assert answer.status_code in {404, 405}  # some are no path below processes at all
        assert answer.headers["content-type"] == "application/problem+json"


def test_the_same_request_under_one_key_is_one_job(made: Made) -> None:
    ada, bob = made.client("ada"), made.client("bob")
    headers = {**ASYNC, "Idempotency-Key": "k-1"}
    asked = {"inputs": {"data": [1], "function": DOUBLE}}
    first, again = (ada.post(EXECUTE, json=asked, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["location"] == first.headers["location"]
    other = ada.post(EXECUTE, json={"inputs": {"data": [2], "function": DOUBLE}}, headers=headers)
    assert problem(other) == (422, f"{URN}idempotency-conflict")
    assert bob.post(EXECUTE, json=asked, headers=headers).json()["jobID"] != first.json()["jobID"]
    for key in ("", "x" * 201):
        refused = ada.post(EXECUTE, json=asked, headers={**ASYNC, "Idempotency-Key": key})
        assert problem(refused) == (422, f"{URN}bad-option")


def test_many_at_once_under_one_key_are_one_job(made: Made) -> None:
    ada, ids = made.client("ada"), []
    asked = {"inputs": {"data": [1], "function": DOUBLE}}

    def send() -> None:
        ids.append(ada.post(EXECUTE, json=asked, headers={**ASYNC, "Idempotency-Key": "k-16"}).json()["jobID"])

    threads = [Thread(target=send) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(ids), len(set(ids))) == (16, 1)


def test_without_a_preference_the_answer_is_the_result(live: Made) -> None:
    ada = live.client("ada")
    answer = ada.post(EXECUTE, json={"inputs": {"data": [1, 2, 3], "function": DOUBLE}})
    assert (answer.status_code, answer.json()) == (200, {"result": [2, 4, 6]})
    monitor = answer.links["monitor"]["url"]
    assert ada.get(monitor).json()["status"] == "successful"
    raw = ada.post(EXECUTE, json={"inputs": {"data": [1], "function": DOUBLE}, "response": "raw"})
    assert raw.json() == [2]
    over = {"dataset": "ramp", "function": {"source": "def f(block):\n    return block\n", "entry": "f"}}
    reference = ada.post(EXECUTE, json={"inputs": over, "response": "raw"})
    job_id = reference.links["monitor"]["url"].rpartition("/")[2]
    assert (reference.status_code, reference.content) == (204, b"")
    assert reference.links["item"]["url"] == f"{live.url}/datasets/job-{job_id}/zarr"


def test_a_store_that_cannot_be_written_is_said_and_leaves_no_job(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: Any, **_options: Any) -> None:
        raise StoreUnavailableError("cannot be written: its disk is full", has_no_room=True)

    ada = made.client("ada")
    before = ada.get("/jobs", params={"limit": 10_000}).json()["jobs"]
    monkeypatch.setattr(made.store.jobs, "add", full)
    refused = ada.post(EXECUTE, json={"inputs": {"data": [1], "function": DOUBLE}}, headers=ASYNC)
    assert problem(refused) == (503, f"{URN}store-unavailable")
    assert refused.headers["retry-after"] == "5"
    assert ada.get("/jobs", params={"limit": 10_000}).json()["jobs"] == before


def test_a_function_that_raises_is_answered_with_its_traceback(live: Made) -> None:
    inputs = {"data": [1, 0], "function": {"source": "def f(x):\n    return 1 / x\n", "entry": "f"}}
    answer = live.client("ada").post(EXECUTE, json={"inputs": inputs})
    assert problem(answer) == (422, f"{URN}user-error")
    said = answer.json()
    assert said["slice"] == 2
    assert "ZeroDivisionError" in said["traceback"]
    assert "return 1 / x" in said["traceback"] or "line 2" in said["traceback"]
    assert str(live.server.settings.data_dir) not in answer.text
    over = {"dataset": "ramp", "chunks": {"time": 5}, "function": {"source": "def f(x):\n    1 / 0\n", "entry": "f"}}
    failed = live.client("ada").post(EXECUTE, json={"inputs": over})
    assert failed.json()["region"] == {"time": [0, 5], "x": [0, 4]}
    job_id = failed.json()["job"].rpartition("/")[2]
    assert live.client("ada").get(f"/jobs/{job_id}").json()["exception"]["region"] == {"time": [0, 5], "x": [0, 4]}


@pytest.mark.parametrize("key", [None, "comes-back"])
def test_a_client_that_leaves_ends_its_job_unless_it_can_come_back(live: Made, key: str | None) -> None:
    ada = live.client("ada")
    headers = {"Idempotency-Key": key} if key else {}
    with pytest.raises(httpx.ReadTimeout):
        ada.post(EXECUTE, json={"inputs": {"data": [1], "function": SLEEPS}}, headers=headers, timeout=1.0)
    job_id = ada.get("/jobs").json()["jobs"][0]["jobID"]
    if key is None:
        assert ended(ada, job_id)["status"] == "dismissed"
        return
    until = monotonic() + 1
    while monotonic() < until:
        assert ada.get(f"/jobs/{job_id}").json()["status"] in {"accepted", "running"}
        sleep(0.2)
    assert ada.delete(f"/jobs/{job_id}").json()["status"] == "dismissed"


def test_64_who_wait_hold_up_nobody(own: Made) -> None:
    """They are coroutines: whoever looks at a job is answered at once."""
    ada, answers = own.client("ada", limits=httpx.Limits(max_connections=100)), []

    def wait() -> None:
        answers.append(ada.post(EXECUTE, json={"inputs": {"data": [1], "function": DOUBLE}}))

    threads = [Thread(target=wait) for _ in range(64)]
    for thread in threads:
        thread.start()
    deadline = monotonic() + 30
    while len(jobs := ada.get("/jobs", params={"limit": 100}).json()["jobs"]) < 64:
        assert monotonic() < deadline
        sleep(0.05)
    began = monotonic()
    assert ada.get(f"/jobs/{jobs[0]['jobID']}").status_code == 200
    assert monotonic() - began < 2
    for job in jobs:
        own.begin(job["jobID"])
        own.done(job["jobID"], 1, "7")
        own.end(job["jobID"])
    for thread in threads:
        thread.join()
    assert [answer.json() for answer in answers] == 64 * [{"result": [7]}]


def test_a_server_without_a_sandbox_says_so(tmp_path: Any) -> None:
    with Made(tmp_path, runs_engine=True, unsafe_compute=False).run() as made:
        ada = made.client("ada")
        refused = ada.post(EXECUTE, json={"inputs": {"data": [1], "function": DOUBLE}})
        assert problem(refused) == (503, f"{URN}no-sandbox")
        assert "CLOUDIFY_UNSAFE_COMPUTE=1" in refused.json()["detail"]
        assert ada.get("/jobs").json()["jobs"] == []
        assert ada.get("/isolation").json()["runs_functions"] is False
    assert made.server.settings.unsafe_compute is False


def test_where_functions_run_is_said(made: Made) -> None:
    ada = made.client("ada")
    isolation = ada.get("/isolation").json()
    assert (isolation["level"], isolation["runs_functions"]) == ("none", True)
    assert "without a sandbox" in isolation["message"]
    pools = ada.get("/pools").json()["pools"]
    assert [pool["id"] for pool in pools] == ["default"]
    assert ada.get("/pools/default").json() == pools[0]
    assert problem(ada.get("/pools/gpu")) == (404, f"{URN}unknown-pool")
    assert submit(ada, data=[1], pool="default")
