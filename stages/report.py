"""Write the study on one page: python -m stages.report."""

from base64 import b64encode
from collections import Counter
from itertools import groupby
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase
from typing import NamedTuple

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from stages.common import files, parameters
from stages.figures import submission
from stages.figures.captions import FIGURES, GLOSSARY, RECORDED, TITLES
from stages.figures.formulas import pair
from stages.figures.style import FigureSize, blank
from stages.sgd.deviations import deviations
from stages.sgd.parts.datasets import DATASETS
from stages.sgd.recipes.recipe import Problem, Program, Recipe
from stages.sgd.recipes.schema import Name

TEMPLATE = "report.html.j2"
SECTIONS = (  # of params.yaml, as the page shows them
    "protocol",
    "fresh",
    "datasets",
    "problems",
    "variants",
    "programs",
    "ablations",
    "submissions",
    "survey",
    "sweep",
    "gradients",
    "divergence",
    "claims",
)
SURVEY = ("program", "problem", "field", "deviation", "cost")
SURVEY += ("gap", "gap_undone", "gap_repaired")
SMALL_TO_CAPITAL = str.maketrans(ascii_lowercase, ascii_uppercase)  # λ and η stay as they are
SOLVERS = {"exact": "exact optimum", "numpy": "NumPy, protocol", "torch": "PyTorch, protocol"}


class Kind(NamedTuple):
    """A deviation: its name, the rows of the survey, and each formula that it has.

    Attributes
    ----------
    name : str
        What it is, as a noun.
    cost : dict
        Its entry in `metrics/survey.json`.
    forms : list of dict
        `stated` and `written` in MathML, and `said`: each sentence with its programs' rows.
    """

    name: str
    cost: dict[str, object]
    forms: list[dict[str, object]]


def main() -> None:
    """Write `plots/report.html`: one page that needs no network, no script and no other file."""
    params = {name: parameters.load_copy(name, dict[str, object]) for name in SECTIONS}
    problems = parameters.load_copy("problems", dict[Name, Problem])
    programs = parameters.load_copy("programs", dict[Name, Program])
    claims = files.read_json("metrics/claims.json")
    survey = files.read_frame("plots/survey.csv", *SURVEY).astype(object)
    survey = survey.where(survey.notna(), None).to_dict("records")
    loader = FileSystemLoader(Path(__file__).with_name("templates"))
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "number": number,
        "flow": flow,
        "leaves": leaves,
        "words": words,
        "columns": columns,
        "capitalised": lambda text: text[0].translate(SMALL_TO_CAPITAL) + text[1:],
        "program": lambda name: (name in programs and programs[name].title) or words(name),
    }
    tables = {n: metrics(n, [*SOLVERS, *written(n, programs)]) for n in problems}
    tables |= {name: metrics(name, ["exact"]) for name in params["variants"]}
    shown = {column for solvers in tables.values() for column in columns(solvers)}
    page = environment.get_template(TEMPLATE).render(
        groups=groups(claims),
        verdicts=Counter(claim["verdict"] for claim in claims.values()),
        claims=claims,
        identical=all(c["evidence"].get("identical_bytes", True) for c in claims.values()),
        kinds=kinds(params["datasets"], problems, programs, survey),
        survey=[(name, list(rows)) for name, rows in groupby(survey, lambda r: r["program"])],
        survey_figures=figures("survey"),
        sweep_figures=figures("sweep"),
        sweep=files.read_json("metrics/sweep.json"),
        ablations=ablations(params["ablations"]),
        submissions=submissions(params["submissions"], problems),
        metrics=tables,
        glossary=[(name, meaning) for name, meaning in GLOSSARY.items() if name in shown],
        problems=problems,
        programs=programs,
        params=params,
    )
    files.write_text("plots/report.html", page)
    files.say("plots/report.html", f"{len(claims)} claims, {len(programs)} programs")


def groups(claims: dict[str, dict[str, object]]) -> list[dict[str, object]]:
    """Return the claims by problem, each group with its title and figures."""
    return [
        {
            "id": key,
            "title": TITLES.get(key, key),
            "claims": {name: claims[name] for name in names},
            "figures": figures(key),
        }
        for key, names in groupby(claims, lambda name: name.partition("_")[0])
    ]


def figures(group: str) -> list[dict[str, object]]:
    """Return a group's pictures, as `shown` has them."""
    return [
        shown(Path(name).stem, picture(f"plots/{name}"), caption, alt)
        for name, (where, caption, alt) in FIGURES.items()
        if where == group
    ]


def shown(key: str, png: bytes, caption: str, alt: str) -> dict[str, object]:
    """Return a picture's data, its size, caption and alternative text."""
    width, height = (int.from_bytes(png[at : at + 4]) for at in (16, 20))
    return {
        "id": key,
        "caption": caption,
        "alt": alt,
        "data": b64encode(png).decode(),
        "width": width,
        "height": height,
    }


def picture(path: str) -> bytes:
    """Read a PNG; raises InputError where it is missing or is none."""
    try:
        png = Path(path).read_bytes()
    except OSError as error:
        raise files.InputError(f"{path}: cannot be read: {error.strerror}") from None
    if not png.startswith(b"\x89PNG"):
        raise files.InputError(f"{path}: is not a PNG")
    return png


def kinds(
    datasets: dict[str, object],
    problems: dict[str, Problem],
    programs: dict[str, Program],
    survey: list[dict[str, object]],
) -> list[Kind]:
    """Return the deviations that programs have, the commonest first."""
    rows, found = {(row["program"], row["field"]): row for row in survey}, {}
    for name, program in programs.items():
        stated = problems[program.problem]
        recipe = program.recipe(stated.objective)
        dataset = DATASETS[recipe.dataset][0].model_validate(datasets[recipe.dataset])
        for deviation in deviations(recipe, stated.recipe(program.replicas), dataset):
            forms = found.setdefault(deviation.name, {})
            said = forms.setdefault(pair(recipe, deviation.field), {})
            said.setdefault(deviation.words, []).append(rows[name, deviation.field])
    return [
        Kind(
            name,
            cost,
            [
                {"stated": Markup(stated), "written": Markup(written), "said": said}  # noqa: S704
                for (stated, written), said in found[name].items()
            ],
        )
        for name, cost in files.read_json("metrics/survey.json").items()
    ]


def ablations(names: dict[str, object]) -> list[dict[str, object]]:
    """Return each ablation, its Shapley values as rows and the largest of them, for scale."""
    read = []
    for name in names:
        found = files.read_json(f"metrics/ablation/{name}.json")
        shares = [found[score]["shapley"] for score in ("sampled_loss", "objective")]
        rows = [
            (words, *(share[field] for share in shares)) for field, words in found["words"].items()
        ]
        ends = [abs(v) for _, *both in rows for s in both for v in s.values()]
        read.append(found | {"id": name, "rows": rows, "largest": max(ends, default=0) or 1})
    return read


def submissions(
    names: dict[str, object], problems: dict[str, Problem]
) -> dict[str, dict[str, object]]:
    """Return what explains each recorded curve, its picture and its likeliest recipe's formulas."""
    read = {}
    for name, given in names.items():
        found = files.read_json(f"metrics/submissions/{name}_evidence.json")
        formulas = []
        for best in found["recipes"][:1]:
            objective = problems[given["problem"]].objective
            recipe = Recipe(**best["recipe"], objective=objective, replicas=1)
            formulas = [
                [Markup(side) for side in pair(recipe, deviation["field"])]  # noqa: S704
                for deviation in best["deviations"]
            ]
        read[name] = found | {"problem": given["problem"], "formulas": formulas}
        read[name]["figure"] = recorded(name, bool(found["recipes"]))
    return read


def recorded(name: str, explained: bool) -> dict[str, object]:
    """Return a recorded curve's picture, drawn here: which curves there are params.yaml says."""
    figure = blank(parameters.load("figures.submission", FigureSize))
    submission.draw(figure, "submission", name, None)
    caption, alt = RECORDED[explained]
    return shown(f"submission_{name}", files.png_of(figure), caption.format(words(name)), alt)


def written(problem: str, programs: dict[str, Program]) -> list[str]:
    """Return the programs that people wrote for a problem."""
    return [name for name, program in programs.items() if program.problem == problem]


def metrics(problem: str, solvers: list[str]) -> dict[str, dict[str, object]]:
    """Return the scalars of each solver of a problem, each with its interval where it has one."""
    found = {}
    for name in solvers:
        values = files.read_json(f"metrics/{problem}/{name}.json")
        row = {k: v for k, v in values.items() if isinstance(v, int | float | str)}
        for key in [k for k in row if f"{k}_lower" in row]:
            ends = {end: row.pop(f"{key}_{end}") for end in ("lower", "upper")}
            row[key] = {"value": row[key]} | ends
        found[SOLVERS.get(name, name)] = row
    return found


def columns(solvers: dict[str, dict[str, object]]) -> list[str]:
    """Return the metrics of any solver, those of the glossary first and in its order."""
    found = {key for values in solvers.values() for key in values}
    return [*(k for k in GLOSSARY if k in found), *sorted(found - set(GLOSSARY))]


def number(value: object) -> str:
    """Return what the page shows: three significant digits, a true minus sign, an interval."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        middle, lower, upper = map(number, value.values())
        return Markup("{} ({} to {})").format(middle, lower, upper)
    if isinstance(value, list):
        return Markup(", ").join(map(number, value))
    if not isinstance(value, float):
        return "–" if value is None else str(value)
    digits, _, power = f"{value:.3g}".partition("e")
    text = f"{digits} × 10<sup>{int(power)}</sup>" if power else digits
    return Markup(text.replace("-", "−"))  # noqa: S704  (digits alone)


def words(name: str) -> str:
    """Return a key in words: appendix B."""
    upper = {*"abcdefgh", "svm", "rmse"}
    return " ".join(word.upper() if word in upper else word for word in name.split("_"))


def flow(value: object) -> str:
    """Return a value of params.yaml on one line."""
    text = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=float("inf")
    )
    return text.removesuffix("...\n").strip().removeprefix("{").removesuffix("}")


def leaves(node: object, path: tuple[str, ...] = ()) -> list[tuple[str, object]]:
    """Return the values of nested mappings and lists, each with its path in words."""
    if isinstance(node, dict) and {"lower", "upper"} - set(node):
        return [leaf for key, below in node.items() for leaf in leaves(below, (*path, key))]
    if isinstance(node, list) and any(isinstance(below, dict) for below in node):
        return leaves({f"no. {n}": below for n, below in enumerate(node, 1)}, path)
    return [(": ".join(map(words, path)), node)]


if __name__ == "__main__":
    main(*parameters.words(__doc__, 0, 0))
