"""What is asked of a deployed process, in the words of `map`."""

import json
from collections.abc import Mapping
from typing import Any

from cloudify.compute.described import read_description
from cloudify.compute.inputs import read_object
from cloudify.compute.request import INPUTS, args_json
from cloudify.compute.store.records import Deployed
from cloudify.errors import BadInputError


def as_map(process: Deployed, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a deployed process as those of `map`: what `map` does not know are its arguments.

    Arguments may be given in `args` as well, where they are what they are: no value is said to be of a form there. Of a
    process that describes what it takes they are inputs like others.

    Raises
    ------
    BadInputError
        Naming the input that is not as it was described.
    """
    if "function" in inputs:
        raise BadInputError("function", "a process that is deployed has its own; leave it out, or execute `map`")
    description = read_description("inputs", json.loads(process.inputs))
    args = read_object("args", inputs.get("args") or {})
    raised = {name: value for name, value in args.items() if description.inputs and name not in INPUTS}
    read = description.read({name: value for name, value in inputs.items() if name != "args"} | raised)
    given = {name: value for name, value in read.items() if name not in INPUTS}
    kept = {name: value for name, value in args.items() if name not in raised}
    of_map = {name: value for name, value in read.items() if name in INPUTS}
    return of_map | {"function": {"process": process.id}, "args": given | kept}


def read_args(process: Deployed, args: str) -> str:
    """Return the arguments that `map` gives a deployed function, JSON, with those that it describes and are missing.

    Raises
    ------
    BadInputError
        Naming the one that is not as it was described.
    """
    description = read_description("inputs", json.loads(process.inputs)).of_arguments()
    return args_json(description.read(json.loads(args)))
