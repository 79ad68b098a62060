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


def objective_of(name):
    problem = yaml.safe_load((ROOT / "params.yaml").read_text())["problems"][name]
    return problem["objective"] | {"dataset": problem["dataset"]}


def logged(name, fields):
    """Return what a scalar loop logs."""
    return scalar.Program(objective_of(name), fields).run()["logged"]


def heavy_ball(seed, epochs, rate=0.01, momentum=0.9):
    """Return the epoch losses of logistic regression by heavy-ball momentum, unseeded but once."""
    program = scalar.Program(
        objective_of("logistic"),
        {"learning_rate": rate, "epochs": epochs, "start": {"law": "zeros"}},
    )
    generator, theta, losses = random.Random(seed), [0.0] * 21, []
    speed = [0.0] * 21
    for _ in range(epochs):
        total = 0.0
        for _ in range(30):
            batch = [generator.randrange(30)]
            total += program.batch_loss(theta, batch)
            gradient = program.gradient(theta, batch)
            speed = [momentum * v + g for v, g in zip(speed, gradient, strict=True)]
            theta = [t - rate * v for t, v in zip(theta, speed, strict=True)]
        losses.append(total / 30)
    return losses


def write(path, unit, values, digits=6):
    rows = [f"{n},{value:.{digits}g}" for n, value in enumerate(values, 1)]
    path.write_text("\n".join([f"{unit},loss", *rows]) + "\n")


def texts():
    """Return the values of each example, by name, with their unit."""
    found = {name: (unit, logged(problem, f)) for name, (unit, problem, f) in EXAMPLES.items()}
    return found | {"momentum": ("epoch", heavy_ball(SEED, 300, 0.05))}


if __name__ == "__main__":
    np.seterr(all="raise")
    for name, (unit, values) in texts().items():
        write(ROOT / "data/submissions" / f"{name}.csv", unit, values)
