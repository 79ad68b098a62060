"""Diagnose every CSV of a folder: python -m classroom folder, or make class SUBMISSIONS=folder."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from classroom.submissions import Values, explained, read
from stages.cluster import shards
from stages.common import files, parameters
from stages.sgd.diagnosis.candidates import Search
from stages.sgd.parts.datasets import DATASETS
from stages.sgd.recipes.recipe import Problem
from stages.sgd.recipes.schema import Name

COLUMNS = ["submission", "problem", "verdict", "learning_rate", "probability", "others", "fit",
           "candidates", "values", "deviations", "methods"]  # fmt: skip


def main(folder: str) -> None:
    """Write `diagnosis/class.csv` and `diagnosis/class.html` below a folder, a row a submission.

    What is found of each is kept in `diagnosis/found/` by a hash of everything that it follows
    from: an interrupted class goes on where it stopped, and submissions that are alike are
    searched for once.

    Raises
    ------
    InputError
        If the folder has no CSV.
    """
    paths = sorted(Path(folder).glob("*.csv"))
    if not paths:
        raise files.InputError(f"{folder}: holds no CSV")
    problems = parameters.load("problems", dict[Name, Problem])
    search = parameters.load("search", Search).model_dump()
    kept, keys, rows = Path(folder) / "diagnosis/found", {}, {}
    code = shards.versions()["stages"]
    pending: dict[str, tuple[Values, ...]] = {}
    for path in paths:
        try:
            given, curve = read(path, problems)
        except files.InputError as error:
            rows[path.stem] = {"verdict": "refused", "words": [str(error)]}
            continue
        stated = problems[given["problem"]]
        section = parameters.load(f"datasets.{stated.dataset}", DATASETS[stated.dataset][0])
        shard = (
            stated.model_dump(exclude_unset=True), section.model_dump(), search, given, curve
        )  # fmt: skip
        text = json.dumps([code, shard], sort_keys=True)
        keys[path.stem] = hashlib.sha256(text.encode()).hexdigest(), given["problem"]
        if not (kept / f"{keys[path.stem][0]}.json").exists():
            pending[keys[path.stem][0]] = shard
    # Those that share what is tried one after another: (problem, section, search, given, curve).
    order = sorted(pending, key=lambda k: repr((*pending[k][:4], pending[k][4]["positions"], k)))
    for n, found in shards.spread(explained, [pending[key] for key in order], "class"):
        files.write_json(str(kept / f"{order[n]}.json"), found)
    for name, (key, problem) in keys.items():
        rows[name] = {"problem": problem} | files.read_json(str(kept / f"{key}.json"))
    write(Path(folder) / "diagnosis", dict(sorted(rows.items())))


def write(folder: Path, rows: dict[str, dict[str, Any]]) -> None:
    """Write the table and the page."""
    table = pd.DataFrame(
        [
            row
            | {"submission": name, "deviations": "; ".join(row["words"])}
            | {"methods": "; ".join(row.get("methods", ()))}
            for name, row in rows.items()
        ]
    )
    files.write_table(str(folder / "class.csv"), table.reindex(columns=COLUMNS))
    wrong = Counter(w for row in rows.values() if row["verdict"] != "refused" for w in row["words"])
    templates = [Path(__file__).parent, Path("stages/templates")]
    environment = Environment(
        loader=FileSystemLoader(templates), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    page = environment.get_template("class.html.j2").render(
        rows=rows,
        wrong=sorted(wrong.items(), key=lambda item: (-item[1], item[0])),
        verdicts=Counter(row["verdict"] for row in rows.values()),
    )
    files.write_text(str(folder / "class.html"), page)
    files.say(str(folder / "class.html"), f"{len(rows)} submissions, {len(wrong)} deviations")


if __name__ == "__main__":
    main(*parameters.words(__doc__))
