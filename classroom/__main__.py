"""Diagnose every CSV of a folder: python -m classroom folder, or make class SUBMISSIONS=folder."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from classroom.submissions import Values, explained, like, read
from stages.cluster import shards
from stages.common import files, parameters
from stages.sgd.diagnosis.candidates import Search
from stages.sgd.parts.datasets import DATASETS
from stages.sgd.recipes.recipe import Problem
from stages.sgd.recipes.schema import Name

SHARDS, TOGETHER = 6, 16  # of a class, about; of one shard, submissions at most
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
        shard = stated.model_dump(exclude_unset=True), section.model_dump(), search, given, curve
        text = json.dumps([code, shard], sort_keys=True)
        keys[path.stem] = hashlib.sha256(text.encode()).hexdigest(), given["problem"]
        if not (kept / f"{keys[path.stem][0]}.json").exists():
            pending[keys[path.stem][0]] = shard
    cut = sorted(parts(pending), key=len, reverse=True)  # so that all end together
    pieces = [(*pending[part[0]][:3], [pending[key][3:] for key in part]) for part in cut]
    for n, found in shards.spread(explained, pieces, "class"):
        for key, row in zip(cut[n], found, strict=True):
            files.write_json(str(kept / f"{key}.json"), row)
    for name, (key, problem) in keys.items():
        rows[name] = {"problem": problem} | files.read_json(str(kept / f"{key}.json"))
    write(Path(folder) / "diagnosis", dict(sorted(rows.items())))


def parts(pending: dict[str, tuple[Values, ...]]) -> Iterator[list[str]]:
    """Yield the keys of submissions that share what is tried, a shard's each."""
    most = min(TOGETHER, -(-len(pending) // SHARDS))
    kinds = {key: like(*shard) for key, shard in pending.items()}
    for _, keys in groupby(sorted(pending, key=lambda key: (kinds[key], key)), kinds.get):
        alike = list(keys)
        pieces = -(-len(alike) // most)
        yield from (alike[n::pieces] for n in range(pieces))


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
    main(*parameters.words(__doc__, paths=True))
