"""Every way in which a function fails: the reason, the words, and that nothing else is affected."""

import os
import re
import time
from typing import Any

import numpy as np
import psutil
import pytest
import xarray as xr
from playing import MIB, is_dead, is_gone, play, scenes, until

from cloudify.compute.child.child import Child
from cloudify.compute.child.returned import Limits, Plain, SliceFailedError
from cloudify.model.function import Function


def failed(child: Child, do: str, value: Any = "1", **rest: Any) -> SliceFailedError:
    with pytest.raises(SliceFailedError) as caught:
        play(child, do, value, **rest)
    return caught.value


def pid_of(child: Child) -> int:
    return int(play(child, "pid").value.json)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("of", "message", "lines"),
    [
        ("plain", "ValueError: as it was told", 2),
        ("exit", "SystemExit: 3", 2),
        ("interrupt", "KeyboardInterrupt", 2),
    ],
)
def test_an_exception_is_told_with_the_lines_of_the_function_only(
    child: Child, of: str, message: str, lines: int
) -> None:
    pid = pid_of(child)
    error = failed(child, "raise", args={"of": of})
    assert (error.failure.reason, error.failure.message) == ("user-error", message)
    assert error.failure.traceback.count('File "<play>", line') == lines
    assert ", in do_raise\n    " in error.failure.traceback
    assert error.failure.traceback.rstrip().endswith(message)
    assert "runner.py" not in error.failure.traceback
    assert pid_of(child) == pid  # it goes on


def test_a_chain_of_exceptions_is_told_without_the_frames_of_libraries_and_without_colours(child: Child) -> None:
    failure = failed(child, "raise", args={"of": "chain"}).failure
    assert failure.message == "RuntimeError: a shape that cannot be!"
    assert "ValueError: cannot reshape array of size 3 into shape (2,2)" in failure.traceback
    assert "The above exception was the direct cause" in failure.traceback
    assert set(re.findall(r'File "([^"]+)"', failure.traceback)) == {"<play>"}
    assert "\x1b" not in failure.traceback


def test_endless_recursion_is_told_in_bounds(child: Child) -> None:
    failure = failed(child, "raise", args={"of": "deep"}).failure
    assert failure.reason == "user-error"
    assert "maximum recursion depth exceeded" in failure.message
    assert "more times]" in failure.traceback
    assert len(failure.traceback) < 5000


def test_arguments_that_a_function_does_not_take_are_its_error(child: Child) -> None:
    failure = failed(child, "slice", args={"more": 1}).failure
    assert failure.message == "TypeError: do_slice() got an unexpected keyword argument 'more'"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import nowhere\ndef f(x):\n    return x\n", "ModuleNotFoundError: No module named 'nowhere'"),
        ("def f(x):\n    return x\ndel f\n", "KeyError: 'f'"),
        ("1 / 0\ndef f(x):\n    return x\n", "ZeroDivisionError: division by zero"),
        (
            "import cloudify.datasets\ndef f(x):\n    return x\n",
            "ModuleNotFoundError: No module named 'cloudify.datasets'",
        ),
    ],
)
def test_a_source_that_cannot_be_loaded_is_the_error_of_its_user(make: Any, source: str, message: str) -> None:
    with make().child("ada", "j", Function(source, "f"), Limits()) as child, pytest.raises(SliceFailedError) as caught:
        child.run("1", number=1, total=1)
    assert caught.value.failure.reason == "user-error"
    assert message in caught.value.failure.message


def test_an_invalid_result_ends_its_process_and_the_next_run_has_another(make: Any) -> None:
    with make(warm=1).child("ada", "j", scenes(), Limits()) as child:
        pid = pid_of(child)
        error = failed(child, "none")
        assert error.failure.reason == "invalid-result"
        assert error.failure.message.startswith("play() returned nothing: it has to end with `return`")
        assert error.failure.traceback == ""
        began = time.monotonic()
        assert pid_of(child) != pid
        assert time.monotonic() - began < 20
        until(lambda: is_gone(pid))


def test_objects_in_an_array_are_an_invalid_result(large: Child) -> None:
    error = failed(large, "objects", xr.Dataset())
    assert error.failure.reason == "invalid-result"
    assert "'when' holds Python objects (NoneType, int)" in error.failure.message


def test_json_that_only_we_refuse_is_an_invalid_result(make: Any) -> None:
    with make().child("ada", "j", scenes(), Limits()) as child:
        failure = failed(child, "deep", args={"depth": 70}).failure
    assert failure.reason == "invalid-result"
    assert failure.message == "play(): its lists and objects lie more than 64 deep in each other"


def test_a_result_beyond_the_slot_is_too_large_and_the_process_goes_on(make: Any) -> None:
    with make().child("ada", "j", scenes(), Limits(slot_nbytes=2**20)) as child:
        pid = pid_of(child)
        failure = failed(child, "huge", args={"nbytes": 16 * MIB}).failure
        assert failure.reason == "result-too-large"
        assert re.match(
            r"the result takes 16777\d+ bytes, more than the \d+ that one may: choose smaller", failure.message
        )
        assert pid_of(child) == pid


def test_a_block_beyond_the_slot_fails_before_it_is_handed_on(make: Any) -> None:
    with make().child("ada", "j", scenes(), Limits(slot_nbytes=2**20)) as child:
        pid = pid_of(child)
        failure = failed(child, "same", np.zeros(16 * MIB, np.uint8)).failure
        assert failure.reason == "source-failed"
        assert re.match(
            r"the block cannot be handed to a function: it takes 16777\d+ bytes, and there", failure.message
        )
        assert pid_of(child) == pid


def test_a_block_that_holds_objects_is_a_failure_of_its_source(child: Child) -> None:
    pid = pid_of(child)
    failure = failed(child, "same", np.array([object()], object)).failure
    assert failure.reason == "source-failed"
    assert pid_of(child) == pid
    assert "the array holds Python objects (object)" in failure.message


def test_a_function_that_takes_too_long_is_ended(make: Any) -> None:
    with make().child("ada", "j", scenes(), Limits(wall_s=1.0)) as child:
        pid = pid_of(child)
        began = time.monotonic()
        error = failed(child, "loop")
        assert 0.9 < time.monotonic() - began < 3
        assert error.failure.reason == "timeout"
        assert (
            error.failure.message == "the function took longer than 1 s; choose smaller chunks, or a longer limits.wall"
        )
        assert error.usage.cpu_s > 0.1
        until(lambda: is_gone(pid))
        assert failed(child, "sleep").log.endswith("about to sleep\n")


def test_a_source_that_never_ends_to_load_is_ended_too(make: Any) -> None:
    function = Function("while True: pass\ndef f(x):\n    return x\n", "f")
    with make().child("ada", "j", function, Limits(wall_s=0.5)) as child, pytest.raises(SliceFailedError) as caught:
        child.run("1", number=1, total=1)
    assert caught.value.failure.reason == "timeout"


def test_memory_beyond_the_limit_is_refused_to_the_function(make: Any) -> None:
    """1 GiB at once (A-04): numpy says that there is none."""
    with make().child("ada", "j", scenes(), Limits(memory_nbytes=256 * MIB)) as child:
        failure = failed(child, "raise", args={"of": "memory"}).failure
        assert failure.reason == "memory-limit"
        assert "Unable to allocate 1.00 GiB" in failure.message
        assert play(child, "same").value == Plain("1")


def test_memory_of_all_processes_together_is_bounded(make: Any) -> None:
    """Four of 60 MiB, each within what one may have (A-05)."""
    with make().child("ada", "j", scenes(), Limits(memory_nbytes=128 * MIB)) as child:
        pid = pid_of(child)
        began = time.monotonic()
        error = failed(child, "fill")
        assert time.monotonic() - began < 20
        assert error.failure.reason == "memory-limit"
        assert (
            error.failure.message
            == "the function took more than 134217728 bytes of memory; choose smaller chunks, or a larger limits.memory"
        )
        assert error.usage.peak_nbytes > 30 * MIB
        until(lambda: not of_session(pid))


def of_session(pid: int) -> list[int]:
    """Return the processes of a session that have not ended."""
    found = []
    for one in psutil.pids():
        try:
            if os.getsid(one) == pid and not is_dead(one):
                found.append(one)
        except ProcessLookupError:
            continue
    return found


def test_many_processes_are_ended(make: Any) -> None:
    with make().child("ada", "j", scenes(), Limits()) as child:
        pid = pid_of(child)
        failure = failed(child, "swarm").failure
        assert failure.reason == "process-limit"
        assert re.match(r"the function had \d+ processes; 64 are allowed", failure.message)
        until(lambda: not of_session(pid))


def test_a_file_beyond_the_slot_is_a_matter_of_the_disk(make: Any) -> None:
    with make().child("ada", "j", scenes(), Limits(slot_nbytes=2**20)) as child:
        failure = failed(child, "raise", args={"of": "disk"}).failure
    assert failure.reason == "disk-limit"
    assert "File too large" in failure.message


@pytest.mark.parametrize(
    ("of", "words"),
    [
        ("exit", "the process of the function ended, with status 7"),
        ("kill", "the process of the function was ended by a signal (Killed); was there too little memory?"),
        ("odd", "the process of the function was ended by a signal (Real-time signal 6)"),
    ],
)
def test_a_process_that_dies_is_lost_and_the_next_run_has_another(make: Any, of: str, words: str) -> None:
    with make().child("ada", "j", scenes(), Limits()) as child:
        failure = failed(child, "die", args={"of": of}).failure
        assert (failure.reason, failure.message) == ("worker-lost", words)
        assert play(child, "same").value == Plain("1")


def test_what_crashes_is_in_the_log(make: Any) -> None:
    with make().child("ada", "j", scenes(), Limits()) as child:
        error = failed(child, "die", args={"of": "segv"})
    assert error.failure.message == "the process of the function was ended by a signal (Segmentation fault)"
    assert "Fatal Python error: Segmentation fault" in error.log
    assert 'File "<play>", line' in error.log


def test_a_process_that_dies_between_two_runs_is_replaced(make: Any) -> None:
    with make().child("ada", "j", scenes(), Limits()) as child:
        pid = pid_of(child)
        psutil.Process(pid).kill()
        until(lambda: psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
        assert pid_of(child) != pid


def test_a_function_that_returns_twice_by_a_fork_returns_once(child: Child) -> None:
    assert play(child, "fork").value == Plain('"parent"')
    assert play(child, "same").value == Plain("1")


def test_a_daemon_of_a_function_ends_with_its_process(make: Any) -> None:
    """In a session of its own, of no parent (A-08); it is found by its environment."""
    with make().child("ada", "j", scenes(), Limits(wall_s=10)) as child:
        pid = int(play(child, "daemon", args={"name": "pid"}).value.json.strip('"'))  # type: ignore[union-attr]
        assert psutil.pid_exists(pid)
        began = time.monotonic()
        assert failed(child, "die", args={"of": "exit"}).failure.reason == "worker-lost"
        assert time.monotonic() - began < 3  # though the daemon holds the pipes
        until(lambda: is_dead(pid), 5)
