"""``cloudify job`` as the person who types it sees it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cloudify.cli.main import app
from cloudify.testing import free_port

TOKEN = "cld_abcd1234_good"  # noqa: S105  # of the stand-in
Typed = Callable[..., Result]


@pytest.fixture
def typed(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Run `cloudify job ...` against the stand-in, in this process."""
    monkeypatch.chdir(tmp_path)

    def typed(*words: str, url: str = url, token: str = TOKEN) -> Result:
        return CliRunner().invoke(app, ["job", *words, "--url", url], env={"CLOUDIFY_TOKEN": token})

    return typed


def test_jobs_are_a_table(typed: Typed, stand_in: Any) -> None:
    assert typed("list").stdout == "no jobs\n"
    stand_in.add_job("first", "successful", started="2026-01-02T03:04:05Z", finished="2026-01-02T03:05:20Z")
    stand_in.add_job("second", open=True, slices={"total": 10, "done": 3, "failed": 1, "reused": 0})
    stand_in.add_job("third\x1b[2J", "dismissed")
    assert typed("list").stdout.splitlines() == [
        "id         status      slices  failed  process  created               took",
        "third [2J  dismissed   0/10            map      2026-01-02T03:04:05Z",
        "second     running     4/10+   1       map      2026-01-02T03:04:05Z",
        "first      successful  0/10            map      2026-01-02T03:04:05Z  1:15 min",
    ]
    assert typed("list", "--status", "running").stdout.count("\n") == 2
    assert typed("list", "--limit", "1").stdout.count("\n") == 2
    assert [job["id"] for job in json.loads(typed("list", "--json").stdout)] == ["third\x1b[2J", "second", "first"]


def test_a_job_is_shown_with_why_it_failed(typed: Typed, stand_in: Any) -> None:
    exception = {
        "type": "user-error", "detail": "ValueError: no", "slice": 3, "region": {"time": [0, 31]},
        "traceback": "Traceback (most recent call last):\n  ...\x1b[31m\nValueError: no",
    }  # fmt: skip
    stand_in.add_job(
        "bad", "failed", message="slice 3: ValueError: no", exception=exception, started="2026-01-02T03:04:06Z",
        finished="2026-01-02T03:04:07.500Z", expires="2026-02-01T03:04:07.500Z",
        slices={"total": 10, "done": 2, "failed": 1, "reused": 1},
    )  # fmt: skip
    done = typed("show", "bad")
    assert done.stdout.splitlines() == [
        "id         bad",
        "status     failed",
        "process    map",
        "message    slice 3: ValueError: no",
        "slices     10: 2 done, 1 failed, 1 reused",
        "created    2026-01-02T03:04:05Z",
        "started    2026-01-02T03:04:06Z",
        "finished   2026-01-02T03:04:07.500Z",
        "kept until 2026-02-01T03:04:07.500Z",
        "took       1.5 s",
        "used       1.5 s of processors, at most 2 MB of memory, 3 kB in, 4 kB out",
        "isolation  none",
        "",
        "job bad failed at slice 3 (time 0:31): ValueError: no",
        "",
        "Traceback (most recent call last):",
        "  ... [31m",
        "ValueError: no",
    ]
    assert done.exit_code == 0
    assert json.loads(typed("show", "bad", "--json").stdout)["exception"] == exception


def test_the_log_of_a_job_is_printed(typed: Typed, stand_in: Any) -> None:
    stand_in.add_job("j")
    stand_in.logs["j"] = "[slice 1] a\tb\n[slice 2] \x1b]0;title\x07c"
    assert typed("logs", "j").stdout == "[slice 1] a\tb\n[slice 2]  ]0;title c\n"
    assert typed("logs", "j", "--slice", "1").stdout == "[slice 1] a\tb\n"
    assert json.loads(typed("logs", "j", "--json").stdout)[0]["text"] == stand_in.logs["j"]
    stand_in.logs["j"] = ""
    assert typed("logs", "j").stdout == ""


def test_a_job_is_cancelled_once(typed: Typed, stand_in: Any) -> None:
    stand_in.add_job("j")
    assert (typed("cancel", "j").stdout, stand_in.jobs["j"]["status"]) == ("job j dismissed\n", "dismissed")
    assert typed("cancel", "j").stdout == "job j dismissed\n"
    stand_in.add_job("k", "successful")
    late = typed("cancel", "k")
    assert (late.exit_code, late.stdout) == (1, "job k has ended by itself: successful\n")
    assert set(stand_in.jobs) == {"j", "k"}


@pytest.mark.parametrize("word", ["show", "logs", "cancel"])
def test_no_such_job_is_one_line_and_status_1(typed: Typed, word: str) -> None:
    done = typed(word, "nothing")
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", "cloudify: no job 'nothing' of yours\n")


def test_what_is_wrong_is_one_line(typed: Typed) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert typed("list", url=url).stderr == (
        f"cloudify: no answer from {url}: connection refused; is the server running? `cloudify serve` starts one\n"
    )
    refused = typed("list", "--token", "cld_other")
    assert (refused.exit_code, refused.stderr) == (
        1,
        'cloudify: this needs a token (sent was the token that was given; token="" sends none)\n',
    )
    old = typed("list", token="cld_old")  # noqa: S106
    assert old.stderr.endswith('(sent was the token in CLOUDIFY_TOKEN; token="" sends none)\n')
    assert "is no URL of a server" in typed("list", url="here").stderr


def test_bad_usage_is_status_2(typed: Typed) -> None:
    for words in (["show"], ["logs", "j", "--slice", "0"], ["list", "--limit", "x"], ["bake"]):
        assert typed(*words).exit_code == 2


def test_help_loads_nothing_that_takes_time(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['cloudify', 'job', 'list', '--help']\n"
        "from cloudify.cli.main import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code\n"
        "heavy = {'httpx', 'numpy', 'xarray', 'cloudify.client', 'cloudify.settings'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "CLOUDIFY_TOKEN" in done.stdout
