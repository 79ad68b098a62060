"""What the diagnosis finds of curves whose programs are known: python tests/calibrate.py.

Prints a table for the README. `--count` curves of each kind are tried; scalar loops write them.
"""

import argparse
import json
import random
import resource
import sys
import time
from decimal import Decimal
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

import numpy as np
import scalar
import write_submissions
from pydantic import ValidationError

from stages.common import parameters
from stages.sgd.diagnosis.candidates import Curve, Search
from stages.sgd.diagnosis.explanations import UNFIT, credible, ranked
from stages.sgd.diagnosis.likelihood import Laws
from stages.sgd.diagnosis.search import Digits
from stages.sgd.diagnosis.vocabulary import Vocabulary, overlap
from stages.sgd.parts import datasets
from stages.sgd.parts.logs import setting
from stages.sgd.recipes.recipe import Problem, Program, Recipe

RATES = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1)
STEPS, EPOCHS = 120, 40


def nested(changes):
    fields = {}
    for field, value in changes.items():
        head, _, tail = field.partition(".")
        if tail and isinstance(fields.get(head), str):
            fields[head] = dict.fromkeys(("output", "gradient", "log"), fields[head])
        if tail:
            fields.setdefault(head, {})[tail] = value
        else:
            fields[head] = value
    return fields


def truth(rng, search, most=3, problems=("logistic", "svm", "quadratic_logistic", "quadratic_svm"),
          unit="step", seeded=True):  # fmt: skip
    """Return a problem's name, and the fields and recipe of a random program."""
    while True:
        name = rng.choice(problems)
        problem = parameters.load(f"problems.{name}", Problem)
        start = rng.choice(search.choices.start[:3])
        order = {"generator": "numpy"} if seeded else {"generator": "python"}
        if not seeded:
            start = rng.choice([{"law": "zeros", "stream": "numpy"},
                                {"law": "uniform", "stream": "numpy"}])  # fmt: skip
            order["seed"] = rng.randrange(2000, 10**6)
        log = rng.choice(search.choices.log)
        changes = {f"start.{k}": v for k, v in start.items()}
        changes |= {f"order.{k}": v for k, v in order.items()}
        changes |= {f"log.{k}": v for k, v in log.items()}
        changes["log.every"] = 1 if unit == "step" else "epoch"
        if unit == "epoch":
            changes |= {"log.value": "sampled", "log.moment": "before"}
        taken = []
        fields = [f for f in search.deviations if not f.startswith("log.")
                  and f not in ("start.stream", "order.generator", "order.seed")]  # fmt: skip
        for _ in range(rng.randrange(most + 1)):
            field = rng.choice(fields)
            if not any(overlap(field, other) for other in taken):
                taken.append(field)
                changes[field] = rng.choice(search.deviations[field])
        program = nested(changes) | {"learning_rate": rng.choice(RATES)}
        program |= {"updates": STEPS} if unit == "step" else {"epochs": EPOCHS}
        if any(o in program.get("order", {}) for o in ("skipped",)) and not seeded:
            continue
        if program.get("precision") == "float32" or program.get("order", {}).get("law") == "linear":
            continue
        given = {"problem": name, "dataset": problem.dataset, "replicas": 1}
        try:
            recipe = Program(implementation="numpy", **given, **program).recipe(problem.objective)
            section = section_of(problem.dataset)
            setting(recipe, datasets.draw(section, recipe.data))
        except (ValueError, ValidationError):
            continue
        return name, program, recipe


def section_of(name):
    return parameters.load(f"datasets.{name}", datasets.DATASETS[name][0])


def texts_of(values, digits=6):
    found = []
    for value in values:
        if not np.isfinite(value) or abs(value) > 1e12:
            break
        found.append(f"{value:.{digits}g}")
    return found


def make(unit, positions, texts):
    values = np.array([float(t) for t in texts])
    halves = np.array([0.5 * 10.0 ** int(Decimal(t).as_tuple().exponent) for t in texts])
    return Curve(unit, np.array(positions[: len(texts)]), values, halves)


def curve_of(recipe: Recipe, logged):
    unit = "epoch" if recipe.log.every == "epoch" else "step"
    texts = texts_of(logged)
    return make(unit, range(1, len(texts) + 1), texts)


def base_of(name):
    known = {"epochs": None, "updates": 1_000_000, "checkpoint": None, "learning_rate": 1.0}
    return parameters.load(f"problems.{name}", Problem).recipe(1).model_copy(update=known)


def digits_of(name, curve, search, rate=None):
    section = section_of(base_of(name).dataset)
    digits = Digits(
        Vocabulary(base_of(name), [], search, curve, rate is None, section), search, rate
    )
    return digits, digits.run()


def laws_of(name, curve, search, rate=None):
    section = section_of(base_of(name).dataset)
    vocabulary = Vocabulary(base_of(name), [], search, curve, rate is None, section, False)
    laws = Laws(vocabulary, search, rate)
    scored = laws.run()
    scores = np.array([s.score for s in scored])
    recipes = [s.recipe.model_copy(update={"learning_rate": s.rate}) for s in scored]
    found = ranked(recipes, np.exp(scores - scores.max()))
    return credible(found), scored[0].fit


def run_scalar(name, program):
    problem = parameters.load(f"problems.{name}", Problem)
    objective = problem.objective.model_dump() | {"dataset": problem.dataset}
    try:
        return scalar.Program(objective, program).run()["logged"]
    except OverflowError:
        return []


def seeded(count, search):
    found = missed = 0
    for seed in range(count):
        while True:
            name, program, recipe = truth(random.Random(seed), search)
            curve = run_scalar(name, program)
            if len(texts_of(curve)) >= 3:
                break
            seed += 100_000
        _, explained = digits_of(name, curve_of(recipe, curve), search)
        found += bool(explained)
        if not explained:
            missed += 1
            print("missed", name, program, file=sys.stderr)
    print(
        f"| {count} random seeded recipes: found, or their class | {found} of {count} |", flush=True
    )


def solutions(search):
    total = told = few = 0
    for path in sorted((Path(__file__).parent / "solutions").glob("*.json")):
        solution = json.loads(path.read_text())
        for run in solution["runs"][:1]:
            total += 1
            if len(run["logged"]) < 3:
                few += 1
                continue
            unit = "epoch" if "s07" in solution["id"] else "step"
            curve = make(unit, run["logged_at"], [f"{v:.9g}" for v in run["logged"]])
            begin = time.process_time()
            digits, explained = digits_of(solution["problem"], curve, search)
            told += bool(explained)
            rates = sorted({f.star for f in explained})
            print(solution["id"], solution["facts"]["rate"], rates[:4], len(explained),
                  f"{time.process_time() - begin:.0f} s", digits.tried,
                  file=sys.stderr, flush=True)  # fmt: skip
    print(f"| {total} programs: explained to the last digit | {told} |")
    print(f"| of those, fewer than three values | {few} |", flush=True)


def same(recipe, other, rate):
    skip = {"epochs", "updates", "replicas", "checkpoint", "log", "start", "order"}
    one, two = (
        {k: v for k, v in r if k not in skip} | {"order": r.order.law, "few": r.order.examples,
                                                 "start": r.start.law, "log": r.log.value}
        for r in (recipe, other)
    )  # fmt: skip
    return {k: v for k, v in one.items() if two[k] != v} == {}


def unseeded(count, search):
    held = refused = 0
    for seed in range(count):
        rng = random.Random(50_000 + seed)
        values = []
        while len(texts_of(values)) < EPOCHS:
            name, program, recipe = truth(
                rng, search, most=1, problems=("logistic", "svm"), unit="epoch", seeded=False
            )
            values = run_scalar(name, program)
        sure, fit = laws_of(name, curve_of(recipe, values), search, program["learning_rate"])
        ok = any(same(e.recipe, recipe, program["learning_rate"]) for e in sure)
        held += ok
        refused += fit < UNFIT
        print("unseeded", ok, round(fit, 3), name, program, len(sure), file=sys.stderr, flush=True)
    print(f"| {count} unseeded curves: the 90 % credible set holds the truth | {held} of {count} |")
    print(
        f"| {count} curves inside the vocabulary: 'not at all' | {refused} of {count} |", flush=True
    )


def outside(count, search):
    refused = 0
    for seed in range(count):
        rate = random.Random(seed).choice((0.003, 0.01, 0.03))
        values = write_submissions.heavy_ball(seed + 100, EPOCHS, rate)
        texts = texts_of(values)
        curve = make("epoch", range(1, len(texts) + 1), texts)
        _, fit = laws_of("logistic", curve, search, rate)
        refused += fit < UNFIT
        print("outside", rate, round(fit, 3), file=sys.stderr, flush=True)
    print(f"| {count} curves outside it: 'not at all' | {refused} of {count} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--only", choices=("seeded", "solutions", "unseeded", "outside"))
    given, search = parser.parse_args(), parameters.load("search", Search)
    kinds = {"seeded": seeded, "unseeded": unseeded, "outside": outside}
    print("| what | measured |\n| --- | --- |")
    for kind, measure in kinds.items():
        if given.only in (None, kind):
            measure(given.count, search)
    if given.only in (None, "solutions"):
        solutions(search)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"| memory | {memory:.2f} GB |")


if __name__ == "__main__":
    main()
