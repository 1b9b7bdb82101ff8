"""Processes that lie: what comes of each is a failure with a reason, in time, and the process is ended."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playing import descriptors, is_gone, until

from cloudify.compute.child.inside.packing import Plain
from cloudify.compute.child.launch import Launch
from cloudify.compute.child.pool import Children
from cloudify.compute.child.returned import Limits, SliceFailedError, dump
from cloudify.model.function import Function

LIAR = """
import json, mmap, os, sys, threading, time

IN, OUT = map(int, sys.argv[1:])
sound = bytes.fromhex({sound!r})

def send(frame):
    data = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
    os.write(1, len(data).to_bytes(4, "big") + data)

def frames():
    data = b""
    while more := os.read(0, 2**16):
        data += more
        while len(data) >= 4 and len(data) >= (end := 4 + int.from_bytes(data[:4], "big")):
            yield json.loads(data[4:end])
            data = data[end:]

def put(data):
    memory[: len(data)] = data
    return len(data)

send({{"op": "ready", "run": 0}})
for frame in frames():
    run = frame["run"]
    if frame["op"] == "load":
        memory = mmap.mmap(OUT, 0)
        send({{"op": "loaded", "run": run}})
        continue
{lie}
"""


@pytest.fixture
def lie(tmp_path: Path) -> Any:
    """Return a function that runs once in a process that lies, and what it made of it."""
    made: list[Children] = []

    def told(lines: str, sound: Any = None, wall_s: float = 5) -> Any:
        program = tmp_path / "liar.py"
        indented = "\n".join(f"    {line}" for line in lines.splitlines())
        program.write_text(LIAR.format(sound=dump(Plain("1") if sound is None else sound).hex(), lie=indented))
        made.append(Children(launch=Launch(program=program), folder=tmp_path, warm=0))
        limits = Limits(wall_s=wall_s, slot_nbytes=2**20)
        with made[-1].child("ada", "j", Function("def f(x): return x", "f"), limits) as child:
            returned = child.run("1", number=1, total=1)
            return returned.value

    before = descriptors()
    yield told
    for children in made:
        pids = children.pids()
        children.close()
        assert all(map(is_gone, pids))
    until(lambda: descriptors() == before)


def test_one_that_tells_the_truth_is_believed(lie: Any) -> None:
    assert lie('send({"op": "done", "run": run, "nbytes": put(sound)})') == Plain("1")


LIES = {
    "no frame": (r'os.write(1, b"\x00\x00\x00\x05abcde")', "sent what is no frame of ours"),
    "half a frame of much": (r'os.write(1, b"\x7f\xff\xff\xffabcde")', "sent what is no frame of ours"),
    "zeros": ("os.write(1, bytes(64))", "sent what is no frame of ours"),
    "no object": ("send([1, 2])", "sent what is no frame of ours"),
    "nan": (r"""send(b'{"run": 2, "op": "done", "nbytes": NaN}')""", "sent what is no frame of ours"),
    "deep": ('send(b"[" * 500_000)', "sent what is no frame of ours"),
    "not utf-8": (r'send(b"\xff\xfe")', "sent what is no frame of ours"),
    "utf-16": ("""send('{"op": "done"}'.encode("utf-16"))""", "sent what is no frame of ours"),
    "operation": ('send({"op": "exec", "run": run})', "answered as none of ours does"),
    "loaded again": ('send({"op": "loaded", "run": run})', "answered as none of ours does"),
    "no size": ('put(sound); send({"op": "done", "run": run})', "an impossible size"),
    "text as size": ('send({"op": "done", "run": run, "nbytes": "256"})', "an impossible size"),
    "truth as size": ('send({"op": "done", "run": run, "nbytes": True})', "an impossible size"),
    "negative": ('send({"op": "done", "run": run, "nbytes": -256})', "an impossible size"),
    "huge": ('send({"op": "done", "run": run, "nbytes": 2**70})', "an impossible size"),
    "beyond": ('send({"op": "done", "run": run, "nbytes": len(memory) + 1})', "an impossible size"),
    "nothing there": ('send({"op": "done", "run": run, "nbytes": 256})', "names and attributes take 0 bytes"),
    "changed": (
        'n = put(sound); memory[:n] = b"x" * n; send({"op": "done", "run": run, "nbytes": n})',
        "names and attributes take",
    ),
    "reason": (
        'send({"op": "failed", "run": run, "reason": "dismissed", "message": "a", "traceback": ""})',
        "as none of ours does",
    ),
    "message": (
        'send({"op": "failed", "run": run, "reason": "user-error", "message": 1, "traceback": ""})',
        "as none of ours does",
    ),
    "no traceback": (
        'send({"op": "failed", "run": run, "reason": "user-error", "message": "a"})',
        "as none of ours does",
    ),
    "list as reason": (
        'send({"op": "failed", "run": run, "reason": [], "message": "a", "traceback": ""})',
        "as none of ours does",
    ),
    "event of lines": (
        r'send({"op": "emit", "run": run, "type": "a\nevent: b", "payload": "1"})',
        "an event that is none",
    ),
    "event of objects": ('send({"op": "emit", "run": run, "type": "a", "payload": {}})', "an event that is none"),
    "event of nan": (
        'send({"op": "emit", "run": run, "type": "a", "payload": "NaN"})',
        "the payload of an event: it is no JSON",
    ),
    "large event": (
        """send({"op": "emit", "run": run, "type": "a", "payload": '"' + "a" * 100_000 + '"'})""",
        "the payload of an event: as JSON it takes 100002 bytes",
    ),
    "many events": (
        'for _ in range(2000): send({"op": "emit", "run": run, "type": "a", "payload": "1"})',
        "more than 1000 events",
    ),
    "progress": ('send({"op": "progress", "run": run, "fraction": 7})', "a progress that is none"),
    "progress of text": ('send({"op": "progress", "run": run, "fraction": "half"})', "a progress that is none"),
    "closed": ("os.close(1); time.sleep(60)", "closed what its process answers by"),
}


@pytest.mark.parametrize(("lines", "words"), LIES.values(), ids=list(LIES))
def test_a_lie_is_an_invalid_result(lie: Any, lines: str, words: str) -> None:
    began = time.monotonic()
    with pytest.raises(SliceFailedError) as caught:
        lie(lines)
    assert caught.value.failure.reason == "invalid-result"
    assert words in caught.value.failure.message
    assert time.monotonic() - began < 4


DELAYS = {
    "silence": "time.sleep(60)",
    "of another run": 'while True: send({"op": "done", "run": run + 1, "nbytes": put(sound)})',
    "of no run": 'send({"op": "done", "nbytes": put(sound)})',
    "byte by byte": r"""
os.write(1, b"\x00\x00\x01\x00{")
while True:
    time.sleep(0.1)
    os.write(1, b" ")
""",
    "progress": 'while True: send({"op": "progress", "run": run, "fraction": 0.5})',
    "talk": 'while True: os.write(2, b"talk" * 1000)',
    "deaf": "os.close(0); time.sleep(60)",
}


@pytest.mark.parametrize("lines", DELAYS.values(), ids=list(DELAYS))
def test_who_only_delays_is_ended_in_time(lie: Any, lines: str) -> None:
    began = time.monotonic()
    with pytest.raises(SliceFailedError) as caught:
        lie(lines, wall_s=1)
    assert caught.value.failure.reason == "timeout"
    assert time.monotonic() - began < 4


def test_what_is_claimed_to_be_used_is_believed_within_reason(lie: Any) -> None:
    claims = '{"cpu_s": 10**400, "peak_nbytes": -1, "traceback": "", "message": "m", "reason": "user-error"}'
    with pytest.raises(SliceFailedError) as caught:
        lie(f'send({{"op": "failed", "run": run, **{claims}}})')
    assert 0 <= caught.value.usage.cpu_s < 100
    assert caught.value.usage.peak_nbytes == 0


def test_words_of_a_failure_do_nothing_to_a_terminal(lie: Any) -> None:
    with pytest.raises(SliceFailedError) as caught:
        lie(
            r"""
words = {"message": "\x1b[2Ja\ud800", "traceback": "b\x07\x00"}
send({"op": "failed", "run": run, "reason": "user-error"} | words)
"""
        )
    assert (caught.value.failure.message, caught.value.failure.traceback) == ("a?", "b")


def test_output_that_changes_after_the_answer_changes_nothing(lie: Any) -> None:
    """The process writes on, without end, while we read and after."""
    lines = """
def scribble():
    while True:
        memory[n - 64 : n] = os.urandom(64)
n = put(sound)
threading.Thread(target=scribble, daemon=True).start()
send({"op": "done", "run": run, "nbytes": n})
time.sleep(60)
"""
    value = lie(lines, np.arange(100))
    first = value.copy()
    np.testing.assert_array_equal(value[:90], np.arange(90))
    time.sleep(0.1)
    np.testing.assert_array_equal(value, first)


def test_shared_memory_cannot_be_taken_away_nor_its_input_written(lie: Any) -> None:
    """Sealed (A-13): not cut under us, which would end us by SIGBUS, and not written where only we write."""
    lines = """
told = []
def attempt(work):
    try:
        work()
        told.append("did it")
    except (OSError, ValueError) as error:
        told.append(getattr(error, "strerror", None) or str(error))

attempt(lambda: os.ftruncate(OUT, 0))
attempt(lambda: os.ftruncate(OUT, 2**30))
attempt(lambda: os.pwrite(IN, b"x", 0))
attempt(lambda: os.pwrite(os.open(f"/proc/self/fd/{IN}", os.O_RDWR), b"x", 0))
attempt(lambda: mmap.mmap(os.open(f"/proc/self/fd/{IN}", os.O_RDWR), 4096))
attempt(lambda: mmap.mmap(IN, 4096))
answer = {"op": "failed", "run": run, "reason": "user-error", "message": json.dumps(told), "traceback": ""}
send(answer)
"""
    with pytest.raises(SliceFailedError) as caught:
        lie(lines)
    said = json.loads(caught.value.failure.message)
    assert len(said) == 6
    assert set(said) <= {"Operation not permitted", "Bad file descriptor", "Permission denied", "Invalid argument"}, (
        said
    )


@pytest.mark.parametrize(
    "program", ["raise SystemExit(1)", "import os\nos.write(1, b'\\0\\0\\0\\x02{}')\nos.read(0, 1)", "print('x' * 99)"]
)
def test_one_that_does_not_begin_as_it_should_is_told_in_the_log(tmp_path: Path, program: str, caplog: Any) -> None:
    (tmp_path / "other.py").write_text(f"import sys\nprint('why', file=sys.stderr)\n{program}\n")
    children = Children(launch=Launch(program=tmp_path / "other.py"), folder=tmp_path, warm=0)
    with children.child("ada", "j", Function("", "f"), Limits()) as child, pytest.raises(SliceFailedError) as caught:
        child.run("1", number=1, total=1)
    children.close()
    assert caught.value.failure.reason == "worker-lost"
    assert caught.value.failure.message == "no process that runs functions could be started; the server's log has why"
    (record,) = (one for one in caplog.records if one.levelname == "ERROR")
    assert record.said == "why\n"


def test_a_folder_that_somebody_made_very_deep_is_removed(make: Callable[..., Children], folder: Path) -> None:
    source = (
        "import os\ndef f(x):\n    for _ in range(1200):\n        os.mkdir('d')\n        os.chdir('d')\n    return 1\n"
    )
    children = make()
    before = set(folder.iterdir())
    with children.child("ada", "j", Function(source, "f"), Limits()) as child:
        child.run("1", number=1, total=1)
    assert len(set(folder.iterdir()) - before) == 1
    children.close()
    until(lambda: set(folder.iterdir()) == before)
