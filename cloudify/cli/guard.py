"""Failures of a command as one line."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from cloudify.errors import CloudifyError


@contextmanager
def one_line() -> Iterator[None]:
    """End the command with exit status 1 and one line for a failure we foresaw."""
    try:
        yield
    except CloudifyError as error:
        print(f"cloudify: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
