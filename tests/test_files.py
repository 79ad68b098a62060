"""Files: rounding, bytes, damage."""

import json
import zipfile
from decimal import ROUND_HALF_EVEN, Context, Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.common import files
from stages.common.files import InputError

SIX = Context(prec=6, rounding=ROUND_HALF_EVEN)


@given(value=st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300))
def test_rounding_is_decimal_rounding(value):
    expected = float(SIX.plus(Decimal(value)))
    rounded = files.round_array(np.array([[value]]))
    assert rounded.shape == (1, 1)
    assert rounded[0, 0] == expected
    assert not np.signbit(rounded[0, 0]) or expected < 0


def test_json_rounds_floats_and_nothing_else(tmp_path):
    path = tmp_path / "new" / "metrics.json"
    files.write_json(str(path), {"x": 1 / 3, "n": 12345678, "deep": {"list": [2 / 3, "φ"]}})
    assert json.loads(path.read_text()) == {
        "x": 0.333333,
        "n": 12345678,
        "deep": {"list": [0.666667, "φ"]},
    }


def test_json_refuses_nan(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(str(tmp_path / "metrics.json"), {"x": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_arrays_round_and_repeat_their_bytes(tmp_path):
    first, second = tmp_path / "first.npz", tmp_path / "second.npz"
    values = {"theta": np.full((2, 3), np.pi), "steps": np.array([12345678])}
    files.write_arrays(str(first), **values)
    files.write_arrays(str(second), **values)
    assert first.read_bytes() == second.read_bytes()
    for member in zipfile.ZipFile(first).infolist():  # nor does Python's version show
        assert member.create_version == member.extract_version == 20
        assert (member.create_system, member.date_time) == (3, (1980, 1, 1, 0, 0, 0))
    assert {*np.load(first, allow_pickle=False)} == {"theta", "steps"}
    read = files.read_arrays(str(first))
    assert (read["theta"] == 3.14159).all()
    assert read["steps"] == 12345678


def test_exact_tables_read_back_exactly(tmp_path):
    path = str(tmp_path / "table.csv")
    values = np.random.default_rng(0).standard_normal(1000)
    files.write_table(path, pd.DataFrame({"x": values}), exact=True)
    np.testing.assert_array_equal(files.read_table(path)["x"], values)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "metrics.json"
    files.write_json(str(path), {"x": 1})
    with pytest.raises(InputError, match="cannot be written"):
        files.write_json(str(path / "below"), {"x": 2})
    assert json.loads(path.read_text()) == {"x": 1}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("x,y\n1,1\n2,nan\n", "column 'y' holds a value that is not a finite number"),
        ("x,y\ninf,1\n", "column 'x' holds a value that is not a finite number"),
        ("x,y\n1,1\noops,1\n", "column 'x' holds a value that is not a finite number"),
        ("x,y\n1,1\n0.5", "column 'y' holds a value that is not a finite number"),
        ("x,y\n1,1\n1,2,3\n", "is not CSV"),
        ("x,y\n", "holds no rows"),
        ("", "is not CSV"),
        ("y,x\n1,1\n", "columns must be features, then y"),
        ("x,y\n1,0\n", "y = 0: a label must be -1 or 1"),
    ],
)
def test_damaged_datasets_are_refused(content, complaint, tmp_path):
    path = tmp_path / "disc.csv"
    path.write_text(content)
    with pytest.raises(InputError) as refusal:
        files.read_examples(str(path), classes=True)
    message = str(refusal.value)
    assert message.startswith(f"{path}: ")
    assert complaint in message
    assert "\n" not in message


def damaged_arrays(path):
    files.write_arrays(str(path), theta=np.zeros((40, 40)))
    return path.read_bytes()


@pytest.mark.parametrize("damage", ["pickle", "truncated", "bare", "text"])
def test_damaged_arrays_are_refused(damage, tmp_path):
    path = tmp_path / "theta.npz"
    whole = damaged_arrays(path)
    if damage == "pickle":
        np.savez(path, theta=np.array([{}], dtype=object))
    elif damage == "bare":
        np.save(path.with_suffix(".npy"), np.zeros(3))
        path.write_bytes(path.with_suffix(".npy").read_bytes())
    else:
        path.write_bytes(whole[:-200] if damage == "truncated" else b"theta")
    with pytest.raises(InputError, match="is damaged, or no NPZ of plain arrays") as refusal:
        files.read_arrays(str(path))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("read", [files.read_table, files.read_arrays, files.read_yaml])
def test_missing_files_are_named(read, tmp_path):
    with pytest.raises(InputError, match=r"missing\.file: cannot be read: No such file"):
        read(str(tmp_path / "missing.file"))


def test_what_a_file_lacks_is_said_with_its_name(tmp_path):
    files.write_json(str(path := tmp_path / "found.json"), {"a": {"b": [{"c": 1}]}})
    found = files.read_json(str(path))
    assert found["a"]["b"][0]["c"] == 1
    assert found.get("b") is None
    for read in (lambda: found["b"], lambda: found["a"]["c"], lambda: found["a"]["b"][0]["d"]):
        with pytest.raises(InputError, match=r"found\.json: [bcd] is missing"):
            read()
    files.write_arrays(str(path := tmp_path / "found.npz"), theta=np.zeros(3))
    with pytest.raises(InputError, match=r"found\.npz: losses is missing"):
        files.read_arrays(str(path))["losses"]
    (path := tmp_path / "found.csv").write_text("a,b\n1,2\n")
    assert list(files.read_table(str(path), "b", "a")) == ["a", "b"]
    with pytest.raises(InputError, match=r"found\.csv: column c, d is missing"):
        files.read_table(str(path), "c", "a", "d")
