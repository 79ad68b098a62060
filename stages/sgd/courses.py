"""Rules about the course of a run: whether its loss falls, levels off, its network gets better."""

import numpy as np

from stages.sgd.rules import Finding, Thresholds, fails, holds, share, verdict


def trend(losses: np.ndarray) -> dict[str, float]:
    """Return means over replicas and tenths of the epochs: `first`, `least`, `previous`, `last`."""
    tenths = [float(part.mean()) for part in np.array_split(losses, 10, axis=1)]
    return dict(
        zip(
            ("first", "least", "previous", "last"),
            (tenths[0], min(tenths), tenths[-2], tenths[-1]),
            strict=True,
        )
    )


def converges(
    name: str, losses: np.ndarray, reached: float, optimum: float, rules: Thresholds
) -> Finding:
    """Judge one program: supported if its loss levels off with the objective near its optimum.

    Near is a gap of at most the share `near` of the loss in the first tenth of the epochs.

    Refuted if the loss ends above its first tenth, or above its least by more than `level` of its
    fall; qualified otherwise, and where there are fewer than ten epochs.
    """
    if losses.shape[1] < 10:
        words = f"The loss of {name} has too few epochs ({losses.shape[1]}) to tell its course."
        return Finding("qualified", words, {"epochs": losses.shape[1]})
    found = trend(losses) | {"objective": reached, "optimum": optimum}
    fall = found["first"] - found["least"]
    rises = found["last"] - found["least"] > rules.level * fall
    level = abs(found["last"] - found["previous"]) <= rules.level * fall
    near = reached - optimum <= rules.near * found["first"]
    course = "levels off" if level else "is still falling"
    if rises:
        course = f"falls to {found['least']:.3g} and rises again"
    words = (
        f"The loss of {name} {course}, ending at {found['last']:.3g}; the stated objective is "
        f"{reached:.3g} there and {optimum:.3g} at its optimum."
    )
    failed = rises or found["last"] >= found["first"]
    return Finding(verdict(level and near and not failed, failed), words, found)


def falls(losses: np.ndarray, reached: float, rules: Thresholds) -> Finding:
    """Judge whether a loss falls, from the first tenth of the epochs to the last."""
    tenth = max(losses.shape[1] // 10, 1)
    first, last = losses[:, :tenth].mean(axis=1), losses[:, -tenth:].mean(axis=1)
    rate = share(last < first, rules.bootstrap)
    sentence = (
        f"The loss falls in {rate} of runs, from {first.mean():.3g} in the first tenth of the "
        f"epochs to {last.mean():.3g} in the last."
    )
    evidence = {"first": float(first.mean()), "last": float(last.mean()), "objective": reached}
    found = verdict(holds(rate, rules), fails(rate, rules))
    return Finding(found, sentence, evidence | {"falls": rate._asdict()})


def improves(
    steps: np.ndarray, training: np.ndarray, grid: np.ndarray, rules: Thresholds
) -> Finding:
    """Judge whether every further checkpoint is better; errors of shape (checkpoints, replicas).

    Supported if the error falls on the grid from each checkpoint to the next; refuted if on the
    training points it does not; qualified otherwise, and with fewer than two checkpoints.
    """
    if len(steps) < 2:
        words = "The run saved fewer than two networks on its way, too few to tell what more does."
        return Finding("qualified", words, {"checkpoints": len(steps)})
    rates = {
        key: [share(wins, rules.bootstrap) for wins in np.diff(errors, axis=0) < 0]
        for key, errors in (("training", training), ("grid", grid))
    }
    seen, everywhere = np.median(training, axis=1), np.median(grid, axis=1)
    best = int(everywhere.argmin())
    sentence = (
        f"On the training points the root-mean-square error goes from {seen[0]:.3g} after "
        f"{steps[0]} steps to {seen[-1]:.3g} after {steps[-1]}; over the whole interval it goes "
        f"from {everywhere[0]:.3g} to {everywhere[-1]:.3g} and is least, {everywhere[best]:.3g}, "
        f"after {steps[best]}."
    )
    evidence = {"steps": steps.tolist(), "training": seen.tolist(), "grid": everywhere.tolist()}
    evidence |= {f"{key}_improves": [r._asdict() for r in found] for key, found in rates.items()}
    supported = all(holds(rate, rules) for rate in rates["grid"])
    refuted = any(rate.upper < rules.agreement for rate in rates["training"])
    return Finding(verdict(supported, refuted), sentence, evidence)
