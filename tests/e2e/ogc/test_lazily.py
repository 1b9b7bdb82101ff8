"""A server that nobody asks for jobs has nothing of them: no import, no file, no thread."""

import subprocess
import sys
from pathlib import Path

from cloudify.model.token import new_token

SCRIPT = """
import sys
import httpx
from cloudify import Server
from cloudify.settings import Settings
from cloudify.testing import running

settings = Settings(data_dir=sys.argv[1], watch=False)
with running(Server({}, settings=settings).app) as url, httpx.Client(base_url=url) as client:
    for path in ("/datasets", "/ogc-api/", "/ogc-api/openapi.json", "/ogc-api/processes", "/ogc-api/processes/map"):
        assert client.get(path).status_code == 200
    assert client.get("/datasets/job-1/info").status_code == 404
    assert client.get("/ogc-api/processes/other").status_code == 404
    assert client.get("/ogc-api/jobs").status_code == 401
    assert client.get("/datasets", headers={"Authorization": "Bearer of.a.proxy"}).status_code == 200
    assert client.get("/datasets", headers={"Authorization": f"Bearer {sys.argv[2]}"}).status_code == 401
    assert client.post("/ogc-api/processes/map/execution", json={}).status_code == 401
print("sqlalchemy" in sys.modules, "cloudify.compute.service" in sys.modules)
"""


def test_nothing_of_jobs_is_there_before_it_is_needed(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    command = [sys.executable, "-c", SCRIPT, str(data_dir), new_token()[0]]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.stdout == "False False\n", ended.stderr
    assert not (data_dir / "cloudify.db").exists()


MADE_LATER = """
import sys
import httpx
from pathlib import Path
from cloudify import Server
from cloudify.compute.store.store import open_store
from cloudify.settings import Settings
from cloudify.testing import running

data_dir = Path(sys.argv[1])
data_dir.mkdir()
with running(Server({}, settings=Settings(data_dir=data_dir, watch=False)).app) as url:
    store = open_store(None, data_dir, migrate=True)
    token = store.tokens.create("ada", ["compute"])
    answer = httpx.get(f"{url}/ogc-api/jobs", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    refused = httpx.get(f"{url}/datasets", headers={"Authorization": "Bearer of.a.proxy"})
    assert refused.status_code == 401, refused.text
    store.close()
"""


def test_a_token_that_is_made_while_a_server_runs_is_known_there(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MADE_LATER, str(tmp_path / "data")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr
