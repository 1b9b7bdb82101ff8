"""JSON schemas that deployers write: what is taken of them, and values held against them in a bounded time.

They are JSON Schema 2020-12, with two things as OpenAPI 3.0 writes them, whose schemas OGC API - Processes has:
`nullable`, and bounds that are exclusive by a boolean. Nothing is ever fetched or read for one. Patterns are matched
in a time that grows with the text alone; how often parts of a schema meet parts of a value is bounded before they do.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError

from cloudify.compute.inputs import kind_of
from cloudify.compute.translated import translated
from cloudify.errors import BadInputError

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
MOST_WEIGHT: Final = 20_000
"""Parts of a schema, those that it refers to counted as often as it does."""
MOST_STEPS: Final = 10_000_000
"""Parts of a schema times parts of a value: less than a second, measured with what takes longest."""
PART_NCHARS: Final = 8
"""Characters of a text that count as much as a number: each may be looked at by every pattern."""
LONGEST_CHAIN, LONGEST_SAID = 32, 300
_REFUSED: Final = (
    "$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "unevaluatedProperties", "unevaluatedItems",
)  # fmt: skip
"""What has the meaning of one part of a schema depend on others."""


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema that values can be held against."""

    weight: int
    """How many parts it has."""
    validator: Draft202012Validator = field(repr=False)

    def check(self, name: str, value: object) -> None:
        """Return if a value of JSON, of an input of this name, is as the schema has it.

        Raises
        ------
        BadInputError
            Naming the first part that is not, and what is expected of it.
        """
        if self.weight * count_parts(value) > MOST_STEPS:
            raise BadInputError(
                name,
                "it has more parts than can be held against its schema; send less, or simplify the schema",
            )
        error = next(self.validator.iter_errors(value), None)
        if error is not None:
            found = value
            for step in error.instance_path:
                found = found[step]  # type: ignore[index]  # the way to the part
            raise BadInputError(name + _path(error.instance_path), f"{_said(error)}; found {kind_of(found)}")


def read_schema(name: str, schema: Mapping[str, Any]) -> Schema:
    """Return a schema, of the input or output of this name, that can be used.

    Raises
    ------
    BadInputError
        If it is none, refers to what is not in it, or is more than can be used.
    """
    if schema.get("$schema", DIALECT) != DIALECT:
        raise BadInputError(f"{name}.schema", f"`$schema` is another than {DIALECT}; leave it out, and write that")
    weight = _Walk(name, schema).weight(schema, ())
    try:
        validator = Draft202012Validator(
            translated(schema), mask="it", pattern_options=RegexOptions(), offline=True, validate_formats=False
        )
    except ValidationError as error:
        raise BadInputError(f"{name}.schema{_path(error.instance_path)}", f"no JSON Schema: {_said(error)}") from error
    except ValueError as error:
        raise BadInputError(f"{name}.schema", f"no JSON Schema: {str(error)[:LONGEST_SAID]}") from error
    return Schema(weight, validator)


def count_parts(value: object) -> int:
    """Return how many values a value of JSON holds, itself included; a long text is as many as it has characters for.

    >>> count_parts({"a": [1, 2]}), count_parts(80 * "x")
    (4, 11)
    """
    return sum(1 + (len(part) // PART_NCHARS if isinstance(part, str) else 0) for part in parts_of(value))


def parts_of(value: object) -> Iterator[object]:
    """Yield all values that a value of JSON holds, and itself before them."""
    level = [value]
    while level:
        yield from level
        held = [one.values() if isinstance(one, Mapping) else one for one in level if isinstance(one, Mapping | list)]
        level = [part for parts in held for part in parts]


class _Walk:
    """What there is in a schema, part by part."""

    def __init__(self, name: str, root: Mapping[str, Any]) -> None:
        self._name, self._root = name, root
        self._weights: dict[str, int] = {}
        """Of what is referred to."""

    def weight(self, schema: object, within: tuple[str, ...]) -> int:
        """Return how many parts a schema has.

        Parameters
        ----------
        within
            What was referred to on the way there.

        Raises
        ------
        BadInputError
            If they are too many, it has what is not taken, or it refers to itself, or to what is not there.
        """
        total = count_parts(schema)
        for part in parts_of(schema):
            if not isinstance(part, Mapping):
                continue
            for keyword in _REFUSED:
                if keyword in part:
                    raise self._refusal(f"`{keyword}` is not taken; write what it stands for")
            reference = part.get("$ref")
            if isinstance(reference, str):
                total += self._referred(reference, within)
        if total > MOST_WEIGHT:
            raise self._refusal(f"more than {MOST_WEIGHT} parts, counted as often as they are referred to; simplify it")
        return total

    def _referred(self, reference: str, within: tuple[str, ...]) -> int:
        if not reference.startswith("#"):
            raise self._refusal(f"`$ref` {reference[:80]!r} leads elsewhere; nothing is fetched: put it under `$defs`")
        if len(within) == LONGEST_CHAIN:
            raise self._refusal(f"`$ref` leads on to another more than {LONGEST_CHAIN} times")
        if reference in within:
            raise self._refusal(f"`$ref` {reference[:80]!r} leads into itself; write out as many levels as there are")
        if reference not in self._weights:
            self._weights[reference] = self.weight(self._at(reference), (*within, reference))
        return self._weights[reference]

    def _at(self, reference: str) -> object:
        """Return what is at a JSON pointer (RFC 6901)."""
        found: Any = self._root
        for step in unquote(reference[1:]).split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            try:
                found = found[int(key)] if isinstance(found, list) else found[key]
            except (KeyError, IndexError, ValueError, TypeError):
                raise self._refusal(f"`$ref` {reference[:80]!r} leads to nothing in it") from None
        return found

    def _refusal(self, reason: str) -> BadInputError:
        return BadInputError(f"{self._name}.schema", reason)


def _path(steps: Sequence[str | int]) -> str:
    """Write the way to a part.

    >>> _path(["a", 3])
    '.a[3]'
    """
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step[:80]}" for step in steps[:8])


def _said(error: ValidationError) -> str:
    return error.message if len(error.message) <= LONGEST_SAID else f"{error.message[:LONGEST_SAID]}..."
