"""The rule about causes: whether a gap is due to the library, or to hyper-parameters."""

from stages.sgd.rules import Finding, Thresholds, percent, verdict

HYPERPARAMETERS = ("epochs", "updates", "steps", "learning_rate", "schedule", "batch.size")


def within_reach(
    loss: float, reference: float, sweep: dict, rules: Thresholds
) -> tuple[float, str, dict[str, object]]:
    """Return what share of the gap between two losses lies within what the sweep ends with.

    That is between the least and the largest loss of its learning rates, those apart at which the
    share 1 − `agreement` of replicas or more diverge. It is no bound: the sweep starts as the
    protocol does, and takes as many steps as it says. A rate ends near the optimum if its median
    gap is at most the share `near` of the gap at θ = 0.

    Returns
    -------
    float, str, dict
        The share, a sentence, and the numbers behind it.
    """
    found = zip(*(sweep[k] for k in ("learning_rate", "loss", "gap", "diverged")), strict=True)
    kept = [(r, v, g) for r, v, g, d in found if d < 1 - rules.agreement and None not in (v, g)]
    start = f"Under the protocol, after {sweep['steps']} steps at each of "
    start += f"{len(sweep['learning_rate'])} learning rates, "
    if not kept:
        return 0.0, start + "every one has diverged.", {"reached": 0.0}
    ends = min(v for _, v, _ in kept), max(v for _, v, _ in kept)
    moved = [min(max(value, ends[0]), ends[1]) for value in (loss, reference)]
    share = abs(moved[0] - moved[1]) / abs(loss - reference)
    near = [r for r, _, g in kept if g <= rules.near * sweep["initial"]]
    span = " to ".join(dict.fromkeys(f"{rate:.3g}" for rate in (near[:1] + near[-1:])))
    sentence = (
        f"{start}the sampled loss is between {ends[0]:.3g} and {ends[1]:.3g}, where "
        f"{percent(round(share, 2))} of the gap lies; "
        + (
            f"near the optimum end {len(near)} of them, {span}."
            if near
            else "near the optimum ends none of them."
        )
    )
    evidence = {"least_loss": ends[0], "largest_loss": ends[1], "reached": share}
    return share, sentence, evidence | {"near": near}


def cause(
    names: list[str],
    ablation: dict,
    sweep: dict,
    same_bytes: bool,
    blamed: bool,
    rules: Thresholds,
) -> Finding:
    """Judge whether PyTorch's optimizer, or the hyper-parameters if `blamed`, explain a gap.

    Refuted if both implementations write the same bytes under the protocol, the repaired
    program's losses are the reference's, and the hyper-parameters, if blamed, make up less than
    the share `blamed` of the gap, and less than that lies within what learning rates end with;
    supported if the libraries do differ, or the hyper-parameters make up the share `agreement`.
    """
    found = ablation["sampled_loss"]
    gap, words = found["program"] - found["reference"], ablation["words"]
    repaired = ablation["largest_relative_difference"]["reference"]
    same = same_bytes and repaired <= rules.reproduced
    sentence = (
        f"Under the protocol NumPy and PyTorch write {'the same' if same_bytes else 'different'} "
        f"bytes, and {names[1]} freed of its deviations repeats the losses of {names[0]} with a "
        f"relative difference of {repaired:.2g}. "
    )
    evidence = {"identical_bytes": same_bytes, "largest_relative_difference": repaired, "gap": gap}
    if not words or abs(gap) <= rules.negligible * abs(found["reference"]):
        sentence += (
            f"A gap of {gap:.2g} in the final loss is too small to share out."
            if words
            else "They do not differ in anything, so no difference is left to explain."
        )
        return Finding(verdict(not same, True), sentence, evidence)
    shares = {factor: value["mean"] / gap for factor, value in found["shapley"].items()}
    tuned = sum(abs(part) for factor, part in shares.items() if factor in HYPERPARAMETERS)
    largest, *others = sorted(shares, key=lambda factor: -abs(shares[factor]))
    parts = {factor: percent(round(part, 2) + 0.0) for factor, part in shares.items()}
    rest = ", ".join(f"{words[f]} {parts[f]}" for f in others)
    sentence += (
        f"Of the gap of {gap:.3g} in the final loss {parts[largest]} is due to "
        f"{words[largest]}" + (f" ({rest})." if rest else ".")
    )
    reached, said, numbers = within_reach(found["program"], found["reference"], sweep, rules)
    sentence += f" {said}"
    evidence |= {"shapley_share": shares, "hyperparameter_share": tuned, "learning_rates": numbers}
    guilty = blamed and max(tuned, reached) >= rules.blamed
    return Finding(
        verdict(not same or (blamed and tuned >= rules.agreement), same and not guilty),
        sentence,
        evidence,
    )
