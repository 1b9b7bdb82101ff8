"""What the description of a deployed process says of its inputs, and inputs held against it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from cloudify.compute.inputs import check_names, compact_json, kind_of, read_object
from cloudify.compute.qualified import read_value
from cloudify.compute.request import INPUTS
from cloudify.compute.schemas import Schema, read_schema
from cloudify.errors import BadInputError

UNBOUNDED: Final = "unbounded"
OWN: Final = ("function", "args")
"""Inputs of `map` that a description cannot have: a deployed process has its function, and arguments are inputs."""


@dataclass(frozen=True, slots=True)
class Described:
    """An input that a process takes."""

    name: str
    forms: tuple[tuple[str, Schema], ...]
    """Media type, ``""`` for any, and the schema of values of it; the first is meant where nothing is said."""
    least: int = 1
    most: int | None = 1
    """How many values there may be; None for any number. More than one are a list."""
    default: str | None = None
    """JSON of the value where none is given."""

    def read(self, given: object) -> object:
        """Return the value, or the list of values, that the function is given.

        Raises
        ------
        BadInputError
            If it is not as it was described.
        """
        if self.most == 1:
            return self._one(self.name, given)
        values = given if isinstance(given, list) else [given]
        if len(values) < self.least or (self.most is not None and len(values) > self.most):
            to = "on" if self.most is None else f"to {self.most}"
            raise BadInputError(self.name, f"{len(values)} values; expected from {self.least} {to}")
        return [self._one(f"{self.name}[{place}]", value) for place, value in enumerate(values)]

    def _one(self, name: str, given: object) -> object:
        value, media_type = read_value(name, given)
        compact_json(name, value)
        self._form(name, media_type).check(name, value)
        return value

    def _form(self, name: str, media_type: str) -> Schema:
        if not media_type:
            return self.forms[0][1]
        fits = next((schema for known, schema in self.forms if known in {"", media_type}), None)
        if fits is None:
            known = ", ".join(known for known, _ in self.forms)
            raise BadInputError(name, f"its mediaType is {media_type[:80]!r}; expected {known}")
        return fits


@dataclass(frozen=True, slots=True)
class Description:
    """The inputs that a process takes."""

    inputs: Mapping[str, Described]

    def read(self, given: Mapping[str, object]) -> dict[str, object]:
        """Return inputs with what is not given as it was described, each held against its schema.

        A process that describes nothing takes anything. What `map` knows need not be described.

        Raises
        ------
        BadInputError
            Naming the input that is missing, unknown, or not as it was described.
        """
        if self.inputs:
            check_names(given, dict.fromkeys([*self.inputs, *INPUTS]))
        read: dict[str, object] = {}
        for name, value in given.items():
            described = self.inputs.get(name)
            read[name] = described.read(value) if described is not None else read_value(name, value)[0]
        for name, described in self.inputs.items():
            if name in given:
                continue
            if described.default is not None:
                read[name] = json.loads(described.default)
            elif described.least:
                raise BadInputError(name, "it is missing; the description of the process says what it is")
        return read

    def of_arguments(self) -> "Description":
        """Return what is said of inputs that are the function's alone."""
        return Description({name: described for name, described in self.inputs.items() if name not in INPUTS})


def read_description(where: str, members: Mapping[str, object]) -> Description:
    """Return what is described, ``{name: {"schema": {...}, "minOccurs": 0, ...}}``.

    Raises
    ------
    BadInputError
        Naming the member that cannot be.
    """
    return Description(
        {name: _described(f"{where}.{name}", name, read_object(where, said)) for name, said in members.items()}
    )


def _described(where: str, name: str, said: Mapping[str, Any]) -> Described:
    if name in OWN:
        raise BadInputError(where, "a process that is deployed has its own; describe it by another name")
    least, most = _occurs(where, said)
    schema = read_object(f"{where}.schema", said.get("schema", {}))
    described = Described(name, _forms(where, schema), least, most)
    if "default" not in schema:
        return described
    default = schema["default"]
    if default is not None or least:  # null stands for nothing where nothing need be there
        default = described.read(default)
    return replace(described, default=json.dumps(default))


def _occurs(where: str, said: Mapping[str, Any]) -> tuple[int, int | None]:
    least, most = said.get("minOccurs", 1), said.get("maxOccurs", 1)
    if type(least) is not int or least < 0:
        raise BadInputError(where, f"minOccurs: expected a whole number from 0 on, not {kind_of(least)}")
    if most == UNBOUNDED:
        return least, None
    if type(most) is not int or most < max(least, 1):
        raise BadInputError(
            where, f'maxOccurs: expected "{UNBOUNDED}" or a whole number from {max(least, 1)} on, not {kind_of(most)}'
        )
    return least, most


def _forms(where: str, schema: Mapping[str, Any]) -> tuple[tuple[str, Schema], ...]:
    """Return the forms of which an input may be: one, or several by their media types."""
    several = schema.get("oneOf")
    by_type = isinstance(several, list) and all(isinstance(one, Mapping) and _media_type(one) for one in several)
    whole = read_schema(where, schema)
    if not by_type or not several:
        return ((_media_type(schema), whole),)
    shared = {member: part for member, part in schema.items() if member != "oneOf"}
    return tuple((_media_type(one), read_schema(where, {**shared, "allOf": [one]})) for one in several)


def _media_type(schema: Mapping[str, Any]) -> str:
    said = schema.get("contentMediaType", "")
    return said if isinstance(said, str) else ""
