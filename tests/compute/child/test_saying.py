"""What functions print and tell while they run."""

import json
import time
from collections.abc import Sequence
from threading import Thread
from typing import Any

import pytest
from playing import play, scenes, until

from cloudify.compute.child.child import Child
from cloudify.compute.child.inside.channel import MOST_EMITTED
from cloudify.compute.child.log import LOG_NBYTES, clean
from cloudify.compute.child.returned import Limits, Plain, Progress, SliceFailedError
from cloudify.model.outcome import Emitted


def test_what_is_printed_is_the_log_of_its_run(child: Child) -> None:
    play(child, "same")
    returned = play(child, "print", args={"text": "caf\N{LATIN SMALL LETTER E WITH ACUTE}\n"})
    assert sorted(returned.log.splitlines()) == ["caf\N{LATIN SMALL LETTER E WITH ACUTE}", "to stderr"]
    assert not returned.log_is_cut
    assert play(child, "same").log == ""


def test_what_is_printed_while_a_source_is_loaded_is_in_the_log_of_the_first_run(make: Any) -> None:
    with make().child("ada", "j", scenes(), Limits()) as child:
        assert play(child, "same").log == "loaded\n"
        assert play(child, "same").log == ""


def test_of_much_that_is_printed_the_end_is_kept(child: Child) -> None:
    """64 MiB through a pipe of 64 KiB; nobody waits for anybody, and what is no text is not in the text."""
    returned = play(child, "print", args={"nbytes": 64 * 2**20})
    assert returned.value == Plain("1")
    assert returned.log_is_cut
    assert returned.log.endswith("...\N{REPLACEMENT CHARACTER}end\n")
    assert LOG_NBYTES - 100 < len(returned.log) <= LOG_NBYTES


def test_a_log_does_nothing_to_a_terminal(child: Child) -> None:
    text = "\x1b[2J\x1b]0;title\x07\x1b[31mred\x1b[0m\x9b1m bell\x07 back\b null\0 10%\r20%\ttab\n"
    assert "red1m bell back null 10%\n20%\ttab\n" in play(child, "print", args={"text": text}).log
    assert clean("\ud800 a\r\nb\x1b") == "? a\nb"


def test_events_come_while_the_function_runs_and_in_order(child: Child) -> None:
    heard: list[tuple[float, Emitted | Progress]] = []

    def listen(said: Sequence[Emitted | Progress]) -> None:
        heard.extend((time.monotonic(), one) for one in said)

    returned = play(child, "emit", args={"count": 4, "pause": 0.1}, on_emitted=listen)
    over = time.monotonic()
    *events, last = (one for _, one in heard)
    assert [(one.index, one.type, json.loads(one.payload)) for one in events] == [
        (i, "step", {"i": i}) for i in range(4)
    ]
    assert tuple(events) == returned.emitted
    assert isinstance(last, Progress)
    assert last.fraction == 0.5
    assert over - heard[0][0] > 0.35  # the first was heard three pauses before the end
    assert all(abs(one.time - time.time()) < 60 for _, one in heard)
    assert play(child, "emit").emitted[0].index == 0


def test_progress_may_be_told_as_often_as_one_likes(child: Child) -> None:
    heard: list[Emitted | Progress] = []
    began = time.monotonic()
    assert play(child, "progress", on_emitted=heard.extend).emitted == ()
    assert 5 <= len(heard) <= 12 + 10 * (time.monotonic() - began)  # the first of them at once
    assert all(isinstance(one, Progress) and (one.fraction is None or 0 <= one.fraction <= 1) for one in heard)


@pytest.mark.parametrize(
    ("of", "told"),
    [
        ("type", ["a type of event is 1 to 64 letters, digits and any of _.:/-, and not"] * 4),
        (
            "payload",
            ["a payload holds NaN", "a payload has no JSON: a set is no number", "a payload takes 131074 bytes"],
        ),
    ],
)
def test_an_event_that_is_none_is_an_error_where_it_is_emitted(child: Child, of: str, told: list[str]) -> None:
    returned = play(child, "emit_odd", args={"of": of})
    assert returned.emitted == ()
    said = json.loads(returned.value.json)  # type: ignore[union-attr]
    assert len(said) == len(told)
    assert all(one.startswith(expected) for one, expected in zip(said, told, strict=True)), said


def test_events_of_a_run_are_bounded(child: Child) -> None:
    with pytest.raises(SliceFailedError, match=f"a slice emits at most {MOST_EMITTED} events") as caught:
        play(child, "emit", args={"count": MOST_EMITTED + 1})
    assert caught.value.failure.reason == "user-error"
    assert len(caught.value.emitted) == MOST_EMITTED


def test_after_a_function_returned_a_thread_of_it_emits_nothing(child: Child) -> None:
    play(child, "emit_late")
    until(lambda: json.loads(play(child, "late").value.json))  # type: ignore[union-attr]
    assert "no slice runs" in json.loads(play(child, "late").value.json)  # type: ignore[union-attr]


def test_who_listens_may_fail_and_the_process_is_ended(make: Any) -> None:
    children = make()

    def listen(_: object) -> None:
        raise OSError("the disk is full")

    with children.child("ada", "j", scenes(), Limits()) as child:
        with pytest.raises(OSError, match="the disk is full"):
            play(child, "emit", args={"pause": 1}, on_emitted=listen)
        assert play(child, "runs").value == Plain("1")


def test_what_was_said_before_a_failure_is_kept(make: Any) -> None:
    with make().child("ada", "j", scenes(), Limits(wall_s=3)) as child:
        with pytest.raises(SliceFailedError) as caught:
            play(child, "emit", args={"count": 3, "pause": 1.1})
        assert caught.value.failure.reason == "timeout"
        assert [one.index for one in caught.value.emitted] == [0, 1, 2]
        assert caught.value.log == "loaded\n"


def test_two_children_are_heard_apart(make: Any) -> None:
    children = make(most=2)
    heard: dict[str, list[Any]] = {"a": [], "b": []}

    def work(name: str) -> None:
        with children.child("ada", name, scenes(), Limits()) as child:
            play(child, "emit", args={"count": 50}, on_emitted=heard[name].extend)

    threads = [Thread(target=work, args=(name,)) for name in heard]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for said in heard.values():
        assert [one.index for one in said if isinstance(one, Emitted)] == list(range(50))
