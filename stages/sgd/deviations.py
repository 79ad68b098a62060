"""What a recipe does that its stated problem does not ask for, and the words for it."""

from typing import Any, NamedTuple

from stages.sgd.recipes.combinations import matters
from stages.sgd.recipes.fields import Intercept, Schedule
from stages.sgd.recipes.recipe import Recipe
from stages.sgd.recipes.schema import Section


class Deviation(NamedTuple):
    """One thing that a recipe does and its stated problem does not ask for.

    Attributes
    ----------
    field : str
        Dotted field of the recipe.
    name : str
        What it is, as a noun.
    words : str
        What it is, as a sentence.
    """

    field: str
    name: str
    words: str


# Field, a noun for its deviation, and a sentence; {} is the value, {stated} what the problem asks
# for. Fields that are not here (learning rate, length, law of the start, generators, moment of the
# log) are choices that the problems leave open.
WORDS: dict[str, tuple[str, str]] = {
    "data.seed": ("other data", "the data are drawn with seed {}"),
    "data.transposed": ("transposed data", "the features are drawn in the transposed shape"),
    "data.features": ("features of another law", "the features have another law"),
    "data.negative": ("another coding of −1", "the negative label is coded {}"),
    "data.positive": ("another coding of +1", "the positive label is coded {}"),
    "data.train": ("examples held out", "only {} examples are trained on"),
    "intercept": ("{} in the input", "what follows the features is {}, not {stated}"),
    "intercept.output": ("{} in the output", "in the output {} follows the features"),
    "intercept.gradient": ("{} in the gradient", "in the gradient {} follows the features"),
    "intercept.log": ("{} in the logged loss", "in the logged loss {} follows the features"),
    "batch.size": ("mini-batches", "a step takes {} examples"),
    "batch.reduction": ("the batch's reduction", "the batch's losses are not averaged: {}"),
    "batch.drop_last": ("a short batch", "an epoch's last batch has the examples that are left"),
    "derivative": ("the wrong gradient", "the loss's derivative is {}"),
    "gradient_factor": ("the scaled gradient", "the gradient is multiplied by {}"),
    "regularization": ("another λ", "λ is {}, not {stated}"),
    "penalty.factor": ("the penalty's factor", "the penalty's gradient is {}λw, not 2λw"),
    "penalty.covers": ("what λ covers", "λ covers {}"),
    "penalty.logged": ("the penalty not logged", "the logged loss leaves out the penalty"),
    "penalty.times_rate": ("the penalty without η", "η does not multiply the penalty's gradient"),
    "start.stream": ("the stream seeded again", "the stream is seeded again before θ₀"),
    "order.law": ("the order of the examples", "the examples come {}"),
    "order.examples": ("examples never drawn", "only the first {} examples can be drawn"),
    "order.reseeded": ("the same examples again", "the examples of the first {} steps come again"),
    "schedule": ("the schedule", "the learning rate is not constant: {}"),
    "log.value": ("another quantity logged", "what is logged is {}"),
    "log.loss": ("another loss logged", "what is logged is the {} loss"),
    "log.reduction": ("sums logged", "the logged losses are summed, not averaged"),
    "log.factor": ("the scaled log", "what is logged is multiplied by {}"),
    "update": ("the parts one by one", "the network's parts are updated one by one, {}"),
    "accumulate": ("the gradient not zeroed", "the gradient is not zeroed between steps"),
    "precision": ("single precision", "the arithmetic is in {}"),
    "steps": ("the steps an epoch", "an epoch is {} steps, not one pass over the examples"),
}
SPECIAL = {  # where the sentence above would not do
    ("intercept", "none"): ("no intercept", "there is no intercept"),
    ("gradient_factor", -1.0): ("the sign of the step", "the step goes up the loss, not down"),
    ("regularization", 0.0): ("no penalty", "λ is 0, not {stated}"),
    ("log.reduction", "examples"): (
        "means over examples",
        "the logged losses are averaged over an epoch's examples, not over its steps",
    ),
    ("order.reseeded", "epoch"): (
        "the same examples again",
        "the generator is seeded again each epoch: the same examples come again",
    ),
    ("steps", 1): ("the steps an epoch", "an epoch is one step, not one pass over the examples"),
    ("penalty.factor", 1.0): ("the penalty's factor", "the penalty's gradient is λw, not 2λw"),
    ("penalty.factor", -1.0): ("the penalty's factor", "the penalty's gradient is −λw, not 2λw"),
    ("penalty.factor", 0.0): ("no penalty's gradient", "the gradient leaves out the penalty"),
}
CHOICES = {  # nouns for what two programs may differ in besides
    "start": "the initial parameters",
    "learning_rate": "the learning rate",
    "epochs": "the number of epochs",
    "updates": "the number of steps",
    "order.generator": "the generator",
    "order.seed": "the seed",
    "order.skipped": "the examples skipped",
    "order.floored": "how an index is drawn",
    "log.every": "how often the loss is logged",
    "log.moment": "when the loss is logged",
    "log.phase": "which step is logged",
    "log.start": "the loss logged at the start",
}
VALUES = {  # of a field, in words, or with a loss
    "derivative": {
        "one_minus_loss": "(1 − loss)·y, of the wrong size and sign",
        "flipped_exponent": "−y σ(+yz): the exponent's sign is flipped",
        "label_forgotten": "−σ(−yz): the factor y is forgotten",
        ("label_forgotten", "hinge"): "−1 where yz < 1: the factor y is forgotten",
        ("label_forgotten", "squared"): "z, not z − y: the target is forgotten",
        "label_forgotten_in_exponent": "−y σ(−z): y is forgotten in the exponent",
        "label_forgotten_in_condition": "−y where z < 1: y is forgotten in the condition",
        "margin_forgotten": "−y where yz < 0: the margin 1 is forgotten",
        "per_feature": "−y σ(−xⱼz) for feature j: the exponent is a vector, without y",
    },
    "batch.reduction": {"sum": "they are summed", "margin": "their margins are summed first"},
    "penalty.covers": {
        "all": "the weight of what follows the features too",
        "slopes": "the weights without that of φ's constant",
    },
    "order.law": {
        "distinct": "without replacement within a batch",
        "permutation": "in one permutation for all epochs",
        "reshuffle": "in a new permutation each epoch",
        "in_place": "in a new permutation each epoch, the last one shuffled again",
        "cyclic": "in turn",
        "blocks": "in fixed blocks",
    },
    "log.value": {
        "held_out": "the objective of the examples held out",
        "worst_margin": "the worst margin, max 1 − yz",
    },
    "update": {
        "u_b_a": "u first",
        "u_ab": "u first and then a and b",
        "a_b_u": "a first",
        "u_b_a_anew": "u first, and the output is taken anew for each",
        "a_b_u_anew": "a first, and the output is taken anew for each",
    },
    "intercept": {"none": "nothing", "constant": "the constant 1", "label": "the label"},
    "schedule": {
        "inverse": "η/(1 + {decay}t) after t {unit}s",
        "inverse_sqrt": "η/√(1 + {decay}t) after t {unit}s",
        "step": "times {factor:g} after every {each}",
    },
}
HARMLESS = {  # values that are no deviation in a field that can deviate; the first undoes one
    "start.stream": ("numpy", "own", "before", "default_rng", "python", "torch"),
    "log.value": ("objective", "sampled"),
}


def get(recipe: Recipe, field: str) -> Any:
    """Return the value of a dotted field, of `intercept` and `regularization` as they apply."""
    head, _, tail = field.partition(".")
    if head == "intercept":
        return getattr(recipe.sources, tail) if tail else recipe.sources
    if field == "regularization":
        return recipe.penalised
    value = getattr(recipe, head)
    return getattr(value, tail) if tail else value


def replace(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    """Return a recipe with other values of dotted fields, checked.

    Raises
    ------
    pydantic.ValidationError
        If they can not go together.
    """
    fields = dict(recipe)
    for field, value in changes.items():
        head, _, tail = field.partition(".")
        fields[head] = fields[head].model_copy(update={tail: value}) if tail else value
    return Recipe(**fields)


def replace_unchecked(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    """Return a recipe with other values of dotted fields, without a check."""
    fields: dict[str, Any] = {}
    for field, value in changes.items():
        head, _, tail = field.partition(".")
        section = fields.get(head, getattr(recipe, head))
        fields[head] = section.model_copy(update={tail: value}) if tail else value
    return recipe.model_copy(update=fields)


def deviations(recipe: Recipe, stated: Recipe, dataset: Section) -> list[Deviation]:
    """Return what a recipe does that its stated problem does not ask for, in WORDS' order.

    Parameters
    ----------
    recipe, stated : Recipe
        A run, and the protocol's recipe for the same problem.
    dataset : Section
        Of the stated problem, as a value that says the same as it, or has no effect, is none.
    """
    fields = [f for f in _deviant(recipe, stated) if matters(recipe, f, dataset)]
    return [describe(recipe, stated, f) for f in fields]


def _deviant(recipe: Recipe, stated: Recipe) -> list[str]:
    return [f for f in WORDS if get(recipe, f) not in (get(stated, f), *HARMLESS.get(f, ()))]


def describe(recipe: Recipe, stated: Recipe, field: str) -> Deviation:
    """Return the words for the value of one field of WORDS."""
    value, asked = (_plain(get(r, field)) for r in (recipe, stated))
    values = VALUES.get(field) or VALUES.get(field.partition(".")[0], {})
    said, not_this = (_said(v, values, recipe.objective.loss) for v in (value, asked))
    if field == "schedule":
        schedule = dict(recipe.schedule)
        schedule["decay"] = "" if schedule["decay"] == 1 else f"{schedule['decay']:g}"
        each = "{every} {unit}s" if schedule["every"] > 1 else "{unit}"
        said = said.format(**schedule, each=each.format(**schedule))
        said += ", anew each epoch" * schedule["restart"]
    name, words = SPECIAL.get((field, value), WORDS[field])
    return Deviation(field, name.format(said), words.format(said, stated=not_this))


def undo(recipe: Recipe, stated: Recipe, fields: list[str] | None = None) -> Recipe:
    """Return the recipe with some deviations undone; or all, and what would be one then.

    Raises
    ------
    pydantic.ValidationError
        If what is left can not go together.
    """
    fields = _deviant(recipe, stated) if fields is None else fields
    changes = {f: HARMLESS.get(f, (get(stated, f),))[0] for f in fields}
    if "start.stream" in changes:
        changes["start.seed"] = None  # which the stream of the data has no use for
    if "order.law" in changes and recipe.order.generator == "dataloader":
        changes["order.generator"] = "torch"  # on which the loader draws
    return replace(recipe, changes)


def differences(first: Recipe, second: Recipe) -> dict[str, str]:
    """Return the fields in which two recipes for one problem differ, each with a noun.

    With the second's values in all of them the first is the second.

    Raises
    ------
    ValueError
        If they differ in what has no words: the problem, or the number of replicas.
    """
    parts = {field for field in WORDS if field.startswith("intercept.")}
    apart = len(set(dict(first.sources).values())) > 1
    twice = {"start.stream", *({"intercept"} if apart else parts)}  # what another field says
    found = {
        field: describe(first, second, field).name if field in WORDS else CHOICES[field]
        for field in (*WORDS, *CHOICES)
        if field not in twice and get(first, field) != get(second, field)
    }
    said = {field.partition(".")[0] for field in (*WORDS, *CHOICES)} | {"checkpoint"}
    unsaid = [f for f in set(Recipe.model_fields) - said if getattr(first, f) != getattr(second, f)]
    if unsaid:
        wrong = [f"{f} ({getattr(first, f)} and {getattr(second, f)})" for f in sorted(unsaid)]
        raise ValueError(f"the programs must not differ in {', '.join(wrong)}")
    return found


def _said(value: Any, values: dict[Any, str], loss: str) -> Any:
    """Return a value as a sentence has it: in words, or a number with a true minus sign."""
    if isinstance(value, float):
        return f"{value:g}" if value >= 0 else f"−{-value:g}"
    if not isinstance(value, str):
        return value
    return values.get((value, loss), values.get(value, value))


def _plain(value: Any) -> Any:
    """Return what stands for a section in VALUES and SPECIAL."""
    if isinstance(value, Schedule):
        return value.law
    return value.output if isinstance(value, Intercept) else value
