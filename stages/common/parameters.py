"""Hands a stage its own sections of params.yaml, checked, and nothing else.

A stage that needs a few keys reads them from params.yaml, and dvc.yaml lists them as its
parameters. One that needs a large section whole, as the survey needs all programs, reads the copy
that the stage `check` leaves under data/sections/: dvc.lock, which DVC rewrites after every stage,
then holds one hash for it instead of each of its values.
"""

import re
import sys
from reprlib import Repr
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from stages.common.files import InputError, read_yaml

PATH = "params.yaml"
COPY = "data/sections/{}.yaml"  # of a section, by its name

WORD = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")  # of a command line: a name, or a dotted key
Schema = TypeVar("Schema")
SHORT = Repr()  # of a value in a message, however large or deep it is
SHORT.maxlevel = 2


def words(usage: str, least: int = 1, most: int = 1, *, paths: bool = False) -> list[str]:
    """Return so many names, or paths, of the command line; raises InputError with the usage.

    The usage is the first line of the stage's docstring.
    """
    given = sys.argv[1:]
    known = (not word.startswith("-") if paths else WORD.fullmatch(word) for word in given)
    if not least <= len(given) <= most or not all(known):
        raise InputError(usage.splitlines()[0])
    return given


def load(key: str, schema: type[Schema]) -> Schema:
    """Read and check one section, or one value, of params.yaml.

    Parameters
    ----------
    key : str
        Dotted path of the section, such as ``problems.svm``; of the whole file, empty.
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
    if not key and not isinstance(node, dict):
        raise InputError(f"{PATH}: is not a mapping of sections")
    for depth, part in enumerate(parts := key.split(".") if key else []):
        if not isinstance(node, dict) or part not in node:
            raise InputError(f"{PATH}: {'.'.join(parts[: depth + 1])} is missing")
        node = node[part]
    return _checked(key, node, schema)


def load_copy(section: str, schema: type[Schema]) -> Schema:
    """Check a whole section as `load` does, of the copy that the stage `check` has left."""
    return _checked(section, read_yaml(COPY.format(section)), schema)


def _checked(key: str, node: object, schema: type[Schema]) -> Schema:
    try:
        return TypeAdapter(schema).validate_python(node)
    except ValidationError as error:
        raise InputError(f"{PATH}: {complaint(error, node, key)}") from None


def complaint(error: ValidationError, node: object, key: str = "") -> str:
    """Return what is wrong with a node: the path below a key, the value and what is allowed."""
    first, *others = error.errors()
    path, value = _path(first, node), first["input"]
    alike = [other for other in others if _path(other, node) == path]
    said = dict.fromkeys(e["msg"].removeprefix("Value error, ") for e in (first, *alike))
    allowed = re.sub(r"valid dictionary( or instance of \w+)?", "mapping", ", or: ".join(said))
    if first["type"] == "unknown":
        unknown = first["ctx"]["key"]
        path, value = ".".join(filter(None, (path, f"{unknown}"))), value[unknown]
        allowed = f"not permitted: must be {first['ctx']['known']}"
    if not (name := ".".join(filter(None, (key, path)))):
        return allowed
    missing = first["type"] == "missing"
    return f"{name} is missing" if missing else f"{name} = {SHORT.repr(value)}: {allowed}"


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
