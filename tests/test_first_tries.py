"""What a first user tries with the whole study: every stage ends well."""

import json

import pytest
import yaml
from conftest import copy_pipeline, declared, run, shorten


def repaired(params):
    """Undo each deviation of appendix B; ask too much and too little of the rest."""
    a, b = (params["programs"][f"appendix_{letter}"] for letter in "ab")
    for field in ("derivative", "intercept", "steps"):
        del b[field]
    b["start"] = a["start"]
    params["problems"]["two_layer"]["objective"]["hidden"] = 3
    params["datasets"]["wave"]["hidden"] = 3
    for problem in ("svm", "quadratic_svm"):
        params["problems"][problem]["objective"]["regularization"] = 0.0
    params["problems"]["two_layer"]["checkpoint"] = 999
    params["programs"]["problem_7"]["checkpoint"] = 999


def least(params):
    """Take one replica, one epoch and one class."""
    params["protocol"]["replicas"] = params["survey"]["replicas"] = 1
    for problem in params["problems"].values():
        problem["epochs"] = 1
    for program in params["programs"].values():
        program["replicas"] = 1
        program["updates" if "updates" in program else "epochs"] = 1
    params["datasets"]["disc"]["radius_squared"] = 1000.0


@pytest.mark.long
@pytest.mark.parametrize("change", [repaired, least])
def test_the_study_runs(change, tmp_path):
    copy_pipeline(tmp_path)
    shorten(tmp_path)
    params = yaml.safe_load((tmp_path / "params.yaml").read_text())
    change(params)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    run(tmp_path, *(stage.command for stage in declared(tmp_path)))
    claims = json.loads((tmp_path / "metrics/claims.json").read_text())
    assert len(claims) == 17
    said = claims["p1_optimizer"]["sentence"]
    assert ("no difference is left to explain" in said) is (change is repaired)
    for finding in claims.values():
        assert not {"nan", "inf", "None"} & set(finding["sentence"].replace(".", " ").split())
