"""Measure the trainers against other ways to take the same steps: python -m benchmarks.bench.

Prints one markdown table, draws benchmarks/growth.png. The rivals take turns within a round, each
ratio is of one round's times, and times are the process's own CPU seconds on one thread, so that
what else the machine does weighs little.
"""

import argparse
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from typing import NamedTuple

import numpy as np

from benchmarks import rivals
from stages.charts import WHOSE
from stages.common import parameters
from stages.sgd.parts.datasets import DATASETS, draw
from stages.sgd.parts.models import recipe_inputs
from stages.sgd.recipes.recipe import Problem, Program, Recipe

PROBLEMS = ("logistic", "svm", "quadratic_logistic", "quadratic_svm", "two_layer")
REPLICAS = (1, 16, 256, 1024, 10_000)
STEPS = 30
CHECKED = {"check": True, "capture_output": True, "text": True}
# By rival: at how many replicas the target is judged, and the largest ratio ours / rival.
TARGETS = {
    "numba loop": (1024, (1.3, 2.2, 1.3, 2.0, 1.5)),
    "SGDClassifier": (1024, (0.2, 0.2, 0.2, 0.2, None)),
    "SGDClassifier's loop": (1024, (None,) * 5),
    "scalar loop": (256, (0.01,) * 5),
    "barest PyTorch": (1024, (1.15, 1.3, 1.15, 1.3, 1.15)),
}
OTHER = WHOSE["other authors"]
BEYOND = rf"program@{OTHER.pattern}|survey|sweep|submission|diagnose"  # stages past the report
NOTE = """CPU time of one thread per replica and step. The scalar loop runs replica 0 alone. A
replica of SGDClassifier is one call of `fit` for as many epochs as the trainers take in that row
({} of {} steps at 1,024 replicas), with what a call costs; its loop is 1,000 epochs
of one call, where that weighs nothing. Neither records the losses."""


class Row(NamedTuple):
    """One comparison: nanoseconds a replica and step, a value a round."""

    problem: str
    replicas: int
    rival: str
    ours: list[float]
    theirs: list[float]

    def median(self) -> float:
        """Return the median over rounds of ours / theirs."""
        return float(np.median(np.divide(self.ours, self.theirs)))

    def verdict(self) -> str:
        """Return whether the target is met, or nothing where there is none."""
        judged, targets = TARGETS[self.rival]
        target = targets[PROBLEMS.index(self.problem)]
        if self.replicas != judged or target is None:
            return ""
        return f"≤ {target}: {'met' if self.median() <= target else 'not met'}"


def compare(problem: str, replicas: int, epochs: int, rounds: int, installed: bool) -> list[Row]:
    """Time every trainer and rival in turn, `rounds` times.

    Parameters
    ----------
    problem : str
        A section of `problems` in params.yaml.
    replicas, epochs : int
        Columns, and epochs of STEPS steps.
    rounds : int
        How often each is timed.
    installed : bool
        Time what only the benchmark requires too: numba and scikit-learn.
    """
    recipe, X, y, theta = ready(problem, replicas)
    rng = np.random.default_rng(0)
    orders = rng.integers(len(y), size=(epochs, STEPS, 1, replicas))
    flat, run = orders.reshape(-1, replicas), {}
    for name in ("numpy", "torch"):
        run[name] = lambda name=name: train(name, recipe, (X, y), theta, orders)
    run["barest PyTorch"] = rivals.barest_torch(recipe, X, y, theta, flat)
    run["scalar loop"] = rivals.scalar_loop(recipe, X, y, theta, flat)
    if installed:
        run["numba loop"] = rivals.numba_loop(recipe, X, y, theta, flat)
        if not recipe.network:
            fits = min(replicas, 64)
            run["SGDClassifier"] = rivals.scikit_learn(recipe, X, y, epochs, fits)
            run["SGDClassifier's loop"] = rivals.scikit_learn(recipe, X, y, 1000, 1)
    each = dict.fromkeys(run, epochs * STEPS * replicas) | {"scalar loop": epochs * STEPS}
    if "SGDClassifier" in run:
        each |= {"SGDClassifier": fits * epochs * len(y), "SGDClassifier's loop": 1000 * len(y)}
    times = {name: [] for name in run}
    for function in run.values():
        function()
    for _ in range(rounds):
        for name, function in run.items():
            begin = time.process_time_ns()
            function()
            times[name].append((time.process_time_ns() - begin) / each[name])
    return [
        Row(problem, replicas, name, times["torch" if "PyTorch" in name else "numpy"], times[name])
        for name in TARGETS
        if name in run
    ]


def ready(problem: str, replicas: int) -> tuple[Recipe, np.ndarray, np.ndarray, np.ndarray]:
    """Return a problem's recipe, X, y, and initial parameters N(0, 0.1²), shape (d, R)."""
    recipe = parameters.load(f"problems.{problem}", Problem).recipe(replicas)
    data = draw(parameters.load(f"datasets.{recipe.dataset}", DATASETS[recipe.dataset][0]))
    if recipe.network:
        width = 3 * recipe.objective.hidden
    else:
        width = recipe_inputs(recipe, data.X, data.y)["output"].shape[1]
    theta = 0.1 * np.random.default_rng(1).standard_normal((width, replicas))
    return recipe, data.X, data.y, theta


def train(
    name: str,
    recipe: Recipe,
    examples: tuple[np.ndarray, np.ndarray],
    theta: np.ndarray,
    orders: Iterator[np.ndarray],
) -> np.ndarray:
    """Return the final parameters of the study's trainer `name`."""
    trainer = import_module(f"stages.sgd.by_{name}")
    rates = (np.full(STEPS, recipe.learning_rate) for _ in orders)
    for epoch in trainer.train(recipe, examples, theta, iter(orders), rates):
        final = epoch.theta
    return final


def epochs_at(replicas: int) -> int:
    """Return for how many epochs so many replicas are trained."""
    return max(1, min(32, 8192 // replicas))


def peak(replicas: int, epochs: int) -> float:
    """Return the peak memory in MB of a process that trains the linear SVM by hand."""
    words = [sys.executable, "-m", "benchmarks.bench", "--peak", str(replicas), str(epochs)]
    return int(subprocess.run(words, **CHECKED).stdout) / 1024  # noqa: S603


def train_only(replicas: int, epochs: int) -> int:
    """Train on orders drawn an epoch at a time, and return this process's peak in KB."""
    recipe, X, y, theta = ready("svm", replicas)
    rng = np.random.default_rng(0)
    orders = (rng.integers(len(y), size=(STEPS, 1, replicas)) for _ in range(epochs))
    trainer = import_module("stages.sgd.by_numpy")
    rates = (np.full(STEPS, recipe.learning_rate) for _ in range(epochs))
    for _ in trainer.train(recipe, (X, y), theta, orders, rates):
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def memory() -> str:
    """Return two sentences: peak memory against epochs, and against replicas."""
    few, many = peak(1024, 20), peak(1024, 200)
    at = {replicas: peak(replicas, 2) for replicas in (10_000, 20_000, 40_000)}
    slope = np.polyfit(list(at), list(at.values()), 1)[0] * 2**20 / (8 * 21)
    series = ", ".join(f"{value:.0f} MB at {replicas:,}" for replicas, value in at.items())
    return (
        f"Peak memory of the SVM, 1024 replicas: {few:.1f} MB after 20 epochs, {many:.1f} MB "
        f"after 200. By replicas: {series}; a replica takes as much as {slope:.1f} θ."
    )


def pipeline(rounds: int) -> str:
    """Return a sentence: `dvc repro` of an up-to-date pipeline against `dvc status`."""
    words = {name: [sys.executable, "-m", "dvc", name] for name in ("status", "repro")}
    times = {name: [] for name in words}
    for _ in range(rounds):
        for name, command in words.items():
            begin = time.perf_counter()
            said = subprocess.run(command, **CHECKED)  # noqa: S603
            times[name].append(time.perf_counter() - begin)
            if "Running stage" in said.stdout or "changed" in said.stdout:
                return "The pipeline is not up to date: `dvc repro` was not timed."
    low, ratio, high = np.quantile(np.divide(times["repro"], times["status"]), (0.25, 0.5, 0.75))
    seconds = {name: float(np.median(values)) for name, values in times.items()}
    return (
        f"An up-to-date `dvc repro` takes {seconds['repro']:.1f} s, `dvc status` "
        f"{seconds['status']:.1f} s: {ratio:.2f} [{low:.2f}, {high:.2f}] times as long "
        f"(≤ 1.5: {'met' if ratio <= 1.5 else 'not met'})."
    )


def script(program: Program) -> rivals.Run:
    """Return one of the report's programs, to be run once from its first step to its last."""
    recipe, X, y, theta = ready(program.problem, 1)
    steps = program.updates or program.epochs * (program.steps or len(y))
    order = np.random.default_rng(0).integers(len(y), size=(steps, 1))
    rival = rivals.printed_torch if program.implementation == "torch" else rivals.scalar_loop
    return rival(recipe, X, y, theta, order)


def study() -> str:
    """Return a sentence: all stages of the report's study against its programs."""
    programs = parameters.load("programs", dict[str, Program])
    scripts = [script(program) for name, program in programs.items() if not OTHER.match(name)]
    begin = time.perf_counter()
    for run in scripts:
        run()
    alone = time.perf_counter() - begin
    dvc = [sys.executable, "-m", "dvc"]
    told = subprocess.run([*dvc, "stage", "list", "--name-only"], **CHECKED)  # noqa: S603
    stages = [name for name in told.stdout.split() if not re.search(BEYOND, name)]
    begin = time.perf_counter()
    subprocess.run([*dvc, "repro", "--force", "--single-item", *stages], **CHECKED)  # noqa: S603
    whole = time.perf_counter() - begin
    return (
        f"The report's {len(scripts)} programs in the way they are printed, one run each and one "
        f"after another, take {alone:.0f} s. The {len(stages)} stages of its study, replicas, "
        f"certificates, ablations and figures included, take {whole:.0f} s: {whole / alone:.1f} "
        f"times as long (≤ 2: {'met' if whole <= 2 * alone else 'not met'})."
    )


def table(rows: list[Row]) -> str:
    """Return the markdown table: medians [interquartile range], and the ratio with its own."""

    def quartiles(values: list[float], digits: int) -> str:
        low, middle, high = (f"{v:,.{digits}f}" for v in np.quantile(values, (0.25, 0.5, 0.75)))
        return f"{middle} [{low}, {high}]"

    lines = ["| problem | replicas | against | ours, ns | theirs, ns | ours / theirs | target |"]
    lines.append("| --- | ---: | --- | ---: | ---: | ---: | --- |")
    for row in rows:
        ratios = quartiles(list(np.divide(row.ours, row.theirs)), 4)
        cells = (row.problem, f"{row.replicas:,}", row.rival, quartiles(row.ours, 0))
        lines.append(f"| {' | '.join(cells)} | {quartiles(row.theirs, 0)} | {ratios} | ")
        lines[-1] += f"{row.verdict()} |"
    return "\n".join(lines)


def draw_growth(rows: list[Row], path: str) -> None:
    """Draw time per replica and step against replicas, a panel a problem."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.4), layout="constrained")
    panels = figure.subplots(1, len(PROBLEMS), sharey=True)
    for panel, problem in zip(panels, PROBLEMS, strict=True):
        for rival, ours in (("numba loop", "NumPy"), ("barest PyTorch", "PyTorch")):
            found = [row for row in rows if (row.problem, row.rival) == (problem, rival)]
            at, label = [row.replicas for row in found], f"this study, {ours}"
            panel.loglog(at, [np.median(row.ours) for row in found], "o-", label=label)
            panel.loglog(at, [np.median(row.theirs) for row in found], "x--", label=rival)
        panel.set(title=problem, xlabel="replicas")
    panels[0].set_ylabel("ns per replica and step")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.savefig(path, metadata={"Software": None})


def main(rounds: int, most: int) -> None:
    """Print the table and the memory, and draw the growth."""
    remembered = memory()  # first: a child's peak is never below its parent's when it started
    rows = []
    for problem in PROBLEMS:
        for replicas in (r for r in REPLICAS if r <= most):
            turns = rounds if replicas <= 1024 else max(3, rounds // 3)
            rows += compare(problem, replicas, epochs_at(replicas), turns, installed=True)
    print(table([row for row in rows if row.replicas == TARGETS[row.rival][0]]))
    print(f"\n{NOTE.format(epochs_at(1024), STEPS)}\n\n{remembered}\n\n{pipeline(5)}\n\n{study()}")
    print(f"\n<details>\n<summary>Every row</summary>\n\n{table(rows)}\n\n</details>")
    draw_growth(rows, "benchmarks/growth.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
    parser.add_argument("--peak", nargs=2, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--most", type=int, default=REPLICAS[-1], help="replicas at most")
    words = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    if words.peak:
        print(train_only(*words.peak))
    else:
        main(words.rounds, words.most)
