"""Jobs through the client, over a real socket."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cloudify
from cloudify.client.connect import RemoteServer
from cloudify.client.events import Event
from cloudify.errors import (
    InvalidCallError,
    JobFailedError,
    NotThereError,
    ServerSaysError,
    StillRunningError,
    UnreachableError,
)

EXECUTION = "/ogc-api/processes/map/execution"


def scale(x: float, by: float = 2.0) -> float:
    return x * by


def test_a_function_over_data_gives_a_value_for_each(server: RemoteServer, stand_in: Any) -> None:
    job = server.map(scale, data=[1, 2, 3], args={"by": 10})
    assert job.result() == [10, 20, 30]
    assert (job.status, job.progress) == ("successful", 1.0)
    method, path, headers, body = stand_in.asked[0]
    assert (method, path, headers["prefer"]) == ("POST", EXECUTION, "respond-async")
    assert set(body) == {"inputs"}
    assert set(body["inputs"]) == {"data", "args", "function"}
    assert body["inputs"]["function"]["entry"] == "scale"


def test_every_option_travels_under_its_own_name(server: RemoteServer, stand_in: Any) -> None:
    stand_in.holds = True
    job = server.map(
        "def f(block):\n    return block", "made", variables="v", chunks={"time": 1}, overlap={"x": 2},
        combine="def add(a, b):\n    return a + b", pool="p", limits={"wall": 3, "memory": 4}, on_error="skip",
        files={"a/b": b"hi\xff", "c": "é"}, open=True, args={"n": np.float32(0.5), "m": np.arange(2)},
    )  # fmt: skip
    assert stand_in.asked[-1][3] == {
        "open": True,
        "inputs": {
            "dataset": "made", "variables": ["v"], "chunks": {"time": 1}, "overlap": {"x": 2}, "pool": "p",
            "limits": {"wall": 3, "memory": 4}, "on_error": "skip", "args": {"n": 0.5, "m": [0, 1]},
            "function": {
                "source": "def f(block):\n    return block", "entry": "f",
                "files": {"a/b": {"base64": "aGn/"}, "c": {"base64": "w6k="}},
            },
            "combine": {"source": "def add(a, b):\n    return a + b", "entry": "add"},
        },
    }  # fmt: skip
    assert (job.status, job.slices.total, repr(job)) == ("running", 1, "<Job j1 running, 0/1 slices>")


def test_a_deployed_process_is_meant_by_its_id(server: RemoteServer, stand_in: Any) -> None:
    server.map("wind-speed", "made")
    assert stand_in.asked[-1][3]["inputs"]["function"] == {"process": "wind-speed"}


def test_a_result_over_a_dataset_is_opened_lazily_with_the_token(server: RemoteServer, url: str) -> None:
    out: Any = server.map("def f(block):\n    return 2 * block", "made").result()
    assert out.v.chunks is not None
    np.testing.assert_array_equal(out.v.values, 2 * np.arange(12.0).reshape(4, 3))
    with cloudify.connect(url, "") as stranger, pytest.raises(NotThereError):
        stranger.open("job-result")


def test_a_dataset_is_found_or_a_near_one_is_named(server: RemoteServer) -> None:
    assert server.datasets() == ["made", "job-result"]
    np.testing.assert_array_equal(server.open("made").v.sum("x").values, [3.0, 12.0, 21.0, 30.0])
    with pytest.raises(NotThereError, match="no dataset 'mode'; did you mean 'made'") as found:
        server.open("mode")
    assert (found.value.status, found.value.problem) == (404, "unknown-dataset")


def test_a_post_whose_answer_is_lost_makes_one_job(server: RemoteServer, stand_in: Any) -> None:
    stand_in.instead["POST", EXECUTION] = [stand_in.cut]
    assert server.map(scale, data=[4]).result() == [8]
    assert len(stand_in.jobs) == 1
    keys = [headers["idempotency-key"] for method, _, headers, _ in stand_in.asked if method == "POST"]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_two_calls_are_two_jobs(server: RemoteServer, stand_in: Any) -> None:
    assert server.map(scale, data=[1]).id != server.map(scale, data=[1]).id
    assert len(stand_in.jobs) == 2


def test_an_open_job_takes_more_until_it_is_closed(server: RemoteServer) -> None:
    job = server.map(scale, data=[1, 2], open=True)
    assert job.add([3, 4]).add([5]).slices.total == 5
    assert job.status == "running"
    assert job.close().result() == [2, 4, 6, 8, 10]


def test_slices_that_may_have_arrived_are_not_added_again(server: RemoteServer, stand_in: Any) -> None:
    """Nobody knows whether they were: the answer is lost, and so is who would add them twice."""
    job = server.map(scale, data=[1], open=True)
    stand_in.instead["POST", f"/ogc-api/jobs/{job.id}/slices"] = [stand_in.cut]
    with pytest.raises(UnreachableError, match="the connection was lost"):
        job.add([2])
    assert job.slices.total == 2


def test_a_job_is_found_from_anywhere(server: RemoteServer, url: str) -> None:
    job = server.map(scale, data=[21])
    with cloudify.connect(url, server._session.token.text) as another:  # type: ignore[union-attr]
        assert another.job(job.id).result() == [42]
        with pytest.raises(NotThereError, match="no job 'a b' of yours"):
            another.job("a b")


def test_jobs_are_listed_over_pages_wherever_their_links_lead(server: RemoteServer, stand_in: Any) -> None:
    for number in range(5):
        stand_in.add_job(f"j{number}", "failed" if number == 3 else "successful")
    assert [job.id for job in server.jobs()] == ["j4", "j3", "j2", "j1", "j0"]
    assert [job.id for job in server.jobs(limit=3)] == ["j4", "j3", "j2"]
    assert [job.id for job in server.jobs(status="failed")] == ["j3"]


def test_a_failed_job_shows_its_slice_region_and_traceback(server: RemoteServer, stand_in: Any) -> None:
    traceback = 'Traceback (most recent call last):\n  File "<function>", line 2, in f\nZeroDivisionError: nothing'
    exception = {
        "type": "user-error", "title": "The function failed", "detail": "slice 3: ZeroDivisionError: nothing",
        "slice": 3, "region": {"time": [31, 62], "lat": [0, 96]}, "traceback": traceback,
    }  # fmt: skip
    stand_in.add_job("bad", "failed", exception=exception)
    with pytest.raises(JobFailedError) as failed:
        server.job("bad").result()
    error = failed.value
    assert (error.reason, error.slice_number, error.region) == ("user-error", 3, {"time": [31, 62], "lat": [0, 96]})
    assert str(error) == (
        "job bad failed at slice 3 (time 31:62, lat 0:96): ZeroDivisionError: nothing\n\n" + traceback
    )


def test_a_dismissed_job_has_no_result(server: RemoteServer, stand_in: Any) -> None:
    stand_in.add_job("gone")
    job = server.job("gone").cancel()
    assert job.status == "dismissed"
    with pytest.raises(JobFailedError, match="it was dismissed, and has no result"):
        job.result()


def test_cancelling_what_has_ended_hides_nothing(server: RemoteServer, stand_in: Any) -> None:
    stand_in.add_job("over", "successful")
    assert server.job("over").cancel().status == "successful"
    assert "over" in stand_in.jobs
    assert "DELETE" not in {method for method, *_ in stand_in.asked}


def test_cancelling_what_ends_by_itself_meanwhile_hides_nothing(server: RemoteServer, stand_in: Any) -> None:
    stand_in.add_job("over")
    job = server.job("over")
    stand_in.jobs["over"]["status"] = "successful"
    assert job.cancel().status == "successful"
    assert server.job("over").status == "successful"


def test_cancelling_is_asked_again_where_the_answer_was_lost(server: RemoteServer, stand_in: Any) -> None:
    stand_in.add_job("gone")
    stand_in.instead["DELETE", "/ogc-api/jobs/gone"] = [stand_in.cut]
    assert server.job("gone").cancel().status == "dismissed"
    assert "gone" in stand_in.jobs


def test_a_wait_that_is_too_short_says_how_to_come_back(server: RemoteServer, stand_in: Any) -> None:
    stand_in.add_job("long", progress=40)
    with pytest.raises(StillRunningError, match=r"not ended within 0\.2 s: it is running, 40 %; `server\.job\('long"):
        server.job("long").wait(timeout=0.2)
    assert stand_in.jobs["long"]["status"] == "running"


def test_a_wait_outlives_a_server_that_is_away(server: RemoteServer, stand_in: Any, capsys: Any) -> None:
    stand_in.add_job("j")
    path = ("GET", "/ogc-api/jobs/j")
    job = server.job("j")
    stand_in.instead[path] = [stand_in.cut, stand_in.cut]
    stand_in.jobs["j"] |= {"status": "successful", "slices": {"total": 10, "done": 10, "failed": 0, "reused": 4}}
    job.wait()
    assert stand_in.instead[path] == []
    assert capsys.readouterr().err.startswith("job j successful  10/10 slices  ")


def test_nobody_waits_for_ever_for_a_server_that_is_away(
    server: RemoteServer, stand_in: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    stand_in.add_job("j")
    job = server.job("j")
    monkeypatch.setattr("cloudify.client.waiting.PATIENCE_S", 0.0)
    monkeypatch.setattr("cloudify.client.events.PATIENCE_S", 0.0)
    stand_in.instead["GET", "/ogc-api/jobs/j"] = [stand_in.cut] * 9
    stand_in.instead["GET", "/ogc-api/jobs/j/events"] = [stand_in.cut] * 9
    with pytest.raises(UnreachableError, match="the connection was lost"):
        job.wait()
    assert capsys.readouterr().err == ("job j goes on; `server.job('j')` comes back to it, its `.cancel()` ends it\n")
    with pytest.raises(UnreachableError):
        next(job.events())
    assert stand_in.jobs["j"]["status"] == "running"


def test_events_come_once_each_however_often_the_connection_is_cut(server: RemoteServer, stand_in: Any) -> None:
    stand_in.add_job("j", "successful")
    for number in range(1, 30):
        stand_in.happen("j", "slice-done", slice=number)
    stand_in.happen("j", "note", slice=2, payload={"text": "a\u2028b"}, emitted=True)
    stand_in.happen("j", "failed", slice=2, emitted=True)  # what a function says ends nothing
    stand_in.happen("j", "successful")
    stand_in.cuts = [0, 1, 7, 0, 3]
    events = list(server.job("j").events())
    assert [event.seq for event in events] == list(range(1, 33))
    assert events[1] == Event(2, "2026-01-02T03:04:05Z", "slice-done", 2, {})
    assert events[29] == Event(30, "2026-01-02T03:04:05Z", "note", 2, {"text": "a\u2028b"}, is_emitted=True)
    resumed = [headers.get("last-event-id") for _, path, headers, _ in stand_in.asked if path.endswith("/events")]
    assert resumed == [None, None, "1", "8", "8", "11"]


def test_events_come_while_they_happen_and_from_where_one_left(server: RemoteServer, stand_in: Any) -> None:
    stand_in.add_job("j")
    stand_in.happen("j", "accepted")
    stand_in.happen("j", "progress", seq=None, slice=1, payload={"fraction": 0.5})
    told = server.job("j").events()
    assert [next(told).type, next(told).payload] == ["accepted", {"fraction": 0.5}]
    stand_in.happen("j", "dismissed", seq=2)
    stand_in.jobs["j"]["status"] = "dismissed"
    assert [event.type for event in told] == ["dismissed"]
    assert [event.seq for event in server.job("j").events(after=1) if event.seq] == [2]
    assert not [event for event in server.job("j").events(after=2) if event.seq]


def test_events_of_a_job_that_is_not_there_are_refused_at_once(server: RemoteServer, stand_in: Any) -> None:
    stand_in.add_job("j")
    job = server.job("j")
    del stand_in.jobs["j"]
    stand_in.instead["GET", "/ogc-api/jobs/j/events"] = [stand_in.problem(404, "x/no-such-job", "no job 'j' of yours")]
    with pytest.raises(NotThereError, match="no job 'j' of yours"):
        next(job.events())


def test_files_come_back_whole(server: RemoteServer, stand_in: Any, tmp_path: Path) -> None:
    large = np.random.default_rng(1).bytes(5_000_000)
    stand_in.files = {"map.png": large, "b": b""}
    stand_in.add_job("j", "successful")
    root = "http://behind.example/ogc-api/jobs/j/results"
    stand_in.results["j"] = [{"href": f"{root}/map.png", "type": "image/png"}, None, {"href": f"{root}/b"}]
    picture, missing, empty = server.job("j").result()  # type: ignore[misc]
    assert (picture.name, picture.media_type, missing) == ("map.png", "image/png", None)
    assert picture.read() == large
    assert picture.save(tmp_path) == tmp_path / "map.png"
    assert empty.save(tmp_path / "other.bin").read_bytes() == b""
    assert {path.name: path.stat().st_size for path in tmp_path.iterdir()} == {"map.png": 5_000_000, "other.bin": 0}


def test_a_file_that_cannot_be_had_leaves_nothing(server: RemoteServer, stand_in: Any, tmp_path: Path) -> None:
    stand_in.add_job("j", "successful")
    path = "/ogc-api/jobs/j/results/..%2F..%2Fx"
    stand_in.results["j"] = [{"href": f"http://h{path}", "type": "text/plain"}]
    (file,) = server.job("j").result()  # type: ignore[misc]
    assert file.name == "x"
    with pytest.raises(ServerSaysError):
        file.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_values_that_look_like_files_elsewhere_are_values(server: RemoteServer, stand_in: Any) -> None:
    """A function may return a link: nothing is fetched, and the token is shown to nobody."""
    stand_in.add_job("j", "successful")
    stand_in.results["j"] = [{"href": "http://elsewhere.example/x", "type": "text/plain", "title": "x"}]
    assert server.job("j").result() == stand_in.results["j"]


def test_the_log_is_text_of_one_slice_or_of_all(server: RemoteServer, stand_in: Any) -> None:
    stand_in.add_job("j")
    stand_in.logs["j"] = "[slice 1] hello\n[slice 2] world\n"
    job = server.job("j")
    assert job.log() == "[slice 1] hello\n[slice 2] world\n"
    assert job.log(slice=2) == "[slice 2] world\n"


def test_a_function_is_deployed_with_what_it_takes(server: RemoteServer, stand_in: Any) -> None:
    source = "def ndvi(block, k, m=1, *, name=None, when=print):\n    return block"
    assert server.deploy(source, id="ndvi", version="2.0.0") == {"id": "ndvi", "version": "2.0.0"}
    assert stand_in.asked[-1][3] == {
        "processDescription": {
            "id": "ndvi",
            "version": "2.0.0",
            "inputs": {
                "dataset": {"schema": {"type": "string"}},
                "k": {"schema": {}},
                "m": {"schema": {"default": 1}, "minOccurs": 0},
                "name": {"schema": {"default": None}, "minOccurs": 0},
                "when": {"schema": {}, "minOccurs": 0},
            },
            "outputs": {"result": {"schema": {"type": "string", "contentMediaType": "application/vnd+zarr"}}},
        },
        "executionUnit": {"value": source, "mediaType": "text/x-python"},
    }
    assert server.execute("ndvi", {"dataset": "made", "k": 3}).status == "successful"
    assert stand_in.asked[-1][1:2] + stand_in.asked[-1][3:] == (
        "/ogc-api/processes/ndvi/execution",
        {"inputs": {"dataset": "made", "k": 3}},
    )


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda s: s.map(scale), "the id of a dataset, or data="),
        (lambda s: s.map(scale, "made", data=[1]), "the id of a dataset, or data="),
        (lambda s: s.map(scale, [1, 2]), "expected the id of a dataset as text, found list"),
        (lambda s: s.map(scale, data="abc"), "expected a list of data, one element for each slice, found str"),
        (lambda s: s.map(scale, data=[float("nan")]), "NaN and infinities cannot be sent"),
        (lambda s: s.map(scale, data=[np.array([1, np.inf])]), "NaN and infinities cannot be sent"),
        (lambda s: s.map(scale, data=[{1, 2}]), "a value of type set cannot be sent"),
        (lambda s: s.map(scale, data=[np.datetime64("2001-01-01")]), "a value of type date cannot be sent"),
        (lambda s: s.map(scale, data=[1], files={"a": Path("b")}), "content of the file 'a' as text or bytes"),
        (lambda s: s.job(""), "expected the id of a job"),
        (lambda s: s.execute("", {}), "expected the id of a process"),
    ],
)
def test_what_cannot_be_sent_is_refused_here(server: RemoteServer, stand_in: Any, call: Any, said: str) -> None:
    with pytest.raises(InvalidCallError, match=said):
        call(server)
    assert stand_in.asked == []
