"""Logs: console lines for people, JSON lines for machines, each with the request's id."""

import logging
import sys
from collections.abc import Callable, MutableMapping
from typing import Any

from asgi_correlation_id import correlation_id

from cloudify.settings import Settings, log_style


def set_up_logs(settings: Settings, worker: int | None = None) -> None:
    """Send everything that is logged, the libraries' lines too, to stderr in one form.

    Parameters
    ----------
    worker
        Number of this process, where several serve: each line has it.
    """
    level = logging.getLevelName(settings.log_level.upper())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_WhenNeeded(lambda: _formatter(settings, worker)))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    logging.getLogger("uvicorn.error").setLevel(max(level, logging.WARNING))  # its start-up lines: we print our own


class _WhenNeeded(logging.Formatter):
    """A formatter that is made with the first line: most starts log none, and the library takes long to load."""

    def __init__(self, make: Callable[[], logging.Formatter]) -> None:
        super().__init__()
        self._make = make
        self._made: logging.Formatter | None = None

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        if self._made is None:
            try:
                self._made = self._make()
            except OSError:  # the library cannot be read: too many files are open, which the line may be about
                return super().format(record)
        return self._made.format(record)


def _formatter(settings: Settings, worker: int | None) -> logging.Formatter:
    import structlog  # noqa: PLC0415  # a twentieth of a second, for those who log

    def add_worker(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return event if worker is None else {**event, "worker": worker}

    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_request_id,
        add_worker,
    ]
    if log_style(settings, terminal=sys.stderr.isatty()) == "json":
        last: list[Any] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        plain = structlog.dev.plain_traceback  # the others print local variables, credentials among them
        last = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )


def _add_request_id(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    request_id = correlation_id.get()
    if request_id:
        event["request_id"] = request_id
    return event
