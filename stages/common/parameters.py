"""Hands a stage its own section of params.yaml, checked, and nothing else."""

from reprlib import Repr
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from stages.common.files import InputError, read_yaml

PATH = "params.yaml"

Schema = TypeVar("Schema")
SHORT = Repr()  # of a value in a message, however large or deep it is
SHORT.maxlevel = 2


def load(key: str, schema: type[Schema]) -> Schema:
    """Read and check one section, or one value, of params.yaml.

    Parameters
    ----------
    key : str
        Dotted path of the section, such as ``problems.svm``.
    schema : type
        What is to be there: any type that pydantic knows.

    Returns
    -------
    Section or value
        What is there, checked.

    Raises
    ------
    InputError
        If the file or the section is missing or holds a value that is not allowed.
        The message names the key's full path, the value and what is allowed.
    """
    node = read_yaml(PATH)
    for depth, part in enumerate(parts := key.split(".")):
        if not isinstance(node, dict) or part not in node:
            raise InputError(f"{PATH}: {'.'.join(parts[: depth + 1])} is missing")
        node = node[part]
    try:
        return TypeAdapter(schema).validate_python(node)
    except ValidationError as error:
        first, *others = error.errors()
        path = _path(first, node)
        if first["type"] == "missing":
            raise InputError(f"{PATH}: {key}.{path} is missing") from None
        alike = [other for other in others if _path(other, node) == path]
        said = dict.fromkeys(e["msg"].removeprefix("Value error, ") for e in (first, *alike))
        name = ".".join(filter(None, (key, path)))
        value, allowed = SHORT.repr(first["input"]), ", or: ".join(said)
        raise InputError(f"{PATH}: {name} = {value}: {allowed}") from None


def _path(error: ErrorDetails, node: object) -> str:
    """Return where params.yaml has what is wrong, without pydantic's names for alternatives."""
    parts = []
    for part in error["loc"]:
        if isinstance(node, dict) and (part in node or error["type"] == "missing"):
            node = node.get(part)
        elif isinstance(node, list) and isinstance(part, int):
            node = node[part]
        else:
            break
        parts.append(str(part))
    return ".".join(parts)
