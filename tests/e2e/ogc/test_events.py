"""Events: each of them once and in order, over cut connections, for many listeners who hold no threads."""

import json
import threading
from collections.abc import Iterator
from threading import Thread
from time import monotonic, sleep
from typing import Any

import httpx
import pytest

from cloudify.http.ogc import events as module
from cloudify.http.ogc.feeds import KEPT
from cloudify.http.ogc.streams import gathered
from cloudify.model.outcome import Emitted, Outcome
from ogc.made import URN, Made, problem, submit

LISTENERS = 200


def told(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Yield the data of each event of a stream, whose other lines agree with it."""
    fields: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            said = json.loads(fields["data"])
            assert (fields["id"], fields["event"]) == (str(said["seq"]), said["type"])
            yield said
            fields = {}


def stream(client: httpx.Client, job_id: str, last: int | str | None = None) -> list[dict[str, Any]]:
    """Listen to the end."""
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    with client.stream("GET", f"/jobs/{job_id}/events", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        return list(told(answer.iter_lines()))


def finished(made: Made, count: int = 3) -> str:
    job_id = submit(made.client("ada"), data=list(range(count)))
    made.begin(job_id)
    for number in range(1, count + 1):
        made.done(job_id, number)
    made.end(job_id)
    return job_id


def test_a_stream_tells_all_in_order_and_ends(made: Made) -> None:
    job_id = finished(made)
    said = stream(made.client("ada"), job_id)
    assert [event["type"] for event in said] == ["accepted", "started", *3 * ["slice-done"], "successful"]
    assert [event["slice"] for event in said] == [None, None, 1, 2, 3, None]
    assert said[2]["payload"] == {"usage": {"cpu_s": 0.5, "peak_bytes": 1000, "bytes_in": 10, "bytes_out": 20}}
    assert all(event["job"] == job_id and event["time"].endswith("Z") for event in said)
    seqs = [event["seq"] for event in said]
    assert seqs == sorted(set(seqs))


def test_a_stream_goes_on_after_any_event_over_a_cut_connection(made: Made) -> None:
    ada, job_id = made.client("ada"), submit(made.client("ada"), data=[1, 2, 3])
    made.begin(job_id)
    made.done(job_id, 1)
    with ada.stream("GET", f"/jobs/{job_id}/events") as answer:
        events = told(answer.iter_lines())
        first = [next(events) for _ in range(3)]  # and the connection is cut in the middle
    for number in (2, 3):
        made.done(job_id, number)
    made.end(job_id)
    rest = stream(ada, job_id, first[-1]["seq"])
    whole = stream(ada, job_id)
    assert first + rest == whole
    for place, event in enumerate(whole):
        assert stream(ada, job_id, event["seq"]) == whole[place + 1 :]


@pytest.mark.parametrize("last", ["999999999", "0", "x", "-1", "9" * 30, "1.5", ""])
def test_an_id_that_is_none_begins_from_the_start_and_ends(made: Made, last: str) -> None:
    said = stream(made.client("ada"), finished(made), last)
    assert (said[0]["type"], said[-1]["type"]) == ("accepted", "successful")


def test_events_come_while_they_happen(own: Made) -> None:
    ada, job_id = own.client("ada"), submit(own.client("ada"), data=[1])
    with ada.stream("GET", f"/jobs/{job_id}/events") as answer:
        events = told(answer.iter_lines())
        assert next(events)["type"] == "accepted"
        for happens, expected in (
            (lambda: own.begin(job_id), "started"),
            (lambda: own.store.jobs.lease(job_id, [(1, 1)], "by-hand"), ""),
            (lambda: own.emit(job_id, 1, 0, "halfway", '{"at": 0.5}'), "halfway"),
            (lambda: own.store.jobs.settle(job_id, [Outcome(1, 1, value="1")], boot="by-hand", at=1.0), "slice-done"),
            (lambda: own.end(job_id), "successful"),
        ):
            began = monotonic()
            happens()
            if expected:
                assert next(events)["type"] == expected
                assert monotonic() - began < 2
        assert next(events, None) is None


def test_what_a_function_says_never_ends_or_breaks_a_stream(made: Made) -> None:
    ada, job_id = made.client("ada"), submit(made.client("ada"), data=[1])
    made.begin(job_id)
    made.store.jobs.lease(job_id, [(1, 1)], "by-hand")
    made.emit(job_id, 1, 0, "successful", '{"by": "me"}')
    made.emit(job_id, 1, 1, "a\ndata: {}\n\nid: 9", '"x\\n\\ny"')
    made.store.jobs.settle(job_id, [Outcome(1, 1, value="1")], boot="by-hand", at=1.0)
    made.end(job_id)
    with ada.stream("GET", f"/jobs/{job_id}/events") as answer:
        blocks = "".join(answer.iter_text()).split("\n\n")
    said = [json.loads(line[6:]) for block in blocks for line in block.splitlines() if line.startswith("data: ")]
    assert [event["type"] for event in said] == [
        "accepted", "started", "successful", "a\ndata: {}\n\nid: 9", "slice-done", "successful",
    ]  # fmt: skip
    assert [event.get("emitted", False) for event in said] == [False, False, True, True, False, False]
    assert (said[2]["payload"], said[3]["payload"]) == ({"by": "me"}, "x\n\ny")


def test_a_page_of_events_leads_to_the_next(made: Made) -> None:
    ada, job_id = made.client("ada"), finished(made)
    whole, seen, page = stream(ada, job_id), [], f"/jobs/{job_id}/events?f=json&limit=2"
    while page:
        answer = ada.get(page).json()
        assert len(answer["events"]) <= 2
        seen += answer["events"]
        page = next((link["href"] for link in answer["links"] if link["rel"] == "next"), "")
    assert seen == whole
    for query in ("f=xml", "f=json&limit=0", "f=json&after=x"):
        assert problem(ada.get(f"/jobs/{job_id}/events?{query}")) == (422, f"{URN}bad-option")


def test_more_events_than_are_held_are_told_to_who_comes_late(own: Made) -> None:
    """One listens from the start; another comes when most of them are held no more."""
    count = 2 * KEPT + 50
    ada, job_id = own.client("ada"), submit(own.client("ada"), data=list(range(count)))
    own.begin(job_id)
    early: list[dict[str, Any]] = []
    listening = Thread(target=lambda: early.extend(stream(ada, job_id)))
    listening.start()
    for start in range(0, count, 100):
        own.settle(job_id, [Outcome(n, 1, value="1") for n in range(start + 1, min(start + 100, count) + 1)])
        sleep(0.06)
    late: list[dict[str, Any]] = []
    coming = Thread(target=lambda: late.extend(stream(ada, job_id)))
    coming.start()
    sleep(0.2)
    own.end(job_id)
    for thread in (listening, coming):
        thread.join(20)
    assert [event["seq"] for event in early] == [event["seq"] for event in late]
    assert len(early) == count + 3


def test_large_events_are_told_in_parts_that_are_small(own: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """12 MB: neither a page nor what is held for a listener, who may never read it, has all of that."""
    ada, job_id = own.client("ada"), submit(own.client("ada"), data=[1])
    own.begin(job_id)
    own.store.jobs.lease(job_id, [(1, 1)], "by-hand")
    text = json.dumps("x" * 60_000)
    own.store.jobs.emit(job_id, 1, 1, [Emitted(index, 1.0, "big", text) for index in range(200)])
    own.store.jobs.settle(job_id, [Outcome(1, 1, value="1")], boot="by-hand", at=1.0)
    own.end(job_id)
    seen, page, sizes = [], f"/jobs/{job_id}/events?f=json&limit=1000", []
    while page:
        answer = ada.get(page)
        seen += answer.json()["events"]
        sizes.append(len(answer.content))
        page = next((link["href"] for link in answer.json()["links"] if link["rel"] == "next"), "")
    assert [event["type"] for event in seen] == ["accepted", "started", *200 * ["big"], "slice-done", "successful"]
    assert max(sizes) < 5e6
    real, read = own.store.events.after, []

    def recorded(*given: Any) -> Any:
        found = real(*given)
        read.append(sum(len(event.payload) for event in found))
        return found

    monkeypatch.setattr(own.store.events, "after", recorded)
    assert stream(ada, job_id) == seen
    assert max(read) <= 300_000


def test_what_is_sent_at_once_is_a_few_events_however_many_there_are() -> None:
    pieces = ["x" * 60_000] * 50
    sent = list(gathered(iter(pieces)))
    assert "".join(sent) == "".join(pieces)
    assert max(map(len, sent)) <= 2 * 2**16


def test_200_listeners_hold_no_threads_and_keep_nobody_waiting(own: Made) -> None:
    ada = own.client("ada", limits=httpx.Limits(max_connections=LISTENERS + 10))
    job_id = submit(ada, data=[1])
    before, seen = threading.active_count(), []
    streams = [ada.send(ada.build_request("GET", f"/jobs/{job_id}/events"), stream=True) for _ in range(LISTENERS)]
    assert threading.active_count() - before <= 8  # of our pools, however many listen
    began = monotonic()
    assert ada.get(f"/jobs/{job_id}").status_code == 200
    assert monotonic() - began < 2
    own.begin(job_id)
    own.done(job_id, 1)
    own.end(job_id)
    for answer in streams:
        seen.append([event["type"] for event in told(answer.iter_lines())])
        answer.close()
    assert seen == LISTENERS * [["accepted", "started", "slice-done", "successful"]]
    assert monotonic() - began < 10


def test_a_silent_stream_is_kept_alive(own: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.1)
    ada, job_id = own.client("ada"), submit(own.client("ada"), data=[1])
    with ada.stream("GET", f"/jobs/{job_id}/events") as answer:
        beats = 0
        for line in answer.iter_lines():
            beats += line == ":"
            if beats > 4:
                break
    assert beats > 4


def test_a_stream_ends_in_time_for_who_has_lost_their_token(own: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(module, "LONGEST_S", 0.3)
    said = stream(own.client("ada"), submit(own.client("ada"), data=[1]))
    assert [event["type"] for event in said] == ["accepted"]


def test_a_stream_outlasts_a_store_that_is_away(own: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    from cloudify.errors import StoreUnavailableError  # noqa: PLC0415

    ada, job_id = own.client("ada"), submit(own.client("ada"), data=[1])
    with ada.stream("GET", f"/jobs/{job_id}/events") as answer:
        events = told(answer.iter_lines())
        assert next(events)["type"] == "accepted"
        real, asked = own.store.events.after, []

        def away(*given: Any) -> Any:
            asked.append(given)
            if len(asked) < 3:
                raise StoreUnavailableError("is busy")
            return real(*given)

        monkeypatch.setattr(own.store.events, "after", away)
        own.begin(job_id)
        assert next(events)["type"] == "started"
        assert len(asked) >= 3


def test_listeners_who_leave_are_read_for_no_more(own: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, job_id = own.client("ada"), submit(own.client("ada"), data=[1])
    real, asked = own.store.events.after, []
    monkeypatch.setattr(own.store.events, "after", lambda *given: asked.append(given) or real(*given))
    for _ in range(3):
        with ada.stream("GET", f"/jobs/{job_id}/events") as answer:
            next(told(answer.iter_lines()))
    deadline, count = monotonic() + 10, -1
    while count != len(asked):
        assert monotonic() < deadline
        count = len(asked)
        sleep(1.0)
