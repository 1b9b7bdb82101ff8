"""``/jobs/{job_id}/results``: a dataset, values, or files, as a document; and the files themselves."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from cloudify.datasets.keep import KeptFile
from cloudify.datasets.manifest import StoredFile, files_of, find_file, read_manifest
from cloudify.datasets.source import explain, failures
from cloudify.errors import JobDismissedError, ResultNotReadyError, UnknownFileError, UnreadableDatasetError
from cloudify.http.conditional import none_match
from cloudify.http.files import FileAnswer
from cloudify.http.ogc.compute import PREFIX
from cloudify.http.ogc.desk import Desk, checked_id, json_answer, owner_with
from cloudify.http.ogc.failed import exception_of, problem_of
from cloudify.http.ogc.links import JSON
from cloudify.http.ogc.streams import stream

if TYPE_CHECKING:
    from cloudify.compute.store.records import Record

Kind = Literal["dataset", "values", "files", "nothing"]
ZARR: Final = "application/vnd+zarr"
AT_ONCE: Final = 1000
"""Values or files that are read at once."""


class ResultHandlers:
    """What jobs left."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, request: Request, job_id: str) -> Response:
        """What a job left: `{"result": ...}`, a link to a dataset, a list of values, or a list of links to files."""
        owner, desk = owner_with("compute"), self._desk
        checked_id(job_id)
        return await self.of(request, await desk.do(lambda: desk.compute.jobs.record(owner, job_id)))

    async def of(self, request: Request, record: "Record", *, is_raw: bool = False) -> Response:
        """Answer with what a job left.

        Parameters
        ----------
        is_raw
            The result itself, not a document that has it: values as a list, of anything else a link, without a body.

        Raises
        ------
        ResultNotReadyError
            If it has not ended.
        JobDismissedError
            If it was dismissed.
        """
        desk, job = self._desk, record.job
        if job.state == "dismissed":
            raise JobDismissedError(job.id)
        if not job.is_terminal:
            raise ResultNotReadyError(job.id, job.state)
        at = f"{desk.base(request)}/jobs/{job.id}"
        exception = await desk.do(lambda: exception_of(record, desk.compute.store))
        if exception is not None:
            return problem_of(exception, at).response(request.scope)
        kind = kind_of(record)
        if kind == "dataset":
            return _reference(f"{desk.root(request)}/datasets/{PREFIX}{job.id}/zarr", is_raw=is_raw)
        if kind == "nothing":
            return json_answer({})
        pages = self._values(record) if kind == "values" else self._files(record, f"{at}/results")
        return await stream(desk.work, _listed(pages, is_raw=is_raw), JSON)

    async def file(self, request: Request, job_id: str, name: str) -> Response:
        """A file that a job left, or a range of its bytes."""
        owner, desk = owner_with("compute"), self._desk
        checked_id(job_id)

        def find() -> tuple[StoredFile, KeptFile]:
            record = desk.compute.jobs.record(owner, job_id)
            if not record.job.result:
                raise UnknownFileError(name)
            path = desk.compute.store.blobs.path(record.job.result)
            try:
                found = find_file(read_manifest(path), path.parent.parent, name)
                if found is None:
                    raise UnknownFileError(name)
                return found, KeptFile(desk.compute.store.blobs.path(found.sha256))
            except failures() as error:
                raise UnreadableDatasetError(f"{PREFIX}{job_id}", explain(error)) from error

        stored, opened = await desk.do(find)
        etag = f'"{stored.sha256[:32]}"'
        if none_match(request.headers.get("if-none-match"), etag):
            return Response(None, 304, {"etag": etag})
        return FileAnswer(opened, _headers(stored, etag))

    def _values(self, record: "Record") -> Iterator[list[str]]:
        """Yield pages of values, as JSON; that of a slice that failed is null. Blocks."""
        store, number = self._desk.compute.store, 1
        while number <= record.job.total:
            found = dict(store.jobs.values(record.job.id, number, AT_ONCE))
            last = max(found) if found else record.job.total
            yield [found.get(n, "null") for n in range(number, last + 1)]
            number = last + 1

    def _files(self, record: "Record", at: str) -> Iterator[list[str]]:
        """Yield pages of links to files, as JSON. Blocks."""
        path = self._desk.compute.store.blobs.path(record.job.result)
        page: list[str] = []
        try:
            for file in files_of(read_manifest(path), path.parent.parent):
                said = {"href": f"{at}/{quote(file.name, safe='')}", "type": file.media_type, "title": file.name}
                page.append(json.dumps(said))
                if len(page) == AT_ONCE:
                    yield page
                    page = []
        except failures() as error:
            raise UnreadableDatasetError(f"{PREFIX}{record.job.id}", explain(error)) from error
        yield page


def kind_of(record: "Record") -> Kind:
    """Return what a job left that was successful.

    Values of data are a list; those of blocks a table, which is a dataset, and so is what was combined.
    """
    request = json.loads(record.request)
    if request["combine"] is not None and record.job.result:
        return "dataset"
    kind = json.loads(record.template)["kind"] if record.template else ""
    if kind == "files":
        return "files"
    if request["dataset"] is None and kind in {"", "table"}:
        return "values"
    return "dataset" if record.job.result else "nothing"


def _listed(pages: Iterator[list[str]], *, is_raw: bool) -> Iterator[str]:
    """Yield the text of a list in pieces."""
    yield "[" if is_raw else '{"result":['
    separator = ""
    for page in pages:
        if page:
            yield separator + ",".join(page)
            separator = ","
    yield "]" if is_raw else "]}"


def _reference(href: str, *, is_raw: bool) -> Response:
    if is_raw:
        return Response(None, 204, {"link": f'<{href}>; rel="item"; type="{ZARR}"'})
    return json_answer({"result": {"href": href, "type": ZARR, "rel": "item"}})


def _headers(stored: StoredFile, etag: str) -> dict[str, str]:
    """Return the headers of a file that a function made: a browser saves it, and takes it for nothing else."""
    return {
        "content-type": stored.media_type,
        "content-disposition": f"attachment; filename*=UTF-8''{quote(stored.name, safe='')}",
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox; default-src 'none'",
        "etag": etag,
    }
