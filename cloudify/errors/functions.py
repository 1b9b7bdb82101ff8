"""Failures of the functions that users send."""

from cloudify.errors.families import ImpossibleError


class InvalidFunctionError(ImpossibleError):
    """A source that cannot be run, and what to change."""

    code = "invalid-function"
