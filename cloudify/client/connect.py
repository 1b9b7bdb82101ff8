"""``cloudify.connect``: a server, from Python, as if its datasets and workers were here.

>>> server = connect("http://127.0.0.1:9000")
>>> server.map("def half(x): return x / 2", data=[1, 2, 3]).result()  # doctest: +SKIP
[0.5, 1.0, 1.5]
>>> server.close()
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import quote
from uuid import uuid4

from cloudify.client.datasets import list_ids, open_dataset
from cloudify.client.function import Files, Given
from cloudify.client.jobs import Job, find_job, list_jobs
from cloudify.client.package import map_inputs, package
from cloudify.client.refusals import as_json
from cloudify.client.session import Session
from cloudify.client.status import Status, mapping
from cloudify.client.token import find_token
from cloudify.errors import InvalidCallError

if TYPE_CHECKING:
    import xarray as xr

PROCESSES = "/ogc-api/processes"


def connect(url: str, token: str | None = None, *, data_dir: str | None = None) -> "RemoteServer":
    """Return the server at `url`. Nothing is asked yet.

    Parameters
    ----------
    url
        Root of the server, e.g. ``http://127.0.0.1:9000``.
    token
        Who asks; default: the variable ``CLOUDIFY_TOKEN``, else, on this machine, what the demo left in its data
        directory.
    data_dir
        Where that is.

    Raises
    ------
    InvalidCallError
        If the URL or the token cannot be one.
    """
    return RemoteServer(Session(url, find_token(url, token, data_dir)))


class RemoteServer:
    """A server. Safe to use from many threads; ``with`` lets go of its connections at the end."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def url(self) -> str:
        """Its root."""
        return self._session.url

    def datasets(self) -> list[str]:
        """Return the ids of its datasets, one's own and the public ones."""
        return list_ids(self._session)

    def open(
        self, dataset_id: str, *, group: str | None = None, chunks: Mapping[str, int] | None = None
    ) -> "xr.Dataset":
        """Open a dataset lazily; `chunks` as of ``xarray.open_dataset``, by default those of the server."""
        return open_dataset(self._session, dataset_id, group, chunks or {})

    def map(
        self, function: Given, dataset: str | None = None, *, data: Iterable[object] | None = None,
        variables: str | Iterable[str] | None = None, args: Mapping[str, object] | None = None,
        chunks: Mapping[str, int] | None = None, overlap: Mapping[str, int] | None = None, combine: Given | None = None,
        pool: str | None = None, limits: Mapping[str, float] | None = None,
        on_error: Literal["stop", "skip"] | None = None, files: Files | None = None,
        template: Mapping[str, object] | None = None, open: bool = False,  # noqa: A002  # the word of jobs
    ) -> Job:  # fmt: skip
        """Run a function over every block of a dataset, or over data; return the job at once.

        Parameters
        ----------
        function
            ``function(block, **args)``; it travels as source text. Or source text, whose last function is meant, or the
            id of a process that was deployed.
        dataset, data
            The id of a dataset; or values, each of which is a slice.
        variables
            Which ones a block has; default: all.
        chunks, overlap
            Size of a block, and how much more of its neighbours it sees, as ``{dimension: elements}``.
        combine
            ``combine(a, b)`` of two results: the result is what all of them come down to.
        limits
            ``{"wall": seconds a slice, "memory": bytes}``.
        on_error
            Whether a slice that fails ends the job (``stop``, the default) or leaves a gap (``skip``).
        files
            Path -> content, in the working directory of the function.
        open
            Whether slices are added later: ``job.add``, ``job.close``.

        Raises
        ------
        UnsendableFunctionError
            If the function cannot travel, saying what to write instead.
        ServerSaysError
            If the server refuses.
        """
        others = {
            "chunks": chunks and dict(chunks), "overlap": overlap and dict(overlap), "pool": pool,
            "limits": limits and dict(limits), "on_error": on_error, "template": template and dict(template),
        }  # fmt: skip
        inputs = map_inputs(
            function, dataset, data, variables=variables, args=args, combine=combine, files=files, others=others
        )
        return self._execute("map", inputs, {"open": True} if open else {})

    def execute(self, process_id: str, inputs: Mapping[str, object]) -> Job:
        """Execute a process; return the job at once.

        Raises
        ------
        ServerSaysError
            If the server refuses.
        """
        return self._execute(process_id, dict(inputs), {})

    def deploy(
        self, function: Given, *, id: str | None = None, version: str = "1.0.0", title: str | None = None  # noqa: A002
    ) -> dict[str, object]:  # fmt: skip
        """Make a function a process that others may execute; return what the server says of it.

        Parameters
        ----------
        id
            Of the process; default: the name of the function.

        Raises
        ------
        UnsendableFunctionError
            If the function cannot travel.
        ServerSaysError
            If the server refuses: a token without ``deploy``, or an id that is taken.
        """
        answer = self._session.post(PROCESSES, package(function, id, version, title), is_repeatable=False)
        return dict(mapping(as_json(answer, self.url)))

    def jobs(self, *, status: str | None = None, process: str | None = None, limit: int = 100) -> list[Job]:
        """Return one's own jobs, the newest first."""
        asked = {"status": status, "processID": process}
        return list(list_jobs(self._session, {name: word for name, word in asked.items() if word}, limit))

    def job(self, job_id: str) -> Job:
        """Return a job of one's own, from any process.

        Raises
        ------
        NotThereError
            If there is none.
        """
        return find_job(self._session, job_id)

    def close(self) -> None:
        """Let go of connections; jobs go on."""
        self._session.close()

    def _execute(self, process_id: str, inputs: Mapping[str, object], more: Mapping[str, object]) -> Job:
        """Begin a job. However often this has to be sent, it is one: the key tells the server."""
        if not process_id:
            raise InvalidCallError("expected the id of a process")
        headers = {"prefer": "respond-async", "idempotency-key": uuid4().hex}
        path = f"{PROCESSES}/{quote(process_id, safe='')}/execution"
        answer = self._session.post(path, {"inputs": inputs, **more}, headers, is_repeatable=True)
        if monitor := answer.links.get("monitor"):  # of a process that is over by now
            return self.job(monitor["url"].rstrip("/").rpartition("/")[2])
        return Job(self._session, Status.of(as_json(answer, self.url)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<cloudify server {self.url}>"
