"""Draw one seeded dataset: python -m stages.dataset gaussian."""

import sys

import pandas as pd

from stages.common import files, parameters
from stages.sgd.datasets import DATASETS


def main(name: str) -> None:
    """Write `data/<name>.csv`: the features, then `y`, so that every float reads back exactly.

    Parameters
    ----------
    name : {'gaussian', 'disc', 'wave'}
        Dataset.

    Raises
    ------
    InputError
        If there is no such dataset.
    """
    if name not in DATASETS:
        raise files.InputError(f"params.yaml: datasets.{name}: must be {', '.join(DATASETS)}")
    schema, draw = DATASETS[name]
    columns = draw(parameters.load(f"datasets.{name}", schema)).columns
    files.write_table(f"data/{name}.csv", pd.DataFrame(columns), exact=True)


if __name__ == "__main__":
    main(sys.argv[1])
