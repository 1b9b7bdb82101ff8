"""Row ``generated-jobs``: requests that schemathesis makes of the OpenAPI document of `/ogc-api`.

None is answered with a 5xx, and each as the document has it.

What is made up is mostly refused at once: so a body is as often an example of the document, or one with a part of it
changed, and an id mostly that of a job that there is.
"""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from time import monotonic
from typing import Any

import httpx
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from benchmarks.generated import drawn
from benchmarks.servers import demo
from benchmarks.tally import Tally

BATCH = 60
"""Requests of one route before the next has its turn."""
REQUEST_S = 60.0
ASYNC = {"Prefer": "respond-async"}
EXECUTION = "/ogc-api/processes/map/execution"
WAITS: Sequence[Mapping[str, str]] = (ASYNC, {"Prefer": "wait=0"}, {"Prefer": "respond-async, wait=1"})
"""Nobody waits long: it is what is asked that is looked at."""
QUERIES: Mapping[str, Sequence[str]] = {
    "limit": ["1", "0", "-1", "1e9", "99999999999999999999", "x"], "after": ["", "0", "2", "zz", "-1", "99999"],
    "status": ["successful", "failed,running", "none"], "processID": ["map", "", "x,y"], "type": ["process", "other"],
    "datetime": ["2026-01-01/..", "../..", "2026-13-01", "2026-01-01T00:00:00Z"], "f": ["json", "text", "html"],
    "minDuration": ["0", "x"], "maxDuration": ["1", "1e3"], "state": ["done", "pending", "lost"], "slice": ["1", "0"],
    "hide": ["false", "true", "maybe"],
}  # fmt: skip
JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
Operation = Any
"""Of schemathesis: generic in four ways that mean nothing here."""


def operations(client: httpx.Client) -> list[Operation]:
    """Return what can be asked of `/ogc-api`, what ends jobs at the end."""
    schema = schemathesis.openapi.from_url(f"{client.base_url}/ogc-api/openapi.json")
    found: list[Operation] = [result.ok() for result in schema.get_all_operations()]  # type: ignore[union-attr]
    return sorted(found, key=lambda operation: operation.method.upper() == "DELETE")


def made_jobs(client: httpx.Client) -> list[str]:
    """Begin a job that is open, one that fails, one that leaves a file and one that is dismissed; return their ids."""
    functions = {
        "f": "def f(x):\n    print(x)\n    return x\n",
        "g": "def g(x):\n    return 1 / 0\n",
        "h": "def h(x):\n    return b'file'\n",
    }
    found = []
    for name, is_open in (("f", True), ("f", False), ("g", False), ("h", False)):
        inputs = {"data": [1, 2], "function": {"source": functions[name], "entry": name}}
        answer = client.post(EXECUTION, json={"inputs": inputs, "open": is_open}, headers=ASYNC)
        found.append(str(answer.raise_for_status().json()["jobID"]))
    client.delete(f"/ogc-api/jobs/{found[1]}")
    return found


@st.composite
def bodies(draw: st.DrawFn, made_up: object, examples: Sequence[object]) -> object:
    """Make a body: one that was made up, or an example, or one of which a part is something else."""
    if not examples or draw(st.integers(0, 3)) == 0:
        return made_up
    body = deepcopy(draw(st.sampled_from(examples)))
    if draw(st.booleans()):
        return body
    at: Any = body
    while isinstance(at, dict) and at:
        name = draw(st.sampled_from([*at]))
        if not isinstance(at[name], dict) or draw(st.booleans()):
            at[name] = draw(JSON)
            break
        at = at[name]
    return body


@st.composite
def requests(draw: st.DrawFn, operation: Operation, jobs: Sequence[str]) -> dict[str, Any]:
    """Make a request of an operation, as httpx takes it."""
    case = draw(operation.as_strategy())
    known = {
        "job_id": jobs,
        "process_id": ["map", "map", "map", "half", "none"],
        "pool_id": ["default"],
        "name": ["1-h.bin"],
    }
    for name in case.path_parameters:
        if draw(st.integers(0, 5)):
            case.path_parameters[name] = draw(st.sampled_from(known[name]))
    query = {}
    for parameter in operation.query:
        if draw(st.booleans()):
            query[parameter.name] = draw(st.sampled_from(QUERIES[parameter.name]))
    if operation.path.endswith("/events"):  # a stream goes on as long as its job
        query["f"] = "json"
    asked: dict[str, Any] = {"method": operation.method.upper(), "url": case.formatted_path, "params": query}
    if operation.body:
        content = operation.definition.raw["requestBody"]["content"]["application/json"]
        examples = [example["value"] for example in content["examples"].values()]
        asked["json"] = draw(bodies(case.body if _is_json(case.body) else {}, examples))
    if operation.path.endswith("/execution"):
        asked["headers"] = draw(st.sampled_from(WAITS))
    return asked


def fault(operation: Operation, answer: httpx.Response) -> str:
    """Return what is wrong with an answer, ``""`` if nothing is."""
    described = operation.definition.raw["responses"]
    said = described.get(str(answer.status_code), described["default"])
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR and not _is_of_a_job(answer):
        return f"{answer.status_code} {answer.text[:200]}"
    if not answer.content or "*/*" in said.get("content", {}):
        return ""
    if kind not in said["content"]:
        return f"{answer.status_code} as {kind!r}, which is not described"
    if "json" not in kind:
        return ""
    schema = said["content"][kind].get("schema", {})
    errors = [error.message[:200] for error in Draft202012Validator(schema).iter_errors(answer.json())]
    if answer.is_error and answer.json()["status"] != answer.status_code:
        errors.append("a problem of another status")
    return f"{answer.status_code} is not as it is described: {errors[0]}" if errors else ""


def ask(
    client: httpx.Client, operation: Operation, jobs: Sequence[str], *, examples: int, seed: int, tally: Tally
) -> None:
    """Send so many requests of one operation; what is wrong with an answer is counted."""

    @drawn(examples, seed)
    @given(requests(operation, jobs))
    def one(asked: dict[str, Any]) -> None:
        answer = client.request(**asked)
        tally.answered(str(answer.status_code))
        if found := fault(operation, answer):
            tally.failed(f"{asked}: {found}"[:1000])

    one()


def run(budget_s: float, seed: int) -> Tally:
    """Ask for things route by route until the budget is used up."""
    end, tally, turn = monotonic() + budget_s, Tally(), 0
    with demo({"unsafe_compute": True, "dask": "none"}) as server:
        token = (server.folder / "data" / "demo-token").read_text().strip()
        with client_of(server.url, token) as client:
            known = operations(client)
            while monotonic() < end:
                jobs = made_jobs(client)
                for operation in known:
                    ask(client, operation, jobs, examples=BATCH, seed=seed + turn, tally=tally)
                    if monotonic() >= end:
                        break
                turn += 1
        if server.process.poll() is not None:
            tally.failed(f"the server ended by itself, with status {server.process.returncode}")
    return tally


def client_of(url: str, token: str) -> httpx.Client:
    """Return a client with a token."""
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=url, timeout=REQUEST_S, trust_env=False, headers=headers)


def _is_json(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False).encode()
    except (TypeError, ValueError):
        return False
    return True


def _is_of_a_job(answer: httpx.Response) -> bool:
    """Whether it is the result of a job that failed by something other than its function."""
    return "job" in answer.json() if "json" in answer.headers.get("content-type", "") else False
