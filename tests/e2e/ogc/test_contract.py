"""What is said of the API: its OpenAPI documents, the examples in them, and links, against what it does."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import xpublish
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV30SpecValidator

from cloudify.http.ogc.contract.operations import operation
from cloudify.testing import running
from ogc.made import ASYNC, DOUBLE, Made, ended, ramp, submit

EXECUTION = "/processes/{process_id}/execution"
V30 = "application/vnd.oai.openapi+json;version=3.0"
FILES = {"source": "def f(x):\n    return b'bytes'\n", "entry": "f"}
RAISES = {"source": "def f(x):\n    print('oh')\n    return 1 / x\n", "entry": "f"}
BLOCKS = {"source": "def f(block):\n    return block\n", "entry": "f"}


def described(made: Made) -> dict[str, Any]:
    found: dict[str, Any] = made.client().get("/openapi.json").json()
    return found


def test_the_document_is_openapi(made: Made) -> None:
    answer = made.client().get("/openapi.json")
    assert answer.headers["content-type"] == V30
    OpenAPIV30SpecValidator(answer.json()).validate()


def test_every_operation_is_there_with_who_may_and_what_is_refused(made: Made) -> None:
    """Each is asked with nothing: whether it needs a token is what the document says."""
    anybody, count = made.client(), 0
    for path, methods in described(made)["paths"].items():
        at = path.removeprefix("/ogc-api").format(process_id="map", pool_id="default", job_id="x", name="y")
        for method, said in methods.items():
            count += 1
            assert "default" in said["responses"]
            assert "HTTPValidationError" not in json.dumps(said)
            answer = anybody.request(method, at, json={} if method == "post" else None)
            assert (answer.status_code == 401) == (said["security"] != []), (method, path, answer.status_code)
            assert said["description"]
    assert count == 20


def kept(made: Made) -> dict[str, str]:
    """Return jobs of ada's by how they ended."""
    ada = made.client("ada")
    jobs = {
        "values": submit(ada, data=[1, 2]),
        "files": submit(ada, data=[1], function=FILES),
        "dataset": submit(ada, dataset="ramp", function=BLOCKS),
        "failed": submit(ada, data=[1, 0], function=RAISES),
    }
    for job_id in jobs.values():
        ended(ada, job_id)
    return jobs


@pytest.fixture(scope="module")
def jobs(live: Made) -> dict[str, str]:
    return kept(live)


def schema_of(method: str, path: str, status: int, media_type: str) -> Any:
    said = operation(method, path)
    answer = said.responses().get(str(status), said.responses()["default"])
    return answer["content"][media_type]["schema"]


def test_what_is_answered_is_as_it_is_described(live: Made, jobs: dict[str, str]) -> None:
    ada, seen = live.client("ada"), 0
    fixed = {"process_id": "map", "pool_id": "default", "name": "1-f.bin"}
    for path, methods in described(live)["paths"].items():
        if "get" not in methods or path.endswith(("/openapi.json", "{name}")):
            continue
        template = path.removeprefix("/ogc-api")
        queries = ["", "?f=json"] if template.endswith(("/events", "/log")) else [""]
        for job_id in jobs.values():
            for query in queries:
                answer = ada.get(template.format(job_id=job_id, **fixed) + query)
                kind = answer.headers["content-type"].partition(";")[0]
                schema = schema_of("GET", template, answer.status_code, kind)
                value = answer.json() if "json" in kind else answer.text
                Draft202012Validator(schema).validate(value)
                seen += 1
    assert seen > 50


def example(paths: Any, path: str, name: str) -> Any:
    """Return an example of a body that the document has."""
    return paths[f"/ogc-api{path}"]["post"]["requestBody"]["content"]["application/json"]["examples"][name]["value"]


def test_examples_can_be_sent_as_they_are(computing: Any) -> None:
    token = (computing.data_dir / "demo-token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{computing.url}/ogc-api", headers=headers, timeout=60) as client:
        paths = client.get("/openapi.json").json()["paths"]
        asked = {name: example(paths, EXECUTION, name) for name in ("values", "dataset", "open")}
        assert client.post("/processes/map/execution", json=asked["values"]).json() == {"result": [2, 4, 6]}
        over = client.post("/processes/map/execution", json=asked["dataset"])
        assert over.status_code == 200, over.text
        assert over.json()["result"]["href"].endswith("/zarr")
        begun = client.post("/processes/map/execution", json=asked["open"])
        job_id = begun.json()["jobID"]
        added = example(paths, "/jobs/{job_id}/slices", "values")
        more = client.post(f"/jobs/{job_id}/slices", json=added)
        assert (more.status_code, more.json()["slices"]["total"]) == (200, 2)
        assert client.post(f"/jobs/{job_id}/close").status_code == 200
        package = paths["/ogc-api/processes"]["post"]["requestBody"]["content"]["application/ogcapppkg+json"][
            "examples"
        ]
        deployed = client.post("/processes", json=package["half"]["value"])
        assert deployed.status_code == 201, deployed.text
        assert client.post("/processes/half/execution", json={"inputs": {"data": [3]}}).json() == {"result": [1.5]}


def links(document: Any) -> Iterator[dict[str, str]]:
    """Yield all links of a document."""
    parts = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    if isinstance(document, dict) and {"href", "rel"} <= set(document):
        yield document
    for part in parts:
        yield from links(part)


def test_every_link_leads_to_what_it_says(live: Made, jobs: dict[str, str]) -> None:
    """From the landing page, through all pages, jobs and results."""
    ada, begun = live.client("ada"), f"{live.url}/ogc-api/"
    queue = [{"href": href, "rel": "", "type": "application/json"} for href in (begun, f"{begun}jobs?limit=2")]
    seen, rels = set[str](), set[str]()
    while queue:
        link = queue.pop()
        href, rel = link["href"], link["rel"].rpartition("/")[2]
        rels.add(rel)
        assert href.startswith(live.url), link
        if (key := f"{href} {link['type']}") in seen:
            continue
        seen.add(key)
        if rel == "execute":
            assert "POST" in ada.options(href).headers["allow"]
            continue
        if link["type"] == "application/vnd+zarr":
            assert ada.get(f"{href}/zarr.json").status_code == 200
            continue
        answer = ada.get(href)
        assert (answer.status_code == 200) == (rel != "exceptions"), (link, answer.text)
        assert answer.headers["content-type"].startswith(link["type"]), link
        if href.startswith(begun) and "json" in link["type"] and not href.endswith("openapi.json"):
            queue += links(answer.json())
    assert rels >= {
        "self", "service-desc", "service-doc", "conformance", "processes", "job-list", "next", "execute", "monitor",
        "up", "results", "exceptions", "item",
    }  # fmt: skip
    assert all(any(job_id in href for href in seen) for job_id in jobs.values())


def test_the_landing_page_has_what_a_client_looks_for_by_relation_and_type(made: Made) -> None:
    """An exact pair of both is what the generated client of the standard takes."""
    found = {(link["rel"], link.get("type")) for link in made.client().get("/").json()["links"]}
    ogc = "http://www.opengis.net/def/rel/ogc/1.0/"
    assert found >= {
        ("service-desc", V30), ("service-doc", "text/html"), *((f"{ogc}{rel}", "application/json") for rel in (
            "conformance", "processes", "job-list",
        )),
    }  # fmt: skip


def test_a_job_that_waits_is_described_like_one_that_ended(made: Made) -> None:
    answer = made.client("ada").post(
        "/processes/map/execution", json={"inputs": {"data": [1], "function": DOUBLE}}, headers=ASYNC
    )
    schema = schema_of("POST", EXECUTION, 201, "application/json")
    Draft202012Validator(schema).validate(answer.json())


def test_a_plain_rest_has_the_same_document_and_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDIFY_DATA_DIR", str(tmp_path / "data"))
    allowed = {"/processes": "GET, HEAD, OPTIONS, POST", EXECUTION.format(process_id="map"): "OPTIONS, POST"}
    with running(xpublish.Rest({"ramp": ramp()}).app) as url:
        OpenAPIV30SpecValidator(httpx.get(f"{url}/ogc-api/openapi.json").json()).validate()
        assert httpx.head(f"{url}/ogc-api/processes").status_code == 200
        for path, methods in allowed.items():
            for method in ("PATCH", "TRACE", *(() if "HEAD" in methods else ("HEAD",))):
                refused = httpx.request(method, f"{url}/ogc-api{path}")
                assert (refused.status_code, refused.headers["allow"]) == (405, methods)
                assert refused.headers["content-type"] == "application/problem+json"
