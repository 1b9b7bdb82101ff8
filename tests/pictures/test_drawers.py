"""The processes that draw: many at once, ended when they take too long, replaced when they die, gone with a server."""

import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image

from cloudify.errors import DrawingBusyError, DrawingFailedError, DrawingTooSlowError, TooLargeError
from cloudify.http.problems import Problem
from cloudify.pictures.draw import draw
from cloudify.pictures.drawers import Drawers, drawers_of
from cloudify.pictures.drawing import Caption, HistDrawing, LineDrawing, MapDrawing
from cloudify.pictures.turns import Turns
from cloudify.pictures.view import View
from cloudify.pictures.wire import pack, unpack
from cloudify.settings import Settings
from cloudify.testing import free_port

VIEW = View(-180, -90, 180, 90, 200, 100)
SIZE = (200, 100)
MIB = 2**20


def constant(value: float) -> MapDrawing:
    values = np.full((VIEW.height, VIEW.width), value, np.float32)
    return MapDrawing("pcolormesh", values, VIEW, "gray", 0, 1, Caption("a"))


def grey(picture: bytes) -> int:
    """Of a pixel without a coast, 0 to 255."""
    level: Any = Image.open(io.BytesIO(picture)).convert("L").getpixel((20, 60))
    return int(level)


def until(condition: Callable[[], Any], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    """Whether a process has ended, and nobody has to wait for it."""
    return not psutil.pid_exists(pid)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("matplotlib")


@pytest.fixture
def make(folder: Path) -> Iterator[Callable[..., Drawers]]:
    made: list[Drawers] = []

    def new(processes: int = 1, *, seconds: float = 30, nbytes: int = 2048 * MIB, queue: int = 64) -> Drawers:
        made.append(Drawers(processes, seconds=seconds, nbytes=nbytes, queue=queue, folder=folder))
        return made[-1]

    yield new
    for drawers in made:
        pids = drawers.pids()
        drawers.end()
        assert drawers.pids() == []
        assert all(map(is_gone, pids))


DRAWINGS = {
    "map": constant(0.25),
    "scatter": MapDrawing(
        "scatter", np.arange(3.0), VIEW, "viridis", 0, 3, Caption("a"), points=(np.arange(3.0), np.arange(3.0))
    ),
    "line": LineDrawing(
        np.arange(9.0), np.arange(18.0).reshape(2, 9)[:, ::-1], Caption("$t$", "\ud800", "K"), labels=("a", "b")
    ),
    "hist": HistDrawing(np.arange(5), np.arange(6.0), Caption("a")),
}


@pytest.mark.parametrize("drawing", DRAWINGS.values(), ids=list(DRAWINGS))
def test_a_drawing_comes_over_the_wire_as_it_was(drawing: Any) -> None:
    content, arrays = pack(drawing)
    again = unpack(content, memoryview(b"".join(array.tobytes() for array in arrays)))
    assert type(again) is type(drawing)
    assert repr(again) == repr(drawing)


@pytest.mark.parametrize("form", ["png", "svg"])
def test_a_process_draws_what_is_drawn_here(make: Callable[..., Drawers], form: Any) -> None:
    drawers = make()
    for drawing in DRAWINGS.values():
        assert drawers.draw(drawing, form, *SIZE) == draw(drawing, form, *SIZE)
    assert len(drawers.pids()) == 1


def test_sixty_four_at_once_each_get_their_own(make: Callable[..., Drawers]) -> None:
    drawers = make(2)
    assert drawers.pids() == []
    with ThreadPoolExecutor(64) as threads:
        pictures = list(threads.map(lambda i: drawers.draw(constant(i / 63), "png", *SIZE), range(64)))
    for number, picture in enumerate(pictures):
        assert abs(grey(picture) - 255 * number / 63) < 3
    assert 1 <= len(drawers.pids()) <= 2


def test_one_that_takes_too_long_is_ended_and_the_next_is_drawn(make: Callable[..., Drawers]) -> None:
    drawers = make(seconds=3)
    drawers.draw(constant(0.5), "png", *SIZE)
    (pid,) = drawers.pids()
    os.kill(pid, signal.SIGSTOP)  # it draws, and never comes to an end
    with pytest.raises(DrawingTooSlowError, match="within 3 s; choose a smaller picture, region or range"):
        drawers.draw(constant(0.5), "png", *SIZE)
    assert is_gone(pid)
    assert drawers.pids() == []
    assert abs(grey(drawers.draw(constant(0.5), "png", *SIZE)) - 127) < 3
    assert Problem.of(DrawingTooSlowError(3)).status == 422


def test_one_that_is_killed_in_the_middle_is_replaced_and_its_picture_drawn(make: Callable[..., Drawers]) -> None:
    drawers = make()
    drawers.draw(constant(0.5), "png", *SIZE)
    (pid,) = drawers.pids()
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as thread:
        picture = thread.submit(drawers.draw, constant(0.25), "png", *SIZE)
        until(lambda: not drawers._idle)  # it is at work
        os.kill(pid, signal.SIGKILL)
        assert abs(grey(picture.result()) - 63) < 3
    assert is_gone(pid)
    assert drawers.pids() != [pid]


def test_a_drawing_that_needs_too_much_memory_fails_alone(make: Callable[..., Drawers], caplog: Any) -> None:
    drawers = make(nbytes=64 * MIB)
    large = View(-180, -90, 180, 90, 2724, 1272)
    values = np.zeros((large.height, large.width), np.float32)
    drawing = MapDrawing("contourf", values, large, "gray", 0, 1, Caption("a"))
    with pytest.raises(DrawingFailedError, match="too much memory"):
        drawers.draw(drawing, "png", 2800, 1400)
    assert "MemoryError" in caplog.records[-1].why
    assert drawers.pids() == []
    assert abs(grey(drawers.draw(constant(1), "png", *SIZE)) - 255) < 3


def test_a_drawing_that_fails_says_why_in_the_log(make: Callable[..., Drawers], caplog: Any) -> None:
    drawers = make()
    drawing = HistDrawing(np.arange(5), np.arange(2.0), Caption("edges and counts that do not fit"))
    with pytest.raises(DrawingFailedError, match="the server's log has why"):
        drawers.draw(drawing, "png", *SIZE)
    assert "ValueError" in caplog.records[-1].why
    assert drawers.draw(DRAWINGS["hist"], "png", *SIZE)


def test_beyond_the_queue_nobody_waits(make: Callable[..., Drawers]) -> None:
    drawers = make(queue=2)
    drawers.draw(constant(0), "png", *SIZE)
    (pid,) = drawers.pids()
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(drawers.draw, constant(1), "png", *SIZE) for _ in range(3)]
        until(lambda: drawers._turns.waiting == 2)
        began = time.monotonic()
        with pytest.raises(DrawingBusyError):
            drawers.draw(constant(1), "png", *SIZE)
        assert time.monotonic() - began < 1
        os.kill(pid, signal.SIGCONT)
        assert all(abs(grey(picture.result()) - 255) < 3 for picture in waiting)
    problem = Problem.of(DrawingBusyError("x"))
    assert (problem.status, problem.headers) == (503, {"retry-after": "2"})


def test_nobody_overtakes_those_who_wait() -> None:
    """One holds the only turn; three come one after the other, and the first asks again while they wait."""
    turns, order = Turns(1, 9), []

    def once(name: str) -> None:
        with turns.turn(30):
            order.append(name)

    with ThreadPoolExecutor(3) as threads:
        with turns.turn(30):
            for number, name in enumerate("abc"):
                threads.submit(once, name)
                until(lambda number=number: turns.waiting == number + 1)
        once("again")
    assert order == ["a", "b", "c", "again"]


def test_a_turn_that_does_not_come_leaves_the_queue() -> None:
    turns = Turns(1, 9)
    with turns.turn(30), pytest.raises(DrawingBusyError, match=r"within 0\.05 s"), turns.turn(0.05):
        pass
    assert turns.waiting == 0
    with turns.turn(0.05):
        assert turns.waiting == 0


def test_when_the_server_ends_nobody_waits_for_a_picture(make: Callable[..., Drawers]) -> None:
    drawers = make()
    drawers.draw(constant(0), "png", *SIZE)
    (pid,) = drawers.pids()
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor(3) as threads:
        pictures = [threads.submit(drawers.draw, constant(1), "png", *SIZE) for _ in range(3)]
        until(lambda: drawers._turns.waiting == 2)
        drawers.end()
        for picture in pictures:
            with pytest.raises(DrawingBusyError, match="about to end"):
                picture.result(timeout=5)
    assert is_gone(pid)
    assert drawers.pids() == []


@pytest.mark.parametrize("size", [(1_000_000, 600), (1_000_000, 1), (1, 1_000_000), (2001, 2000)])
def test_what_is_too_large_is_refused_before_anything_is_started(
    make: Callable[..., Drawers], size: tuple[int, int]
) -> None:
    drawers = make()
    with pytest.raises(TooLargeError, match="too large"):
        drawers.draw(constant(0), "png", *size)
    with pytest.raises(TooLargeError, match="choose a smaller part of the data"):
        drawers.draw(LineDrawing(np.zeros(8), np.broadcast_to(0.0, (9_000_000, 1)), Caption("a")), "png", *SIZE)
    assert drawers.pids() == []


SERVER = """
import sys, threading, os, signal, time
from pathlib import Path
import numpy as np
from cloudify.pictures.drawers import drawers_of
from cloudify.pictures.drawing import Caption, HistDrawing
from cloudify.settings import Settings

drawers = drawers_of(Settings(data_dir=Path(sys.argv[1]), drawing_processes=1))
drawing = HistDrawing(np.ones(1), np.arange(2.0), Caption("a"))
drawers.draw(drawing, "png", 200, 100)
if sys.argv[2] == "drawing":
    os.kill(drawers.pids()[0], signal.SIGSTOP)
    threading.Thread(target=drawers.draw, args=(drawing, "png", 200, 100)).start()
print(*drawers.pids(), flush=True)
if sys.argv[2] == "idle":
    sys.stdin.read()
"""


@pytest.mark.parametrize(("state", "status"), [("idle", -signal.SIGKILL), ("drawing", 0)])
def test_they_end_with_the_server(folder: Path, state: str, status: int) -> None:
    """One is killed and cannot end anything; the other ends while a thread waits for a picture."""
    command = [sys.executable, "-c", SERVER, str(folder), state]
    server = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert server.stdout is not None
    assert server.stdin is not None
    with server.stdout, server.stdin:
        pid = int(server.stdout.readline())
        assert psutil.pid_exists(pid)
        if state == "idle":
            server.kill()
        assert server.wait(timeout=5) == status
    until(lambda: is_gone(pid), 5)


WEB_SERVER = """
import os, signal, sys
from pathlib import Path
import numpy as np
from fastapi import APIRouter
from xpublish.plugins import Plugin, hookimpl
from cloudify import Server
from cloudify.pictures.drawers import drawers_of
from cloudify.pictures.drawing import Caption, HistDrawing
from cloudify.settings import Settings

settings = Settings(data_dir=Path(sys.argv[1]), port=int(sys.argv[2]), drawing_processes=1, shutdown_s=2)

def picture():
    drawers = drawers_of(settings)
    drawing = HistDrawing(np.ones(1), np.arange(2.0), Caption("a"))
    drawers.draw(drawing, "png", 200, 100)
    os.kill(drawers.pids()[0], signal.SIGSTOP)
    Path(sys.argv[1], "pid").write_text(str(drawers.pids()[0]))
    drawers.draw(drawing, "png", 200, 100)

class Pictures(Plugin):
    name: str = "pictures"

    @hookimpl
    def app_router(self):
        router = APIRouter()
        router.add_api_route("/picture", picture)
        return router

Server({}, settings=settings, plugins=[Pictures()]).serve()
"""


def test_a_server_ends_in_its_time_though_a_picture_hangs(tmp_path: Path) -> None:
    script = tmp_path / "server.py"
    script.write_text(WEB_SERVER)
    port = free_port()
    server = subprocess.Popen([sys.executable, script, tmp_path, str(port)], stderr=subprocess.DEVNULL)
    until(lambda: not _is_closed(port))
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(httpx.get, f"http://127.0.0.1:{port}/picture", timeout=60)
        until((tmp_path / "pid").exists)
        until((tmp_path / "pid").read_text)
        server.terminate()
        assert server.wait(timeout=5) == 0  # two seconds for requests, and the end itself
        until(answer.done, 5)
    until(lambda: is_gone(int((tmp_path / "pid").read_text())), 5)


def _is_closed(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) != 0


def test_equal_settings_have_the_same_processes(tmp_path: Path) -> None:
    assert drawers_of(Settings(data_dir=tmp_path)) is drawers_of(Settings(data_dir=tmp_path))
    assert drawers_of(Settings(data_dir=tmp_path)) is not drawers_of(Settings(data_dir=tmp_path, drawing_timeout_s=1))
