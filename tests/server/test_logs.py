"""What is logged comes out, whatever state the process is in."""

import builtins
import logging
import sys
from typing import Any

import pytest

from cloudify.server.logs import set_up_logs
from cloudify.settings import Settings


@pytest.fixture
def root() -> Any:
    """The root logger, which is as it was afterwards."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield root
    root.handlers[:], root.level = before


def test_a_line_comes_out_though_no_file_can_be_opened_any_more(
    root: logging.Logger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then the library that writes lines cannot be loaded; the next line is tried anew."""
    load = builtins.__import__

    def fail(name: str, *given: Any) -> Any:
        if name == "structlog":
            raise OSError(24, "Too many open files")
        return load(name, *given)

    set_up_logs(Settings(log_format="json"))
    with monkeypatch.context() as patch:
        patch.setattr(builtins, "__import__", fail)
        root.warning("nothing can be opened")
    root.warning("all is well")
    plain, json = capsys.readouterr().err.splitlines()
    assert plain == "nothing can be opened"
    assert json.startswith('{"event": "all is well"')
    assert "structlog" in sys.modules
