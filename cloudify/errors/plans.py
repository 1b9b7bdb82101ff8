"""Failures of what a job is asked to do, and of what its function returns."""

from collections.abc import Iterable, Mapping

from cloudify.errors.families import ImpossibleError, NotFoundError, TooLargeError, hint, quote


class BadInputError(ImpossibleError):
    """An input of a process that cannot be, and what can."""

    code = "bad-input"

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(f"input {quote(name)}: {reason}")


class UnknownPoolError(NotFoundError):
    """No pool of workers has this id."""

    code = "unknown-pool"

    def __init__(self, pool_id: str, known: Iterable[str]) -> None:
        names = sorted(known)
        super().__init__(f"no pool {quote(pool_id)}{hint(pool_id, names, 'there is ' + ', '.join(names))}")


class BlockTooLargeError(TooLargeError):
    """A block above the limit, and chunks that would be within it."""

    code = "block-too-large"

    def __init__(self, nbytes: int, limit_nbytes: int, fitting: Mapping[str, int] | None) -> None:
        self.nbytes, self.limit_nbytes = nbytes, limit_nbytes
        sizes = ", ".join(f'"{dim}": {size}' for dim, size in (fitting or {}).items())
        remedy = (
            f'"chunks": {{{sizes}}} would fit'
            if fitting
            else "smaller chunks alone would not do: ask for fewer variables, or for less overlap"
        )
        super().__init__(
            f"one block would be {nbytes} bytes ({nbytes / 2**20:.3g} MiB) of values, above the limit of "
            f"{limit_nbytes} (max_block_nbytes); {remedy}"
        )


class InvalidResultError(ImpossibleError):
    """What a function returned cannot be part of the result."""

    code = "invalid-result"
