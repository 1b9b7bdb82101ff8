"""Requests that schemathesis makes of the OpenAPI document of the API: all answered, and as the document has it."""

from typing import Any

from benchmarks.generated_jobs import ask, client_of, made_jobs, operations
from benchmarks.tally import Tally

EXAMPLES = 25
"""Of each operation."""


def test_no_request_of_jobs_that_the_document_allows_fails(computing: Any) -> None:
    token, tally = (computing.data_dir / "demo-token").read_text().strip(), Tally()
    with client_of(computing.url, token) as client:
        known = operations(client)
        assert len(known) == 19  # all but the document itself
        jobs = made_jobs(client)
        before = client.get("/ogc-api/jobs?limit=1000").json()["jobs"]
        for operation in known:
            examples = 4 * EXAMPLES if operation.path.endswith("/execution") else EXAMPLES  # most are refused
            ask(client, operation, jobs, examples=examples, seed=1, tally=tally)
        assert client.get("/health").json() == {"status": "ok"}
        after = client.get("/ogc-api/jobs?limit=1000").json()["jobs"]
    assert tally.requests >= 8 * len(known)
    assert not tally.failures, tally.first_failures
    assert tally.answers["200"] > tally.requests / 4
    begun = {job["jobID"] for job in after} - {job["jobID"] for job in before}
    assert begun  # some executions were what they should be
