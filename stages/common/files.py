"""Files in and out: read safely, written whole.

Every number that is written, datasets apart, is rounded to six significant digits.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import numpy as np
import pandas as pd
import yaml

SIGNIFICANT_DIGITS = 6


class InputError(SystemExit):
    """A bad parameter or file: ends a stage with one line and exit status 1.

    Parameters
    ----------
    message : str
        What is wrong; characters that do not print, line breaks among them, are escaped.
    """

    def __init__(self, message: str) -> None:
        super().__init__("".join(c if c.isprintable() else ascii(c)[1:-1] for c in message))


class Contents(dict):
    """What a file holds by name; that a name is missing is the file's fault."""

    def __init__(self, path: str, values: Mapping[str, object]) -> None:
        super().__init__(values)
        self.path = path

    def __missing__(self, key: str) -> object:
        """Raise InputError."""
        raise InputError(f"{self.path}: {key} is missing")


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """The safe loader, which takes 1e-05 for a number: so DVC writes it, by YAML 1.2."""


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), [*"-+0123456789"]
)


def read_yaml(path: str) -> object:
    """Parse a YAML file with the safe loader.

    Parameters
    ----------
    path : str
        File to read.

    Returns
    -------
    object
        What the document holds: mappings, lists and scalars.

    Raises
    ------
    InputError
        If the file is missing or is not YAML.
    """
    try:
        return yaml.load(Path(path).read_text(encoding="utf-8"), Loader)  # noqa: S506  (it is safe)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # numbers and dates, nesting
        raise InputError(f"{path}: is not YAML: {' '.join(str(error).split())}") from None


def read_frame(path: str, *columns: str) -> pd.DataFrame:
    """Read a CSV of words and numbers.

    Raises
    ------
    InputError
        If the file is missing, is no such table or lacks one of these columns.
    """
    try:
        table = pd.read_csv(path, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(f"{path}: is not CSV: {' '.join(str(error).split())}") from None
    if table.empty:
        raise InputError(f"{path}: holds no rows")
    if lacking := [column for column in columns if column not in table]:
        raise InputError(f"{path}: column {', '.join(lacking)} is missing")
    return table


def read_table(path: str, *columns: str) -> pd.DataFrame:
    """Read a CSV of finite numbers, each exactly as written.

    Raises
    ------
    InputError
        As `read_frame`, or if it holds a value that is not finite.
    """
    table = read_frame(path, *columns)
    for column in table:
        values = table[column]
        if not pd.api.types.is_numeric_dtype(values) or not np.isfinite(values).all():
            raise InputError(f"{path}: column {column!r} holds a value that is not a finite number")
    return table


def read_examples(path: str, classes: bool) -> tuple[np.ndarray, np.ndarray]:
    """Read a dataset: features, then `y`.

    Parameters
    ----------
    path : str
        CSV to read; its last column must be `y`.
    classes : bool
        Whether `y` must be −1 or +1.

    Returns
    -------
    X : numpy.ndarray, shape (N, features)
        Features, float64.
    y : numpy.ndarray, shape (N,)
        Labels or targets, float64.

    Raises
    ------
    InputError
        If the file is missing or damaged, or a label is neither −1 nor +1.
    """
    table = read_table(path)
    if table.columns[-1] != "y" or len(table.columns) < 2:
        raise InputError(f"{path}: columns must be features, then y; found {', '.join(table)}")
    values = table.to_numpy(dtype=np.float64)
    X, y = values[:, :-1], values[:, -1]
    if classes and not np.isin(y, (-1.0, 1.0)).all():
        wrong = y[~np.isin(y, (-1.0, 1.0))][0]
        raise InputError(f"{path}: y = {wrong:g}: a label must be -1 or 1")
    return X, y


def read_json(path: str) -> dict[str, object]:
    """Read a JSON object; raises InputError where it is missing or is none."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        values = json.loads(text, object_hook=lambda found: Contents(path, found))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise InputError(f"{path}: is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: is not a JSON object")
    return values


def read_arrays(path: str) -> dict[str, np.ndarray]:
    """Read every array of an NPZ file, refusing pickled objects.

    Parameters
    ----------
    path : str
        File to read.

    Returns
    -------
    dict of str to numpy.ndarray
        The arrays by name.

    Raises
    ------
    InputError
        If the file is missing or damaged, or holds anything but plain arrays.
    """
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return Contents(path, arrays)
    except FileNotFoundError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except Exception:  # zipfile, zlib and NumPy each raise their own kind
        raise InputError(f"{path}: is damaged, or no NPZ of plain arrays") from None


def write_table(path: str, table: pd.DataFrame, exact: bool = False) -> None:
    """Write a CSV without the index, rounded, or `exact`: so that every float reads back."""
    float_format = None if exact else f"%.{SIGNIFICANT_DIGITS}g"
    with _whole(path) as file:
        table.to_csv(file, index=False, float_format=float_format, lineterminator="\n")


def say(path: str, words: str) -> None:
    """Print a stage's last line: what it wrote, and the one number that matters."""
    print(f"{path}: {words}")


def write_json(path: str, values: Mapping[str, object]) -> None:
    """Write a JSON object of numbers, strings, lists and mappings, floats rounded."""
    text = json.dumps(_rounded(values), indent=2, allow_nan=False, ensure_ascii=False)
    write_text(path, f"{text}\n")


def make_folder(path: str) -> None:
    """Make a folder where there is none; raises InputError where there can not be one."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be made: {error.strerror}") from None


def write_text(path: str, text: str) -> None:
    """Write a text file."""
    with _whole(path) as file:
        file.write(text.encode())


def write_arrays(path: str, **arrays: np.ndarray) -> None:
    """Write an uncompressed NPZ file, floats rounded, of the same bytes by any version of Python.

    `numpy.savez` reserves room for more than 4 GB, which not all versions write alike.
    """
    with _whole(path) as file, ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            content, member = BytesIO(), ZipInfo(f"{name}.npy")  # of 1980
            np.lib.format.write_array(
                content, round_array(array) if array.dtype.kind == "f" else array
            )
            member.create_system = 3  # Unix, wherever it is written
            archive.writestr(member, content.getvalue())


def png_of(figure: object) -> bytes:
    """Return a `matplotlib.figure.Figure` as a PNG that carries neither date nor version."""
    file = BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def write_figure(path: str, figure: object) -> None:
    """Write a `matplotlib.figure.Figure` as a PNG."""
    with _whole(path) as file:
        file.write(png_of(figure))


def round_array(array: np.ndarray) -> np.ndarray:
    """Return the float64 nearest to each element's six significant digits; zero has no sign."""
    text = np.char.mod(f"%.{SIGNIFICANT_DIGITS}g", array)
    return text.astype(np.float64) + 0.0


def _rounded(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}") + 0.0
    return value


@contextmanager
def _whole(path: str) -> Iterator[object]:
    """Open a neighbour of `path` and rename it to `path` once it is written whole."""
    target = Path(path)
    partial = target.with_name(f".{target.name}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink()
        if isinstance(error, OSError):
            raise InputError(f"{path}: cannot be written: {error.strerror}") from None
        raise
