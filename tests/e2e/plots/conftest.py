"""The option that rewrites the table."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Only known where this folder is named in the call."""
    parser.addoption("--write-plots", action="store_true", help="rewrite docs/reference/plots.md")
