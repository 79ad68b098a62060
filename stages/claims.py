"""Judge each claim of the report by what the other stages measured: python -m stages.claims."""

import filecmp
from collections import Counter
from collections.abc import Callable
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from stages.common import files, parameters
from stages.sgd.datasets import Gaussian, gaussian
from stages.sgd.models import output
from stages.sgd.recipe import Examples, Section, Seed, StatedObjective
from stages.sgd.scores import objective, verdicts

PROBLEMS = ("logistic", "svm", "quadratic_logistic", "quadratic_svm", "two_layer")
PROGRAMS = ("appendix_a", "appendix_b", "appendix_c", "appendix_d", "appendix_e", "problem_7")
HYPERPARAMETERS = ("epochs", "steps")
FACTORS = {
    "gradient": "the wrong gradient",
    "label_leak": "the label in the input",
    "regularized": "regularising its weight",
    "initial": "the initial parameters",
    "steps": "the steps an epoch",
    "epochs": "the number of epochs",
}


class Claims(Section):
    """What the verdicts are judged by, as shares, and the fresh data."""

    level: Annotated[float, Field(gt=0, lt=1)]
    near: Annotated[float, Field(gt=0, lt=1)]
    agreement: Annotated[float, Field(gt=0.5, le=1)]
    fresh_seed: Seed
    fresh_examples: Examples


class Finding(NamedTuple):
    """What became of a claim."""

    verdict: str
    sentence: str
    evidence: dict[str, object]


class Study(NamedTuple):
    """Everything the verdicts rest on."""

    rules: Claims
    gaussian: Gaussian
    stated: dict[str, StatedObjective]
    examples: dict[str, tuple[np.ndarray, np.ndarray]]
    published: dict[str, dict[str, np.ndarray]]
    runs: dict[str, dict[str, np.ndarray]]
    metrics: dict[str, dict[str, float]]
    certificates: dict[str, dict[str, object]]
    ablations: dict[str, dict[str, object]]
    gradients: dict[str, object]
    divergence: dict[str, dict[str, float]]
    identical: dict[str, bool]


def main() -> None:
    """Write `metrics/claims.json`, and the count of each verdict for `dvc metrics show`."""
    study = collect()
    findings = {}
    for key, (claim, judge) in CLAIMS.items():
        findings[key] = {"claim": claim} | judge(study)._asdict()
    files.write_json("metrics/claims.json", findings)
    counts = Counter(finding["verdict"] for finding in findings.values())
    for verdict in ("supported", "qualified", "refuted"):
        files.write_json(f"metrics/claims/{verdict}.json", {"claims": counts[verdict]})


def collect() -> Study:
    """Read what the other stages wrote, and this stage's parameters."""
    examples = {
        name: files.read_examples(f"data/{name}.csv", classes=name != "wave")
        for name in ("gaussian", "disc", "wave")
    }
    problem_of = {
        "appendix_a": "logistic",
        "appendix_b": "logistic",
        "appendix_c": "svm",
        "appendix_d": "svm",
        "appendix_e": "quadratic_svm",
        "problem_7": "two_layer",
    }
    metrics = {p: files.read_json(f"metrics/{problem_of[p]}/{p}.json") for p in PROGRAMS}
    metrics |= {p: files.read_json(f"metrics/{p}/numpy.json") for p in PROBLEMS}
    return Study(
        rules=parameters.load("claims", Claims),
        gaussian=parameters.load("datasets.gaussian", Gaussian),
        stated={p: parameters.load(f"problems.{p}.objective", StatedObjective) for p in PROBLEMS},
        examples=examples,
        published={p: files.read_arrays(f"data/published/{p}/run.npz") for p in PROGRAMS},
        runs={p: files.read_arrays(f"data/runs/{p}/numpy/theta.npz") for p in PROBLEMS},
        metrics=metrics,
        certificates={
            name: files.read_json(f"metrics/{name}/certificate.json")
            for name in (*PROBLEMS, "plane", "appendix_e")
        },
        ablations={p: files.read_json(f"metrics/ablation/{p}.json") for p in PROBLEMS[:2]},
        gradients=files.read_json("metrics/gradients.json"),
        divergence=files.read_json("metrics/divergence.json"),
        identical={p: _identical(p) for p in PROBLEMS},
    )


def trend(losses: np.ndarray) -> dict[str, float]:
    """Return where a loss starts, its least, its last but one and its last level.

    Parameters
    ----------
    losses : numpy.ndarray, shape (replicas, epochs)
        Sampled losses.

    Returns
    -------
    dict
        Means over replicas and a tenth of the epochs: of the `first`, the `least`, the
        `previous` to last and the `last` tenth.
    """
    tenths = [float(part.mean()) for part in np.array_split(losses, 10, axis=1)]
    return {
        "first": tenths[0],
        "least": min(tenths),
        "previous": tenths[-2],
        "last": tenths[-1],
    }


def convergence(study: Study, first: str, second: str) -> Finding:
    """Judge whether two programs' losses fall and level off, at the optimum of their problem.

    Supported if both do; refuted if a loss ends above its first tenth, or above its least
    by more than `level` of its fall; otherwise qualified.
    """
    evidence, words, settled, failed = {}, [], True, False
    for program in (first, second):
        found = trend(study.published[program]["losses"])
        optimum = study.metrics[program]["objective"] - study.metrics[program]["gap"]
        found |= {"objective": study.metrics[program]["objective"], "optimum": optimum}
        fall = found["first"] - found["least"]
        rises = found["last"] - found["least"] > study.rules.level * fall
        level = abs(found["last"] - found["previous"]) <= study.rules.level * fall
        near = found["objective"] - optimum <= study.rules.near * found["first"]
        settled &= level and near and not rises
        failed |= rises or found["last"] >= found["first"]
        course = "levels off" if level else "is still falling"
        if rises:
            course = f"falls to {found['least']:.3g} and rises again"
        words.append(
            f"The loss of {_name(program)} {course}, ending at {found['last']:.3g}; the stated "
            f"objective is {found['objective']:.3g} there and {optimum:.3g} at its optimum."
        )
        evidence[program] = found
    return Finding(_verdict(settled, failed), " ".join(words), evidence)


def numpy_worse(study: Study) -> Finding:
    """Judge whether appendix B ends with the larger loss and the larger variance.

    Supported if both hold, and for the stated objective too, in as many pairs of replicas
    as `agreement` asks for; refuted if neither loss does; otherwise qualified.
    """
    a, b = study.published["appendix_a"], study.published["appendix_b"]
    X, y = study.examples["gaussian"]
    stated = study.stated["logistic"]
    values = {
        "last_loss": [run["losses"][:, -_tenth(run["losses"]) :].mean(axis=1) for run in (a, b)],
        "objective": [objective(stated, run["honest"], X, y) for run in (a, b)],
        "spread": [run["losses"][:, -_tenth(run["losses"]) :].std(axis=1) for run in (a, b)],
    }
    shares = {f"{key}_larger": _share(high > low[:, None]) for key, (low, high) in values.items()}
    enough = study.rules.agreement
    medians = {key: [float(np.median(v)) for v in pair] for key, pair in values.items()}
    evidence = {f"{key}_a_b": pair for key, pair in medians.items()} | shares
    loss, spread = medians["last_loss"], medians["spread"]
    sentence = (
        f"Appendix B ends with the larger loss in {_percent(shares['last_loss_larger'])} of pairs "
        f"of runs ({loss[1]:.3g} against {loss[0]:.3g}) and with the larger stated objective in "
        f"{_percent(shares['objective_larger'])}; its loss spreads more in "
        f"{_percent(shares['spread_larger'])} (standard deviation {spread[1]:.3g} against "
        f"{spread[0]:.3g})."
    )
    losses = (shares["last_loss_larger"], shares["objective_larger"])
    holds = min(*losses, shares["spread_larger"]) >= enough
    return Finding(_verdict(holds, max(losses) < 1 - enough), sentence, evidence)


def cause(study: Study, problem: str, blames_hyperparameters: bool) -> Finding:
    """Judge whether PyTorch's optimizer, or the hyper-parameters, explain a difference.

    Refuted if both implementations write the same bytes under the protocol, the repaired
    NumPy program's losses are the PyTorch program's, and (if they are blamed) the
    hyper-parameters' Shapley values are less than half of the gap; otherwise supported if
    the libraries do differ, or the hyper-parameters make up the gap to the share `agreement`.
    """
    ablation = study.ablations[problem]
    quantity = ablation["sampled_loss"]
    gap = quantity["published"] - quantity["reference"]
    shares = {factor: found["mean"] / gap for factor, found in quantity["shapley"].items()}
    tuned = sum(abs(share) for factor, share in shares.items() if factor in HYPERPARAMETERS)
    largest = max(shares, key=shares.get)
    repaired = ablation["largest_relative_difference"]["reference"]
    same = study.identical[problem] and repaired <= 1e-4
    others = ", ".join(
        f"{FACTORS[f]} {round(share, 2) + 0.0:.0%}" for f, share in shares.items() if f != largest
    )
    sentence = (
        f"Under the protocol NumPy and PyTorch write {'the same' if same else 'different'} bytes, "
        f"and {_name(ablation['published'])} freed of its deviations repeats the losses of "
        f"{_name(ablation['reference'])} with a relative difference of {repaired:.2g}. Of the gap "
        f"of {gap:.3g} in the final loss {FACTORS[largest]} makes up {shares[largest]:.0%} "
        f"({others})."
    )
    evidence = {
        "identical_bytes": study.identical[problem],
        "largest_relative_difference": repaired,
        "gap": gap,
        "shapley_share": shares,
        "hyperparameter_share": tuned,
        "final_loss_by_deviations": _swapped(ablation, "sampled_loss"),
    }
    blamed = blames_hyperparameters and tuned >= 0.5
    explained = not same or (blamed and tuned >= study.rules.agreement)
    return Finding(_verdict(explained, same and not blamed), sentence, evidence)


def numpy_better(study: Study) -> Finding:
    """Judge whether appendix D beats appendix C.

    Supported if both the loss it reports and the stated objective are smaller in as many
    pairs of replicas as `agreement` asks for; refuted if the stated objective is smaller in
    none to speak of; otherwise qualified.
    """
    c, d = study.published["appendix_c"], study.published["appendix_d"]
    X, y = study.examples["gaussian"]
    reported = [run["losses"][:, -_tenth(run["losses"]) :].mean(axis=1) for run in (c, d)]
    stated = [study.metrics[p]["objective"] for p in ("appendix_c", "appendix_d")]
    losses = _share(reported[1] < reported[0][:, None])
    values = [objective(study.stated["svm"], run["honest"], X, y) for run in (c, d)]
    better = _share(values[1] < values[0][:, None])
    medians = [float(np.median(value)) for value in reported]
    evidence = {
        "reported_loss_c_d": medians,
        "objective_c_d": stated,
        "reported_loss_smaller": losses,
        "objective_smaller": better,
        "objective_by_deviations": _swapped(study.ablations["svm"], "objective"),
    }
    sentence = (
        f"Appendix D reports the smaller loss in {_percent(losses)} of pairs of runs "
        f"({medians[1]:.3g} against {medians[0]:.3g}); the stated objective at its parameters is "
        f"smaller in {_percent(better)} ({stated[1]:.3g} against {stated[0]:.3g})."
    )
    enough = study.rules.agreement
    return Finding(_verdict(min(losses, better) >= enough, better < 1 - enough), sentence, evidence)


def no_kink(study: Study) -> Finding:
    """Judge whether a step ever meets the hinge's kink: supported if none does, else refuted."""
    programs = ("appendix_c", "appendix_d", "appendix_e", "svm", "quadratic_svm")
    kinks = {program: study.metrics[program]["kinks"] for program in programs}
    printed = {program: study.metrics[program]["kinks_printed"] for program in programs}
    total = sum(kinks.values())
    sentence = (
        f"Over every replica and step of appendices C, D and E and of the protocol's SVMs, "
        f"y·z = 1 occurs {total} times; z = 1, which appendix D counts instead, "
        f"{sum(printed.values())} times."
    )
    return Finding(_verdict(total == 0, True), sentence, {"kinks": kinks, "kinks_printed": printed})


def svm_better(study: Study) -> Finding:
    """Judge whether appendix C beats appendix A, by six criteria.

    A criterion is won if it is better in as many pairs of replicas as `agreement` asks for.
    Supported if appendix C wins some and loses none; refuted if it loses more than it wins
    or wins none; otherwise qualified.
    """
    X, y = study.examples["gaussian"]
    law = {"seed": study.rules.fresh_seed, "examples": study.rules.fresh_examples}
    columns = gaussian(study.gaussian.model_copy(update=law)).columns
    fresh_X, fresh_y = np.column_stack(list(columns.values())[:-1]), columns["y"]
    values = {}
    for program in ("appendix_a", "appendix_c"):
        theta = study.published[program]["honest"]
        losses = study.published[program]["losses"]
        judged = verdicts(study.stated["svm"], theta, X, y)
        fresh = verdicts(study.stated["svm"], theta, fresh_X, fresh_y)
        values[program] = {
            "reported loss": losses[:, -_tenth(losses) :].mean(axis=1),
            "logistic objective": objective(study.stated["logistic"], theta, X, y),
            "SVM objective": objective(study.stated["svm"], theta, X, y),
            "accuracy": judged["accuracy"],
            "accuracy on fresh data": fresh["accuracy"],
            "smallest margin": judged["margin"],
        }
    evidence, outcomes = {}, {"better": [], "worse": [], "even": []}
    for criterion, a in values["appendix_a"].items():
        c = values["appendix_c"][criterion]
        evidence[criterion] = {"appendix_a": float(np.median(a)), "appendix_c": float(np.median(c))}
        sign = 1 if criterion.startswith(("accuracy", "smallest")) else -1
        outcome = "even"
        if _share(sign * c > sign * a[:, None]) >= study.rules.agreement:
            outcome = "better"
        elif _share(sign * c < sign * a[:, None]) >= study.rules.agreement:
            outcome = "worse"
        outcomes[outcome].append(f"{criterion} ({np.median(c):.3g} against {np.median(a):.3g})")
    better, worse, even = (", ".join(found) or "nothing" for found in outcomes.values())
    sentence = (
        f"Against appendix A, appendix C is better in {better}, worse in {worse}, and neither in "
        f"{even}."
    )
    won, lost = len(outcomes["better"]), len(outcomes["worse"])
    return Finding(_verdict(won and not lost, not won or lost > won), sentence, evidence)


def not_separable(study: Study) -> Finding:
    """Judge by the plane's certificate: supported if it holds multipliers, else refuted."""
    certificate = study.certificates["plane"]
    X, y = study.examples["disc"]
    stated = study.stated["quadratic_logistic"].model_copy(update={"model": "affine"})
    evidence = {"max_margin": certificate["max_margin"], "separable": certificate["separable"]}
    sentence = f"A line separates the classes with margin {certificate['max_margin']:.3g}."
    if not certificate["separable"]:
        best = np.array([certificate["minimiser"]])
        wrong = round(len(y) * (1 - verdicts(stated, best, X, y)["accuracy"][0]))
        used = sum(multiplier > 1e-9 for multiplier in certificate["margin_multipliers"])
        evidence |= {"misclassified_by_logistic_optimum": wrong, "positive_multipliers": used}
        sentence = (
            f"{used} multipliers show a point common to the convex hulls of the two classes, so no "
            f"line separates them; the exact logistic optimum misclassifies {wrong} of {len(y)}."
        )
    return Finding(_verdict(not certificate["separable"], True), sentence, evidence)


def separable(study: Study) -> Finding:
    """Judge by the certificate in φ-space: supported if it holds a separating vector."""
    certificate = study.certificates["quadratic_svm"]
    margin = certificate["max_margin"]
    sentence = (
        f"A hyperplane in φ-space separates the classes with margin {margin:.3g}, the largest."
        if certificate["separable"]
        else "Multipliers show that nothing separates the classes in φ-space."
    )
    evidence = {"max_margin": margin, "separable": certificate["separable"]}
    return Finding(_verdict(certificate["separable"], True), sentence, evidence)


def boundary(study: Study) -> Finding:
    """Judge whether appendix E's boundary, drawn from its five feature weights, separates.

    Supported if no point is misclassified in as many replicas as `agreement` asks for;
    refuted if in none to speak of; otherwise qualified.
    """
    X, y = study.examples["disc"]

    def misclassified(theta: np.ndarray) -> np.ndarray:
        return (y * output("quadratic", theta[:, :5], X) <= 0).sum(axis=1)

    wrong = {
        "as_published": misclassified(study.published["appendix_e"]["theta"]),
        "same_lambda_exactly": misclassified(
            np.array([study.certificates["appendix_e"]["minimiser"]])
        ),
        "protocol": misclassified(study.runs["quadratic_svm"]["theta"]),
    }
    clean = float((wrong["as_published"] == 0).mean())
    evidence = {f"misclassified_{key}": float(np.median(value)) for key, value in wrong.items()}
    fewest, most = int(wrong["as_published"].min()), int(wrong["as_published"].max())
    evidence |= {"fewest": fewest, "most": most, "share_that_separates": clean}
    sentence = (
        f"As published the boundary misclassifies {fewest} to {most} of {len(y)} points and "
        f"separates the classes in {_percent(clean)} of runs; the exact solution for the same λ "
        f"misclassifies {wrong['same_lambda_exactly'][0]}, the protocol's SVM "
        f"{evidence['misclassified_protocol']:.3g}."
    )
    enough = study.rules.agreement
    return Finding(_verdict(clean >= enough, clean < 1 - enough), sentence, evidence)


def svm_superior(study: Study) -> Finding:
    """Judge the SVM on φ against logistic regression on φ, both under the protocol.

    Supported if in as many pairs of replicas as `agreement` asks for the SVM misclassifies
    fewer, or as many with a larger margin; refuted if in as few as that; otherwise qualified.
    """
    X, y = study.examples["disc"]
    found = {
        p: verdicts(study.stated[p], study.runs[p]["theta"], X, y)
        for p in ("quadratic_svm", "quadratic_logistic")
    }
    svm, logistic = found.values()
    better = svm["accuracy"] > logistic["accuracy"][:, None]
    tied = svm["accuracy"] == logistic["accuracy"][:, None]
    share = _share(better | (tied & (svm["margin"] > logistic["margin"][:, None])))
    evidence = {
        f"{measure}_{problem}": float(np.median(values[measure]))
        for problem, values in found.items()
        for measure in ("accuracy", "margin")
    }
    largest = study.certificates["quadratic_svm"]["max_margin"]
    evidence |= {"share_better": share, "max_margin": largest}
    sentence = (
        f"The SVM classifies {_percent(evidence['accuracy_quadratic_svm'])} of the points and "
        f"logistic regression {_percent(evidence['accuracy_quadratic_logistic'])}, with margins "
        f"{evidence['margin_quadratic_svm']:.3g} and {evidence['margin_quadratic_logistic']:.3g} "
        f"of at most {largest:.3g}; the SVM is the better in {_percent(share)} of pairs of runs."
    )
    enough = study.rules.agreement
    return Finding(_verdict(share >= enough, share <= 1 - enough), sentence, evidence)


def strictly_convex(study: Study) -> Finding:
    """Judge by the Jensen gaps: supported if every one is positive, else refuted."""
    gaps = study.divergence["jensen"]
    sentence = (
        f"{gaps['pairs'] - gaps['not_positive']} of {gaps['pairs']} Jensen gaps of −log between "
        f"different points are positive, the least {gaps['least']:.2g}."
    )
    return Finding(_verdict(gaps["not_positive"] == 0, True), sentence, gaps)


def positive(study: Study) -> Finding:
    """Judge by the divergences: supported if all are positive, or 0 for p = q, else refuted.

    Pinsker's inequality must hold too: D_KL ≥ ½‖p − q‖₁² is a positive lower bound.
    """
    kl = study.divergence["kl"]
    holds = kl["not_positive"] == kl["equal_not_zero"] == 0 and kl["pinsker_holds"]
    sentence = (
        f"D_KL is positive for {kl['pairs'] - kl['not_positive']} of {kl['pairs']} pairs p ≠ q, "
        f"the least ratio to Pinsker's bound ½‖p − q‖₁² being {kl['least_pinsker_ratio']:.6g}, and "
        f"0 for {kl['equal_pairs'] - kl['equal_not_zero']} of {kl['equal_pairs']} pairs p = q."
    )
    return Finding(_verdict(holds, True), sentence, kl)


def gradient(study: Study) -> Finding:
    """Judge by the errors of the formulas: supported if all are below 1e-9, else refuted."""
    found = study.gradients["two_layer"]
    worst = max(max(errors.values()) for errors in found.values())
    sentence = (
        f"The formulas for ∇a, ∇b and ∇u agree with autograd and with complex-step "
        f"differentiation to a relative error of at most {worst:.0e}."
    )
    return Finding(_verdict(worst <= 1e-9, True), sentence, found)


def successful(study: Study) -> Finding:
    """Judge whether problem 7's loss falls: supported if in as many replicas as `agreement` asks.

    Refuted if in none to speak of; otherwise qualified.
    """
    losses = study.published["problem_7"]["losses"]
    tenth = _tenth(losses)
    first, last = losses[:, :tenth].mean(axis=1), losses[:, -tenth:].mean(axis=1)
    falls = float((last < first).mean())
    evidence = trend(losses) | {"share_that_falls": falls}
    evidence["objective"] = study.metrics["problem_7"]["objective"]
    sentence = (
        f"The loss falls in {_percent(falls)} of runs, from {evidence['first']:.3g} in the first "
        f"tenth of the epochs to {evidence['last']:.3g} in the last."
    )
    enough = study.rules.agreement
    return Finding(_verdict(falls >= enough, falls < 1 - enough), sentence, evidence)


def better_with_epochs(study: Study) -> Finding:
    """Judge whether every further checkpoint of problem 7 is nearer to the true function.

    Supported if from each checkpoint to the next the error falls on the grid, in as many
    replicas as `agreement` asks for; refuted if it falls on the training points in fewer;
    otherwise qualified.
    """
    X, y = study.examples["wave"]
    stated, run = study.stated["two_layer"], study.published["problem_7"]
    training = np.array([np.sqrt(2 * objective(stated, t, X, y)) for t in run["checkpoints"]])
    grid = np.array([verdicts(stated, t, X, y)["rmse"] for t in run["checkpoints"]])
    improves = {
        "training": (np.diff(training, axis=0) < 0).mean(axis=1),
        "grid": (np.diff(grid, axis=0) < 0).mean(axis=1),
    }
    medians = {"training": np.median(training, axis=1), "grid": np.median(grid, axis=1)}
    best = int(medians["grid"].argmin())
    evidence = {"steps": run["steps"].tolist()}
    evidence |= {f"rmse_{key}": value.tolist() for key, value in medians.items()}
    evidence |= {f"share_improving_{key}": value.tolist() for key, value in improves.items()}
    seen, everywhere = medians["training"], medians["grid"]
    sentence = (
        f"On the training points the root-mean-square error goes from {seen[0]:.3g} after "
        f"{run['steps'][0]} steps to {seen[-1]:.3g} after {run['steps'][-1]}; over the whole "
        f"interval it goes from {everywhere[0]:.3g} to {everywhere[-1]:.3g} and is least, "
        f"{everywhere[best]:.3g}, after {run['steps'][best]}."
    )
    enough = study.rules.agreement
    verdict = _verdict(improves["grid"].min() >= enough, improves["training"].min() < enough)
    return Finding(verdict, sentence, evidence)


CLAIMS: dict[str, tuple[str, Callable[[Study], Finding]]] = {
    "p1_converges": (
        "Both logistic programs converge: their losses fall and level off.",
        lambda study: convergence(study, "appendix_a", "appendix_b"),
    ),
    "p1_numpy_worse": (
        "The NumPy program ends with the larger loss and the larger variance.",
        numpy_worse,
    ),
    "p1_optimizer": (
        "The cause is that PyTorch's optimizer is more sophisticated.",
        lambda study: cause(study, "logistic", blames_hyperparameters=False),
    ),
    "p2_converges": (
        "Both SVM programs converge.",
        lambda study: convergence(study, "appendix_c", "appendix_d"),
    ),
    "p2_numpy_better": ("The NumPy SVM outperforms the PyTorch one.", numpy_better),
    "p2_cause": (
        "The cause lies in PyTorch's algorithm or in the hyper-parameters.",
        lambda study: cause(study, "svm", blames_hyperparameters=True),
    ),
    "p2_no_kink": ("SGD never meets a point of non-differentiability.", no_kink),
    "p2_svm_better": ("The PyTorch SVM still beats logistic regression.", svm_better),
    "p3_not_separable": ("The data are not linearly separable in the plane.", not_separable),
    "p3_separable": ("The transformed data are linearly separable.", separable),
    "p3_boundary": ("The boundary found by the SVM separates the two classes.", boundary),
    "p3_svm_superior": ("The SVM is superior to logistic regression for this.", svm_superior),
    "p4_strictly_convex": ("−log is strictly convex.", strictly_convex),
    "p5_positive": ("D_KL(p‖q) > 0 for p ≠ q, and 0 for p = q.", positive),
    "p6_gradient": ("The three gradient formulas of the network.", gradient),
    "p7_successful": ("Training succeeds: the epoch loss falls.", successful),
    "p7_better_with_epochs": (
        "The more epochs, the better the network represents the true function.",
        better_with_epochs,
    ),
}


def _verdict(supported: bool, refuted: bool) -> str:
    return "supported" if supported else "refuted" if refuted else "qualified"


def _identical(problem: str) -> bool:
    pairs = [
        [f"data/runs/{problem}/{library}/{name}" for library in ("numpy", "torch")]
        for name in ("history.csv", "theta.npz")
    ]
    return all(filecmp.cmp(*pair, shallow=False) for pair in pairs)


def _tenth(losses: np.ndarray) -> int:
    return max(losses.shape[1] // 10, 1)


def _swapped(ablation: dict[str, object], quantity: str) -> dict[str, float]:
    """Return the value of each end, and of each with the other's hyper-parameters."""
    tuned = set(HYPERPARAMETERS) & set(ablation["factors"])
    return {
        " and ".join(subset["deviations"]) or "none": subset[quantity]
        for subset in ablation["subsets"]
        if len(set(subset["deviations"]) - tuned) in (0, len(ablation["factors"]) - len(tuned))
    }


def _share(pairs: np.ndarray) -> float:
    return float(pairs.mean())


def _percent(share: float) -> str:
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


def _name(program: str) -> str:
    return f"appendix {program[-1].upper()}"


if __name__ == "__main__":
    main()
