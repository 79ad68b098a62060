"""The curves of `dvc plots show`: few points each, named in words: python -m stages.charts."""

import numpy as np
import pandas as pd

from stages.common import files, parameters
from stages.sgd.recipe import Problem, Program
from stages.sgd.schema import Name

POINTS = 80  # of a curve at most, spread evenly over the logarithm of the epoch
LIBRARIES = {"numpy": "NumPy", "torch": "PyTorch"}


def main() -> None:
    """Write `plots/curves/<problem>.csv`, a row a curve and epoch.

    Columns: `epoch`; `curve`, in words; `loss`, the median over replicas of the sampled loss, with
    its 5 % and 95 % quantiles `lower` and `upper`; `optimum`, of the stated objective.
    """
    problems = parameters.load("problems", dict[Name, Problem])
    programs = parameters.load("programs", dict[Name, Program])
    for problem in problems:
        curves = {
            f"{library}, protocol": f"data/runs/{problem}/{key}"
            for key, library in LIBRARIES.items()
        }
        for name, program in programs.items():
            if program.problem == problem:
                curves[program.title or name.replace("_", " ")] = f"data/programs/{name}"
        tables = [thinned(label, f"{folder}/history.csv") for label, folder in curves.items()]
        files.write_table(f"plots/curves/{problem}.csv", pd.concat(tables))


def thinned(label: str, path: str) -> pd.DataFrame:
    """Return some epochs of a history, the first and the last among them."""
    history = files.read_table(path)
    epochs = np.unique(np.geomspace(1, len(history), POINTS).round().astype(int))
    rows = history.iloc[epochs - 1]
    columns = {"epoch": rows["epoch"], "curve": label, "loss": rows["sampled_loss"]}
    bounds = {part: rows[f"sampled_loss_{part}"] for part in ("lower", "upper")}
    return pd.DataFrame(columns | bounds | {"optimum": rows["optimum"]})


if __name__ == "__main__":
    main()
