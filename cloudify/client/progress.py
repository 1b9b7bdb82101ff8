"""Where somebody sees how far a job is: one line of a terminal, one output of a notebook, or lines of a log."""

import os
import sys
from html import escape
from importlib import import_module
from typing import Any, Protocol, TextIO

from cloudify.client.view import EIGHTHS, View, last_line, printable, running_line, step_line, told

STEP = 0.1
"""A log gets a line for each tenth."""
NOTEBOOK_WIDTH = 100
DEFAULT_WIDTH = 80


class Display(Protocol):
    """Shows a job to somebody."""

    def update(self, view: View) -> None:
        """Show how far it is."""

    def end(self, view: View) -> None:
        """Show what became of it."""

    def leave(self, line: str) -> None:
        """Show why nobody waits for it any more."""


def display() -> Display:
    """Return what suits whoever runs this process."""
    if _is_notebook():
        return Notebook()
    return Terminal(sys.stderr) if sys.stderr.isatty() else Lines(sys.stderr)


class Terminal:
    """One line that is written over again and again."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._plain = not _can_draw(stream)
        self._length = 0

    def update(self, view: View) -> None:
        """Show how far it is."""
        self._write(running_line(view, self._width(), plain=self._plain))

    def end(self, view: View) -> None:
        """Show what became of it, on a line that stays."""
        self._write(printable(last_line(view)), "\n")

    def leave(self, line: str) -> None:
        """Let the bar stand, and say why it does not move."""
        self._stream.write(f"\n{line}\n")
        self._stream.flush()

    def _write(self, line: str, end: str = "") -> None:
        shown = printable(line)
        self._stream.write(f"\r{shown.ljust(self._length)}{end}")
        self._stream.flush()
        self._length = len(shown)

    def _width(self) -> int:
        """Return how many characters fit without a new line."""
        try:
            return (os.get_terminal_size(self._stream.fileno()).columns or DEFAULT_WIDTH) - 1
        except OSError:
            return DEFAULT_WIDTH - 1


class Lines:
    """A line for each tenth that is done, where a line cannot be taken back."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._told = 0.0

    def update(self, view: View) -> None:
        """Write a line if another tenth is done."""
        if view.fraction >= self._told + STEP:
            self._told = view.fraction // STEP * STEP
            self.leave(step_line(view))

    def end(self, view: View) -> None:
        """Write what became of it."""
        self.leave(last_line(view))

    def leave(self, line: str) -> None:
        """Write a line."""
        self._stream.write(f"{printable(line)}\n")
        self._stream.flush()


class Notebook:
    """One output of a cell that changes."""

    def __init__(self) -> None:
        self._handle: Any = None

    def update(self, view: View) -> None:
        """Show how far it is."""
        self._show(running_line(view, NOTEBOOK_WIDTH), told(view), view)

    def end(self, view: View) -> None:
        """Show what became of it."""
        self._show(last_line(view), last_line(view), view)

    def leave(self, line: str) -> None:
        """Write a line below."""
        sys.stderr.write(f"{line}\n")

    def _show(self, line: str, words: str, view: View) -> None:
        shown = {"text/plain": line, "text/html": _html(words, view)}
        if self._handle is None:
            self._handle = import_module("IPython.display").display(shown, raw=True, display_id=True)
        else:
            self._handle.update(shown, raw=True)


def _is_notebook() -> bool:
    """Whether this is a cell: only a kernel has displays that can be changed."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def _html(words: str, view: View) -> str:
    """Write the same for a browser; what functions said in it is text."""
    style = {"failed": "color:#b00020", "successful": "color:#1b7f3b"}.get(view.status.state, "")
    bar = f'<progress value="{view.fraction:.4f}" max="1" style="width:16em;vertical-align:middle"></progress> '
    return (
        f'<div style="font-family:monospace;white-space:pre-wrap;{style}">'
        f"{bar * (view.status.state == 'running')}{escape(words)}</div>"
    )


def _can_draw(stream: TextIO) -> bool:
    try:
        EIGHTHS.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
