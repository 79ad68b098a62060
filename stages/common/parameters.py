"""Hands a stage its own section of params.yaml, checked, and nothing else."""

from reprlib import Repr
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

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
        first = error.errors()[0]
        path = ".".join([key, *(str(part) for part in first["loc"] if part != "[key]")])
        if first["type"] == "missing":
            raise InputError(f"{PATH}: {path} is missing") from None
        allowed = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{PATH}: {path} = {SHORT.repr(first['input'])}: {allowed}") from None
