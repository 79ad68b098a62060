"""Write the tables of README.md from what the pipeline wrote: python tests/readme.py.

A table stands between `<!-- name -->` and `<!-- end -->`, and TABLES has a function for each name.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from stages.common import parameters  # noqa: E402
from stages.sgd.deviations import deviations  # noqa: E402
from stages.sgd.parts.datasets import DATASETS  # noqa: E402
from stages.sgd.recipes.recipe import Problem, Program  # noqa: E402

LIBRARIES = {"numpy": "NumPy", "torch": "PyTorch"}


def row(*cells):
    return f"| {' | '.join(map(str, cells))} |"


def head(*names):
    return [row(*names), row(*["---"] * len(names))]


def claims():
    """Each claim of the report, its verdict and what was found."""
    found = json.loads((ROOT / "metrics/claims.json").read_text())
    return head("claim", "the report says", "verdict", "what was found") + [
        row(f"`{key}`", f["claim"], f"**{f['verdict']}**", f["sentence"])
        for key, f in found.items()
    ]


def programs():
    """Each program, and what it does that its problem does not ask for."""
    problems = parameters.load("problems", dict[str, Problem])
    rows = []
    for name, program in parameters.load("programs", dict[str, Program]).items():
        stated = problems[program.problem]
        recipe = program.recipe(stated.objective)
        section = parameters.load(f"datasets.{recipe.dataset}", DATASETS[recipe.dataset][0])
        found = deviations(recipe, stated.recipe(program.replicas), section)
        said = [f"{d.words} (`{d.field}`)" for d in found] or ["nothing"]
        library = LIBRARIES[program.implementation]
        rows.append(row(f"`{name}`", library, f"`{program.problem}`", "; ".join(said)))
    names = ("program", "library", "problem", "what it does that the problem does not ask for")
    return head(*names) + rows


def survey():
    """What goes wrong, how often, and what it costs."""
    found = json.loads((ROOT / "metrics/survey.json").read_text())
    return head("what deviates", "programs", "median cost", "least", "most") + [
        row(
            name,
            f["programs"],
            *(f"{f[k]:.2g}".replace("-", "−") for k in ("cost", "least", "most")),
        )
        for name, f in found.items()
    ]


def submissions():
    """Each recorded curve, and what explains it."""
    rows = []
    for name in parameters.load("submissions", dict[str, dict[str, object]]):
        path = ROOT / f"metrics/submissions/{name}_evidence.json"
        found = json.loads(path.read_text())
        rows.append(row(f"`{name}`", found["explained"], found["sentence"]))
    return head("curve", "explained", "what is said of it") + rows


def graph():
    """What depends on what."""
    words = [sys.executable, "-m", "dvc", "dag", "--mermaid", "--collapse-foreach-matrix"]
    shown = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    return ["```mermaid", *shown.stdout.rstrip().splitlines(), "```"]


TABLES = {
    "graph": graph,
    "claims": claims,
    "programs": programs,
    "survey": survey,
    "submissions": submissions,
}


def rewritten(text):
    """Return the README with every table as it is to be."""
    for name, table in TABLES.items():
        block = "\n".join([f"<!-- {name} -->", "", *table(), "", "<!-- end -->"])
        pattern = rf"<!-- {name} -->\n.*?<!-- end -->"
        text, count = re.subn(pattern, lambda _, b=block: b, text, count=1, flags=re.DOTALL)
        assert count, f"README.md has no table {name}"
    return text


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(rewritten(path.read_text()))
