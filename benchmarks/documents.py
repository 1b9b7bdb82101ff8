"""Rows ``metadata``, ``metadata-zstd`` and ``not-found``: small answers, against a constant of the same size."""

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.answers import fetch
from benchmarks.failures import RowError
from benchmarks.load import ask_for
from benchmarks.rows import Effort, Outcome, Row, Target, compare
from benchmarks.servers import constant, demo

CONSTANT, OURS = "bare ASGI, one constant", "cloudify demo"
DOCUMENT = "/datasets/mpi-esm-tas/zarr/zarr.json"
ABSENT = "/datasets/mpi-esm-tas/zarr/tas/c/9999/0/0"
ZSTD = {"Accept-Encoding": "zstd"}


def run(effort: Effort, path: str, headers: Mapping[str, str], status: HTTPStatus) -> Outcome:
    """Compare the answer to one request with a constant of the same status and size."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="cloudify-bench-")))
        ours = stack.enter_context(demo())
        fetch(ours.url, [DOCUMENT])  # opens the dataset
        body = fetch(ours.url, [path], headers, status=status)[path]
        if headers and len(body) >= len(fetch(ours.url, [path])[path]):
            raise RowError("the document is not compressed")
        file = folder / "body"
        file.write_bytes(body)
        bare = stack.enter_context(constant(file, status))
        asked = ask_for(folder / "path.lua", [path], headers, is_refused=status >= HTTPStatus.BAD_REQUEST)
        figures, _ = compare({CONSTANT: bare, OURS: ours}, asked, effort, limit=CONSTANT)
    shown = "".join(f", {name}: {value}" for name, value in headers.items())
    return Outcome(f"`GET {path}`{shown}: {status}, {len(body)} bytes", figures)


TARGETS = {OURS: Target(cpu=2)}
PLAIN_ROW = Row(CONSTANT, partial(run, path=DOCUMENT, headers={}, status=HTTPStatus.OK), TARGETS)
ZSTD_ROW = Row(CONSTANT, partial(run, path=DOCUMENT, headers=ZSTD, status=HTTPStatus.OK), TARGETS)
ABSENT_ROW = Row(CONSTANT, partial(run, path=ABSENT, headers={}, status=HTTPStatus.NOT_FOUND), TARGETS)
