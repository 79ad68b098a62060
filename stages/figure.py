"""Draw one figure: python -m stages.figure 2a, ablation svm, or submission right."""

from importlib import import_module

from stages.common import files, parameters
from stages.figures.style import FigureSize, blank

MODULES = {  # which of stages.figures draws it, and whether on a grid
    "1": ("curves", False),
    "2a": ("curves", False),
    "2b": ("curves", False),
    "3a": ("plane", False),
    "3b": ("plane", True),
    "4a": ("network", True),
    "4b": ("curves", False),
    "ablation": ("ablation", False),
    "survey": ("survey", False),
    "sweep": ("sweep", False),
    "submission": ("submission", False),
    "divergence": ("divergence", True),
}
SEVERAL = ("ablation", "submission")  # of which there is one a name


def main(key: str, name: str | None = None) -> None:
    """Write `plots/figure_<key>.png`, `plots/figure_<key>_<name>.png`, or a submission's.

    Parameters
    ----------
    key : str
        Key under `figures` of params.yaml; 1 to 4b are the source's numbers.
    name : str, optional
        Which of several of a kind.

    Raises
    ------
    InputError
        If there is no such figure, or a grid is missing, or given to a figure that needs none.
    """
    if key not in MODULES or (key in SEVERAL) != (name is not None):
        kinds = ", ".join(f"{k} and a name" if k in SEVERAL else k for k in MODULES)
        raise files.InputError(f"figure {' '.join(filter(None, (key, name)))}: must be {kinds}")
    size = parameters.load(f"figures.{key}", FigureSize)
    module, on_grid = MODULES[key]
    if on_grid != (size.grid is not None):
        said = "is missing" if on_grid else "is not permitted: there is nothing to draw on it"
        raise files.InputError(f"{parameters.PATH}: figures.{key}.grid {said}")
    figure = blank(size)
    import_module(f"stages.figures.{module}").draw(figure, key, name, size.grid)
    stem = "" if key == "submission" else "figure_"
    path = f"plots/{stem}{'_'.join(filter(None, (key, name)))}.png"
    files.write_figure(path, figure)
    files.say(path, f"{size.width:g} × {size.height:g} inches")


if __name__ == "__main__":
    main(*parameters.words(__doc__, 1, 2))
