"""What the description of a deployed process says of its inputs: schemas that are taken, values held against them."""

import json
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudify.compute.deployed import as_map, read_args
from cloudify.compute.described import read_description
from cloudify.compute.schemas import MOST_STEPS, count_parts, read_schema
from cloudify.compute.store.records import Deployed
from cloudify.errors import BadInputError
from cloudify.model.function import Function


def deployed(inputs: Mapping[str, Any]) -> Deployed:
    return Deployed("p", "1", "ada", "", "", json.dumps(inputs), "{}", Function("", "f"), 0.0)


def arguments(inputs: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    """Return what a function is given by who executes it."""
    return as_map(deployed(inputs), given)["args"]


def refusal(inputs: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    with pytest.raises(BadInputError) as caught:
        as_map(deployed(inputs), given)
    return str(caught.value)


K = {"schema": {"type": "integer", "minimum": 1, "default": 2}, "minOccurs": 0}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "another type": ({"k": K}, {"k": "3"}, "input 'k': it is not of type \"integer\"; found a text"),
    "below": ({"k": K}, {"k": 0}, "input 'k': it is less than the minimum of 1; found the number 0"),
    "missing": ({"k": {"schema": {}}}, {}, "input 'k': it is missing; the description of the process says what it is"),
    "unknown": ({"size": K}, {"sise": 3}, "input 'sise': there is no such input; did you mean 'size'?"),
    "within": (
        {"k": {"schema": {"properties": {"a": {"items": {"type": "string"}}}}}}, {"k": {"a": ["x", 1]}},
        "input 'k.a[1]': it is not of type \"string\"; found the number 1",
    ),
    "a choice": ({"k": {"schema": {"enum": ["a", "b"]}}}, {"k": "c"}, "input 'k': it is not one of \"a\" or \"b\""),
    "a reference": ({"k": {"schema": {}}}, {"k": {"href": "http://10.0.0.1/x"}}, "fetches none; send the value itself"),
    "a reference in a list": (
        {"k": {"schema": {}, "maxOccurs": 2}}, {"k": [1, {"href": "file:///x", "type": "a/b"}]}, "'k[1]': it is a ref",
    ),
    "too few": ({"k": {"schema": {}, "minOccurs": 2, "maxOccurs": 3}}, {"k": [1]}, "1 values; expected from 2 to 3"),
    "too many": ({"k": {"schema": {}, "maxOccurs": 2}}, {"k": [1, 2, 3]}, "3 values; expected from 1 to 2"),
    "one of several": (
        {"k": {"schema": {"type": "number"}, "maxOccurs": "unbounded"}}, {"k": [1, "2"]}, "'k[1]': it is not of type",
    ),
    "its function": ({}, {"function": {"source": "", "entry": "f"}}, "a process that is deployed has its own"),
    "args that are none": ({}, {"args": [1]}, "input 'args': expected a JSON object, not a list"),
    "an argument in args": ({"k": K}, {"args": {"k": "x"}}, "input 'k': it is not of type"),
    "an unknown one in args": ({"k": K}, {"args": {"z": 1}}, "input 'z': there is no such input"),
    "a media type": (
        {"k": {"schema": {"contentMediaType": "text/csv"}}}, {"k": {"value": "a", "mediaType": "a/b"}},
        "input 'k': its mediaType is 'a/b'; expected text/csv",
    ),
    "a media type that is none": ({"k": {"schema": {}}}, {"k": {"value": 1, "mediaType": 3}}, "expected a text"),
    "what map knows": ({"dataset": {"schema": {"enum": ["a"]}}}, {"dataset": "b"}, "input 'dataset': it is not one of"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_an_input_that_is_not_as_described_is_named_with_what_is_expected(case: str) -> None:
    inputs, given_, said = CASES[case]
    assert said in refusal(inputs, given_)


FORMS = {"oneOf": [
    {"type": "string", "contentMediaType": "text/csv"}, {"type": "object", "contentMediaType": "application/json"},
]}  # fmt: skip


@pytest.mark.parametrize(
    ("inputs", "given_", "expected"),
    [
        ({"k": K}, {}, {"k": 2}),
        ({"k": K}, {"k": 5}, {"k": 5}),
        ({"k": K}, {"k": {"value": 5, "mediaType": "application/json"}}, {"k": 5}),
        ({"k": {"schema": {"type": "object"}}}, {"k": {"value": {"value": 1}}}, {"k": {"value": 1}}),
        ({"k": {"schema": {"type": "object"}}}, {"k": {"value": 1, "unit": "K"}}, {"k": {"value": 1, "unit": "K"}}),
        ({"k": {"schema": {}, "minOccurs": 0}}, {}, {}),
        ({"k": {"schema": {"default": None}, "minOccurs": 0}}, {}, {"k": None}),
        ({"k": {"schema": {"type": "number", "nullable": True}}}, {"k": None}, {"k": None}),
        ({"k": {"schema": {"type": "number", "minimum": 0, "exclusiveMinimum": False}}}, {"k": 0}, {"k": 0}),
        ({"k": {"schema": {"type": "number"}, "maxOccurs": 3}}, {"k": 1}, {"k": [1]}),
        ({"k": {"schema": {"type": "number"}, "maxOccurs": 3}}, {"k": [1, {"value": 2}]}, {"k": [1, 2]}),
        ({"k": {"schema": {"type": "array"}}}, {"k": [1, {"value": 2}]}, {"k": [1, {"value": 2}]}),
        ({"k": {"schema": FORMS}}, {"k": "a,b"}, {"k": "a,b"}),
        ({"k": {"schema": FORMS}}, {"k": {"value": {"a": 1}, "mediaType": "application/json"}}, {"k": {"a": 1}}),
        ({"k": {"schema": {"$ref": "#/$defs/n", "$defs": {"n": {"type": "number"}}}}}, {"k": 1}, {"k": 1}),
        ({}, {"anything": {"value": 1}, "args": {"other": {"value": 2}}}, {"anything": 1, "other": {"value": 2}}),
        ({"k": K}, {"args": {"k": 7, "pool": "of the function"}}, {"k": 7, "pool": "of the function"}),
    ],
)  # fmt: skip
def test_a_function_is_given_what_was_sent_or_the_default(
    inputs: dict[str, Any], given_: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert arguments(inputs, given_) == expected


def test_inputs_of_map_are_not_arguments() -> None:
    read = as_map(deployed({"dataset": {"schema": {"type": "string"}}, "k": K}), {"dataset": "d", "chunks": {"x": 1}})
    assert read == {"dataset": "d", "chunks": {"x": 1}, "function": {"process": "p"}, "args": {"k": 2}}


def test_what_map_gives_a_deployed_function_is_as_it_was_described() -> None:
    process = deployed({"dataset": {"schema": {"type": "string"}}, "k": K})
    assert json.loads(read_args(process, "{}")) == {"k": 2}
    with pytest.raises(BadInputError, match="'k': it is not of type"):
        read_args(process, '{"k": "x"}')


def chain(length: int) -> dict[str, Any]:
    """A schema of which each part refers twice to the next: 2^length parts."""
    parts: dict[str, Any] = {f"a{n}": {"allOf": 2 * [{"$ref": f"#/$defs/a{n + 1}"}]} for n in range(length)}
    return {"$ref": "#/$defs/a0", "$defs": parts | {f"a{length}": {}}}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no type": ({"schema": {"type": "flot"}}, "inputs.k.schema.type"),
    "no bound": ({"schema": {"properties": {"a": {"minimum": "x"}}}}, "inputs.k.schema.properties.a.minimum"),
    "elsewhere": ({"schema": {"$ref": "http://127.0.0.1:9/x"}}, "nothing is fetched"),
    "a file": ({"schema": {"allOf": [{"$ref": "file:///etc/passwd"}]}}, "nothing is fetched"),
    "beside it": ({"schema": {"$ref": "other.json#/a"}}, "nothing is fetched"),
    "nothing there": ({"schema": {"$ref": "#/$defs/n"}}, "leads to nothing"),
    "itself": ({"schema": {"$ref": "#"}}, "into itself"),
    "itself, further on": (
        {"schema": {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"items": {"$ref": "#/$defs/a"}}}}}, "into itself",
    ),
    "2^25 parts": ({"schema": chain(25)}, "parts, counted as often"),
    "a long chain": ({"schema": {"$defs": {str(n): {"$ref": f"#/$defs/{n + 1}"} for n in range(50)}}}, "more than 32"),
    "another base": ({"schema": {"$id": "http://x/y", "$ref": "#/z"}}, "`$id` is not taken"),
    "another dialect": ({"schema": {"$schema": "http://json-schema.org/draft-04/schema#"}}, "`$schema` is another"),
    "no pattern": ({"schema": {"pattern": "["}}, "inputs.k.schema.pattern"),
    "a pattern that looks back": ({"schema": {"pattern": r"(a)\1"}}, "inputs.k.schema.pattern"),
    "a pattern of a billion": ({"schema": {"pattern": "((a{1000}){1000}){1000}"}}, "inputs.k.schema.pattern"),
    "a default that is none": ({"schema": {"type": "number", "default": "x"}}, "'k': it is not of type"),
    "no schema": ({"schema": 3}, "inputs.k.schema"),
    "minOccurs": ({"minOccurs": -1}, "minOccurs: expected a whole number from 0 on"),
    "minOccurs true": ({"minOccurs": True}, "minOccurs: expected a whole number from 0 on"),
    "maxOccurs": ({"maxOccurs": "many"}, 'maxOccurs: expected "unbounded"'),
    "maxOccurs below minOccurs": ({"minOccurs": 2}, "whole number from 2 on, not the number 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_description_that_cannot_be_used_says_why(case: str) -> None:
    said, why = REFUSED[case]
    began = monotonic()
    with pytest.raises(BadInputError) as caught:
        read_description("inputs", {"k": said})
    assert why in str(caught.value)
    assert len(str(caught.value)) < 600
    assert monotonic() - began < 2


def test_a_description_cannot_have_what_a_process_has_itself() -> None:
    with pytest.raises(BadInputError, match="by another name"):
        read_description("inputs", {"function": {"schema": {}}})


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(.*)*x", "^(?:a?){100}a{100}$"])
def test_a_pattern_takes_no_longer_than_its_text(pattern: str) -> None:
    schema, began = read_schema("k", {"pattern": pattern}), monotonic()
    with pytest.raises(BadInputError, match="it does not match"):
        schema.check("k", "a" * 100_000 + "b")
    assert monotonic() - began < 2


def test_many_patterns_of_a_long_text_are_not_begun() -> None:
    """One pattern looks at each character once, and there may be thousands of patterns."""
    text = "a" * 1_900_000
    read_schema("k", {"pattern": "^(a|aa)+$"}).check("k", text)
    schema = read_schema("k", {"allOf": [{"pattern": f"^(a|aa|b{n})+$"} for n in range(800)]})
    schema.check("k", text[:10_000])
    with pytest.raises(BadInputError, match="send less"):
        schema.check("k", text)


def test_what_would_take_too_long_is_not_begun() -> None:
    schema = read_schema("k", {"items": {"allOf": [{"minimum": -n} for n in range(5000)]}})
    schema.check("k", [1.0] * 900)
    with pytest.raises(BadInputError, match="send less"):
        schema.check("k", [1.0] * (MOST_STEPS // schema.weight))


VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-3, 3) | st.text("abc", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
TYPES = st.sampled_from(["string", "number", "integer", "boolean", "object", "array", "null"])
WORDS: Any = st.fixed_dictionaries(
    {},
    optional={
        "type": TYPES | st.lists(TYPES, min_size=1, max_size=2, unique=True), "minimum": st.integers(-3, 3),
        "exclusiveMaximum": st.integers(-3, 3), "multipleOf": st.integers(1, 3), "maxLength": st.integers(0, 3),
        "pattern": st.sampled_from(["^a", "b$", "[ab]+c?"]), "required": st.lists(st.sampled_from("abc"), unique=True),
        "uniqueItems": st.booleans(), "minItems": st.integers(0, 2), "const": VALUES,
        "enum": st.lists(VALUES, min_size=1),
    },
)  # fmt: skip
SCHEMAS: Any = st.recursive(
    WORDS,
    lambda inner: st.builds(
        dict, WORDS,
        **dict.fromkeys(("items", "not", "additionalProperties"), inner),
        properties=st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
        anyOf=st.lists(inner, min_size=1, max_size=2), oneOf=st.lists(inner, min_size=1, max_size=2),
    ),
    max_leaves=4,
)  # fmt: skip


def why_not(use: Callable[[], object]) -> str:
    """Return why something is refused, ``""`` if it is not."""
    try:
        use()
    except BadInputError as error:
        return str(error)
    return ""


@settings(deadline=None)
@given(SCHEMAS, VALUES)
def test_a_value_is_taken_if_another_library_takes_it(schema: dict[str, Any], value: Any) -> None:
    refused = why_not(lambda: read_schema("k", schema).check("k", value))
    assert (refused == "") == jsonschema.Draft202012Validator(schema).is_valid(value), refused


KEYWORDS = st.sampled_from([
    "$ref", "type", "items", "allOf", "properties", "pattern", "nullable", "minimum", "exclusiveMinimum", "enum",
    "$defs", "oneOf", "default", "contentMediaType",
])  # fmt: skip
WORDED = st.sampled_from(["#", "#/items", "#/$defs/a", "#/%", "#/~", "http://[", "object"])
ANY_SCHEMA: Any = st.dictionaries(KEYWORDS, VALUES | WORDED | st.deferred(lambda: ANY_SCHEMA), max_size=4)


@settings(deadline=None)
@given(ANY_SCHEMA, VALUES)
def test_whatever_is_described_is_refused_or_used(schema: Any, value: Any) -> None:
    read: dict[str, object] = {}
    refused = why_not(lambda: read.update(read_description("inputs", {"k": {"schema": schema}}).read({"k": value})))
    assert read == {"k": value} if not refused else len(refused) < 1000


def test_parts_are_counted() -> None:
    assert count_parts({"a": [1, {"b": None}], "c": "text"}) == 6
