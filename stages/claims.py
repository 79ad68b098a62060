"""Judge each claim of the report by what the other stages measured: python -m stages.claims.

The table CLAIMS says what each claim is judged by: a rule of `stages.sgd.rules`, and on what.
"""

import re
from collections import Counter
from collections.abc import Callable

import numpy as np

from stages.common import files, parameters
from stages.sgd import causes, courses, rules
from stages.sgd.parts.models import output
from stages.sgd.parts.scores import objective, verdicts
from stages.sgd.recipes.schema import Objective
from stages.sgd.rules import Finding, Thresholds

MORE, LESS = 1, -1  # is better
MINUS = re.compile(r"(?<!\w)-(?=\d)")  # of a number, no part of its exponent


def main() -> None:
    """Write `metrics/claims.json`, and each verdict for `dvc metrics show`."""
    thresholds, findings = parameters.load("claims", Thresholds), {}
    for key, (claim, judge) in CLAIMS.items():
        found = judge(thresholds)
        sentence = MINUS.sub("−", found.sentence)
        findings[key] = {"claim": claim} | found._replace(sentence=sentence)._asdict()
    files.write_json("metrics/claims.json", findings)
    for key, finding in findings.items():
        files.write_json(f"metrics/claims/{key}.json", {"verdict": finding["verdict"]})
    counts = Counter(finding["verdict"] for finding in findings.values())
    files.say("metrics/claims.json", ", ".join(f"{counts[v]} {v}" for v in sorted(counts)))


def title(name: str) -> str:
    """Return a program's name in words: appendix A, problem 7."""
    kind, _, number = name.rpartition("_")
    if kind == "appendix":
        return f"appendix {number.upper()}"
    return name.replace("svm", "SVM").replace("_", " ")


def run(name: str) -> dict[str, np.ndarray]:
    """Return the arrays of a program's run."""
    return files.read_arrays(f"data/programs/{name}/run.npz")


def replicas(folder: str) -> dict[str, np.ndarray]:
    """Return the columns of a run's table of replicas."""
    table = files.read_table(path := f"data/{folder}/replicas.csv")
    return files.Contents(path, {column: table[column].to_numpy() for column in table})


def programs(*names: str) -> tuple[list[str], list[dict[str, np.ndarray]]]:
    """Return programs' names in words, and their tables."""
    return [title(n) for n in names], [replicas(f"programs/{n}") for n in names]


def certificate(name: str) -> dict[str, object]:
    """Return what the exact solution of a problem, or a variant, is certified by."""
    return files.read_json(f"metrics/{name}/certificate.json")


def stated(problem: str) -> Objective:
    """Return a problem's objective."""
    return parameters.load(f"problems.{problem}.objective", Objective)


def identical(problem: str) -> bool:
    """Say whether both implementations of a problem wrote the same bytes."""
    return files.read_json(f"metrics/{problem}/torch.json")["verdict"] == "identical"


def converge(thresholds: Thresholds, problem: str, *names: str) -> Finding:
    """Judge whether programs converge, each by its loss and its objective."""
    return rules.both(
        {
            name: courses.converges(
                title(name),
                run(name)["losses"],
                (metrics := files.read_json(f"metrics/{problem}/{name}.json"))["objective"],
                metrics["objective"] - metrics["gap"],
                thresholds,
            )
            for name in names
        }
    )


def cause(thresholds: Thresholds, problem: str, blamed: bool) -> Finding:
    """Judge by the ablation of a problem, and its sweep, what a difference is due to."""
    ablation = files.read_json(f"metrics/ablation/{problem}.json")
    names = [title(ablation[end]) for end in ("reference", "program")]
    sweep = files.read_json("metrics/sweep.json").get(problem)
    if sweep is None:
        raise files.InputError(f"metrics/sweep.json: {problem} is missing")
    return causes.cause(names, ablation, sweep, identical(problem), blamed, thresholds)


def no_kink(thresholds: Thresholds, *folders: str) -> Finding:
    """Count the steps at a kink."""
    names = [
        title(name) if kind == "programs" else f"the protocol's {title(name)}"
        for kind, name, *_ in (folder.split("/") for folder in folders)
    ]
    tables = [replicas(folder) for folder in folders]
    counts = (
        {name: int(t[column].sum()) for name, t in zip(names, tables, strict=True)}
        for column in ("kinks", "kinks_printed")
    )
    return rules.never(*counts)


def contest(thresholds: Thresholds, first: str, second: str) -> Finding:
    """Judge the second program against the first by six criteria."""
    names, (a, b) = programs(first, second)
    weight = stated("svm").regularization
    columns = {
        "reported loss": ("reported_loss", LESS),
        "logistic objective": ("logistic_loss", LESS),
        "accuracy": ("accuracy", MORE),
        "accuracy on fresh data": ("fresh_accuracy", MORE),
        "smallest margin": ("margin", MORE),
    }
    criteria = {name: (a[column], b[column], sign) for name, (column, sign) in columns.items()}
    svm = [t["hinge_loss"] + weight * t["squared_norm"] for t in (a, b)]
    return rules.contest(names, criteria | {"SVM objective": (*svm, LESS)}, thresholds)


def separability(thresholds: Thresholds, name: str, claimed: bool, where: str) -> Finding:
    """Judge by a certificate on `disc`."""
    found, wrong = certificate(name), 0
    if not found["separable"]:
        X, y = files.read_examples("data/disc.csv", classes=True)
        model = "affine" if name == "plane" else "quadratic"
        z = output(model, np.array(found["minimiser"])[:, None], X)[:, 0]
        wrong = int((y * z <= 0).sum())
    return rules.separable(found, claimed, where, wrong)


def boundary(thresholds: Thresholds) -> Finding:
    """Judge appendix E's boundary, drawn from its five feature weights."""
    X, y = files.read_examples("data/disc.csv", classes=True)
    weights = {
        "as_published": run("appendix_e")["theta"][:, :5],
        "same_lambda": np.array([certificate("appendix_e")["minimiser"]]),
        "protocol": files.read_arrays("data/runs/quadratic_svm/numpy/theta.npz")["theta"],
    }
    wrong = {
        key: (y[:, None] * output("quadratic", theta.T, X) <= 0).sum(axis=0)
        for key, theta in weights.items()
    }
    return rules.clean(wrong, len(y), thresholds)


def superior(thresholds: Thresholds) -> Finding:
    """Judge the SVM on φ against logistic regression on φ, both under the protocol."""
    tables = [replicas(f"runs/{p}/numpy") for p in ("quadratic_svm", "quadratic_logistic")]
    largest = certificate("quadratic_svm")["max_margin"]
    return rules.superior(tables, largest or 0.0, thresholds)


def positive_gaps(thresholds: Thresholds) -> Finding:
    """Judge by Jensen gaps: supported if every one is positive, else refuted."""
    gaps = files.read_json("metrics/divergence.json")["jensen"]
    sentence = (
        f"{gaps['pairs'] - gaps['not_positive']} of {gaps['pairs']} Jensen gaps of −log between "
        f"different points are positive, the least {gaps['least']:.2g}."
    )
    return Finding(rules.verdict(gaps["not_positive"] == 0, True), sentence, gaps)


def positive_divergence(thresholds: Thresholds) -> Finding:
    """Judge by divergences: all positive, 0 for p = q, and Pinsker's bound holds; else refuted."""
    kl = files.read_json("metrics/divergence.json")["kl"]
    right = kl["not_positive"] == kl["equal_not_zero"] == 0 and kl["pinsker_holds"]
    sentence = (
        f"D_KL is positive for {kl['pairs'] - kl['not_positive']} of {kl['pairs']} pairs p ≠ q, "
        f"the least ratio to Pinsker's bound ½‖p − q‖₁² being {kl['least_pinsker_ratio']:.6g}, and "
        f"0 for {kl['equal_pairs'] - kl['equal_not_zero']} of {kl['equal_pairs']} pairs p = q."
    )
    return Finding(rules.verdict(right, True), sentence, kl)


def gradient(thresholds: Thresholds) -> Finding:
    """Judge by the errors of the formulas: supported if all are within `gradient_error`."""
    found = files.read_json("metrics/gradients.json")["two_layer"]
    worst = max(max(errors.values()) for errors in found.values())
    sentence = (
        f"The formulas for ∇a, ∇b and ∇u agree with autograd and with complex-step "
        f"differentiation to a relative error of at most {worst:.0e}."
    )
    return Finding(rules.verdict(worst <= thresholds.gradient_error, True), sentence, found)


def checkpoints(thresholds: Thresholds) -> Finding:
    """Judge problem 7 by its errors at each saved network."""
    X, y = files.read_examples("data/wave.csv", classes=False)
    arrays, problem = run("problem_7"), stated("two_layer")
    saved = [theta.T for theta in arrays.get("checkpoints", ())]
    training = np.array([np.sqrt(2 * objective(problem, theta, X, y)) for theta in saved])
    grid = np.array([verdicts(problem, theta, X, y)["rmse"] for theta in saved])
    return courses.improves(arrays.get("steps", np.array([])), training, grid, thresholds)


def succeeds(thresholds: Thresholds) -> Finding:
    """Judge whether problem 7's loss falls."""
    reached = files.read_json("metrics/two_layer/problem_7.json")["objective"]
    return courses.falls(run("problem_7")["losses"], reached, thresholds)


SVMS = [f"programs/appendix_{letter}" for letter in "cde"]
SVMS += [f"runs/{problem}/numpy" for problem in ("svm", "quadratic_svm")]
CLAIMS: dict[str, tuple[str, Callable[[Thresholds], Finding]]] = {
    "p1_converges": (
        "Both logistic programs converge: their losses fall and level off.",
        lambda by: converge(by, "logistic", "appendix_a", "appendix_b"),
    ),
    "p1_numpy_worse": (
        "The NumPy program ends with the larger loss and the larger variance.",
        lambda by: rules.worse(*programs("appendix_a", "appendix_b"), by),
    ),
    "p1_optimizer": (
        "The cause is that PyTorch's optimizer is more sophisticated.",
        lambda by: cause(by, "logistic", blamed=False),
    ),
    "p2_converges": (
        "Both SVM programs converge.",
        lambda by: converge(by, "svm", "appendix_c", "appendix_d"),
    ),
    "p2_numpy_better": (
        "The NumPy SVM outperforms the PyTorch one.",
        lambda by: rules.better(*programs("appendix_c", "appendix_d"), by),
    ),
    "p2_cause": (
        "The cause lies in PyTorch's algorithm or in the hyper-parameters.",
        lambda by: cause(by, "svm", blamed=True),
    ),
    "p2_no_kink": (
        "SGD never meets a point of non-differentiability.",
        lambda by: no_kink(by, *SVMS),
    ),
    "p2_svm_better": (
        "The PyTorch SVM still beats logistic regression.",
        lambda by: contest(by, "appendix_a", "appendix_c"),
    ),
    "p3_not_separable": (
        "The data are not linearly separable in the plane.",
        lambda by: separability(by, "plane", claimed=False, where="A line"),
    ),
    "p3_separable": (
        "The transformed data are linearly separable.",
        lambda by: separability(by, "quadratic_svm", True, "A hyperplane in φ-space"),
    ),
    "p3_boundary": ("The boundary found by the SVM separates the two classes.", boundary),
    "p3_svm_superior": ("The SVM is superior to logistic regression for this.", superior),
    "p4_strictly_convex": ("−log is strictly convex.", positive_gaps),
    "p5_positive": ("D_KL(p‖q) > 0 for p ≠ q, and 0 for p = q.", positive_divergence),
    "p6_gradient": ("The three gradient formulas of the network.", gradient),
    "p7_successful": ("Training succeeds: the epoch loss falls.", succeeds),
    "p7_better_with_epochs": (
        "The more epochs, the better the network represents the true function.",
        checkpoints,
    ),
}


if __name__ == "__main__":
    main(*parameters.words(__doc__, 0, 0))
