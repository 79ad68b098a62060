"""The fields of a recipe that are sections of their own, each with its small vocabulary.

A default is what the stated problem asks for.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from stages.sgd.recipes.schema import Count, Loss, Number, Positive, Scales, Section, Seed

Source = Literal["none", "constant", "label"]
PERMUTED = ("permutation", "reshuffle", "in_place")  # laws of an order that are permutations
EPOCHAL = (*PERMUTED, "cyclic")  # and that go through the examples, epoch by epoch


def short(*fields: str) -> BeforeValidator:
    """Let one word stand for a section in which these fields have that value."""
    return BeforeValidator(lambda v: dict.fromkeys(fields, v) if isinstance(v, str) else v)


class Law(Section):
    """N(0, `scale`²) or U(`low`, `high`)."""

    law: Literal["normal", "uniform"] = "normal"
    scale: Positive = 1.0
    low: Number = 0.0
    high: Number = 1.0


class Data(Section):
    """How a program draws its data, where not as the dataset's section says.

    Attributes
    ----------
    seed : int, optional
        Another seed than the dataset's.
    transposed : bool
        The features are drawn in the transposed shape: another dataset of the same law.
    features : Law
        Of each feature before anything is done to it.
    negative, positive : float
        The labels' coding in loss and gradient.
    train : int, optional
        Only the first so many examples are trained on; the rest are held out.
    """

    seed: Seed | None = None
    transposed: bool = False
    features: Annotated[Law, short("law")] = Law()
    negative: Number = -1.0
    positive: Number = 1.0
    train: Count | None = None


class Intercept(Section):
    """What follows the features: nothing, the constant 1 or the label.

    In the `output` z, in its `gradient` ∇θz, and in the output of the logged loss (`log`).
    One word stands for all three. By default the constant if the model is affine, else none.
    """

    output: Source | None = None
    gradient: Source | None = None
    log: Source | None = None


class Batch(Section):
    """Examples a step, and whether their losses are averaged or summed.

    `margin` is one loss of the summed margin: log(1 + exp(−Σ yᵢzᵢ)) or max(0, 1 − Σ yᵢzᵢ).
    Without `drop_last` an epoch has ⌈n/B⌉ steps, of which the last, where examples come in a
    permutation or in turn, takes those that are left.
    """

    size: Annotated[int, Field(ge=1, le=10_000)] = 1
    reduction: Literal["mean", "sum", "margin"] = "mean"
    drop_last: bool = True


class Penalty(Section):
    """λ‖w‖² in the gradient and in the logged loss.

    Attributes
    ----------
    factor : float
        c in the gradient's term c λ w: 2 is right.
    covers : {'weights', 'all', 'slopes'}
        The weights of the features; whatever follows them too; the weights of the features
        without that of φ's constant.
    logged : bool
        Whether the logged loss contains it.
    times_rate : bool
        Whether the update multiplies it by η: θ ← θ − η∇ℓ − cλw if not.
    """

    factor: Number = 2.0
    covers: Literal["weights", "all", "slopes"] = "weights"
    logged: bool = True
    times_rate: bool = True


class Start(Section):
    """Law of the initial parameters, and the stream they are drawn from.

    Attributes
    ----------
    law : {'linear', 'zeros', 'ones', 'normal', 'uniform', 'network'}
        `linear` is U(−1/√p, 1/√p), as `torch.nn.Linear` has it for p features, and as two of
        them have it for a network: U(−1, 1) for aⱼ and bⱼ, p of uⱼ; `normal` is
        N(0, `scale`²); `uniform` is U(`low`, `high`); `network` is problem 7's: aⱼ, bⱼ, uⱼ
        normal with standard deviations `scales`.
    bias : {'drawn', 'first', 'zero'}
        Whether the weight of the intercept, or a network's bⱼ, is drawn like the others, after
        them or before.
    stream : {'own', 'numpy', 'reseeded', 'before', 'default_rng', 'python', 'torch'}
        The replica's own generator; NumPy's legacy stream going on after the data; that
        stream seeded again; that stream before the data (problem 7);
        `numpy.random.default_rng`; `random.uniform` or `random.gauss`; `torch.rand` or
        `torch.randn`, weights before bias.
    seed : int, optional
        Of a reseeded stream, where not the data's; of another library's, where not 0.
    """

    law: Literal["linear", "zeros", "ones", "normal", "uniform", "network"] = "linear"
    scale: Positive = 1.0
    low: Number = 0.0
    high: Number = 1.0
    scales: Scales | None = None
    bias: Literal["drawn", "first", "zero"] = "drawn"
    stream: Literal["own", "numpy", "reseeded", "before", "default_rng", "python", "torch"] = "own"
    seed: Seed | None = None


class Order(Section):
    """Which examples the steps see.

    Attributes
    ----------
    law : {'replacement', 'distinct', 'permutation', 'reshuffle', 'in_place', 'cyclic', 'blocks'}
        Uniform with replacement; B different examples each step; one permutation for every
        epoch; a new permutation each epoch; the same where the last epoch's order is shuffled
        again in place; 0, 1, … in turn; one of the ⌊n/B⌋ blocks of B consecutive examples,
        uniform with replacement.
    examples : int, optional
        n: only the first so many can be drawn. All that are trained on by default.
    generator : {'own', 'python', 'numpy', 'default_rng', 'torch', 'dataloader'}
        The replica's own; `random.randint`, `sample` or `shuffle`; NumPy's legacy `randint`,
        `choice` or `permutation`; `numpy.random.default_rng`'s `integers`, `choice` or
        `permutation`; `torch.randint` or `torch.randperm`; `torch.utils.data.DataLoader`
        with `shuffle`.
    seed : int, optional
        Replica r's generator is seeded with `seed` + r. Without a seed, the generator that
        drew θ₀ goes on, as NumPy's legacy stream of replica 0 does after the data; another
        is seeded with 0 + r.
    skipped : int
        Examples drawn before the first that is used.
    floored : bool
        An index below n is ⌊n U⌋, U ~ U(0, 1): `int(n * random())`, as `random.choices` does it.
    reseeded : int or 'epoch', optional
        The generator is seeded again after so many steps, or each epoch: the same examples come
        again, while θ goes on. Of a law that draws all of an epoch or a step anew.
    """

    law: Literal[
        "replacement", "distinct", "permutation", "reshuffle", "in_place", "cyclic", "blocks"
    ] = "replacement"
    examples: Count | None = None
    generator: Literal["own", "python", "numpy", "default_rng", "torch", "dataloader"] = "own"
    seed: Seed | None = None
    skipped: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    floored: bool = False
    reseeded: Count | Literal["epoch"] | None = None

    @property
    def epochal(self) -> bool:
        """Whether it depends on how long an epoch is."""
        return self.law in EPOCHAL or self.reseeded == "epoch"


class Schedule(Section):
    """ηₜ for t = 0, 1, …: η, η/(1 + `decay`·t), η/√(1 + `decay`·t) or η·`factor`^⌊t/`every`⌋.

    t counts the steps, or the epochs, so far; with `restart` the steps of this epoch.
    """

    law: Literal["constant", "inverse", "inverse_sqrt", "step"] = "constant"
    decay: Positive = 1.0
    factor: Positive = 0.5
    every: Count = 1
    unit: Literal["step", "epoch"] = "step"
    restart: bool = False


class Log(Section):
    """What the program records as its loss, and when.

    Attributes
    ----------
    value : {'sampled', 'objective', 'held_out', 'worst_margin'}
        The loss of the step's batch; of all examples trained on; of those held out; or
        maxᵢ(1 − yᵢzᵢ). Each with the penalty that `penalty` says.
    loss : str, optional
        Another loss than the trained one.
    reduction : {'mean', 'sum', 'examples'}
        Whether the losses of all examples, or the sampled ones of an epoch's steps, are averaged
        or summed. The penalty comes once with all examples, and with each step. Over an epoch's
        examples each step counts as often as it has examples: fewer in a short batch.
    factor : float
        Constant by which all that is logged is multiplied.
    moment : {'before', 'after'}
        Before or after the step's update.
    every : int or 'epoch'
        Every so many steps, or the mean over the steps of an epoch.
    phase : {'last', 'first'}
        Which of every so many steps it is.
    start : bool
        Whether the value at the initial parameters comes first.
    """

    value: Literal["sampled", "objective", "held_out", "worst_margin"] = "sampled"
    loss: Loss | None = None
    reduction: Literal["mean", "sum", "examples"] = "mean"
    factor: Number = 1.0
    moment: Literal["before", "after"] = "before"
    every: Count | Literal["epoch"] = "epoch"
    phase: Literal["last", "first"] = "last"
    start: bool = False
