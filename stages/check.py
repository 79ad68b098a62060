"""Check params.yaml, names first, before anything else runs: python -m stages.check."""

from typing import Any

import yaml

from stages.common import files, parameters
from stages.sgd.diagnosis.candidates import Search
from stages.sgd.parts.datasets import DATASETS, draw
from stages.sgd.parts.logs import setting
from stages.sgd.recipes import schema
from stages.sgd.recipes.recipe import Problem, Program, Stated, Submission
from stages.sgd.recipes.schema import Name

SCHEMAS = {  # of every section; DATASETS has those of the datasets
    "datasets": dict[Name, Any],
    "protocol": schema.Protocol,
    "fresh": schema.Fresh,
    "problems": dict[Name, Problem],
    "variants": dict[Name, schema.Variant],
    "programs": dict[Name, Program],
    "ablations": dict[Name, schema.Ablation],
    "survey": schema.Survey,
    "sweep": schema.Sweep,
    "submissions": dict[Name, Submission],
    "search": Search,
    "gradients": schema.Gradients,
    "divergence": schema.Divergence,
    "claims": schema.Thresholds,
    "figures": dict[Name, schema.FigureSize],
}
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


def main() -> None:
    """Write `data/checked.txt`, the same whenever params.yaml can be run, and its sections' copies.

    Raises
    ------
    InputError
        If a name can not be part of a path, a section is not what it must be, or one refers to
        what is not there.
    """
    sections = parameters.load("", dict[Name, Any])
    for name in sections.keys() - SCHEMAS.keys():
        _refuse(name, f"must be {', '.join(SCHEMAS)}")
    for name in parameters.load("datasets", dict[Name, Any]):
        if name not in DATASETS:
            _refuse(f"datasets.{name}", f"must be {', '.join(DATASETS)}")
    datasets = {n: parameters.load(f"datasets.{n}", DATASETS[n][0]) for n in sections["datasets"]}
    found = {name: parameters.load(name, kind) for name, kind in SCHEMAS.items()}
    problems, programs, variants = (found[n] for n in ("problems", "programs", "variants"))
    named = {"problems": problems, "variants": variants, "programs": programs}
    for section, known in named.items():
        for name in {*known} & {*TAKEN[section]}:
            _refuse(f"{section}.{name}", f"must not be called {', '.join(TAKEN[section])}")
    for name in {*variants} & {*problems}:
        _refuse(f"variants.{name}", "a variant must not be called like a problem")
    for name, program in programs.items():
        key = f"programs.{name}"
        _refer(f"{key}.problem", program.problem, problems)
        stated = problems[program.problem]
        _refer(f"{key}.dataset", program.dataset, [stated.dataset])
        try:
            recipe = program.recipe(stated.objective)
            setting(recipe, draw(datasets[recipe.dataset], recipe.data))
        except ValueError as error:
            _refuse(key, str(error))
        if name in problems:
            _refuse(key, "a program must not be called like a problem")
    for name, given in (submissions := found["submissions"]).items():
        if name.endswith("_evidence") and name.removesuffix("_evidence") in submissions:
            _refuse(f"submissions.{name}", "the evidence of another is called so")
        _refer(f"submissions.{name}.problem", given.problem, problems)
        _refer(f"submissions.{name}.dataset", given.dataset, [problems[given.problem].dataset])
    for name, ablation in found["ablations"].items():
        for end in ("program", "reference"):
            _refer(f"ablations.{name}.{end}", getattr(ablation, end), programs)
        _refer(f"ablations.{name}.problem", ablation.problem, problems)
    for name in found["sweep"].problems:
        known = [p for p, stated in problems.items() if stated.objective.model != "two_layer"]
        _refer("sweep.problems", name, known)
    for name, entries in sections.items():
        text = yaml.safe_dump(entries, sort_keys=False, allow_unicode=True)
        files.write_text(parameters.COPY.format(name), text)
    stated = {
        name: {k: v for k, v in sections["problems"][name].items() if k in Stated.model_fields}
        for name in problems
    }
    text = yaml.safe_dump(stated, sort_keys=False, allow_unicode=True)
    files.write_text(parameters.COPY.format("stated"), text)
    for folder in SHARED:
        files.make_folder(folder)
    files.write_text("data/checked.txt", "params.yaml can be run\n")
    files.say("data/checked.txt", f"{len(problems)} problems and {len(programs)} programs")


def _refer(key: str, value: str, known: Any) -> None:
    if value not in known:
        _refuse(f"{key} = {value!r}", f"must be {', '.join(known)}")


def _refuse(what: str, why: str) -> None:
    raise files.InputError(f"{parameters.PATH}: {what}: {why}")


if __name__ == "__main__":
    main(*parameters.words(__doc__, 0, 0))
