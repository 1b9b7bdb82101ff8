"""What the soak takes for a failure of a server under load."""

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import numpy as np
import psutil
import pytest
import zarr
from numcodecs import Zstd

from benchmarks import ending, soak
from benchmarks.classes import Answers, ClassLoad, Keys
from benchmarks.crowd import judge as judge_crowd
from benchmarks.ending import end_in_time
from benchmarks.health import judge as judge_health
from benchmarks.lost_scheduler import judge as judge_lost
from benchmarks.processes import Running
from benchmarks.sampler import Sampler
from benchmarks.tally import Tally
from benchmarks.truth import write_truth
from benchmarks.under_load import judge as judge_load

ANSWERS: dict[str, tuple[int, bytes, dict[str, str]]] = {
    "/well": (200, b"well", {}),
    "/other": (200, b"other", {}),
    "/full": (503, b'{"type":"urn:cloudify:problems/queue-full"}', {"Retry-After": "2"}),
    "/silent": (503, b'{"type":"urn:cloudify:problems/deadline"}', {}),
    "/absent": (404, b"{}", {}),
}


class Classes(BaseHTTPRequestHandler):
    """Answers each path in its own way."""

    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        with suppress(ConnectionError):  # wrk does not say goodbye
            super().handle()

    def do_GET(self) -> None:
        status, body, headers = ANSWERS[self.path]
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def keys(name: str, path: str, status: int = 200) -> Keys:
    return Keys(name, [path], status, lambda path, body: body == path[1:].encode())


def answers(**statuses: int) -> Answers:
    return Answers(Counter({name.replace("_", " ").replace("queue ", "queue-"): n for name, n in statuses.items()}))


def failures(tally: Tally) -> str:
    return "\n".join(tally.first_failures)


@pytest.mark.program("wrk")
def test_answers_are_counted_by_class_and_status_with_the_reason_of_503(
    serve_http: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ThreadingHTTPServer, "request_queue_size", 128)  # all connections come at once
    url = serve_http(Classes)
    classes = [keys("stored", "/well"), keys("computed", "/full"), keys("silent", "/silent"), keys("none", "/absent")]
    load = ClassLoad(url, classes, tmp_path, seconds=1, seed=1)
    found, broken = load.answers()
    assert broken == ""
    assert {name: set(answers.statuses) for name, answers in found.items()} == {
        "stored": {"200"}, "computed": {"503 queue-full"}, "silent": {"503 deadline"}, "none": {"404"},
    }  # fmt: skip
    assert all(answers.total > 10 for answers in found.values())
    assert (found["computed"].unasked, found["silent"].unasked) == (0, found["silent"].total)
    assert found["stored"].last_503_s == 0 < found["computed"].last_503_s


def test_a_sampler_sees_other_bytes_and_refusals_that_may_not_be(serve_http: Any) -> None:
    url = serve_http(Classes)
    right, wrong = keys("stored", "/well"), Keys("computed", ["/other"], 200, lambda *_: False)
    for classes, said in (
        ([right], ""),
        ([right, wrong], "GET /other: other bytes"),
        ([right, keys("metadata", "/full")], "GET /full: 503 "),
        ([right, keys("may", "/silent")], "503 without Retry-After"),
    ):
        tally, looked = Tally(), Event()
        may_be_busy = {"may": "deadline"}
        with Sampler(url, classes, tally, seed=1, may_be_busy=may_be_busy):
            deadline = monotonic() + 20
            while len(tally.answers) < len(classes):
                assert monotonic() < deadline
                looked.wait(0.01)
        assert said in failures(tally)
        assert bool(tally.failures) == bool(said)


def test_the_truth_is_what_numpy_says_and_nothing_else(tmp_path: Path) -> None:
    truth = write_truth(tmp_path)
    values = np.asarray(zarr.open_array(tmp_path / "noise.zarr" / "tas", mode="r")[:])
    stored = (tmp_path / "noise.zarr" / "tas" / "c" / "3" / "0" / "0").read_bytes()
    path = "tas/c/3/0/0"
    assert truth.stored.is_right(f"/datasets/noise/zarr/{path}", stored)
    assert not truth.stored.is_right(f"/datasets/noise/zarr/{path}", stored[:-1])
    right = values[3] - np.max(values, axis=0)
    assert truth.computed.is_right(f"/datasets/computed/zarr/{path}", Zstd(5).encode(right.tobytes()))
    for wrong in (Zstd().encode((right + 1).tobytes()), stored, b"", b"no zstd"):
        assert not truth.computed.is_right(f"/datasets/computed/zarr/{path}", wrong)
    assert not truth.absent.is_right("/a", b'{"status": 404, "instance": "/b"}')
    assert truth.absent.is_right("/a", b'{"status": 404, "instance": "/a"}')


@pytest.mark.parametrize(
    ("computed", "stored", "full", "said"),
    [
        ({"200": 1000}, {"200": 9}, 0, ""),
        ({"200": 995, "503_queue_full": 5}, {"200": 9}, 5, ""),
        ({"200": 995, "503_queue_full": 5}, {"200": 9}, 0, "of which /metrics says 0"),
        ({"200": 980, "503_queue_full": 20}, {"200": 9}, 20, "more than one in a hundred"),
        ({"200": 999, "503_deadline": 1}, {"200": 9}, 0, "{'503 deadline': 1} are neither 200 nor 503 queue-full"),
        ({"200": 999, "502": 1}, {"200": 9}, 0, "{'502': 1} are neither 200"),
        ({"200": 1000}, {"200": 9, "503_queue_full": 1}, 1, "stored: 10 answers, of which {'503 queue-full': 1}"),
        ({"200": 1000}, {"200": 9, "500": 1}, 0, "stored: 10 answers, of which {'500': 1} are not 200"),
        ({"200": 1000}, {}, 0, "stored: 0 answers"),
        ({}, {"200": 9}, 0, "computed: 0 answers"),
    ],
)
def test_only_computed_chunks_may_be_refused_and_few_since_their_queue_was_full(
    computed: dict[str, int], stored: dict[str, int], full: int, said: str
) -> None:
    tally = Tally()
    classes = [keys("stored", "/a"), keys("computed", "/b")]
    judge_load(classes, {"stored": answers(**stored), "computed": answers(**computed)}, full, tally)
    assert said in failures(tally)
    assert bool(tally.failures) == bool(said)


@pytest.mark.parametrize(
    ("statuses", "last_s", "said"),
    [
        ({"200": 50, "503_cluster-unavailable": 9}, 1012, ""),
        ({"200": 50, "503_cluster-unavailable": 9}, 1016, "a chunk is refused 16 s after"),
        ({"200": 50}, 0, "0 were 503 cluster-unavailable"),
        ({"503_cluster-unavailable": 9}, 1001, "computed: 9 answers"),
        ({"200": 50, "503_cluster-unavailable": 9, "502": 1}, 1001, "{'502': 1} neither"),
    ],
)
def test_without_its_scheduler_computed_chunks_are_refused_and_for_no_longer(
    statuses: dict[str, int], last_s: float, said: str
) -> None:
    tally, found = Tally(), answers(**statuses)
    found.last_503_s = last_s
    judge_lost(found, 1000, tally)
    assert said in failures(tally)
    assert bool(tally.failures) == bool(said)


@pytest.mark.parametrize(
    ("taken", "said"),
    [
        ([("stored", 200)] * 95 + [("stored", 503)] * 5 + [("figure", 503)] * 50 + [("absent", 404)], ""),
        ([("stored", 200)] * 94 + [("stored", 503)] * 6, "stored: 94.0 % of 100 answers"),
        ([("stored", 200)] * 99 + [("figure", 500)], "1 answers were figure 500"),
        ([("stored", 200)] * 99 + [("figure", 0)], "1 answers were figure none"),
        ([("stored", 200)] * 99 + [("absent", 200)], "1 answers were absent 200"),
    ],
)
def test_a_crowd_may_be_asked_to_come_again_but_not_for_what_is_at_hand(
    taken: Sequence[tuple[str, int]], said: str
) -> None:
    tally = Tally()
    right = {"stored": 200, "metadata": 200, "figure": 200, "absent": 404}
    judge_crowd([(*each, 0.1) for each in [*taken, ("metadata", 200)]], right, tally)
    assert said in failures(tally)
    assert bool(tally.failures) == bool(said)
    assert "answers took p50 0.10 s, p99 0.10 s" in tally.notes


@pytest.mark.parametrize(
    ("took_ms", "said"),
    [
        ([5.0] * 99 + [9000.0], ""),
        ([5.0] * 90 + [1100.0] * 10, "p99 is 1100 ms"),
        ([5.0] * 99 + [-1.0], "1 of 100 requests got no 200"),
        ([5.0] * 3, "3 answers are too few"),
    ],
)
def test_health_has_to_answer_within_a_second(took_ms: list[float], said: str) -> None:
    tally = Tally()
    judge_health(took_ms, tally)
    assert said in failures(tally)
    assert bool(tally.failures) == bool(said)


STAYS = """
import subprocess, sys
child = [sys.executable, "-c", "print(flush=True); import time; time.sleep(60)"]
with subprocess.Popen(child, stdout=subprocess.PIPE, process_group=0) as process:
    process.stdout.readline()
    print(flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("is_left", [True, False])
def test_what_outlives_a_server_is_a_failure(is_left: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in a process group of its own, as a worker is."""
    monkeypatch.setattr(ending, "END_S", 0.5)
    code = STAYS if is_left else "print(flush=True); import sys; sys.stdin.read()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as process:
        process.stdout.readline()
        server, tally = Running("", process, tmp_path), Tally()
        pids = server.pids()
        assert len(pids) == 1 + is_left
        end_in_time(server, tally)
        left = [psutil.Process(pid) for pid in pids[1:]]
        for child in left:
            child.kill()
    assert "after SIGTERM the server ended with status -15" in failures(tally)
    assert ("1 of 2 processes outlived the server" in failures(tally)) == is_left


def test_a_row_that_fails_makes_the_soak_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, float] = {}

    def row(name: str, failing: bool) -> soak.SoakRow:
        def run(seconds: float, _seed: int) -> Tally:
            asked[name] = seconds
            tally = Tally()
            tally.answered("200", 7)
            if failing:
                tally.failed("other bytes")
            return tally

        return run

    monkeypatch.setattr(soak, "LOADS", {"first": row("first", failing=True)})
    monkeypatch.setattr(
        soak, "COUNTS", {"second": (row("second", failing=False), 3), "third": (row("third", failing=False), 1)}
    )
    out = tmp_path / "SOAK.md"
    assert soak.main(["--budget", "20m", "--out", str(out)]) == 1
    assert asked == {"first": 60, "second": pytest.approx(900, abs=5), "third": pytest.approx(1200, abs=5)}
    assert "| first | " in out.read_text()
    assert "| **no** | 1 | 7 | 1 | 0 | 0 |" in out.read_text()
    assert soak.main(["--budget", "20m", "--out", str(out), "--rows", "second"]) == 0
    assert soak.main(["--budget", "1m", "--out", str(out)]) == 0
    assert "skipped: the budget is below 300 s" in out.read_text()
    assert soak.main(["--budget", "1m", "--load", "4", "--out", str(out)]) == 1
    assert asked["first"] == 4
