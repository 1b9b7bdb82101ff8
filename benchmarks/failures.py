"""Why a row has no figures."""


class RowError(Exception):
    """A row could not be measured; the message says why in one line."""


class MissingProgramError(RowError):
    """A program of packages.txt is not installed."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not installed; `make system-deps` installs it")


class StartError(RowError):
    """A server did not come up."""
