"""Processes: listed, described, and deployed."""

from typing import Any

import httpx
import pytest
from owslib.ogcapi.processes import Processes

from ogc.made import ASYNC, EX1, EX2, URN, Made, posted, problem

PYTHON = "text/x-python"
HALF = "def helper(x):\n    return x\n\n\ndef half(block, k=2):\n    return block / k\n"


def package(process_id: str, **unit: Any) -> dict[str, Any]:
    return {
        "processDescription": {
            "id": process_id, "version": "1.2.0", "title": "Half", "inputs": {"k": {"schema": {"type": "number"}}},
        },
        "executionUnit": {"value": HALF, "mediaType": PYTHON, **unit},
    }  # fmt: skip


def test_a_client_of_the_standard_lists_and_describes(made: Made) -> None:
    client = Processes(f"{made.url}/ogc-api")
    assert "map" in [process["id"] for process in client.processes()]
    described = client.process("map")
    assert described["inputs"]["function"]["schema"]["oneOf"][0]["required"] == ["source", "entry"]
    assert all(item.get("minOccurs") == 0 for name, item in described["inputs"].items() if name != "function")
    assert "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/core" in client.conformance()["conformsTo"]


def test_a_client_of_the_standard_executes(live: Made) -> None:
    client = Processes(f"{live.url}/ogc-api", headers={"Authorization": f"Bearer {live.tokens['ada']}"})
    inputs = {"data": [1, 2], "function": {"source": "def f(x):\n    return x + 0.5", "entry": "f"}}
    assert client.execute("map", inputs) == {"result": [1.5, 2.5]}


def test_the_landing_page_leads_everywhere(made: Made) -> None:
    found = httpx.get(f"{made.url}/ogc-api").json()
    links = {link["rel"].rpartition("/")[2]: link for link in found["links"]}
    assert {"self", "service-desc", "service-doc", "conformance", "processes", "job-list"} <= set(links)
    for rel in ("self", "service-desc", "service-doc", "conformance", "processes"):
        answer = httpx.get(links[rel]["href"])
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html" if rel == "service-doc" else "application/json")
    assert httpx.get(links["job-list"]["href"]).status_code == 401


def test_slashes_may_be_repeated_below_the_api_and_nowhere_else(made: Made) -> None:
    for path in ("/ogc-api//", "/ogc-api//processes", "//ogc-api/processes///map", "/ogc-api//conformance"):
        assert httpx.get(f"{made.url}{path}").status_code == 200, path
    assert made.client("ada").get(f"{made.url}/ogc-api//jobs").status_code == 200
    assert httpx.get(f"{made.url}/datasets//ramp/").status_code == 404


def test_a_deployed_function_is_described_executed_and_its_own(live: Made) -> None:
    deployer, ada = live.client("deployer"), live.client("ada")
    answer = deployer.post("/processes", json=package("half"), headers={"Content-Type": "application/ogcapppkg+json"})
    assert (answer.status_code, answer.headers["location"]) == (201, f"{live.url}/ogc-api/processes/half")
    assert {name: answer.json()[name] for name in ("id", "version", "title", "mutable")} == {
        "id": "half", "version": "1.2.0", "title": "Half", "mutable": True,
    }  # fmt: skip
    described = live.client().get("/processes/half").json()
    assert described["inputs"] == {"k": {"schema": {"type": "number"}}}
    assert "helper" not in str(described)
    assert ada.post("/processes/half/execution", json={"inputs": {"data": [1, 3], "k": 4}}).json() == {
        "result": [0.25, 0.75]
    }
    assert problem(deployer.post("/processes", json=package("half"))) == (409, f"{EX2}duplicated-process")
    assert problem(ada.post("/processes", json=package("other"))) == (403, f"{URN}scope-missing")
    assert problem(deployer.post("/processes/half/execution", json={"inputs": {}})) == (403, f"{URN}scope-missing")
    assert problem(live.client().post("/processes", json=package("other"))) == (401, f"{URN}token-needed")


def test_processes_come_in_pages(made: Made) -> None:
    deployer = made.client("deployer")
    for name in ("beta", "alpha", "zeta"):
        assert deployer.post("/processes", json=package(name)).status_code == 201
    seen, page = [], "/processes?limit=1"
    while page:
        answer = deployer.get(page).json()
        assert len(answer["processes"]) == 1
        seen += [process["id"] for process in answer["processes"]]
        page = next((link["href"] for link in answer["links"] if link["rel"] == "next"), "")
    assert seen == ["map", "alpha", "beta", "zeta"]


@pytest.mark.parametrize(
    ("change", "refusal", "said"),
    [
        ({"executionUnit": {"href": "http://x/y.cwl", "type": "application/cwl"}}, (422, f"{URN}bad-input"), PYTHON),
        ({"executionUnit": {"type": "docker", "image": "x"}}, (422, f"{URN}bad-input"), PYTHON),
        ({"executionUnit": []}, (422, f"{URN}bad-input"), "0 of them"),
        ({"executionUnit": {"value": "def f(:", "mediaType": PYTHON}}, (422, f"{URN}invalid-function"), "line 1"),
        ({"executionUnit": {"value": "x = 1", "mediaType": PYTHON}}, (422, f"{URN}invalid-function"), "no function"),
        ({"executionUnit": {"value": 7, "mediaType": PYTHON}}, (422, f"{URN}bad-input"), "number 7"),
        ({"processDescription": {}}, (422, f"{URN}bad-input"), "processDescription.id"),
        ({"processDescription": {"id": "../etc"}}, (422, f"{URN}bad-input"), "'etc' would do"),
        ({"processDescription": {"id": "map"}}, (409, f"{EX2}duplicated-process"), "map"),
        ({"processDescription": {"id": "x", "inputs": {"k": 3}}}, (422, f"{URN}bad-input"), "inputs.k"),
        ({"processDescription": {"id": "x", "inputs": {"k": {"schema": 3}}}}, (422, f"{URN}bad-input"), "schema"),
        (
            {"processDescription": {"id": "x", "inputs": {"k": {"schema": {"type": "flot"}}}}},
            (422, f"{URN}bad-input"), "inputs.k.schema.type",
        ),
        (
            {"processDescription": {"id": "x", "inputs": {"k": {"schema": {"$ref": "http://127.0.0.1:9/s"}}}}},
            (422, f"{URN}bad-input"), "nothing is fetched",
        ),
        (
            {"processDescription": {"id": "x", "outputs": {"k": {"schema": {"items": 3}}}}},
            (422, f"{URN}bad-input"), "outputs.k.schema.items",
        ),
        ({"processDescription": {"id": "x", "title": "\ud800"}}, (422, f"{URN}bad-input"), "title"),
        ({"processDescription": {"id": "x", "version": 1}}, (422, f"{URN}bad-input"), "version"),
        ({"processDescription": 3}, (422, f"{URN}bad-input"), "processDescription"),
    ],
)  # fmt: skip
def test_a_package_that_cannot_be_says_why(
    made: Made, change: dict[str, Any], refusal: tuple[int, str], said: str
) -> None:
    deployer = made.client("deployer")
    answer = posted(deployer, "/processes", {**package("x"), **change})
    assert problem(answer) == refusal
    assert said in answer.json()["detail"]
    assert problem(deployer.get("/processes/x")) == (404, f"{EX1}no-such-process")


def test_a_nested_description_is_a_description_too(made: Made) -> None:
    asked = package("nested")
    asked["processDescription"] = {"process": asked["processDescription"]}
    assert made.client("deployer").post("/processes?w=", json=asked).status_code == 201
    asked = {"inputs": {"data": [1], "k": 3}}
    assert made.client("ada").post("/processes/nested/execution", json=asked, headers=ASYNC).status_code == 201


GREETS = "def greet(x, name, times=1):\n    return [name] * times + [x]\n"
GREETED = {
    "name": {"schema": {"type": "string", "pattern": "^[A-Z]"}},
    "times": {"schema": {"type": "integer", "maximum": 3, "default": 2}, "minOccurs": 0},
}


def test_inputs_of_a_deployed_process_are_held_against_its_description(live: Made) -> None:
    asked = {**package("greet", value=GREETS), "processDescription": {"id": "greet", "inputs": GREETED}}
    assert live.client("deployer").post("/processes", json=asked).status_code == 201
    ada = live.client("ada")

    def execute(**inputs: Any) -> httpx.Response:
        return ada.post("/processes/greet/execution", json={"inputs": {"data": [7], **inputs}})

    assert execute(name="Ada").json() == {"result": [["Ada", "Ada", 7]]}
    assert execute(name={"value": "Ada", "mediaType": "text/plain"}, times=1).json() == {"result": [["Ada", 7]]}
    before = len(ada.get("/jobs?limit=10000").json()["jobs"])
    for inputs, said in (
        ({}, "input 'name': it is missing"),
        ({"name": "ada"}, "input 'name': it does not match"),
        ({"name": "Ada", "times": "2"}, "input 'times': it is not of type \"integer\"; found a text"),
        ({"name": "Ada", "times": 4}, "greater than the maximum of 3; found the number 4"),
        ({"name": "Ada", "tiems": 4}, "did you mean 'times'?"),
        ({"name": {"href": f"{live.url}/health"}}, "it is a reference, and this server fetches none"),
    ):
        refused = execute(**inputs)
        assert problem(refused) == (422, f"{URN}bad-input")
        assert said in refused.json()["detail"]
    by_map = {"data": [7], "function": {"process": "greet"}, "args": {"name": 3}}
    refused = ada.post("/processes/map/execution", json={"inputs": by_map})
    assert (problem(refused)[0], "'name': it is not of type" in refused.json()["detail"]) == (422, True)
    assert len(ada.get("/jobs?limit=10000").json()["jobs"]) == before


def test_inputs_of_map_may_say_of_what_form_they_are(live: Made) -> None:
    ada = live.client("ada")
    function = {"value": {"source": "def f(x, value):\n    return x + value\n", "entry": "f"}, "mediaType": "a/json"}
    inputs = {"data": {"value": [1, 2]}, "function": function, "args": {"value": 10}}
    assert ada.post("/processes/map/execution", json={"inputs": inputs}).json() == {"result": [11, 12]}
    refused = ada.post("/processes/map/execution", json={"inputs": {**inputs, "data": {"href": "http://10.0.0.1/x"}}})
    assert problem(refused) == (422, f"{URN}bad-input")
    assert "send the value itself" in refused.json()["detail"]
