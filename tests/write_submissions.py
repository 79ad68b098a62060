"""Write the example submissions with scalar loops: python tests/write_submissions.py."""

import random
from pathlib import Path

import numpy as np
import scalar
import yaml

ROOT = Path(__file__).parents[1]
SEED = 2  # of what nobody seeded: the least that the search does not try
EXAMPLES = {  # unit, problem and fields of the program
    "seeded": (
        "step",
        "logistic",
        {
            "intercept": "none",
            "derivative": "flipped_exponent",
            "start": {"law": "normal", "stream": "numpy"},
            "order": {"generator": "numpy"},
            "learning_rate": 0.05,
            "log": {"value": "objective", "moment": "after", "every": 1},
            "updates": 300,
        },
    ),
    "unseeded": (
        "epoch",
        "logistic",
        {
            "derivative": "one_minus_loss",
            "start": {"law": "uniform", "stream": "numpy"},
            "order": {"generator": "python", "seed": SEED},
            "learning_rate": 0.001,
            "epochs": 300,
        },
    ),
    "right": (
        "epoch",
        "svm",
        {
            "start": {"law": "zeros", "stream": "numpy"},
            "order": {"generator": "numpy"},
            "learning_rate": 0.001,
            "epochs": 100,
        },
    ),
}
MOMENTUM = {"learning_rate": 0.05, "start": {"law": "zeros"}}


def objective_of(name):
    problem = yaml.safe_load((ROOT / "params.yaml").read_text())["problems"][name]
    return problem["objective"] | {"dataset": problem["dataset"]}


def logged(name, fields):
    """Return what a scalar loop logs."""
    return scalar.Program(objective_of(name), fields).run()["logged"]


def foreign(kind, name, fields, rows, generator):
    """Return what a program logs whose steps no recipe has: an epoch's mean, or each step's."""
    program = scalar.Program(objective_of(name), fields | {"epochs": 1})
    theta, logged, rate = list(program.theta), [], fields["learning_rate"]
    each = program.get("log.every", "epoch") == "epoch"
    mean, speed, squares, t = list(theta), [0.0] * len(theta), [0.0] * len(theta), 0
    while len(logged) < rows:
        total = 0.0
        for _ in range(30 if each else 1):
            batch = [generator.randrange(30)]
            total += program.batch_loss(mean if kind == "averaged" else theta, batch)
            gradient = [
                g + 2 * program.lam * m * v
                for g, m, v in zip(
                    program.gradient(theta, batch), program.covered(theta), theta, strict=True
                )
            ]
            t += 1
            step = [rate * g for g in gradient]
            if kind == "momentum":
                speed = [0.9 * v + s for v, s in zip(speed, step, strict=True)]
                step = speed
            elif kind == "clipped":
                norm = sum(g * g for g in gradient) ** 0.5
                step = [s * min(1.0, 1.0 / max(norm, 1e-8)) for s in step]
            elif kind == "adam":
                speed = [0.9 * v + 0.1 * g for v, g in zip(speed, gradient, strict=True)]
                squares = [
                    0.999 * v + 0.001 * g * g for v, g in zip(squares, gradient, strict=True)
                ]
                step = [
                    rate * v / (1 - 0.9**t) / ((q / (1 - 0.999**t)) ** 0.5 + 1e-8)
                    for v, q in zip(speed, squares, strict=True)
                ]
            theta = [v - s for v, s in zip(theta, step, strict=True)]
            mean = [m + (v - m) / (t + 1) for m, v in zip(mean, theta, strict=True)]
        shown = mean if kind == "averaged" else theta
        logged.append(total / 30 if each else program.full(shown))
    return logged


def write(path, unit, values, digits=6):
    rows = [f"{n},{value:.{digits}g}" for n, value in enumerate(values, 1)]
    path.write_text("\n".join([f"{unit},loss", *rows]) + "\n")


def texts():
    """Return the values of each example, by name, with their unit."""
    found = {name: (unit, logged(problem, f)) for name, (unit, problem, f) in EXAMPLES.items()}
    momentum = foreign("momentum", "logistic", MOMENTUM, 300, random.Random(SEED))
    return found | {"momentum": ("epoch", momentum)}


if __name__ == "__main__":
    np.seterr(all="raise")
    for name, (unit, values) in texts().items():
        write(ROOT / "data/submissions" / f"{name}.csv", unit, values)
