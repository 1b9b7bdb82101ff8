"""Requests that schemathesis makes of our own OpenAPI document: none is answered with a 5xx."""

from typing import Any

import httpx

from benchmarks.generated import ROUTES, ask, operations
from benchmarks.tally import Tally

EXAMPLES = 300


def test_no_request_that_the_document_allows_fails(demo: Any) -> None:
    known = operations(demo.url)
    paths = {operation.path for operation in known}
    assert all(any(route in path for path in paths) for route in ROUTES)
    tally = Tally()
    with httpx.Client(base_url=demo.url, timeout=60) as client:
        for operation in known:
            ask(client, operation, examples=-(-EXAMPLES // len(known)), seed=1, tally=tally)
    assert tally.requests >= EXAMPLES
    assert not tally.failures, tally.first_failures
    assert tally.answers["200"] > EXAMPLES / 20  # some were what they should be
    assert httpx.get(f"{demo.url}/health").json() == {"status": "ok"}
