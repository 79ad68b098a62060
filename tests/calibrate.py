"""What the diagnosis finds of curves whose programs are known: python tests/calibrate.py.

Prints a table for the README. Scalar loops write the curves; `--share 0.1` tries a tenth of them.
`--class folder --count 100` writes so many curves into a folder instead, for `make class`.
"""

import argparse
import json
import os
import random
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from functools import partial
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

if __name__ == "__main__":  # a process for each core, of one thread
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import numpy as np
import scalar
import write_submissions
import yaml
from pydantic import ValidationError

from stages.common import parameters
from stages.sgd.diagnosis.candidates import Curve, Search, overlap, spelled
from stages.sgd.diagnosis.explanations import credible
from stages.sgd.diagnosis.rivals import METHODS
from stages.sgd.diagnosis.vocabulary import STREAM
from stages.sgd.diagnosis.ways import BEGUN, WAYS, Case, explain
from stages.sgd.diagnosis.ways import unseeded as unseeded_by
from stages.sgd.parts import datasets
from stages.sgd.parts.logs import setting
from stages.sgd.recipes.fields import EPOCHAL
from stages.sgd.recipes.recipe import Problem, Program, Recipe

RATES = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1)
LESS_COMMON = (0.004, 0.008, 0.015, 0.025, 0.04, 0.07, 0.15, 0.3)
STEPS, EPOCHS = 120, 40
WHOSE = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


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
          unit="step", seeded=True, rates=RATES):  # fmt: skip
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
        fields = [f for f in search.deviations if f not in ("log.value", "log.moment", "log.every",
                  "start.stream", "start.seed", "order.generator", "order.seed",
                  "order", "loader", "stream")]  # fmt: skip
        for _ in range(rng.randrange(most + 1)):
            field = rng.choice(fields)
            value = rng.choice(search.deviations[field])
            more = spelled(field, value)
            shown = seeded or STREAM.get(field) != value
            if shown and not any(overlap(f, other) for f in more for other in taken):
                taken += more
                changes |= more
        program = nested(changes) | {"learning_rate": rng.choice(rates)}
        program |= {"updates": STEPS} if unit == "step" else {"epochs": EPOCHS}
        if any(o in program.get("order", {}) for o in ("skipped",)) and not seeded:
            continue
        if program.get("precision") == "float32":
            continue
        if program["start"].get("scale") and program["start"]["law"] != "normal":
            continue
        if program["order"].get("law") == "distinct" and "size" not in program.get("batch", {}):
            continue  # it matters to batches
        if "drop_last" in program.get("batch", {}) and program["order"].get("law") not in EPOCHAL:
            continue  # it matters to what an epoch goes through
        try:
            recipe = recipe_of(name, program)
            section = section_of(problem.dataset)
            setting(recipe, datasets.draw(section, recipe.data))
        except (ValueError, ValidationError):
            continue
        return name, program, recipe


def recipe_of(name, program):
    problem = parameters.load(f"problems.{name}", Problem)
    given = {"problem": name, "dataset": problem.dataset, "replicas": 1}
    return Program(implementation="numpy", **given, **program).recipe(problem.objective)


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


def case_of(name, curve, search, rate=None):
    base = base_of(name)
    return Case(base, [], search, curve, rate, section_of(base.dataset))


def digits_of(*given):
    return explain(case_of(*given), [way for way in WAYS if way != "unseeded"])


def run_scalar(name, program):
    problem = parameters.load(f"problems.{name}", Problem)
    objective = problem.objective.model_dump() | {"dataset": problem.dataset}
    try:
        return scalar.Program(objective, program).run()["logged"]
    except OverflowError:
        return []


def fields_of(recipe, unit, rows):
    """Return what a recipe sets, so long that it logs so many values."""
    fields = recipe.model_dump(exclude_defaults=True, exclude={"objective", "dataset", "replicas"})
    length = {"updates": rows} if unit == "step" else {"epochs": rows}
    if unit == "step" and recipe.log.every != 1:
        length = {"updates": rows * recipe.log.every}
    return {k: v for k, v in fields.items() if k not in ("updates", "epochs")} | length


def writes(recipe, name, curve):
    """Say whether a scalar loop of a recipe writes the curve, digit for digit."""
    rows = len(curve.values)
    logged = np.array(run_scalar(name, fields_of(recipe, curve.unit, rows))[:rows])
    room = curve.halves + 1e-4 * np.abs(curve.values) * (recipe.precision == "float32")
    return len(logged) == rows and bool((np.abs(logged - curve.values) <= 1.01 * room).all())


def one_seeded(search, unit, rates, seed):
    """Return whether a random recipe's curve is explained, and whether by what does not write it.

    Of a curve that ends before its third value another takes the place.
    """
    while True:
        name, program, recipe = truth(random.Random(seed), search, unit=unit, rates=rates)
        logged = run_scalar(name, program)
        if len(texts_of(logged)) >= 3:
            break
        seed += 100_000
    curve = curve_of(recipe, logged)
    explained = digits_of(name, curve, search).found
    if not explained:
        note("missed", name, program)
        return False, False
    return True, not writes(explained[0].recipe, name, curve)


def seeded(count, search, pool):
    for unit, what in (("step", "each step logged"), ("epoch", "means of epochs")):
        less = LESS_COMMON, ", less common rates", -(-count // 5)
        for rates, more, many in ((RATES, "", count), less):
            one = partial(one_seeded, search, unit, rates)
            found, other = zip(*pool.map(one, range(many)), strict=True)
            say(f"{many} random seeded recipes, {what}{more}: found, or their class",
                f"{sum(found)} of {many}")  # fmt: skip
            say("of those, another class named", sum(other))


def one_solution(search, path):
    """Return whether a program is explained, None if it logs fewer than three values."""
    solution = json.loads(path.read_text())
    run = solution["runs"][0]
    if len(run["logged"]) < 3:
        return None
    unit = "epoch" if "s07" in solution["id"] else "step"
    curve = make(unit, run["logged_at"], [f"{v:.9g}" for v in run["logged"]])
    begin = time.process_time()
    answer = digits_of(solution["problem"], curve, search)
    rates = sorted({f.recipe.learning_rate for f in answer.found})
    note(solution["id"], solution["facts"]["rate"], rates[:4], len(answer.found),
         f"{time.process_time() - begin:.0f} s", answer.tried)  # fmt: skip
    return bool(answer.found)


def solutions(search, pool):
    paths = sorted((Path(__file__).parent / "solutions").glob("*.json"))
    told = list(pool.map(partial(one_solution, search), paths))
    say(f"{len(paths)} programs: explained to the last digit", told.count(True))
    say("of those, fewer than three values, of which none can tell", told.count(None))


def alike(found, recipe, name, curve):
    """Say whether a recipe is the truth, or one whose program writes the truth's curve.

    It does with the truth's own numbers, so whatever it draws the two log the same.
    """
    rate = recipe.learning_rate
    if not found.penalised and not recipe.penalised:
        rate *= recipe.gradient_factor / found.gradient_factor
    known = recipe.order.model_dump(include={"generator", "seed"})
    kept = found.log.model_dump(include={"value", "loss"})
    same = {
        "learning_rate": rate,
        "order": found.order.model_copy(update=known),
        "start": found.start.model_copy(update={"stream": recipe.start.stream}),
        "log": recipe.log.model_copy(update=kept),
    }
    started = found.start.law == recipe.start.law
    return started and writes(found.model_copy(update=same), name, curve)


def one_unseeded(search, seed):
    """Return whether the credible set holds the truth, and whether the curve is refused."""
    rng = random.Random(50_000 + seed)
    unit, values = rng.choice(("epoch", "step")), []
    rows = EPOCHS if unit == "epoch" else STEPS
    while len(texts_of(values)) < rows:
        name, program, recipe = truth(
            rng, search, most=1, problems=("logistic", "svm"), unit=unit, seeded=False
        )
        values = run_scalar(name, program)
    rate = program["learning_rate"] if rng.random() < 0.5 else None
    curve = curve_of(recipe, values)
    answer = unseeded_by(case_of(name, curve, search, rate))
    held = any(alike(e.recipe, recipe, name, curve) for e in credible(answer.found))
    note("unseeded", held, answer.verdict, round(answer.fit, 3), name, rate, program,
         len(answer.found), answer.methods)  # fmt: skip
    return held, answer.verdict == "not at all"


def unseeded(count, search, pool):
    held, refused = zip(*pool.map(partial(one_unseeded, search), range(count)), strict=True)
    say(f"{count} unseeded curves: the 90 % credible set holds the truth",
        f"{sum(held)} of {count}")  # fmt: skip
    say("of those: 'not at all'", f"{sum(refused)} of {count}")


def one_outside(search, seed):
    """Return which groups a curve belongs to, whether it is refused, and its method named."""
    rng, kind = random.Random(70_000 + seed), list(METHODS)[seed % len(METHODS)]
    name, unit = rng.choice(("logistic", "svm")), rng.choice(("epoch", "step"))
    fields = {
        "learning_rate": rng.choice((0.003, 0.01, 0.03)),
        "start": rng.choice(({"law": "zeros"}, {"law": "uniform", "stream": "numpy"})),
        "log": {"every": "epoch"} if unit == "epoch" else {"value": "objective", "every": 1},
    }
    if kind == "other data":
        fields["data"] = {"seed": rng.randrange(2000, 10**6)}
    rows = EPOCHS if unit == "epoch" else STEPS
    texts = texts_of(write_submissions.foreign(kind, name, fields, rows, rng))
    curve = make(unit, range(1, len(texts) + 1), texts)
    rate = fields["learning_rate"] if rng.random() < 0.5 else None
    answer = unseeded_by(case_of(name, curve, search, rate))
    note("outside", kind, answer.verdict, round(answer.fit, 3), name, unit, fields, answer.methods)
    logs = "each step logged" if unit == "step" else "means of epochs"
    stated = "learning rate stated" if rate else "learning rate not stated"
    groups = ["all", kind, f"a method, {logs}, {stated}"]
    tells = unit == "step" or rate
    if kind == "other data":
        start = "from zeros" if fields["start"]["law"] == "zeros" else "from an unknown start"
        groups[2] = f"other data, {logs}, {start}"
        tells = unit == "step" and fields["start"]["law"] == "zeros"
    groups.append("whose values can tell" if tells else "whose values hardly tell")
    named = METHODS[kind] in [m.words for m in answer.methods]
    return groups, answer.verdict == "not at all", named


def outside(count, search, pool):
    found = list(pool.map(partial(one_outside, search), range(count)))
    say(f"{count} curves outside the vocabulary", "")
    for group in sorted({g for groups, _, _ in found for g in groups}):
        those = [f for f in found if group in f[0]]
        refused, named = (sum(f[n] for f in those) for n in (1, 2))
        say(f"{group}: 'not at all'; its method named, so or beside recipes",
            f"{refused} of {len(those)}; {named} of {len(those)}")  # fmt: skip


def time_of(count, search, pool):
    """Measure curves that nobody seeded through both searches, one a core as the stage has them.

    That is the slowest way there is.
    """
    slowest = 0.0
    for seed in range(count):
        rng = random.Random(80_000 + seed)
        unit = ("epoch", "step")[seed % 2]
        fields = {
            "learning_rate": 0.01,
            "start": {"law": "zeros"},
            "log": {"every": "epoch"} if unit == "epoch" else {"value": "objective", "every": 1},
        }
        texts = texts_of(write_submissions.foreign("momentum", "logistic", fields, 100, rng))
        curve = make(unit, range(1, len(texts) + 1), texts)
        begin = time.perf_counter()
        list(pool.map(partial(explain, case_of("logistic", curve, search)), [[w] for w in BEGUN]))
        slowest = max(slowest, time.perf_counter() - begin)
    say(f"slowest of {count} submissions that both searches see", f"{slowest:.0f} s")


def write_class(folder, count, search):
    """Write submissions, of programs that someone seeded and of others, the rate of half stated."""
    folder.mkdir(parents=True)
    seeds = iter(range(300_000, 400_000))
    for n in range(count):
        texts, rows = [], 1
        while len(texts) < rows:
            rng = random.Random(next(seeds))
            unit, known = rng.choice(("epoch", "step")), rng.random() < 0.5
            rows = EPOCHS if unit == "epoch" else STEPS
            name, program, _ = truth(
                rng, search, most=2, unit=unit, seeded=known, problems=("logistic", "svm")
            )
            texts = texts_of(run_scalar(name, program))
        given = {"problem": name}
        if rng.random() < 0.5:
            given["learning_rate"] = program["learning_rate"]
        path = folder / f"c{n:04d}.csv"
        write_submissions.write(path, unit, [float(text) for text in texts])
        path.with_suffix(".yaml").write_text(yaml.safe_dump(given))


def note(*words):
    print(*words, file=sys.stderr, flush=True)


def say(what, measured):
    print(f"| {what} | {measured} |", flush=True)


def main():
    full = {"seeded": 300, "unseeded": 500, "outside": 200, "time": 4}
    kinds = {"seeded": seeded, "unseeded": unseeded, "outside": outside, "time": time_of}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the curves of each kind")
    parser.add_argument("--only", choices=[*kinds, "solutions"])
    parser.add_argument("--class", type=Path, dest="folder", help="to write submissions into")
    parser.add_argument("--count", type=int, default=100, help="of submissions")
    given, search = parser.parse_args(), parameters.load("search", Search)
    if given.folder:
        write_class(given.folder, given.count, search)
        return
    print("| what | measured |\n| --- | --- |")
    with ProcessPoolExecutor() as pool:
        for kind, measure in kinds.items():
            if given.only in (None, kind):
                measure(max(1, round(given.share * full[kind])), search, pool)
        if given.only in (None, "solutions"):
            solutions(search, pool)
    most = max(resource.getrusage(who).ru_maxrss for who in WHOSE)
    say("memory of one", f"{most / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
