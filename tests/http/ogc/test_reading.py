"""What comes with a request, read by hand: bodies, times, preferences."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudify.compute.store.records import Deployed
from cloudify.errors import BadOptionError, CloudifyError
from cloudify.http.ogc.body import parse_object
from cloudify.http.ogc.deploy import last_function, read_package
from cloudify.http.ogc.execution import Asked, read_execution
from cloudify.http.ogc.query import read_interval

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "first", "lasts"),
    [
        ("2026-01-01", 0.0, 86_400),
        ("2026-01-01T00:00Z", 0.0, 60),
        ("2026-01-01T00:00:00Z", 0.0, 1),
        ("2026-01-01t00:00:00z", 0.0, 1),
        ("2026-01-01T00:00:00.5Z", 0.5, 0.1),
        ("2026-01-01T00:00:00.250Z", 0.25, 0.001),
        ("2026-01-01T02:00:00+02:00", 0.0, 1),
        ("2026-01-01T02:00:00 02:00", 0.0, 1),
        ("2025-12-31T22:00:00-02:00", 0.0, 1),
        ("2026-01-01T00:00:00", 0.0, 1),
    ],
)
def test_an_instant_is_as_long_as_it_is_exact(text: str, first: float, lasts: float) -> None:
    begin, end = read_interval(text)
    assert begin == pytest.approx(MIDNIGHT + first, abs=1e-6)
    assert end is not None
    assert MIDNIGHT + first + lasts - 1e-5 < end < MIDNIGHT + first + lasts


@given(st.text(max_size=60))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        first, last = read_interval(text)
    except BadOptionError:
        return
    assert first is None or last is None or first <= last


def refusal(read: Callable[[], object]) -> tuple[str, object]:
    """Return why something is refused, or what it is read as."""
    try:
        return "", read()
    except CloudifyError as error:
        return str(error), None


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_refused(data: bytes) -> None:
    refused, read = refusal(lambda: parse_object(data))
    assert isinstance(read, dict) or 0 < len(refused) < 400


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["inputs", "outputs", "response", "open", "subscriber", "x"])
PARTS = st.sampled_from(["id", "version", "title", "description", "inputs", "outputs", "process", "x"])
UNITS = st.fixed_dictionaries({"mediaType": st.just("text/x-python"), "value": JSON}) | JSON


@given(st.dictionaries(NAMES, JSON))
def test_any_execution_is_read_or_refused_by_name(body: dict[str, Any]) -> None:
    refused, read = refusal(lambda: read_execution(body))
    assert isinstance(read, Asked) or 0 < len(refused) < 1000


@given(st.fixed_dictionaries({"processDescription": st.dictionaries(PARTS, JSON) | JSON, "executionUnit": UNITS}))
def test_any_package_is_read_or_refused_by_name(body: dict[str, Any]) -> None:
    refused, read = refusal(lambda: read_package(body, "ada", 0.0))
    assert isinstance(read, Deployed) or 0 < len(refused) < 1000


def test_the_last_function_of_a_source_is_meant() -> None:
    assert last_function("def a(): ...\n\n\nclass B:\n    def c(self): ...\n\n\ndef d(): ...\n\n\nx = 1\n") == "d"
