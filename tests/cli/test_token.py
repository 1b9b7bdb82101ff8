"""``cloudify token``, and the token that the demo leaves."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from time import time
from typing import Any

import httpx
import pytest

from cloudify.compute.store.store import open_store
from cloudify.errors import InvalidTokenError
from cloudify.model.token import read_token
from cloudify.server.demo_token import leave_demo_token
from cloudify.settings import Settings

TOKEN = re.compile(r"cld_[0-9A-Za-z]{8}_[0-9A-Za-z]{32}\n")


def cloudify(*arguments: str, data_dir: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cloudify", "token", *arguments, "--data-dir", str(data_dir)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLOUDIFY_")}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)


def test_a_token_is_printed_alone_and_good_on_a_running_server(start: Any) -> None:
    """And revoked there, by its text or its id."""
    server = start("demo", env={"CLOUDIFY_UNSAFE_COMPUTE": "1"})
    options = ("--user", "ada", "--scope", "compute", "--expires", "1h", "--dataset", "job-1", "--dataset", "job-2")
    made = cloudify("create", *options, data_dir=server.data_dir)
    assert made.returncode == 0
    assert TOKEN.fullmatch(made.stdout), made.stdout
    jobs, headers = f"{server.url}/ogc-api/jobs", {"Authorization": f"Bearer {made.stdout.strip()}"}
    assert httpx.get(jobs, headers=headers).json()["jobs"] == []
    rows = {row["user"]: row for row in json.loads(cloudify("list", "--json", data_dir=server.data_dir).stdout)}
    assert (rows["ada"]["scopes"], rows["ada"]["state"], rows["ada"]["datasets"]) == ("compute", "good", "job-1,job-2")
    assert rows["ada"]["used"] is not None
    assert rows["demo"]["scopes"] == "compute,deploy,read"
    assert made.stdout.strip()[13:] not in cloudify("list", data_dir=server.data_dir).stdout
    revoked = cloudify("revoke", rows["ada"]["id"], data_dir=server.data_dir)
    assert (revoked.returncode, revoked.stdout) == (0, f"token {rows['ada']['id']} revoked\n")
    deadline = time() + 5
    while httpx.get(jobs, headers=headers).status_code == 200:
        assert time() < deadline
    assert httpx.get(jobs, headers=headers).json()["type"].endswith(InvalidTokenError.code)
    demo = (server.data_dir / "demo-token").read_text()
    assert TOKEN.fullmatch(demo)
    assert (server.data_dir / "demo-token").stat().st_mode & 0o777 == 0o600
    assert any("demo-token" in line for line in server.printed)
    assert httpx.get(jobs, headers={"Authorization": f"Bearer {demo.strip()}"}).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("create", "--scope", "write"), 2, "read,compute,deploy,admin"),
        (("create", "--scope", ","), 2, "read,compute,deploy,admin"),
        (("create", "--user", "datasets"), 2, "our own paths"),
        (("create", "--user", "../x"), 2, "expected 1 to 64"),
        (("create", "--expires", "soon"), 2, "e.g. 30d"),
        (("create", "--expires", "0d"), 2, "e.g. 30d"),
        (("create", "--dataset", "../x"), 2, "cannot be the id"),
        (("revoke", "nope"), 1, "no token 'nope'"),
    ],
)
def test_what_cannot_be_is_said(tmp_path: Path, arguments: tuple[str, ...], status: int, said: str) -> None:
    ended = cloudify(*arguments, data_dir=tmp_path / "data")
    assert (ended.returncode, ended.stdout) == (status, "")
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_directory_that_cannot_be_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = cloudify("list", data_dir=tmp_path / "file" / "data")
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)


def test_the_demo_keeps_a_token_that_is_good_and_replaces_any_other(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    path = leave_demo_token(settings)
    first = path.read_text()
    assert leave_demo_token(settings).read_text() == first
    spoil = {
        "revoked": lambda: revoke(tmp_path, path),
        "cut off": lambda: path.write_text(first[:20]),
        "of nobody": lambda: path.write_text("cld_00000000_" + 32 * "0"),
        "no text": lambda: path.write_bytes(b"\xff\x00"),
        "readable by others": lambda: path.chmod(0o644),
        "gone": path.unlink,
        "a link": lambda: (path.rename(tmp_path / "other"), path.symlink_to("other")),
    }
    for how in spoil.values():
        before = path.read_bytes()
        how()
        assert leave_demo_token(settings) == path
        assert path.read_bytes() != before
        assert TOKEN.fullmatch(path.read_text())
        assert (path.stat().st_mode & 0o777, path.is_symlink()) == (0o600, False)
    assert [item.name for item in tmp_path.iterdir() if "demo-token." in item.name] == []


def revoke(data_dir: Path, path: Path) -> None:
    store = open_store(None, data_dir, migrate=False)
    read = read_token(path.read_text().strip())
    assert read is not None
    assert store.tokens.revoke(read[0])
    store.close()
