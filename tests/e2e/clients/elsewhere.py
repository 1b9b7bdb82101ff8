"""Clients in a process of their own: jobs go as JSON, values come back as files; and how those of node get there."""

import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from clients.base import Answers, Array, Job, Refused


def run(command: list[str], jobs: Iterable[Job], cwd: Path) -> dict[str, Answers]:
    """Start a program with the names of a file of jobs and of a folder for what it reads.

    It writes ``answers.json`` there: dataset -> path -> ``{"error": ...}``, ``{"text": [...]}``, ``{"bytes":
    [...]}``, or ``{"file": name of raw bytes, "dtype": ...}``.
    """
    jobs = list(jobs)
    with TemporaryDirectory() as name:
        folder = Path(name)
        listed = [
            {"id": job.dataset_id, "url": job.url, "arrays": [[w.path, list(w.shape)] for w in job.wanted]}
            for job in jobs
        ]
        (folder / "jobs.json").write_text(json.dumps(listed))
        done = subprocess.run(
            [*command, str(folder / "jobs.json"), name],
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        said = json.loads((folder / "answers.json").read_text())
        return {
            job.dataset_id: {w.path: _value(said[job.dataset_id][w.path], folder, w.shape) for w in job.wanted}
            for job in jobs
        }


def _value(said: dict[str, object], folder: Path, shape: tuple[int, ...]) -> Array | Refused:
    if "error" in said:
        return Refused(str(said["error"]))
    if "text" in said:
        return np.array(said["text"], dtype=object).reshape(shape)
    if "bytes" in said:
        return np.array([item.encode().rstrip(b"\0") for item in said["bytes"]], "S").reshape(shape)  # type: ignore[attr-defined]
    values = np.frombuffer((folder / str(said["file"])).read_bytes(), str(said["dtype"]))
    return values.reshape(shape) if values.size == np.prod(shape, dtype=int) else values


def npm_install(source: Path, folder: Path) -> None:
    """Install what the package.json in `source` names into a folder, once for each version of its lock."""
    lock = (source / "package-lock.json").read_text()
    done = folder / "installed"
    if not done.exists() or done.read_text() != lock:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(source / name, folder / name)
        command = ["npm", "ci", "--omit=dev", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        done.write_text(lock)
