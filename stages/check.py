"""Check params.yaml, names first, before anything else runs: python -m stages.check."""

from typing import Any

import yaml

from stages.common import files, parameters
from stages.sgd.parts.datasets import DATASETS, draw
from stages.sgd.parts.logs import setting
from stages.sgd.recipes.recipe import Problem, Program, Recipe, Stated
from stages.sgd.recipes.schema import Dataset, Name, Objective, Section

TAKEN = {  # under metrics/ by what is not a problem, and under a problem by what is not a program
    "problems": ("ablation", "claims", "submissions"),
    "variants": ("ablation", "claims", "submissions"),
    "programs": ("certificate", "details", "exact", "numpy", "torch"),
}
SHARED = (  # folders that stages write into, and others read, be there any such stages or not
    "data/programs",
    "data/runs",
    "metrics/ablation",
    "metrics/submissions",
    "plots/submissions",
)


class Variant(Section):
    """An objective on a dataset that is solved exactly and not trained."""

    dataset: Dataset
    objective: Objective


def main() -> None:
    """Write `data/checked.txt`, the same whenever params.yaml can be run, and its sections' copies.

    Raises
    ------
    InputError
        If a name can not be part of a path, a section is not what it must be, or one refers to
        what is not there.
    """
    sections = parameters.load("", dict[Name, Any])
    datasets = {}
    for name in parameters.load("datasets", dict[Name, Any]):
        if name not in DATASETS:
            _refuse(f"datasets.{name}", f"must be {', '.join(DATASETS)}")
        datasets[name] = parameters.load(f"datasets.{name}", DATASETS[name][0])
    problems = parameters.load("problems", dict[Name, Problem])
    programs = parameters.load("programs", dict[Name, Program])
    variants = parameters.load("variants", dict[Name, Variant])
    ablations = parameters.load("ablations", dict[Name, dict[Name, Name]])
    submissions = parameters.load("submissions", dict[Name, dict[str, Any]])
    named = {"problems": problems, "variants": variants, "programs": programs}
    for section, known in named.items():
        for name in {*known} & {*TAKEN[section]}:
            _refuse(f"{section}.{name}", f"must not be called {', '.join(TAKEN[section])}")
    for name in {*variants} & {*problems}:
        _refuse(f"variants.{name}", "a variant must not be called like a problem")
    for name, problem in problems.items():
        key = f"problems.{name}"
        _refer(f"{key}.dataset", problem.dataset, datasets)
        _draw(key, problem.recipe(1), datasets)
    for name, program in programs.items():
        key = f"programs.{name}"
        _refer(f"{key}.problem", program.problem, problems)
        problem = problems[program.problem]
        _refer(f"{key}.dataset", program.dataset, [problem.dataset])
        try:
            recipe = program.recipe(problem.objective)
        except ValueError as error:
            _refuse(key, str(error))
        _draw(key, recipe, datasets)
        if name in problems:
            _refuse(key, "a program must not be called like a problem")
    for name, given in submissions.items():
        if name.endswith("_evidence") and name.removesuffix("_evidence") in submissions:
            _refuse(f"submissions.{name}", "the evidence of another is called so")
        _refer(f"submissions.{name}.problem", given.get("problem"), problems)
        dataset = problems[given["problem"]].dataset
        _refer(f"submissions.{name}.dataset", given.get("dataset"), [dataset])
    for name, ablation in ablations.items():
        for end in ("program", "reference"):
            _refer(f"ablations.{name}.{end}", ablation.get(end), programs)
        _refer(f"ablations.{name}.problem", ablation.get("problem"), problems)
    stated = {
        name: {k: v for k, v in sections["problems"][name].items() if k in Stated.model_fields}
        for name in problems
    }
    for name, entries in (sections | {"stated": stated}).items():
        text = yaml.safe_dump(entries, sort_keys=False, allow_unicode=True)
        files.write_text(parameters.COPY.format(name), text)
    for folder in SHARED:
        files.make_folder(folder)
    files.write_text("data/checked.txt", "params.yaml can be run\n")
    files.say("data/checked.txt", f"{len(problems)} problems and {len(programs)} programs")


def _refer(key: str, value: object, known: Any) -> None:
    if not isinstance(value, str) or value not in known:
        _refuse(f"{key} = {value!r}", f"must be {', '.join(known)}")


def _draw(key: str, recipe: Recipe, datasets: dict[str, Section]) -> None:
    try:
        setting(recipe, draw(datasets[recipe.dataset], recipe.data))
    except ValueError as error:
        _refuse(key, str(error))


def _refuse(what: str, why: str) -> None:
    raise files.InputError(f"{parameters.PATH}: {what}: {why}")


if __name__ == "__main__":
    main(*parameters.words(__doc__, 0, 0))
