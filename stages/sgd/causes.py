"""The rule about causes: whether a gap is due to the library, or to hyper-parameters."""

from stages.sgd.rules import Finding, Thresholds, percent, verdict

HYPERPARAMETERS = ("epochs", "updates", "steps", "learning_rate", "schedule", "batch.size")


def cause(
    names: list[str], ablation: dict, same_bytes: bool, blamed: bool, rules: Thresholds
) -> Finding:
    """Judge whether PyTorch's optimizer, or the hyper-parameters if `blamed`, explain a gap.

    Refuted if both implementations write the same bytes under the protocol, the repaired
    program's losses are the reference's, and the hyper-parameters, if blamed, make up less than
    the share `blamed` of the gap; supported if the libraries do differ, or the hyper-parameters
    make up the share `agreement`.
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
    said = {factor: percent(round(part, 2) + 0.0) for factor, part in shares.items()}
    rest = ", ".join(f"{words[f]} {said[f]}" for f in others)
    sentence += (
        f"Of the gap of {gap:.3g} in the final loss {said[largest]} is due to "
        f"{words[largest]}" + (f" ({rest})." if rest else ".")
    )
    evidence |= {"shapley_share": shares, "hyperparameter_share": tuned}
    guilty = blamed and tuned >= rules.blamed
    return Finding(
        verdict(not same or (guilty and tuned >= rules.agreement), same and not guilty),
        sentence,
        evidence,
    )
