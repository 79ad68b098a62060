"""A class's submissions: a row each, whatever is wrong with some, and only once."""

import json
import re
import sys
from datetime import date
from html.parser import HTMLParser
from itertools import product

import pandas as pd
import pytest
import write_submissions
import yaml
from browser import complaints, violations, widest
from conftest import ENVIRONMENT, ROOT, command

from classroom.__main__ import SHARDS, TOGETHER, main, parts

RIGHT = {"start": {"law": "zeros"}, "order": {"generator": "numpy"}, "learning_rate": 0.1,
         "updates": 40, "log": {"value": "objective", "moment": "after", "every": 1}}  # fmt: skip
FORGOT = RIGHT | {"intercept": {"output": "none", "gradient": "none", "log": "none"}}


@pytest.fixture
def folder(scratch, params, tmp_path):
    """Six submissions, in a study whose search is short: two alike, two that can not be read."""
    params["search"] |= {"at_once": 1, "most": 500, "replicas": 13, "steps": 60}
    scratch(params)
    (tmp_path / "stages").symlink_to(ROOT / "stages")
    submitted = tmp_path / "submitted"
    submitted.mkdir()
    for name, fields in (("ann", RIGHT), ("bob", FORGOT), ("cat", FORGOT)):
        values = write_submissions.logged("logistic", fields)
        write_submissions.write(submitted / f"{name}.csv", "step", values)
        (submitted / f"{name}.yaml").write_text("problem: logistic\n")
    table = pd.read_csv(submitted / "ann.csv", dtype=str)
    table.assign(problem="logistic").to_csv(submitted / "dan.csv")  # with pandas' index
    table.assign(problem="<b>moons</b>").to_csv(submitted / "eve.csv", index=False)
    (submitted / "fay.csv").write_text("step,loss\n1,2\n")
    return submitted


def table(folder):
    return pd.read_csv(folder / "diagnosis/class.csv", keep_default_na=False).set_index(
        "submission"
    )


def test_each_submission_has_a_row(folder, capsys):
    main(str(folder))
    found = table(folder)
    assert list(found.index) == ["ann", "bob", "cat", "dan", "eve", "fay"]
    assert list(found["verdict"]) == ["exactly"] * 4 + ["refused"] * 2
    assert list(found["deviations"][:4]) == ["", *["there is no intercept"] * 2, ""]
    assert set(found["learning_rate"][:4]) == {"0.1"}
    assert "must be logistic" in found.loc["eve", "deviations"]
    assert "must be at least three" in found.loc["fay", "deviations"]
    page = (folder / "diagnosis/class.html").read_text()
    HTMLParser().feed(page)
    assert re.search(r'row">there is no intercept</th><td class="n">2</td>', page)
    assert "<script" not in page
    assert "<b>moons" not in page
    assert len(list((folder / "diagnosis/found").iterdir())) == 2  # alike are searched for once


def test_a_browser_shows_the_page_without_fault(folder, browser):
    main(str(folder))
    for path in (folder / "diagnosis/found").iterdir():
        found = json.loads(path.read_text()) | {"words": ["what is said " * 6]}
        path.write_text(json.dumps(found))
    main(str(folder))
    for width, dark in product((1280, 390), (False, True)):
        driver = browser(width, dark)
        driver.get((folder / "diagnosis/class.html").as_uri())
        assert widest(driver) == width
        assert violations(driver) == {}
        assert complaints(driver) == []


def test_what_was_found_is_not_searched_for_again(folder):
    main(str(folder))
    paths = list((folder / "diagnosis/found").iterdir())
    first = table(folder)
    paths[0].unlink()
    kept = paths[1].stat().st_mtime_ns
    main(str(folder))
    assert table(folder).equals(first)
    assert paths[0].exists()
    assert paths[1].stat().st_mtime_ns == kept
    changed = json.loads(paths[1].read_text()) | {"words": ["kept"]}
    paths[1].write_text(json.dumps(changed))
    main(str(folder))
    assert "kept" in set(table(folder)["deviations"])


@pytest.mark.parametrize("many", [1, 7, 40, 400])
def test_submissions_that_share_what_is_tried_are_in_one_shard(many):
    curve = {"unit": "step", "positions": [1, 2, 3]}
    kinds = {"epochs": {"unit": "epoch"}, "short": {"positions": [1, 2]}, "plain": {}}
    pending = {
        f"{kind} {n}": ({}, {}, {}, {"learning_rate": 0.01 * n}, curve | own | {"values": [n]})
        for n in range(1, many + 1)
        for kind, own in kinds.items()
    }
    pending["free 1"] = {}, {}, {}, {}, curve
    pending["free 2"] = {}, {}, {}, {"learning_rate": None}, curve
    cut = list(parts(pending))
    assert sorted(key for part in cut for key in part) == sorted(pending)
    assert {len({key.split()[0] for key in part}) for part in cut} == {1}
    assert max(map(len, cut)) <= TOGETHER
    fewest = 3 * -(-many // TOGETHER) + 1
    assert min(len(pending), SHARDS) <= len(cut) <= max(fewest, SHARDS + 3)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"updat": 3}, "updat = 3: not permitted: must be data, intercept,"),
        ({"learning_rate": "fast"}, "learning_rate = 'fast': Input should be a valid number"),
        ({"batch": {"size": 0}}, "batch.size = 0: Input should be greater than"),
        ({"order": {"law": "blocks"}, "batch": {"size": 40}}, "batch.size = 40"),
        ({"learning_rate": date(2020, 1, 1)}, "learning_rate = datetime.date(2020, 1, 1): Input"),
        ({"batch": {1: 2, "size": 5}}, "batch.1 = 2: not permitted: must be size,"),
        ({1: 2}, "1 = 2: not permitted: must be data,"),
    ],
)
def test_what_is_stated_beside_a_curve_is_checked(given, said, folder):
    (folder / "ann.yaml").write_text(yaml.safe_dump({"problem": "logistic"} | given))
    main(str(folder))
    row = table(folder).loc["ann"]
    assert row["verdict"] == "refused"
    assert row["deviations"].startswith(said)


@pytest.mark.parametrize("problem", [["logistic"], {"svm": 1}, 3, None])
def test_a_problem_that_is_no_name_has_a_row(problem, folder):
    (folder / "ann.yaml").write_text(yaml.safe_dump({"problem": problem}))
    main(str(folder))
    row = table(folder).loc["ann"]
    assert row["verdict"] == "refused"
    assert f"problem = {problem!r}: must be logistic" in row["deviations"]


def test_a_folder_without_curves_is_one_line(tmp_path):
    words = (sys.executable, "-m", "classroom", str(tmp_path))
    done = command(*words, folder=ROOT, env=ENVIRONMENT)
    assert (done.returncode, done.stderr) == (1, f"{tmp_path}: holds no CSV\n")
