"""Failures that a client meets: of its calls, of the server it asks, of the jobs it waits for."""

from collections.abc import Mapping, Sequence

from cloudify.errors.families import CloudifyError, UsageError


class RemoteError(CloudifyError):
    """A client did not get what it wanted from a server."""

    code = "remote"


class UnreachableError(RemoteError):
    """Nobody answers at the URL, or not in time."""

    code = "unreachable"

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        super().__init__(f"no answer from {url}: {reason}; is the server running? `cloudify serve` starts one")


class ServerSaysError(RemoteError):
    """The server refuses, with its own sentence."""

    code = "server-says"

    def __init__(self, status: int, problem: str, detail: str) -> None:
        self.status = status
        """Of HTTP."""
        self.problem = problem
        """Code of the problem, e.g. ``unknown-dataset``; ``""`` where the server gave none."""
        self.detail = detail
        super().__init__(detail)


class TokenRefusedError(ServerSaysError):
    """The server wants a token, or another one."""

    code = "token-refused"


class NotThereError(ServerSaysError):
    """The server has no such thing, or has it no more."""

    code = "not-there"


class ServerBusyError(ServerSaysError):
    """The server asks to come again, and has been asked again often enough."""

    code = "server-busy"


class JobFailedError(RemoteError):
    """A job has no result: it failed, or was dismissed."""

    code = "job-failed"

    def __init__(
        self, job_id: str, reason: str, message: str, *,
        slice_number: int | None = None, region: Mapping[str, Sequence[int]] | None = None, traceback: str = "",
    ) -> None:  # fmt: skip
        self.job_id, self.reason = job_id, reason
        self.slice_number = slice_number
        """Which slice failed first, counted from 1."""
        self.region = dict(region or {})
        """What of the dataset it was about: dimension -> the range of positions, its end not included."""
        self.traceback = traceback
        """Of the user's function."""
        where = ", ".join(f"{dim} {':'.join(map(str, ends))}" for dim, ends in self.region.items())
        at = f" at slice {slice_number}" * (slice_number is not None) + f" ({where})" * bool(where)
        told = f"\n\n{traceback.rstrip()}" if traceback else ""
        super().__init__(f"job {job_id} failed{at}: {message}{told}")


class StillRunningError(RemoteError, TimeoutError):
    """A job that has not ended in the time that was given."""

    code = "still-running"

    def __init__(self, job_id: str, seconds: float, state: str, percent: int) -> None:
        self.job_id = job_id
        super().__init__(
            f"job {job_id} has not ended within {seconds:g} s: it is {state}, {percent} %; "
            f"`server.job({job_id!r})` comes back to it"
        )


class InvalidCallError(UsageError):
    """A call of the client that cannot be sent as it is."""

    code = "invalid-call"


class UnsendableFunctionError(UsageError):
    """A function that cannot travel as source text."""

    code = "unsendable-function"

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        super().__init__(f"{name!r} cannot be sent: {reason}")
