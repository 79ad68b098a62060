"""Draw one seeded dataset: python -m stages.dataset gaussian."""

import sys

import pandas as pd

from stages.common import artifacts, parameters
from stages.common.datasets import DATASETS


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
        raise artifacts.InputError(f"params.yaml: datasets.{name}: must be {', '.join(DATASETS)}")
    schema, draw = DATASETS[name]
    columns = draw(parameters.load(f"datasets.{name}", schema)).columns
    artifacts.write_table(f"data/{name}.csv", pd.DataFrame(columns), exact=True)


if __name__ == "__main__":
    main(sys.argv[1])
