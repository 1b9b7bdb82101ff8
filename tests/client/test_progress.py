"""What somebody sees who waits for a job: in a terminal, in a notebook, in a log."""

import fcntl
import io
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from types import ModuleType
from typing import Any

import pytest

from cloudify.client.connect import RemoteServer
from cloudify.client.progress import Lines, Notebook, Terminal, display
from cloudify.client.status import Status
from cloudify.client.view import Pace, View, last_line, running_line, step_line

TOKEN = "cld_abcd1234_good"  # noqa: S105  # of the stand-in


def status(state: str = "running", **members: Any) -> Status:
    slices = {"total": 200, "done": 0, "failed": 0, "reused": 0} | members.pop("slices", {})
    return Status.of({"jobID": "j1", "status": state, "slices": slices} | members)


def view(state: str = "running", elapsed_s: float = 12.0, rate: float | None = None, **members: Any) -> View:
    return View(status(state, **members), elapsed_s, rate)


FAILED = {"type": "user-error", "detail": "ZeroDivisionError: \x1b[31mno", "slice": 3, "traceback": "Trace\nback"}


@pytest.mark.parametrize(
    ("seen", "width", "line"),
    [
        (view("accepted"), 79, "accepted  waits for its turn  12 s"),
        (view("accepted", message="4 jobs before it"), 79, "accepted  4 jobs before it  12 s"),
        (view(slices={"done": 0}), 79, "running  ▕                              ▏    0%  0/200 slices"),
        (
            view(rate=12.34, slices={"done": 83, "failed": 1}), 100,
            "running  ▕████████████▌                 ▏   42%  84/200 slices  1 failed  9.4 s left  12.3/s",
        ),
        (
            view(rate=12.34, slices={"done": 83, "failed": 1}), 60,
            "running   42%  84/200 slices  1 failed  9.4 s left  12.3/s",
        ),
        (view(rate=0.5, slices={"done": 100}), 46, "running   50%  100/200 slices  3:20 min left"),
        (view(rate=0.5, slices={"done": 100}), 30, "running   50%  100/200 slices"),
        (view(rate=0.5, slices={"done": 100}), 14, "running   50%"),
        (view(rate=0.5, slices={"done": 100}), 4, "runn"),
        (view(slices={"done": 199}), 79, f"running  ▕{'█' * 29}▊▏   99%  199/200 slices"),
        (view(slices={"done": 200}), 79, f"running  ▕{'█' * 17}▏  100%  200/200 slices  putting the result together"),
        (
            view(rate=1.0, open=True, slices={"done": 3, "total": 3}), 79,
            "running  ▕██████████████████████████████▏  100%  3/3 slices  open for more",
        ),
        (
            view(open=True, slices={"done": 1, "total": 4}, rate=2.0), 50,
            "running  ▕████            ▏   25%  1/4 slices  2/s",
        ),
        (
            view(progress=42, rate=0.001, slices={"total": 1}), 79,
            f"running  ▕{'█' * 12}▌{' ' * 17}▏   42%  0/1 slices  9:40 min left",
        ),
        (view(slices={"total": 0}), 79, "running  no slices so far"),
        (
            View(status(slices={"done": 50}), 9.0, None, "no answer for 8.0 s"), 60,
            f"running  ▕{'█' * 7}{' ' * 21}▏  no answer for 8.0 s",
        ),
    ],
)  # fmt: skip
def test_the_line_of_a_running_job(seen: View, width: int, line: str) -> None:
    assert running_line(seen, width) == line


def test_the_bar_is_drawn_in_letters_where_there_are_no_others() -> None:
    seen = view(slices={"done": 100})
    assert running_line(seen, 79, plain=True) == "running  [###############---------------]   50%  100/200 slices"
    assert running_line(seen, 79, plain=True).isascii()


@pytest.mark.parametrize(
    ("seen", "line"),
    [
        (view("successful", slices={"done": 200}), "job j1 successful  200/200 slices  12 s"),
        (
            view("successful", 75.0, slices={"done": 198, "failed": 2, "reused": 40}),
            "job j1 successful  200/200 slices  1:15 min  40 reused  2 failed",
        ),
        (view("dismissed", slices={"done": 7}), "job j1 dismissed  7/200 slices  12 s"),
        (
            view("failed", 1.0, exception=FAILED, slices={"done": 2, "failed": 1}),
            "job j1 failed at slice 3: ZeroDivisionError: \x1b[31mno  (3/200 slices, after 1.0 s)",
        ),
    ],
)
def test_the_last_line_says_what_became_of_it(seen: View, line: str) -> None:
    assert last_line(seen) == line


def test_the_rate_is_that_of_lately() -> None:
    pace = Pace()
    assert pace.rate(0.0, 0) is None
    assert pace.rate(10.0, 100) is None  # it may have begun a moment ago
    assert pace.rate(40.0, 130) == 1.0
    assert pace.rate(70.0, 160) == 1.0
    assert pace.rate(160.0, 160) == 30 / 90  # nothing comes any more


def test_the_rate_of_one_long_slice_is_that_between_its_percents() -> None:
    """It takes ten minutes; who looks comes in the middle, twice a second."""
    pace, rates = Pace(), list[float]()
    for half_second in range(240):
        percent = int((33.5 + half_second / 2) / 6)
        rate = pace.rate(half_second / 2, percent / 100)
        rates += [] if rate is None else [rate]
    settled = rates[len(rates) // 4 :]
    assert 0.95 / 600 < min(settled) <= max(settled) < 1.05 / 600
    assert len(rates) > 220


def test_a_log_gets_a_line_for_each_tenth() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    for done in range(0, 201, 7):
        lines.update(view(slices={"done": done}))
    lines.end(view("successful", slices={"done": 200}))
    told = stream.getvalue().splitlines()
    assert told[0] == "job j1 running   10%  21/200 slices"
    assert [int(re.findall(r"(\d+)%", line)[0]) // 10 for line in told[:-1]] == list(range(1, 10))
    assert told[-1] == "job j1 successful  200/200 slices  12 s"
    assert "\r" not in stream.getvalue()


def test_a_line_that_gets_shorter_leaves_nothing_behind() -> None:
    stream = io.StringIO()
    terminal = Terminal(stream)
    terminal.update(view(rate=12.34, slices={"done": 83, "failed": 1}))
    terminal.end(view("failed", exception=FAILED))
    long, short = stream.getvalue().split("\r")[1:]
    assert len(short.rstrip("\n")) == len(long) or len(short) > len(long)
    assert "\x1b" not in stream.getvalue()
    assert short.endswith("\n")


class Handle:
    """What IPython's display returns."""

    def __init__(self, shown: list[dict[str, str]]) -> None:
        self.shown = shown

    def update(self, data: dict[str, str], *, raw: bool) -> None:
        assert raw
        self.shown.append(data)


class Kernel:
    """A shell that belongs to a notebook."""

    kernel = object()


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> list[list[dict[str, str]]]:
    """The outputs of a cell, as IPython's display is called; each is a list of what it showed."""
    outputs: list[list[dict[str, str]]] = []

    def show(data: dict[str, str], *, raw: bool, display_id: bool) -> Handle:
        assert raw
        assert display_id
        outputs.append([data])
        return Handle(outputs[-1])

    ipython, displays = ModuleType("IPython"), ModuleType("IPython.display")
    vars(ipython)["get_ipython"] = Kernel
    vars(displays)["display"] = show
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", displays)
    return outputs


def test_a_notebook_has_one_output_that_changes(cell: Any) -> None:
    shown = display()
    assert isinstance(shown, Notebook)
    shown.update(view(slices={"done": 50}))
    shown.update(view(slices={"done": 100}))
    shown.end(view("failed", exception=FAILED | {"detail": "<script>alert(1)</script>"}))
    ((first, second, last),) = cell
    assert first["text/html"] == (
        '<div style="font-family:monospace;white-space:pre-wrap;"><progress value="0.2500" max="1" '
        'style="width:16em;vertical-align:middle"></progress> running   25%  50/200 slices</div>'
    )
    assert 'value="0.5000"' in second["text/html"]
    assert "<script>" not in last["text/html"]
    assert "&lt;script&gt;" in last["text/html"]
    assert "<progress" not in last["text/html"]
    assert last["text/plain"].startswith("job j1 failed at slice 3")


def test_waiting_in_a_notebook_writes_nowhere_else(server: RemoteServer, stand_in: Any, cell: Any, capsys: Any) -> None:
    stand_in.add_job("j", "successful")
    server.job("j").wait()
    assert len(cell) == 1
    assert capsys.readouterr() == ("", "")


SCRIPT = """
import sys
import cloudify

server = cloudify.connect({url!r}, {token!r})
job = server.job("j").wait()
print("went on:", job.status)
"""


class Typed:
    """A script in a terminal of its own, with what it shows."""

    def __init__(self, script: str, folder: Path, columns: int) -> None:
        (folder / "script.py").write_text(script)
        master, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, folder / "script.py"], stdin=terminal, stdout=terminal, stderr=terminal,
            env=os.environ | {"PYTHONIOENCODING": "utf-8"}, start_new_session=True,
        )  # fmt: skip
        os.close(terminal)
        self._master, self._shown = master, b""
        self._reader = Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self._master, 4096)
            except OSError:  # the script has ended
                break
            self._shown += piece
        os.close(self._master)

    @property
    def shown(self) -> str:
        return self._shown.decode()

    def until(self, seen: Callable[[str], bool]) -> None:
        deadline = monotonic() + 20
        while not seen(self.shown):
            assert monotonic() < deadline, self.shown
            sleep(0.01)

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def end(self) -> int:
        status = self._process.wait(timeout=20)
        self._reader.join()
        return status


def test_a_terminal_has_one_line_that_is_written_over(url: str, stand_in: Any, tmp_path: Path) -> None:
    job = stand_in.add_job("j", slices={"total": 200, "done": 20, "failed": 0, "reused": 0})
    typed = Typed(SCRIPT.format(url=url, token=TOKEN), tmp_path, columns=90)
    typed.until(lambda shown: "20/200 slices" in shown)
    job["slices"] = job["slices"] | {"done": 119, "failed": 1}
    typed.until(lambda shown: "120/200 slices  1 failed" in shown)
    job |= {"status": "successful", "slices": job["slices"] | {"done": 199}}
    assert typed.end() == 0
    bar, after, *rest = typed.shown.split("\r\n")
    assert (after, rest) == ("went on: successful", [""])
    lines = bar.split("\r")[1:]
    assert all(len(line) <= 89 for line in lines)
    assert re.fullmatch(r"running  ▕███ +▏   10%  20/200 slices", lines[0])
    assert any(
        re.match(r"running  ▕█+[▏▎▍▌▋▊▉]? *▏   60%  120/200 slices  1 failed  \S+ s left", line) for line in lines
    )
    assert re.fullmatch(r"job j successful  200/200 slices  [\d.]+ s  1 failed +", lines[-1])


def test_a_bar_moves_while_a_single_slice_runs(url: str, stand_in: Any, tmp_path: Path) -> None:
    job = stand_in.add_job("j", slices={"total": 1, "done": 0, "failed": 0, "reused": 0})
    typed = Typed(SCRIPT.format(url=url, token=TOKEN), tmp_path, columns=90)
    for percent in (0, 10, 55, 99):
        job["progress"] = percent
        typed.until(lambda shown, percent=percent: f"{percent:3}%  0/1 slices" in shown)  # type: ignore[misc]
    job |= {"status": "successful", "progress": 100, "slices": job["slices"] | {"done": 1}}
    assert typed.end() == 0
    widths = [line.count("█") for line in typed.shown.split("\r") if "%" in line]
    assert widths == sorted(widths)
    assert len(set(widths)) == 4


def test_ctrl_c_ends_the_waiting_and_not_the_job(url: str, stand_in: Any, tmp_path: Path) -> None:
    stand_in.add_job("j", slices={"total": 200, "done": 20, "failed": 0, "reused": 0})
    typed = Typed(SCRIPT.format(url=url, token=TOKEN), tmp_path, columns=100)
    typed.until(lambda shown: "20/200 slices" in shown)
    typed.interrupt()
    assert typed.end() != 0
    assert "\r\njob j goes on; `server.job('j')` comes back to it, its `.cancel()` ends it\r\n" in typed.shown
    assert "KeyboardInterrupt" in typed.shown
    assert "went on" not in typed.shown
    assert stand_in.jobs["j"]["status"] == "running"
    assert {method for method, *_ in stand_in.asked} == {"GET"}


def test_where_no_line_can_be_written_over_there_are_lines(url: str, stand_in: Any, tmp_path: Path) -> None:
    stand_in.add_job("j", "successful", slices={"total": 2, "done": 2, "failed": 0, "reused": 0})
    (tmp_path / "script.py").write_text(SCRIPT.format(url=url, token=TOKEN))
    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, check=False)
    assert done.stdout == "went on: successful\n"
    assert re.fullmatch(r"job j successful  2/2 slices  0\.\d s\n", done.stderr)


def test_a_step_of_a_log_names_the_job() -> None:
    assert step_line(view(slices={"done": 20})) == "job j1 running   10%  20/200 slices"
