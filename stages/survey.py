"""What each deviation of each program costs: python -m stages.survey."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pydantic import ValidationError

from stages.cluster import shards
from stages.common import files, parameters
from stages.sgd.deviations import deviations, undo
from stages.sgd.parts.datasets import DATASETS, draw
from stages.sgd.parts.scores import objective
from stages.sgd.recipes.recipe import Program, Recipe, Stated
from stages.sgd.recipes.schema import Name, Objective, Replicas, Section
from stages.sgd.together import train_together


class Survey(Section):
    """How many replicas each program, and each repair of it, is given."""

    replicas: Replicas


class Variant(NamedTuple):
    """A program as it is, with one deviation undone, or with all.

    Attributes
    ----------
    program : str
        Which.
    field : str or None
        The deviation that is undone, `all` for all of them, none for the program as it is.
    problem : str
        Which objective judges it.
    recipe : Recipe
        What to train.
    """

    program: str
    field: str | None
    problem: str
    recipe: Recipe


def main() -> None:
    """Write `plots/survey.csv`, a row a deviation, and `metrics/survey.json`, one a kind.

    `gap` is the stated objective less its exact optimum at the program's end, on the stated data,
    whatever the program trains on: the median of replicas. `gap_undone` is the same with that
    deviation alone undone, `gap_repaired` with all. A program without any deviation has one row.
    """
    survey = parameters.load("survey", Survey)
    problems = parameters.load_copy("stated", dict[Name, Stated])
    programs = parameters.load_copy("programs", dict[Name, Program])
    found, variants = {}, []
    for name, program in programs.items():
        if program.problem not in problems:
            key = f"programs.{name}.problem = {program.problem!r}"
            raise files.InputError(f"{parameters.PATH}: {key}: must be {', '.join(problems)}")
        stated = problems[program.problem]
        try:
            recipe = program.recipe(stated.objective)
        except ValueError as error:
            raise files.InputError(f"{parameters.PATH}: programs.{name}: {error}") from None
        recipe = recipe.model_copy(update={"replicas": survey.replicas, "checkpoint": None})
        dataset = parameters.load(f"datasets.{recipe.dataset}", DATASETS[recipe.dataset][0])
        found[name] = deviations(recipe, stated.recipe(survey.replicas), dataset)
        variants += _variants(name, program.problem, recipe, stated, [d.field for d in found[name]])
    gaps = train(variants, problems)
    table = pd.DataFrame(
        [
            {
                "program": name,
                "problem": programs[name].problem,
                "field": deviation.field if deviation else "",
                "deviation": deviation.name if deviation else "none",
                "gap": gaps.get((name, None), np.nan),
                "gap_undone": gaps.get((name, deviation and deviation.field), np.nan),
                "gap_repaired": gaps.get((name, "all" if found[name] else None), np.nan),
            }
            for name in programs
            for deviation in found[name] or [None]
        ]
    )
    table["cost"] = table["gap"] - table["gap_undone"]
    files.write_table("plots/survey.csv", table)
    kinds = summarise(table)
    files.write_json("metrics/survey.json", kinds)
    files.say("metrics/survey.json", f"{len(kinds)} kinds of deviation in {len(programs)} programs")


def _variants(
    name: str, problem: str, recipe: Recipe, stated: Stated, fields: list[str]
) -> list[Variant]:
    asked, made = stated.recipe(recipe.replicas), [Variant(name, None, problem, recipe)]
    for field, undone in [(f, [f]) for f in fields] + [("all", None)] * (len(fields) > 0):
        try:
            made.append(Variant(name, field, problem, undo(recipe, asked, undone)))
        except ValidationError:  # what is left can not go together: the row stays empty
            continue
    return made


def train(
    variants: list[Variant], problems: dict[str, Stated]
) -> dict[tuple[str, str | None], float]:
    """Return the median gap of each variant; none where half of its replicas diverge."""
    groups: dict[tuple[str, str], list[Variant]] = {}
    for v in variants:
        groups.setdefault((v.problem, v.recipe.dataset), []).append(v)
    pieces = []
    for (problem, dataset), group in groups.items():
        section = parameters.load(f"datasets.{dataset}", DATASETS[dataset][0]).model_dump()
        stated = problems[problem].objective.model_dump()
        pieces.append((stated, dataset, section, [v.recipe.model_dump() for v in group]))
    gaps = {}
    try:
        for n, ends in shards.spread(ends_of, pieces, "survey"):
            for v, end in zip(list(groups.values())[n], ends, strict=True):
                if np.isfinite(gap := end - optimum(v.program)):
                    gaps[v.program, v.field] = gap
    except ValueError as error:
        raise files.InputError(f"{parameters.PATH}: programs: {error}") from None
    return gaps


def ends_of(
    stated: dict[str, Any], dataset: str, section: dict[str, Any], recipes: list[dict[str, Any]]
) -> list[float]:
    """Return the median over replicas of the stated objective that each recipe ends with."""
    data = DATASETS[dataset][0](**section)
    examples = draw(data)
    ends = [np.nan] * len(recipes)
    with np.errstate(over="ignore", invalid="ignore"):
        together = train_together([Recipe(**r) for r in recipes], data, 0, "survey")
        for n, outcome in together:
            values = objective(Objective(**stated), outcome.theta, examples.X, examples.y)
            ends[n] = float(np.median(values))
    return ends


def optimum(program: str) -> float:
    """Return the exact minimum of the objective that judges a program."""
    return float(
        files.read_table(f"data/programs/{program}/history.csv", "optimum")["optimum"].iloc[0]
    )


def summarise(table: pd.DataFrame) -> dict[str, dict[str, object]]:
    """Return how many programs have each deviation, and the median of what it costs them."""
    with_any = table[table["field"] != ""]
    summary = {}
    for name, rows in with_any.groupby("deviation", sort=False):
        costs = rows["cost"].dropna()
        summary[name] = {"programs": len(rows), "who": rows["program"].tolist()}
        if len(costs):
            summary[name] |= {
                "cost": float(costs.median()),
                "least": float(costs.min()),
                "most": float(costs.max()),
            }
    return dict(sorted(summary.items(), key=lambda item: -item[1]["programs"]))


if __name__ == "__main__":
    main(*parameters.words(__doc__, 0, 0))
