"""What can not go together in a recipe, what has no effect, and what PyTorch can not express."""

from typing import TYPE_CHECKING, Any

from stages.sgd.recipes.fields import EPOCHAL

if TYPE_CHECKING:
    from stages.sgd.recipes.recipe import Recipe


def complaints(recipe: "Recipe") -> list[tuple[bool, str]]:
    """Return what can not go together, each with what to say of it."""
    model, loss = recipe.objective.model, recipe.objective.loss
    datasets = {"affine": ("gaussian", "disc"), "quadratic": ("disc",), "two_layer": ("wave",)}
    network, start, order, log = recipe.network, recipe.start, recipe.order, recipe.log
    follows = {v for v in dict(recipe.intercept).values() if v not in (None, "none")}
    logistic_only = ("one_minus_loss", "flipped_exponent", "label_forgotten_in_exponent")
    hinge_only = ("label_forgotten_in_condition", "margin_forgotten")
    only_logistic = recipe.derivative in (*logistic_only, "per_feature")
    return [
        (
            recipe.dataset not in datasets[model],
            f"model {model} takes dataset {' or '.join(datasets[model])}",
        ),
        (
            (recipe.epochs is None) == (recipe.updates is None),
            "either epochs or updates must be given",
        ),
        (
            start.law == "network" and not network,
            f"model {model} does not take start.law network",
        ),
        (
            network and start.bias == "first",
            "model two_layer does not take start.bias first",
        ),
        (
            start.stream == "before" and (start.law, start.bias) != ("network", "drawn"),
            "start.stream before goes with start.law network and start.bias drawn",
        ),
        (
            (start.law == "network" and start.stream != "before") != (start.scales is not None),
            "start.scales goes with start.law network, unless start.stream is before",
        ),
        (
            start.stream in ("default_rng", "python", "torch")
            and start.law not in ("linear", "normal", "uniform"),
            f"start.stream {start.stream} goes with start.law "
            f"{'linear, ' if start.stream == 'torch' else ''}normal or uniform",
        ),
        (
            start.law == "linear" and start.stream not in ("own", "torch"),
            "start.law linear goes with start.stream own or torch",
        ),
        (
            start.seed is not None and start.stream in ("own", "numpy", "before"),
            "start.seed goes with start.stream reseeded, default_rng, python or torch",
        ),
        (start.low > start.high, "start.low must not be above start.high"),
        (
            only_logistic and loss != "logistic",
            f"derivative {recipe.derivative} goes with loss logistic",
        ),
        (
            recipe.derivative in hinge_only and loss != "hinge",
            f"derivative {recipe.derivative} goes with loss hinge",
        ),
        (network and bool(follows), "model two_layer takes no intercept"),
        (
            network and recipe.penalty != type(recipe.penalty)(),
            "model two_layer takes no penalty",
        ),
        (
            network and bool(recipe.regularization),
            "model two_layer takes no regularization",
        ),
        (
            network and recipe.batch.reduction == "margin",
            "batch.reduction margin goes with loss logistic or hinge",
        ),
        (
            not network and recipe.update != "simultaneous",
            f"update {recipe.update} goes with model two_layer",
        ),
        (
            recipe.accumulate and recipe.update != "simultaneous",
            "accumulate goes with update simultaneous",
        ),
        (
            recipe.accumulate and not recipe.penalty.times_rate,
            "accumulate goes with penalty.times_rate true",
        ),
        (
            network and (recipe.data.negative, recipe.data.positive) != (-1.0, 1.0),
            "model two_layer has no labels to code",
        ),
        (
            network
            and (recipe.data.transposed or recipe.data.features != type(recipe.data.features)()),
            "dataset wave takes neither data.transposed nor data.features",
        ),
        (
            log.value == "held_out" and recipe.data.train is None,
            "log.value held_out goes with data.train",
        ),
        (
            log.value == "worst_margin" and (network or log.loss is not None),
            "log.value worst_margin goes with a classifier and without log.loss",
        ),
        (
            network and log.loss not in (None, "squared"),
            "log.loss logistic or hinge goes with a classifier",
        ),
        (log.factor == 0, "log.factor must not be 0"),
        (
            recipe.schedule.restart and recipe.schedule.unit == "epoch",
            "schedule.restart goes with schedule.unit step",
        ),
        (
            log.start and log.value == "sampled",
            "log.start goes with log.value objective, held_out or worst_margin",
        ),
        (
            log.reduction == "sum"
            and (log.value == "worst_margin" or (log.value == "sampled" and log.every != "epoch")),
            "log.reduction sum goes with log.every epoch, or with log.value objective or held_out",
        ),
        (
            log.reduction == "examples" and (log.value, log.every) != ("sampled", "epoch"),
            "log.reduction examples goes with log.value sampled and log.every epoch",
        ),
        (not network and log.loss == "squared", "log.loss squared goes with model two_layer"),
        (
            order.floored and order.law not in ("replacement", "blocks"),
            "order.floored goes with order.law replacement or blocks",
        ),
        (
            order.skipped > 0 and order.law not in ("replacement", "blocks"),
            "order.skipped goes with order.law replacement or blocks",
        ),
        (
            order.reseeded is not None and order.law in ("permutation", "in_place", "cyclic"),
            "order.reseeded goes with order.law replacement, distinct, reshuffle or blocks",
        ),
        (
            order.generator == "dataloader" and order.law != "reshuffle",
            "order.generator dataloader goes with order.law reshuffle",
        ),
        (
            not recipe.batch.drop_last and bool(order.examples or recipe.steps),
            "batch.drop_last false goes with neither order.examples nor steps",
        ),
        (
            order.law != "replacement"
            and order.examples is not None
            and order.examples < recipe.batch.size,
            "order.examples must be at least batch.size, unless order.law is replacement",
        ),
    ]


def matters(recipe: "Recipe", field: str, dataset: Any, *, counted: bool = False) -> bool:
    """Say whether the value of a dotted field has an effect, beside the others and on these data.

    Parameters
    ----------
    recipe : Recipe
        Which has the value.
    field : str
        Dotted field.
    dataset : Section
        The dataset's, whose `examples` and `seed` a value may only repeat.
    counted : bool
        Whether it is epochs that the log counts, whatever `log.every` says.
    """
    data, batch, start, order, log = (
        getattr(recipe, name) for name in ("data", "batch", "start", "order", "log")
    )
    trained, penalty, schedule = data.train or dataset.examples, recipe.penalty, recipe.schedule
    law = schedule.law
    steps, apart = recipe.steps_an_epoch(trained), len(set(dict(recipe.sources).values())) > 1
    short = not batch.drop_last and order.law in EPOCHAL and trained % batch.size > 0
    around = order.law == "cyclic" and steps * batch.size % (order.examples or trained) == 0
    epochal = counted or log.every in ("epoch", recipe.steps) or (order.epochal and not around)
    epochal |= law != "constant" and (schedule.unit == "epoch" or schedule.restart)
    covering = {"all": recipe.follows, "slopes": recipe.objective.model == "quadratic"}
    length = recipe.updates or recipe.epochs * steps
    unlabelled = ["label_forgotten_in_exponent", "label_forgotten_in_condition"]
    if batch.size > 1 and batch.reduction == "margin":  # the loss's label is 1
        unlabelled.append("label_forgotten")
    elif not {data.negative, data.positive} <= {0.0, 1.0}:  # 0 leaves nothing, 1 is none to forget
        unlabelled = []
    if field.startswith("intercept"):
        return apart == (field != "intercept")
    if field.startswith("schedule"):
        most = -(-length // steps) if schedule.unit == "epoch" else length
        most, first = min(most, steps) if schedule.restart else most, 1
        if law == "step":
            first = schedule.every if schedule.factor != 1 else most
        return law != "constant" and first < most
    if field.startswith("penalty") and not recipe.penalised:
        return False
    return {
        "data.seed": data.seed != dataset.seed,
        "data.train": data.train != dataset.examples,
        "data.features": data.features.law != "normal" or data.features.scale != 1.0,
        "batch.reduction": batch.size > 1,
        "batch.drop_last": short,
        "derivative": recipe.derivative not in unlabelled,
        "regularization": penalty.factor != 0 or penalty.logged,
        "penalty.covers": (penalty.factor != 0 or penalty.logged)
        and covering.get(penalty.covers, True),
        "penalty.times_rate": penalty.factor != 0,
        "accumulate": length > 1,
        "order.reseeded": (steps if order.reseeded == "epoch" else order.reseeded or 0) < length,
        "start.scale": start.law == "normal",
        "start.low": start.law == "uniform",
        "start.high": start.law == "uniform",
        "start.bias": recipe.follows
        and start.law not in ("zeros", "network")
        and (start.law, start.bias) != ("ones", "first"),
        "start.stream": start.law not in ("zeros", "ones")
        or ((order.generator, order.seed) == ("numpy", None) and order.law != "cyclic"),
        "order.law": order.law not in ("blocks", "distinct") or batch.size > 1,
        "order.examples": (order.examples or 0) < trained,
        "order.generator": order.law != "cyclic",
        "order.seed": order.law != "cyclic",
        "log.loss": log.loss != recipe.objective.loss,
        "log.reduction": {
            "mean": True,
            "sum": log.value != "sampled" or steps > 1,
            "examples": short,
        }[log.reduction],
        "steps": epochal and recipe.steps not in (None, max(1, trained // batch.size)),
    }.get(field, True)


def not_in_torch(recipe: "Recipe") -> str | None:
    """Return why autograd and `torch.optim.SGD` can not run a recipe, if they can not."""
    sources = recipe.sources
    for field, broken in (
        (f"derivative {recipe.derivative}", recipe.derivative != "exact"),
        (
            f"intercept.gradient {sources.gradient} beside intercept.output {sources.output}",
            sources.gradient != sources.output,
        ),
        ("penalty.times_rate false", not recipe.penalty.times_rate and recipe.penalised),
        (
            "a negative penalty.factor",  # weight_decay must not be negative
            recipe.penalty.factor < 0 and recipe.penalised,
        ),
        (f"update {recipe.update}", recipe.update != "simultaneous"),
    ):
        if broken:
            return f"implementation torch does not take {field}: autograd takes the gradient"
    return None
