"""Say which recipes wrote a recorded loss curve: python -m stages.diagnose name."""

import re
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from itertools import product, takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from stages.cluster import shards
from stages.common import files, parameters
from stages.sgd.deviations import deviations, replace, undo
from stages.sgd.diagnosis.candidates import Curve, Search, spelled
from stages.sgd.diagnosis.explanations import REPLICAS, Answer, bands, credible, sentence, told
from stages.sgd.diagnosis.ways import BEGUN, WAYS, Case, Kept, explain
from stages.sgd.parts.datasets import DATASETS, draw
from stages.sgd.parts.logs import setting
from stages.sgd.parts.scores import objective
from stages.sgd.recipes.recipe import Choices, Problem, Recipe
from stages.sgd.recipes.schema import Dataset, Name, Positive, Section
from stages.sgd.together import train_together

LONGEST = 1_000_000  # steps or epochs of a curve


class Submission(Choices):
    """A recorded loss curve: its problem, and what is stated of the program that wrote it.

    Attributes
    ----------
    problem : str
        Which.
    dataset : str
        The problem's, said again because dvc.yaml needs it here.
    """

    problem: Name
    dataset: Dataset
    learning_rate: Positive | None = None


def main(name: str) -> None:
    """Write what explains `data/submissions/<name>.csv`.

    `metrics/submissions/<name>.json` is the row of `dvc metrics show`; beside it the evidence,
    `metrics/submissions/<name>_evidence.json`, and the series, `plots/submissions/<name>.csv`.

    Parameters
    ----------
    name : str
        Key under `submissions` of params.yaml.

    Raises
    ------
    InputError
        If the curve, or what is stated of it, can not be what it must be.
    """
    key = f"submissions.{name}"
    given = parameters.load(key, Submission)
    stated = parameters.load(f"problems.{given.problem}", Problem)
    if given.dataset != stated.dataset:
        _refuse(f"{key}.dataset = {given.dataset!r}", f"must be {stated.dataset}")
    search = parameters.load_copy("search", Search)
    section = parameters.load(f"datasets.{stated.dataset}", DATASETS[stated.dataset][0])
    curve = read_curve(f"data/submissions/{name}.csv")
    try:
        case_of(given, stated, search, section, curve)
        values = plain(stated), section.model_dump(), search.model_dump(), plain(given)
        pieces = [(*values, curve_values(curve), [way]) for way in BEGUN]
        answers: dict[str, Answer] = {}
        for n, answer in shards.spread(searched, pieces, name):
            answers[BEGUN[n]] = answer
            known = list(takewhile(answers.get, WAYS))
            if found := [k for k, way in enumerate(known) if answers[way].found]:
                known = known[: found[0] + 1]  # whatever the others would find
                break
    except ValidationError as error:
        _refuse(key, error.errors()[0]["msg"].removeprefix("Value error, "))
    except ValueError as error:
        _refuse(key, str(error))
    tried = sum(answers[way].tried for way in known)
    write(name, stated, section, curve, answers[known[-1]]._replace(tried=tried))


def plain(section: Section) -> dict[str, Any]:
    """Return what a section sets, as plain values."""
    return section.model_dump(exclude_unset=True)


def curve_values(curve: Curve) -> dict[str, Any]:
    """Return a curve as plain values."""
    return {k: v if k == "unit" else v.tolist() for k, v in curve._asdict().items()}


def searched(
    problem: dict[str, Any],
    section: dict[str, Any],
    search: dict[str, Any],
    given: dict[str, Any],
    curve: dict[str, Any],
    ways: Sequence[str],
    kept: Kept | None = None,
) -> Answer:
    """Return what `explain` does, each recipe as long as the curve; raises ValueError.

    Parameters
    ----------
    problem, section, search, given, curve
        What `main` reads, as plain values.
    ways : sequence of str
        As in `explain`.
    kept : dict, optional
        What submissions share.
    """
    stated = Problem(**problem)
    recorded = Curve(curve["unit"], *(np.array(curve[k]) for k in Curve._fields[1:]))
    data = DATASETS[stated.dataset][0](**section)
    case = case_of(Submission(**given), stated, Search(**search), data, recorded)
    answer = explain(case._replace(kept=kept), ways)

    def written(recipe: Recipe) -> Recipe:
        return told(recipe, recorded, len(setting(recipe, draw(data, recipe.data)).trained[1]))

    return answer._replace(found=[e._replace(recipe=written(e.recipe)) for e in answer.found])


def case_of(
    given: Submission, stated: Problem, search: Search, section: Section, curve: Curve
) -> Case:
    """Return what is known of a submission; raises ValueError if that can not be."""
    if given.epochs and given.updates:
        raise ValueError("either epochs or updates may be given")
    known = known_fields(given)
    asked = stated.recipe(1)
    base = asked.model_copy(
        update={"epochs": None, "updates": LONGEST, "checkpoint": None, "learning_rate": 1.0}
    )
    told = {f: v for f, v in known.items() if f != "learning_rate"}
    base = _as_told(base, told, search)
    setting(base, draw(section, base.data))
    return Case(base, list(known), search, curve, given.learning_rate, section)


def _as_told(base: Recipe, told: dict[str, Any], search: Search) -> Recipe:
    """Return the recipe that is as stated; what is not, as a search may have it if it must be."""
    listed = product(search.choices.start, search.choices.order)
    for chosen in ({}, *(spelled("start", s) | spelled("order", o) for s, o in listed)):
        with suppress(ValidationError):
            return replace(base, chosen | told)
    return replace(base, told)  # which raises


def known_fields(given: Submission) -> dict[str, Any]:
    """Return what is stated, by dotted field."""
    found = {}
    for head in given.model_fields_set - {"problem", "dataset", "epochs", "updates", "checkpoint"}:
        value = getattr(given, head)
        if isinstance(value, Section) and head not in ("schedule",):
            found |= {f"{head}.{tail}": getattr(value, tail) for tail in value.model_fields_set}
        elif value is not None:
            found[head] = value
    if found.get("start.law", "network") != "network":
        found.setdefault("start.scales", None)  # which a network's problem has
    return found


def read_table(path: str) -> pd.DataFrame:
    """Return a CSV's columns as text, without the index that pandas writes; raises InputError."""
    options = {"dtype": str, "keep_default_na": False, "skipinitialspace": True}
    try:
        with Path(path).open(encoding="utf-8") as lines:
            blank = sum(1 for _ in takewhile(lambda line: not line.strip(), lines))
        table = pd.read_csv(path, skiprows=blank, skip_blank_lines=False, **options)
    except OSError as error:
        raise files.InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, pd.errors.ParserError) as error:
        raise files.InputError(f"{path}: is not CSV: {' '.join(str(error).split())}") from None
    if not isinstance(table.index, pd.RangeIndex):
        raise files.InputError(f"{path}: line {blank + 2} has more cells than line {blank + 1}")
    table.columns = table.columns.str.strip().str.lower()
    table.index += blank + 2  # the line that a row stands on
    table = table.loc[:, ~table.columns.str.startswith("unnamed:")]
    return table[(table != "").any(axis=1)]


def read_curve(path: str) -> Curve:
    """Read a curve with the digits that its author wrote, as far as its values are finite.

    Raises
    ------
    InputError
        If it is no curve: its columns, positions, or fewer than three values.
    """
    table = read_table(path)
    if "loss" not in list(table)[1:] or table.columns.has_duplicates:
        said = f"columns must be step or epoch, then loss; found {', '.join(table)}"
        raise files.InputError(f"{path}: {said}")
    unit = "epoch" if "epoch" in table.columns[0] else "step"
    texts, where = table["loss"].str.strip(), table.iloc[:, 0].str.strip()
    for row, text in where.items():
        if not re.fullmatch(r"\d{1,7}(\.0*)?", text) or float(text) > LONGEST:
            said = f"{text!r} is no {unit} number: must be a whole number up to {LONGEST}"
            raise files.InputError(f"{path}: line {row}: {said}")
    positions = where.astype(float).astype(int).to_numpy()
    if (np.diff(positions) <= 0).any():
        at = int(np.flatnonzero(np.diff(positions) <= 0)[0]) + 1
        said = f"{unit} {positions[at]} after {positions[at - 1]}: must be increasing"
        raise files.InputError(f"{path}: line {table.index[at]}: {said}")
    values, halves = [], []
    for row, text in texts.items():
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise files.InputError(f"{path}: line {row}: {text!r} is not a number") from None
        if not number.is_finite() or number.adjusted() >= 300:
            break
        values.append(float(number))
        halves.append(0.5 * 10.0 ** int(number.as_tuple().exponent))
    if len(values) < 3:
        raise files.InputError(f"{path}: finite values: {len(values)}: must be at least three")
    return Curve(unit, positions[: len(values)], np.array(values), np.array(halves))


def write(name: str, stated: Problem, section: Section, curve: Curve, answer: Answer) -> None:
    """Write the row, the evidence and the series."""
    asked, (verdict, found, tried, used, fit, methods, read) = stated.recipe(1), answer
    sure = credible(found, verdict) if verdict != "not at all" else []
    recipes, shares = [], {}
    for explanation in sure:
        deviant = deviations(explanation.recipe, asked, section)
        changed = explanation.recipe.model_dump(exclude_defaults=True)
        recipes.append(
            {
                "probability": certain(explanation.probability),
                "learning_rate": explanation.recipe.learning_rate,
                "deviations": [d._asdict() for d in deviant],
                "recipe": {k: v for k, v in changed.items() if k not in ("objective", "replicas")},
            }
        )
    for explanation in found if sure else []:
        for d in deviations(explanation.recipe, asked, section):
            shares[d.words] = shares.get(d.words, 0.0) + explanation.probability
    likeliest = sorted(shares, key=lambda words: -certain(shares[words]))
    runs = 1 if verdict == "exactly" and not read else REPLICAS
    undone = undoing(sure[0].recipe, runs, stated, section) if sure else {}
    band = bands(curve, section, found[0].recipe if found else asked, bool(sure), asked)
    files.write_json(f"metrics/submissions/{name}.json", {"verdict": verdict})
    files.write_json(
        f"metrics/submissions/{name}_evidence.json",
        {
            "explained": verdict,
            "fit": fit,
            "candidates": tried,
            "values": used,
            "unit": curve.unit,
            "recipes": recipes,
            "probabilities": {words: certain(shares[words]) for words in likeliest},
            "methods": [m._asdict() | {"probability": certain(m.probability)} for m in methods],
            "objective": undone,
            "sentence": sentence(verdict, recipes, undone, used, tried, methods, read),
        },
    )
    table = pd.DataFrame(band).rename(columns={curve.unit: "position"})
    files.write_table(f"plots/submissions/{name}.csv", table)
    files.say(f"metrics/submissions/{name}.json", f"explained {verdict}, recipes: {len(recipes)}")


def certain(probability: float) -> float:
    """Return a probability with three digits: processors round single precision differently."""
    return float(f"{probability:.3g}")


def undoing(recipe: Recipe, runs: int, stated: Problem, section: Section) -> dict[str, float]:
    """Return a program's objective, a median of runs: as it is, each deviation undone, and all."""
    recipe, asked = recipe.model_copy(update={"replicas": runs}), stated.recipe(runs)
    made = {"as it is": recipe}
    fields = [d.field for d in deviations(recipe, asked, section)]
    for field, some in [(f, [f]) for f in fields] + [("all", None)] * (len(fields) > 1):
        with suppress(ValidationError):
            made[field] = undo(recipe, asked, some)
    examples, found = draw(section), {}
    with np.errstate(all="ignore"):
        for n, outcome in train_together(list(made.values()), section, 0, "diagnose"):
            values = objective(stated.objective, outcome.theta, examples.X, examples.y)
            if np.isfinite(value := float(np.median(values))):
                found[list(made)[n]] = value
    return {label: found[label] for label in made if label in found}


def _refuse(what: str, why: str) -> None:
    raise files.InputError(f"{parameters.PATH}: {what}: {why}")


if __name__ == "__main__":
    main(*parameters.words(__doc__))
