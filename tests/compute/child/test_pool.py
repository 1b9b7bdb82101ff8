"""The processes together: whose they are, how many, how they end, and that nothing is left."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from playing import descriptors, is_dead, is_gone, play, scenes, until

from cloudify.compute.child.launch import Launch
from cloudify.compute.child.pool import Children
from cloudify.compute.child.returned import Limits, SliceFailedError


def pid_of(children: Children, owner: str = "ada", job: str = "j", **rest: Any) -> int:
    with children.child(owner, job, rest.pop("function", scenes()), rest.pop("limits", Limits()), **rest) as child:
        return int(play(child, "pid").value.json)  # type: ignore[union-attr]


def test_a_process_serves_one_job_of_one_owner_only(make: Any) -> None:
    children = make(most=9)
    first = pid_of(children)
    assert pid_of(children) == first
    others = [
        pid_of(children, job="k"), pid_of(children, owner="bob"), pid_of(children, pool="other"),
        pid_of(children, limits=Limits(wall_s=5)), pid_of(children, function=scenes("do_play")),
    ]  # fmt: skip
    assert len({first, *others}) == 6
    assert pid_of(children) == first


def test_no_more_than_the_most_live_and_those_that_idle_make_way(make: Any) -> None:
    children = make(most=2)
    pids = [pid_of(children, job=str(i)) for i in range(4)]
    assert len(set(pids)) == 4
    until(lambda: is_gone(pids[0]) and is_gone(pids[1]))
    assert set(children.pids()) == set(pids[2:])
    assert pid_of(children, job="3") == pids[3]


def test_who_finds_no_room_waits_for_it(make: Any) -> None:
    children = make(most=1)
    with ThreadPoolExecutor(2) as threads:
        with children.child("ada", "a", scenes(), Limits()) as child:
            play(child, "same")
            waiting = threads.submit(pid_of, children, job="b")
            time.sleep(0.2)
            assert not waiting.done()
        assert waiting.result(20) > 0


def test_one_waits_without_having_been_given_anything(make: Any) -> None:
    children = make(warm=1)
    assert children.pids() == []
    children.warm_up()
    until(lambda: len(children.pids()) == 1)
    (spare,) = children.pids()
    until(lambda: children._spares._waiting[0]._poll.poll(0))  # it has said that it is ready
    began = time.monotonic()
    assert pid_of(children) == spare
    assert time.monotonic() - began < 1
    until(lambda: len(children.pids()) == 2)  # the next one


def test_a_job_that_is_stopped_ends_its_runs_from_another_thread(make: Any) -> None:
    children = make()
    other = pid_of(children, job="other")
    with ThreadPoolExecutor(3) as threads, children.child("ada", "j", scenes(), Limits()) as child:
        pid = int(play(child, "pid").value.json)  # type: ignore[union-attr]
        idle = pid_of(children)
        assert idle != pid
        running = threads.submit(play, child, "sleep")
        time.sleep(0.2)
        began = time.monotonic()
        children.stop_job("j")
        with pytest.raises(SliceFailedError) as caught:
            running.result(5)
        assert time.monotonic() - began < 0.5
        assert (caught.value.failure.reason, caught.value.failure.message) == ("dismissed", "the job was dismissed")
        until(lambda: is_gone(pid) and is_gone(idle), 2)
        with pytest.raises(SliceFailedError, match="dismissed"):
            play(child, "same")
    assert pid_of(children, job="other") == other
    assert pid_of(children) not in {pid, idle}  # stopped is what ran then


def test_who_waits_for_room_is_told_that_the_job_was_stopped(make: Any) -> None:
    children = make(most=1)
    with ThreadPoolExecutor(1) as threads, children.child("ada", "a", scenes(), Limits()) as child:
        play(child, "same")
        waiting = threads.submit(pid_of, children, job="b")
        until(lambda: len(children._leases) == 2)
        children.stop_job("b")
        with pytest.raises(SliceFailedError, match="dismissed"):
            waiting.result(1)


def test_one_that_idles_too_long_is_ended(make: Any) -> None:
    children = make(idle_s=0.1)
    pid = pid_of(children)
    until(lambda: is_gone(pid), 5)
    assert children.pids() == []


def test_closing_ends_all_within_a_second(make: Any) -> None:
    children = make(warm=1, most=3)
    idle = pid_of(children, job="idle")
    with ThreadPoolExecutor(2) as threads, children.child("ada", "j", scenes(), Limits()) as child:
        busy = int(play(child, "pid").value.json)  # type: ignore[union-attr]
        running = threads.submit(play, child, "loop")
        until(lambda: len(children.pids()) == 3)
        pids = children.pids()
        assert {idle, busy} < set(pids)
        began = time.monotonic()
        children.close()
        assert time.monotonic() - began < 1
        with pytest.raises(SliceFailedError) as caught:
            running.result(2)
        assert caught.value.failure.reason == "server-restarted"
    until(lambda: all(map(is_gone, pids)), 2)
    with pytest.raises(SliceFailedError, match="about to end"):
        pid_of(children)
    children.close()


def test_nothing_is_left_of_processes_that_ended_well_or_badly(make: Any, folder: Path) -> None:
    """No process, no descriptor, no folder, no mapping of shared memory."""
    pid_of(make())
    shared = "memfd:cloudify"

    def state() -> tuple[int, int, int]:
        return descriptors(), Path("/proc/self/maps").read_text().count(shared), len(list(folder.iterdir()))

    before = state()
    children = make(warm=1, most=2)
    for number in range(3):
        with children.child("ada", str(number), scenes(), Limits(wall_s=0.5)) as child:
            play(child, "file", args={"nbytes": 2**20})
            play(child, "same", np.zeros(10**6))
            for do in ("none", "loop"):
                with pytest.raises(SliceFailedError):
                    play(child, do)
    children.close()
    until(lambda: state() == before)
    assert not [
        one for one in psutil.Process().children() if one.status() != psutil.STATUS_ZOMBIE and "light" in str(one)
    ]


def test_eight_threads_run_fifty_each_and_get_their_own(make: Any) -> None:
    children = make(most=4)

    def work(thread: int) -> None:
        for number in range(50):
            with children.child("ada", "j", scenes(), Limits()) as child:
                block = np.full(1000, 1000 * thread + number)
                returned = play(child, "same", block, number=number + 1, total=50)
                np.testing.assert_array_equal(returned.value, block)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    assert 1 <= len(children.pids()) <= 4


def test_a_python_that_cannot_be_started_is_told(folder: Path) -> None:
    before = descriptors(), len(list(folder.iterdir()))
    children = Children("/nowhere/python", folder=folder, warm=1)
    with pytest.raises(SliceFailedError, match="no process that runs functions can be started") as caught:
        pid_of(children)
    assert caught.value.failure.reason == "worker-lost"
    children.close()
    until(lambda: (descriptors(), len(list(folder.iterdir()))) == before)  # the spare one is tried and given up


def test_a_folder_that_cannot_be_made_is_told(light: Launch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    children = Children(launch=light, folder=tmp_path / "file" / "folder", warm=0)
    with pytest.raises(SliceFailedError, match=r"can be started .*Not a directory"):
        pid_of(children)
    children.close()


HOST = """
import sys, threading
from pathlib import Path
from cloudify.compute.child.launch import Launch
from cloudify.compute.child.pool import Children
from cloudify.compute.child.returned import Limits
from cloudify.model.function import Function

children = Children(launch=Launch(program=Path(sys.argv[1])), folder=Path(sys.argv[2]), warm=0)
function = Function("import os\\ndef f(x):\\n    while x == 2: pass\\n    return os.getpid()\\n", "f")
with children.child("ada", "j", function, Limits()) as child:
    print(child.run("1", number=1, total=1).value.json, flush=True)
    if sys.argv[3] == "busy":
        threading.Thread(target=child.run, args=("2",), kwargs={"number": 1, "total": 1}, daemon=True).start()
    sys.stdin.read(1)
"""


@pytest.mark.parametrize(("end", "state"), [("exit", "idle"), ("kill", "busy")])
def test_they_end_with_the_process_that_started_them(light: Launch, tmp_path: Path, state: str, end: str) -> None:
    command = [sys.executable, "-c", HOST, str(light.program), str(tmp_path), state]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as host:
        assert host.stdin is not None
        assert host.stdout is not None
        pid = int(host.stdout.readline())
        assert psutil.pid_exists(pid)
        if end == "kill":
            host.kill()
        else:
            host.stdin.write("x")
            host.stdin.flush()
        host.wait(10)
    until(lambda: is_dead(pid), 5)
    assert end == "kill" or not list(tmp_path.iterdir())
