"""One submission: what is read of it, and what explains it."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stages.common import files
from stages.common.parameters import complaint
from stages.diagnose import Submission, curve_values, plain, read_curve, read_table, searched
from stages.sgd.deviations import deviations
from stages.sgd.diagnosis.explanations import credible
from stages.sgd.diagnosis.ways import WAYS, Kept
from stages.sgd.parts.datasets import DATASETS
from stages.sgd.recipes.recipe import Problem

Values = dict[str, Any]  # plain ones
# What the last submissions of this process share with those that are like them.
KEPT: Kept = {}


def read(path: Path, problems: dict[str, Problem]) -> tuple[Values, Values]:
    """Return what is stated of a submission, and its curve, as plain values.

    What is stated is in a YAML file of the same name, whose fields are those of `submissions` in
    params.yaml; or it is the problem alone, in a column `problem` of the CSV.

    Raises
    ------
    InputError
        If either can not be what it must be.
    """
    curve, beside, given = read_curve(str(path)), path.with_suffix(".yaml"), {}
    if beside.exists():
        given = files.read_yaml(str(beside))
        if not isinstance(given, dict):
            raise files.InputError(f"{beside}: is not a mapping")
    else:
        table = read_table(str(path))
        named = set(table["problem"].str.strip()) if "problem" in table else set()
        if len(named) != 1:
            raise files.InputError(f"{path}: needs one problem, in a column or in {beside.name}")
        given = {"problem": named.pop()}
    problem = given.get("problem")
    if not isinstance(problem, str) or problem not in problems:
        said = f"problem = {problem!r}: must be {', '.join(problems)}"
        raise files.InputError(f"{path}: {said}")
    given["dataset"] = problems[problem].dataset
    try:
        return plain(Submission.model_validate(given)), curve_values(curve)
    except ValidationError as error:
        raise files.InputError(complaint(error, given)) from None


def like(problem: Values, section: Values, search: Values, given: Values, curve: Values) -> str:
    """Return what submissions agree in that share what is tried."""
    known = given | {"learning_rate": given.get("learning_rate") is None}
    told = problem, section, search, known, curve["unit"], curve["positions"]
    return json.dumps(told, sort_keys=True)


def explained(
    problem: Values, section: Values, search: Values, submissions: list[tuple[Values, Values]]
) -> list[Values]:
    """Return what is found of submissions, each what is stated and its curve: rows of the table."""
    return [_explained(problem, section, search, *each) for each in submissions]


def _explained(
    problem: Values, section: Values, search: Values, given: Values, curve: Values
) -> Values:
    """Return what is found of one."""
    try:
        answer = searched(problem, section, search, given, curve, list(WAYS), KEPT)
    except ValidationError as error:
        return {"verdict": "refused", "words": [complaint(error, {})]}
    except ValueError as error:
        return {"verdict": "refused", "words": [str(error)]}
    told = {"verdict": answer.verdict, "fit": answer.fit, "candidates": answer.tried}
    told |= {"values": answer.used, "words": [], "methods": [m.words for m in answer.methods]}
    if answer.verdict == "not at all":
        return told
    best, stated = answer.found[0], Problem(**problem)
    dataset = DATASETS[stated.dataset][0](**section)
    return told | {
        "learning_rate": best.recipe.learning_rate,
        "probability": best.probability,
        "others": len(credible(answer.found, answer.verdict)) - 1,
        "words": [d.words for d in deviations(best.recipe, stated.recipe(1), dataset)],
    }
