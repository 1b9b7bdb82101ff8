"""Failures of what the operator gave."""

from cloudify.errors.families import UsageError, quote


class InvalidIdError(UsageError):
    """A dataset id that cannot be part of a URL."""

    code = "invalid-id"

    def __init__(self, dataset_id: str, suggestion: str) -> None:
        self.dataset_id, self.suggestion = dataset_id, suggestion
        super().__init__(
            f"{quote(dataset_id)} cannot be a dataset id: expected 1 to 128 of A-Z a-z 0-9 . _ -, "
            f"a letter or digit first, no '..'; {suggestion!r} would do"
        )


class InvalidSettingError(UsageError):
    """A setting with a value that cannot be."""

    code = "invalid-setting"


class InvalidTargetError(UsageError):
    """A TARGET that names nothing we can serve."""

    code = "invalid-target"


class MissingMainGuardError(UsageError):
    """A host script that would start a cluster in each worker of its cluster."""

    code = "missing-main-guard"


class PortInUseError(UsageError):
    """Another program listens on the port."""

    code = "port-in-use"

    def __init__(self, port: int, free: int) -> None:
        self.port, self.free = port, free
        super().__init__(f"port {port} is in use; port {free} is free: --port {free}")


class WorkerFailedError(UsageError):
    """A worker that cannot start, with its own reason."""

    code = "worker-failed"


class DataDirectoryInUseError(UsageError):
    """Another server holds the data directory."""

    code = "directory-held"

    def __init__(self, path: str, free: str) -> None:
        super().__init__(f"another cloudify server uses the data directory {path}; use another one: --data-dir {free}")


class UnknownTokenError(UsageError):
    """No token has this id."""

    code = "unknown-token"

    def __init__(self, token_id: str) -> None:
        super().__init__(f"there is no token {quote(token_id)}; `cloudify token list` shows their ids")
