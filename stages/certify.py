"""Solve a problem exactly: python -m stages.certify svm problems.svm."""

import cvxpy as cp
import numpy as np

from stages.common import files, parameters
from stages.sgd import certificates
from stages.sgd.parts.losses import sigmoid
from stages.sgd.parts.models import feature_count, features, inputs
from stages.sgd.parts.scores import objective, verdicts
from stages.sgd.recipes.schema import Dataset, Objective

SOLVER = {"solver": cp.CLARABEL, "tol_gap_abs": 1e-11, "tol_gap_rel": 1e-11, "tol_feas": 1e-11}


def main(name: str, key: str) -> None:
    """Write `metrics/<name>/exact.json` and the certificate of what it says.

    Parameters
    ----------
    name : str
        Folder under `metrics`.
    key : str
        Dotted path in params.yaml, under which are a `dataset` and an `objective`.

    Raises
    ------
    InputError
        If the solver's answer does not pass the check by arithmetic.
    """
    stated = parameters.load(f"{key}.objective", Objective)
    dataset = parameters.load(f"{key}.dataset", Dataset)
    X, y = files.read_examples(f"data/{dataset}.csv", classes=stated.loss != "squared")
    try:
        if stated.model == "two_layer":
            certificate, theta = interpolation(stated, X, y), None
        else:
            certificate, theta = separability(stated, X, y)
            certificate |= optimum(stated, X, y, certificate)
    except (ValueError, cp.SolverError) as error:
        raise files.InputError(
            f"params.yaml: {key}.objective: not solved exactly: {error}"
        ) from None
    exact = {"objective": certificate["optimum"]}
    if (theta := certificate.get("minimiser", theta)) is not None:
        judged = verdicts(stated, np.array(theta)[:, None], X, y)
        certificate |= {judgement: float(values[0]) for judgement, values in judged.items()}
        exact |= {"accuracy": certificate["accuracy"]} if "accuracy" in judged else {}
    files.write_json(f"metrics/{name}/exact.json", exact)
    files.write_json(f"metrics/{name}/certificate.json", certificate)
    files.say(f"metrics/{name}/exact.json", f"optimum {certificate['optimum']:.6g}")


def separability(
    stated: Objective, X: np.ndarray, y: np.ndarray
) -> tuple[dict[str, object], np.ndarray]:
    """Find the maximum margin, or multipliers which show that nothing separates the classes.

    The separating vector minimises ‖w‖² subject to yᵢzᵢ ≥ 1; its constraints' dual variables
    are the multipliers. Where there is none, the multipliers are the smallest of the convex
    combinations by which the classes' hulls meet, Σ αᵢyᵢfᵢ = 0.

    Parameters
    ----------
    stated : Objective
        Its model is 'affine' or 'quadratic'.
    X : numpy.ndarray, shape (N, columns)
        Examples.
    y : numpy.ndarray, shape (N,)
        Labels ±1.

    Returns
    -------
    certificate : dict
        `separable`; `max_margin`, and `separator` if there is one; `margin_multipliers`. One
        class alone is separated by the bias, with any margin: `max_margin` is none.
    theta : numpy.ndarray, shape (d,)
        The separating vector, or zeros.
    """
    model = stated.model
    known, applied = features(model, X), inputs(model, X)
    if model == "affine" and (y == y[0]).all():
        bias = np.append(np.zeros(known.shape[1]), y[0])
        found = {"separable": True, "max_margin": None, "separator": bias.tolist()}
        return found | {"margin_multipliers": []}, bias
    theta = cp.Variable(applied.shape[1])
    margins = cp.multiply(y, applied @ theta) >= 1
    norm = cp.sum_squares(theta[: known.shape[1]])
    cp.Problem(cp.Minimize(norm), [margins]).solve(**SOLVER)
    if theta.value is None:
        alpha = cp.Variable(len(y), nonneg=True)
        meeting = [cp.sum(alpha) == 1, (applied.T * y) @ alpha == 0]
        cp.Problem(cp.Minimize(cp.sum_squares(alpha)), meeting).solve(**SOLVER)
        if alpha.value is None:
            raise ValueError("neither a separating vector nor a common point of the hulls")
        certificates.check_inseparable(model, X, y, alpha.value)
        certificate = {"separable": False, "max_margin": 0.0}
        return certificate | {"margin_multipliers": alpha.value.tolist()}, np.zeros(len(applied.T))
    multipliers = np.maximum(margins.dual_value, 0)
    multipliers /= multipliers.sum()
    separator = theta.value / np.linalg.norm(theta.value[: known.shape[1]])
    margin = certificates.check_separator(model, X, y, separator, multipliers)
    certificate = {"separable": True, "max_margin": margin, "separator": separator.tolist()}
    return certificate | {"margin_multipliers": multipliers.tolist()}, separator


def optimum(
    stated: Objective, X: np.ndarray, y: np.ndarray, certificate: dict[str, object]
) -> dict[str, object]:
    """Minimise the objective, or say why its infimum is not attained.

    Parameters
    ----------
    stated : Objective
        Its model is 'affine' or 'quadratic'.
    X : numpy.ndarray, shape (N, columns)
        Examples.
    y : numpy.ndarray, shape (N,)
        Labels ±1.
    certificate : dict
        What `separability` found.

    Returns
    -------
    dict
        `optimum` and `attained`; if it is, `minimiser` and the `multipliers` that bound the
        objective from below; if not, `why`.
    """
    if stated.loss == "logistic" and not stated.regularization and certificate["separable"]:
        scale = 40 / (certificate["max_margin"] or 1)
        far = objective(stated, scale * np.array(certificate["separator"])[:, None], X, y)[0]
        if far > 1e-12:
            raise ValueError(f"the objective is still {far:g} along the separating vector")
        why = (
            "The classes are separable, so along t times the separating vector the objective "
            "falls to 0 as t grows; every logistic loss is positive, so no parameters attain 0."
        )
        return {"optimum": 0.0, "attained": False, "why": why}
    applied = inputs(stated.model, X)
    theta = cp.Variable(applied.shape[1])
    margins = cp.multiply(y, applied @ theta)
    slack = cp.Variable(len(y), nonneg=True)
    constraints = [slack >= 1 - margins]
    loss = cp.sum(slack) / len(y)
    if stated.loss == "logistic":
        constraints, loss = [], cp.sum(cp.logistic(-margins)) / len(y)
    weights = theta[: feature_count(stated.model, X)]
    penalty = stated.regularization * cp.sum_squares(weights)
    cp.Problem(cp.Minimize(loss + penalty), constraints).solve(**SOLVER)
    if stated.loss == "logistic":
        multipliers = sigmoid(-y * (applied @ theta.value)) / len(y)
    else:
        multipliers = np.clip(constraints[0].dual_value, 0, 1 / len(y))
    value = certificates.check_minimiser(stated, X, y, theta.value, multipliers)
    solution = {"minimiser": theta.value.tolist(), "multipliers": multipliers.tolist()}
    return {"optimum": value, "attained": True} | solution


def interpolation(stated: Objective, X: np.ndarray, y: np.ndarray) -> dict[str, object]:
    """Build a network that passes through every example, where there is a unit for each.

    With the examples in order, unit j is a step too steep to be seen half-way between
    x₍ⱼ₋₁₎ and x₍ⱼ₎, and uⱼ is the rise y₍ⱼ₎ − y₍ⱼ₋₁₎; the first unit is constant.

    Parameters
    ----------
    stated : Objective
        The network's.
    X : numpy.ndarray, shape (N, 1)
        Examples.
    y : numpy.ndarray, shape (N,)
        Targets.

    Returns
    -------
    dict
        `optimum`, 0; whether it is `attained`, none where that is not known; and the network
        that attains it, `minimiser`, or `why` there is none.

    Raises
    ------
    ValueError
        If the network that was built does not pass through the examples.
    """
    order = np.argsort(X[:, 0])
    x, heights = X[order, 0], y[order]
    gaps = np.diff(x)
    if stated.hidden < len(y) or gaps.min() <= 0:
        why = (
            f"No network of {stated.hidden} hidden units was built that passes through all "
            f"{len(y)} examples; no squared loss is negative, so 0 bounds the objective from below."
        )
        return {"optimum": 0.0, "attained": None, "why": why}
    a, b, u = np.zeros((3, stated.hidden))
    a[1 : len(y)] = 80 / gaps
    b[0], b[1 : len(y)] = 40, -80 / gaps * (x[:-1] + x[1:]) / 2
    u[: len(y)] = np.diff(heights, prepend=0)
    theta = np.concatenate([a, b, u])
    if objective(stated, theta[:, None], X, y)[0] > 1e-12:
        raise ValueError("the constructed network does not interpolate")
    return {"optimum": 0.0, "attained": True, "minimiser": theta.tolist()}


if __name__ == "__main__":
    main(*parameters.words(__doc__, 2, 2))
