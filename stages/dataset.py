"""Draw one seeded dataset: python -m stages.dataset gaussian."""

import pandas as pd

from stages.common import files, parameters
from stages.sgd.parts.datasets import DATASETS, draw


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
    drawn = draw(parameters.load(f"datasets.{name}", DATASETS[name][0]))
    table = pd.DataFrame(drawn.X, columns=drawn.names).assign(y=drawn.y)
    if name != "wave":
        table = table.astype({"y": int})
    files.write_table(f"data/{name}.csv", table, exact=True)
    files.say(f"data/{name}.csv", f"{len(table)} examples")


if __name__ == "__main__":
    main(*parameters.words(__doc__))
