"""What `dvc plots show` draws, few points each, in words: python -m stages.charts.

The first row of each table holds what the page says about its chart: `section`, the heading that
the chart stands under, its `title`, and `see`, what there is to see.
"""

import re

import numpy as np
import pandas as pd

from stages.common import files, parameters
from stages.sgd.recipes.recipe import Problem, Program
from stages.sgd.recipes.schema import Name

POINTS = 48  # of a curve at most, spread evenly over the logarithm of the epoch
LIBRARIES = {"torch": "PyTorch", "numpy": "NumPy"}
WHOSE = {  # programs, by how they are called
    "the report": re.compile(r"appendix_[a-e]|problem_7"),
    "other authors": re.compile(r"s\d\d_.*"),
    "another program": re.compile(".*"),
}
HISTORY = ("epoch", "sampled_loss", "sampled_loss_lower", "sampled_loss_upper", "optimum")
SURVEY = ("program", "problem", "field", "deviation", "cost")
RECORDED = {"": "as submitted", "right": "the right program", "best": "the best recipe"}
QUANTITIES = {"sampled_loss": "sampled loss", "objective": "stated objective"}


def main() -> None:
    """Write a table a chart: curves, ablations, learning rates, and the survey's costs.

    `plots/curves/<problem>.csv` has the protocol, the report's programs and any that are added,
    `plots/curves_of_others/<problem>.csv` PyTorch's protocol and the programs of other authors,
    `plots/recorded_curves/<name>.csv` a submission, the recipe that explains it best and the right
    program.
    Columns: `epoch`; `curve`, in words; `loss`, the median over replicas of the sampled loss, with
    its 5 % and 95 % quantiles `lower` and `upper`; `optimum`, of the stated objective.
    `plots/ablations/<name>.csv` has a row a `difference` and `quantity`: the Shapley `value`.
    `plots/rates/<problem>.csv` has a row a learning rate of the sweep and, where `whose` and `who`
    say so, one that the report, the protocol, other authors or another program uses.
    `plots/costs.csv` has a row a `deviation` and `program`: its `cost`, and its `problem`.
    """
    problems = parameters.load_copy("problems", dict[Name, Problem])
    programs = parameters.load_copy("programs", dict[Name, Program])
    titles = {name: problem.title or name.replace("_", " ") for name, problem in problems.items()}
    curves, curves_of_others = {}, {}
    for problem, title in titles.items():
        protocol = {
            label: thinned(label, f"data/runs/{problem}/{key}") for key, label in LIBRARIES.items()
        }
        report, others, added = dict(protocol), {}, False
        for name, program in programs.items():
            if program.problem == problem:
                label = program.title or spelled(name.removesuffix(f"_{problem}"))
                author = whose(name)
                added |= author == "another program"
                group = others if author == "other authors" else report
                group[label] = thinned(label, f"data/programs/{name}")
        shown = ["the protocol", "the report", *["what was added"] * added]
        words = (title, f"{title}: {listed(shown)}", compared(report))
        curves[problem] = words, pd.concat(report.values())
        if others:
            table = pd.concat([protocol["PyTorch"], *others.values()])
            words = (title, f"{title}: other authors", ranked(others))
            curves_of_others[problem] = words, table
    pairs = parameters.load_copy("ablations", dict[Name, dict[Name, Name]])
    submissions = parameters.load_copy("submissions", dict[Name, dict[str, object]])
    sweep = files.read_json("metrics/sweep.json")
    charts = {
        "curves": curves,
        "curves_of_others": curves_of_others,
        "ablations": {n: ablation(titles[pair["problem"]], n) for n, pair in pairs.items()},
        "recorded_curves": {name: recorded(name) for name in submissions},
        "rates": {p: rates(titles[p], found, used(p, problems[p], programs))
                  for p, found in sweep.items()},
    }  # fmt: skip
    for folder, tables in charts.items():
        files.make_folder(f"plots/{folder}")  # which may stay empty, and is no less an output
        for name, chart in tables.items():
            write(f"plots/{folder}/{name}.csv", *chart)
    write("plots/costs.csv", *costs(titles))
    files.say("plots/curves", f"{len(titles)} problems, {len(programs)} programs")


def write(path: str, words: tuple[str, str, str], table: pd.DataFrame) -> None:
    """Write the table of a chart, and in its first row the words."""
    for column, word in zip(("section", "title", "see"), words, strict=True):
        table[column] = [word] + [""] * (len(table) - 1)
    files.write_table(path, table)


def whose(program: str) -> str:
    """Return whose a program is, by what it is called."""
    return next(author for author, called in WHOSE.items() if called.fullmatch(program))


def spelled(name: str) -> str:
    """Return the name of a program in words: appendix A."""
    return " ".join(part.upper() if len(part) == 1 else part for part in name.split("_"))


def thinned(label: str, folder: str) -> pd.DataFrame:
    """Return some epochs of a history, the first and the last among them."""
    history = files.read_table(f"{folder}/history.csv", *HISTORY)
    epochs = np.unique(np.geomspace(1, len(history), POINTS).round().astype(int))
    rows = history.iloc[epochs - 1]
    columns = {"epoch": rows["epoch"], "curve": label, "loss": rows["sampled_loss"]}
    bounds = {part: rows[f"sampled_loss_{part}"] for part in ("lower", "upper")}
    return pd.DataFrame(columns | bounds | {"optimum": rows["optimum"]})


def recorded(name: str) -> tuple[tuple[str, str, str], pd.DataFrame]:
    """Return the words and curves of a submission; a step 0 has no place on a log axis."""
    found = files.read_json(f"metrics/submissions/{name}_evidence.json")
    series, curves = files.read_frame(f"plots/submissions/{name}.csv", "position", "loss"), []
    rows = series.iloc[np.unique(np.geomspace(1, len(series), POINTS).round().astype(int)) - 1]
    for label, words in RECORDED.items():
        middle = label or "loss"
        if middle in rows:
            bounds = {
                part: rows.get(f"{label}_{part}", rows[middle]) for part in ("lower", "upper")
            }
            columns = {"epoch": rows["position"], "curve": words, "loss": rows[middle], **bounds}
            curves.append(pd.DataFrame(columns).assign(optimum=np.nan))
    table = pd.concat(curves)
    title = f"{spelled(name)}: explained {found['explained']}"
    return ("Recorded curves", title, found["sentence"]), table[table["epoch"] > 0]


def signed(value: float) -> str:
    """Return a number with its sign, three digits of it."""
    return f"{value:+.3g}".replace("-", "−")


def listed(words: list[str]) -> str:
    """Return words as a list in a sentence."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def compared(curves: dict[str, pd.DataFrame]) -> str:
    """Say how the curves of a problem lie, to one another and to the optimum."""
    by_autograd, by_hand = curves["PyTorch"], curves["NumPy"]
    parts = (by_autograd.drop(columns="curve") != by_hand.drop(columns="curve")).to_numpy().any()
    seen = "part" if parts else "are one curve, orange on wide blue"
    ends = {label: curve.iloc[-1] for label, curve in curves.items()}
    ended = [f"{end['loss']:.3g} ({label})" for label, end in ends.items()]
    optimum = by_hand["optimum"].iloc[0]
    said = f"Under the protocol PyTorch and NumPy {seen}. The curves end at {listed(ended)}. "
    said += f"The exact optimum, {optimum:.4g}, "
    said += "is the dotted line." if optimum > 0 else "has no place on a log axis."
    below = [label for label, end in ends.items() if end["upper"] < optimum]
    return said + (f" What {listed(below)} logs is another loss: it ends below." if below else "")


def ranked(curves: dict[str, pd.DataFrame]) -> str:
    """Say whose curve ends lowest and whose highest."""
    ends = sorted((float(curve["loss"].iloc[-1]), label) for label, curve in curves.items())
    said = "A panel a program, over the grey curve of the protocol. "
    if len(ends) == 1:
        return said + f"{ends[0][1]} ends at {ends[0][0]:.3g}."
    (least, lowest), (most, highest) = ends[0], ends[-1]
    place = "" if least > 0 else ", which has no place on a log axis"
    return said + f"{highest} ends highest, at {most:.3g}; {lowest} lowest, at {least:.3g}{place}."


def ablation(section: str, name: str) -> tuple[tuple[str, str, str], pd.DataFrame]:
    """Return the words and bars of one ablation, the longest bar of the sampled loss first."""
    found = files.read_json(f"metrics/ablation/{name}.json")
    shares = found["sampled_loss"]["shapley"]
    order = sorted(shares, key=lambda factor: -abs(shares[factor]["mean"]))
    table = pd.DataFrame(
        [
            {"difference": found["words"][factor], "quantity": label}
            | {"value": share["mean"], "lower": share["lower"], "upper": share["upper"]}
            for factor in order
            for quantity, label in QUANTITIES.items()
            for share in [found[quantity]["shapley"][factor]]
        ]
    )
    program, reference = (spelled(found[end]) for end in ("program", "reference"))
    ends = [found["sampled_loss"][end] for end in ("program", "reference")]
    see = (
        f"The sampled loss of {program} ends at {ends[0]:.3g}, that of {reference} at "
        f"{ends[1]:.3g}. A bar is what one difference adds (right) or takes away (left), averaged "
        f"over the orders of undoing them, with 5–95 % of replicas."
    )
    if order:
        share = shares[order[0]]["mean"]
        see += f" The longest is {found['words'][order[0]]}, {signed(share)}."
    return (section, f"{section}: what separates {program} from {reference}", see), table


def used(problem: str, stated: Problem, programs: dict[str, Program]) -> pd.DataFrame:
    """Return the learning rates that a problem has been given, whose each is, and who uses it."""
    rows = [(stated.learning_rate, "the protocol", "NumPy and PyTorch")]
    for name, program in programs.items():
        if program.problem == problem:
            label = program.title or spelled(name.removesuffix(f"_{problem}"))
            rows.append((program.learning_rate, whose(name), label))
    table = pd.DataFrame(rows, columns=["learning_rate", "whose", "who"])
    found = table.groupby(["whose", "learning_rate"])["who"].agg(", ".join)
    return found.reset_index().sort_values(["whose", "learning_rate"], ascending=[False, True])


def rates(
    section: str, found: dict[str, object], marked: pd.DataFrame
) -> tuple[tuple[str, str, str], pd.DataFrame]:
    """Return the words and points of a problem's sweep, and the rates that are marked on it."""
    columns = ("learning_rate", "gap", "lower", "upper", "diverged", "separates")
    table = pd.DataFrame({name: found[name] for name in columns}, dtype=float)
    most, see = (
        table.iloc[-1],
        f"After {found['steps']} steps at each of {len(table)} learning rates ",
    )
    if table["gap"].notna().any():
        best = table.loc[table["gap"].idxmin()]
        see += f"the gap is least, {best['gap']:.2g}, at {best['learning_rate']:.3g}. "
    else:
        see += "no median is finite. "
    see += (
        f"At {most['learning_rate']:.3g}, the largest, {100 * most['diverged']:.3g} % of the "
        f"replicas diverge. Upright are the learning rates in use: who trains for longer gets as "
        f"far with a smaller one."
    )
    rows = pd.concat([table.assign(whose="", who=""), marked], ignore_index=True)
    return (section, f"{section}: the learning rate", see), rows


def costs(titles: dict[str, str]) -> tuple[tuple[str, str, str], pd.DataFrame]:
    """Return the words and dots of the survey, the deviation of the largest cost first."""
    survey = files.read_frame("plots/survey.csv", *SURVEY)
    survey = survey[survey["field"].notna()]
    largest = survey["cost"].abs().groupby(survey["deviation"]).transform("max")
    survey = survey.assign(largest=largest.fillna(np.inf))
    survey = survey.sort_values(["largest", "deviation"], ascending=[False, True], kind="stable")
    table = survey[["deviation", "program", "problem", "cost"]].assign(
        program=survey["program"].map(spelled), problem=survey["problem"].map(titles)
    )
    see = (
        "A dot is a program that has the deviation. Right of 0 it costs: the stated objective ends "
        "higher than with that deviation undone; left of 0 it helps."
    )
    if table["cost"].notna().any():
        most, least = (table.loc[which()] for which in (table["cost"].idxmax, table["cost"].idxmin))
        see += (
            f" The costliest is {most['deviation']} in {most['program']}, {signed(most['cost'])}; "
            f"the most helpful {least['deviation']} in {least['program']}, {signed(least['cost'])}."
        )
    if diverged := int(table["cost"].isna().sum()):
        see += f" {diverged} diverge and have no dot."
    return ("What deviations cost", "What each deviation of each program costs", see), table


if __name__ == "__main__":
    main(*parameters.words(__doc__, 0, 0))
