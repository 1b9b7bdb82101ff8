"""A server that computes nothing does not pay for the store; workers that only put blobs do not either."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "code",
    [
        "import xpublish; from cloudify import Server; xpublish.Rest({}).app; Server({}).app",
        "import cloudify.compute.store.blobs, cloudify.compute.store.records",
    ],
)
def test_the_store_is_imported_by_who_needs_it(code: str) -> None:
    lines = f"import sys; {code}\nassert not {{'sqlalchemy', 'psycopg', 'sqlite3'}} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
