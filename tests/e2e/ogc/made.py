"""A server with jobs, who may come to it, and an engine that is played by hand."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any

import httpx
import numpy as np
import xarray as xr

from cloudify import Server
from cloudify.compute.lifecycle import Assembled, Began
from cloudify.model.job import Failure, Usage
from cloudify.model.outcome import Emitted, Outcome
from cloudify.settings import Settings
from cloudify.testing import running

DOUBLE = {"source": "def double(x):\n    print('got', x)\n    return 2 * x\n", "entry": "double"}
ASYNC = {"Prefer": "respond-async"}
BOOT = "by-hand"
URN = "urn:cloudify:problems/"
EX1 = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
EX2 = "http://www.opengis.net/def/exceptions/ogcapi-processes-2/1.0/"
WAIT_S = 60.0


def ramp() -> xr.Dataset:
    """Ten times of four cells, each its own number."""
    values = np.arange(40.0).reshape(10, 4)
    return xr.Dataset({"v": (("time", "x"), values)}, coords={"time": np.arange(10), "x": np.arange(4.0)})


class Made:
    """A server that runs, and clients of it by who they are."""

    def __init__(self, folder: Path, *, runs_engine: bool, **settings: Any) -> None:
        own = Settings(**{"data_dir": folder, "watch": False, "unsafe_compute": True, "dask": "none"} | settings)
        self.server = Server({"ramp": ramp()}, settings=own, runs_engine=runs_engine)
        self.store = self.server.service.store
        create = self.store.tokens.create
        self.tokens = {
            "ada": create("ada", ["compute", "read"]),
            "bob": create("bob", ["compute", "read"]),
            "ada's reader": create("ada", ["read", "deploy", "admin"]),
            "deployer": create("ada", ["deploy"]),
        }
        self.url = ""
        self._clients: list[httpx.Client] = []

    def client(self, who: str = "", **options: Any) -> httpx.Client:
        """Return a client, which is closed with the server; nobody in particular by default."""
        headers = {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}
        client = httpx.Client(base_url=f"{self.url}/ogc-api", headers=headers, timeout=30, **options)
        self._clients.append(client)
        return client

    @contextmanager
    def run(self) -> Iterator["Made"]:
        """Serve until the block ends."""
        with running(self.server.app) as self.url:
            yield self
            for client in self._clients:
                client.close()
        self.store.close()

    def begin(self, job_id: str) -> None:
        """Take a job up."""
        self.store.jobs.happen(job_id, Began(at=time()))

    def settle(self, job_id: str, outcomes: Sequence[Outcome]) -> None:
        """Have slices run, and be settled."""
        self.store.jobs.lease(job_id, [(outcome.number, outcome.attempt) for outcome in outcomes], BOOT)
        self.store.jobs.settle(job_id, outcomes, boot=BOOT, at=time())

    def done(self, job_id: str, number: int, value: str = "0", **more: Any) -> None:
        """Have a slice be done."""
        self.settle(job_id, [Outcome(number, 1, value=value, usage=Usage(0.5, 1000, 10, 20), **more)])

    def fail(self, job_id: str, number: int, message: str = "it raised") -> None:
        """Have a slice fail."""
        failure = Failure("user-error", message, "Traceback: of the function")
        self.settle(job_id, [Outcome(number, 1, failure=failure)])

    def emit(self, job_id: str, number: int, index: int, kind: str, payload: str = "{}") -> None:
        """Have a slice that runs say something."""
        self.store.jobs.emit(job_id, number, 1, [Emitted(index, time(), kind, payload)])

    def end(self, job_id: str) -> None:
        """Have a job be successful."""
        self.store.jobs.happen(job_id, Assembled(at=time()))


def submit(client: httpx.Client, process: str = "map", **inputs: Any) -> str:
    """Begin a job; returns its id."""
    asked = {"inputs": {"function": DOUBLE, **inputs} if process == "map" else inputs}
    answer = client.post(f"/processes/{process}/execution", json=asked, headers=ASYNC)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["jobID"])


def ended(client: httpx.Client, job_id: str) -> dict[str, Any]:
    """Return the status of a job when it has ended."""
    deadline = monotonic() + WAIT_S
    while True:
        said: dict[str, Any] = client.get(f"/jobs/{job_id}").json()
        if said["status"] in {"successful", "failed", "dismissed"}:
            return said
        assert monotonic() < deadline, said
        sleep(0.05)


def posted(client: httpx.Client, path: str, asked: object, headers: dict[str, str] | None = None) -> httpx.Response:
    """Send JSON in ASCII, which may hold halves of surrogate pairs."""
    sent = {"Content-Type": "application/json", **(headers or {})}
    return client.post(path, content=json.dumps(asked), headers=sent)


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Return status and type of a refusal, which nobody keeps."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert "no-store" in answer.headers["cache-control"]
    said = answer.json()
    assert said["status"] == answer.status_code
    return answer.status_code, said["type"]
