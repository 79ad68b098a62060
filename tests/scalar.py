"""A program as a person would write it: one example at a time, scalars and lists, no batches.

The oracle of the trainers. It knows the vocabulary of recipes from the README alone and shares no
code with the package: a nested mapping of fields in, what replica 0 does out.
"""

import math
import random

import numpy as np


def pick(fields, path, default):
    for name in path.split("."):
        if not isinstance(fields, dict) or name not in fields:
            return default
        fields = fields[name]
    return fields


def legacy_data(problem, fields):
    seed = pick(fields, "data.seed", 0)
    stream = np.random.RandomState(seed)
    law = pick(fields, "data.features", {"law": "normal"})
    law = {"law": law} if isinstance(law, str) else law

    def features(rows, columns):
        shape = (columns, rows) if pick(fields, "data.transposed", False) else (rows, columns)
        if law.get("law", "normal") == "normal":
            drawn = law.get("scale", 1.0) * stream.standard_normal(shape)
        else:
            low, high = law.get("low", 0.0), law.get("high", 1.0)
            drawn = low + (high - low) * stream.random_sample(shape)
        return drawn.T if pick(fields, "data.transposed", False) else drawn

    theta = None
    if problem["dataset"] == "gaussian":
        X = features(30, 20)
        y = [float(2 * v - 1) for v in stream.randint(2, size=30)]
        X = [list(row) for row in X]
    elif problem["dataset"] == "disc":
        plane = features(2, 30)
        y = [1.0 if u * u + v * v > 0.7 else -1.0 for u, v in plane.T]
        c, s = math.cos(0.5), math.sin(0.5)
        X = [[c * u - s * v + 1, s * u + c * v + 1] for u, v in plane.T]
    else:
        theta = [*stream.normal(0, 4, 50), *stream.normal(0, 4, 50), *stream.normal(0, 0.05, 50)]
        X = [[x] for x in stream.normal(0, 1, 30)]
        y = [(x - 2) * math.cos(4 * x) for (x,) in X]
    return X, y, theta, stream, seed


class Program:
    """Replica 0 of a program."""

    def __init__(self, problem, fields):
        self.problem, self.fields = problem, fields
        self.model, self.loss_name = problem["model"], problem["loss"]
        X, y, self.given, stream, seed = legacy_data(problem, fields)
        n = self.get("data.train", len(y))
        coding = {-1.0: self.get("data.negative", -1.0), 1.0: self.get("data.positive", 1.0)}
        coded = y if self.model == "two_layer" else [coding[v] for v in y]
        self.all, self.true = X, y
        self.X, self.y, self.rest = X[:n], coded[:n], list(zip(X[n:], coded[n:], strict=True))
        default = "constant" if self.model == "affine" else "none"
        intercept = fields.get("intercept", {})
        if isinstance(intercept, str):
            intercept = dict.fromkeys(("output", "gradient", "log"), intercept)
        self.last = {k: intercept.get(k) or default for k in ("output", "gradient", "log")}
        self.follows = set(self.last.values()) != {"none"}
        self.lam = self.get("regularization", problem.get("regularization", 0.0))
        self.size = self.get("batch.size", 1)
        self.reduction = self.get("batch.reduction", "mean")
        if self.size == 1 and self.reduction == "margin":
            self.reduction = "mean"
        self.stream = stream
        begun = self.get("start.stream", "own")
        if begun == "reseeded":
            self.stream = np.random.RandomState(self.get("start.seed", seed))
        self.python = random.Random(self.get("start.seed", 0) if begun == "python" else 0)
        rng_seed = self.get("start.seed", 0) if begun == "default_rng" else 0
        self.default_rng = np.random.default_rng(rng_seed)
        self.theta = self.start()
        whole = n // self.size if self.get("batch.drop_last", True) else math.ceil(n / self.size)
        steps = self.get("steps", max(1, whole))
        if "epochs" in fields:
            self.lengths = [steps] * fields["epochs"]
        else:
            left, self.lengths = fields["updates"], []
            while left > 0:
                self.lengths.append(min(steps, left))
                left -= steps
        self.steps = steps

    def get(self, path, default):
        value = pick(self.fields, path, default)
        return default if value is None else value

    def phi(self, x):
        if self.model == "quadratic":
            u, v = x
            return [1.0, u, u * u, v, v * v]
        return list(x)

    def inputs(self, what, x, y):
        known = self.phi(x)
        if self.follows:
            known = [*known, {"none": 0.0, "constant": 1.0, "label": y}[self.last[what]]]
        return known

    def start(self):
        law, stream = self.get("start.law", "linear"), self.get("start.stream", "own")
        if stream == "before":
            return [float(v) for v in self.given]
        sizes, scales = [len(self.phi(self.X[0])), int(self.follows)], None
        if self.model == "two_layer":
            sizes = [50, 50, 50]
        if law == "network":
            scales = [self.get("start.scales", {})[part] for part in "abu"]
        low, high = self.get("start.low", 0.0), self.get("start.high", 1.0)
        normal = {
            "python": lambda: self.python.gauss(0.0, 1.0),
            "default_rng": self.default_rng.standard_normal,
        }.get(stream, self.stream.standard_normal)
        uniform = {"python": self.python.random, "default_rng": self.default_rng.random}
        uniform = uniform.get(stream, self.stream.random_sample)

        def one(part):
            if law in ("zeros", "ones"):
                return float(law == "ones")
            if law == "uniform":
                return low + (high - low) * uniform()
            return (scales[part] if scales else self.get("start.scale", 1.0)) * normal()

        bias, theta = self.get("start.bias", "drawn"), []
        for part, size in enumerate(sizes):
            left_out = part == 1 and bias == "zero"
            theta += [0.0 if left_out else one(part) for _ in range(size)]
        return theta[1:] + theta[:1] if bias == "first" and self.follows else theta

    def order(self):
        """Yield each epoch's list of batches."""
        again = self.get("order.reseeded", None)
        if again is None:
            yield from self.drawn()
            return
        every = [batch for epoch in self.drawn() for batch in epoch]
        step = 0
        for length in self.lengths:
            if again == "epoch":
                yield every[:length]
            else:
                yield [every[(step + k) % again] for k in range(length)]
            step += length

    def drawn(self):
        law, kind = self.get("order.law", "replacement"), self.get("order.generator", "own")
        n = self.get("order.examples", len(self.y))
        seed = self.get("order.seed", None)
        if kind == "python":
            source = self.python if seed is None else random.Random(seed)
            one = lambda m: source.randint(0, m - 1)  # noqa: E731
        elif kind == "default_rng":
            source = self.default_rng if seed is None else np.random.default_rng(seed)
            one = lambda m: int(source.integers(m))  # noqa: E731
        else:
            source = self.stream if seed is None else np.random.RandomState(seed)
            one = lambda m: int(source.randint(m))  # noqa: E731
        if self.get("order.floored", False):
            uniform = {"python": lambda: source.random(), "default_rng": lambda: source.random()}
            uniform = uniform.get(kind, lambda: source.random_sample())
            one = lambda m: int(m * uniform())  # noqa: E731
        if law in ("replacement", "blocks"):
            for _ in range(self.get("order.skipped", 0)):
                one(n if law == "replacement" else n // self.size)
        indices = list(range(n))
        if law == "permutation":
            source.shuffle(indices)
        for length in self.lengths:
            if law == "reshuffle":
                indices = list(range(n))
            if law in ("reshuffle", "in_place"):
                source.shuffle(indices)
            epoch = []
            for k in range(length):
                if law == "distinct" and kind == "python":
                    epoch.append(source.sample(range(n), self.size))
                elif law == "distinct":
                    epoch.append(list(source.choice(n, self.size, replace=False)))
                elif law == "replacement":
                    epoch.append([one(n) for _ in range(self.size)])
                elif law == "blocks":
                    block = one(n // self.size)
                    epoch.append([block * self.size + b for b in range(self.size)])
                elif self.get("batch.drop_last", True):
                    epoch.append([int(indices[(k * self.size + b) % n]) for b in range(self.size)])
                else:
                    epoch.append([int(i) for i in indices[k * self.size : (k + 1) * self.size]])
            yield epoch

    def rate(self, epoch, step_of_epoch, step):
        eta, law = self.fields["learning_rate"], self.get("schedule.law", "constant")
        t = step_of_epoch if self.get("schedule.restart", False) else step
        if self.get("schedule.unit", "step") == "epoch":
            t = epoch
        if law == "inverse":
            return eta / (1 + self.get("schedule.decay", 1.0) * t)
        if law == "inverse_sqrt":
            return eta / math.sqrt(1 + self.get("schedule.decay", 1.0) * t)
        if law == "step":
            return eta * self.get("schedule.factor", 0.5) ** (t // self.get("schedule.every", 1))
        return eta

    def z(self, what, theta, x, y):
        if self.model == "two_layer":
            p = len(theta) // 3
            return sum(theta[2 * p + j] * sig(theta[j] * x[0] + theta[p + j]) for j in range(p))
        return sum(t * v for t, v in zip(theta, self.inputs(what, x, y), strict=True))

    def covered(self, theta):
        count = len(self.phi(self.X[0]))
        covers = self.get("penalty.covers", "weights")
        mask = [1.0 if j < count or covers == "all" else 0.0 for j in range(len(theta))]
        if covers == "slopes" and self.model == "quadratic":
            mask[0] = 0.0
        return mask

    def penalty(self, theta):
        if self.model == "two_layer" or not self.get("penalty.logged", True):
            return 0.0
        return self.lam * sum(m * t * t for m, t in zip(self.covered(theta), theta, strict=True))

    def batch_loss(self, theta, batch):
        name = self.get("log.loss", None) or self.loss_name
        pairs = [(self.z("log", theta, self.X[i], self.y[i]), self.y[i]) for i in batch]
        if self.reduction == "margin":
            value = loss(name, sum(z * y for z, y in pairs), 1.0)
        else:
            value = sum(loss(name, z, y) for z, y in pairs)
            value /= len(batch) if self.reduction == "mean" else 1
        return value + self.penalty(theta)

    def full(self, theta):
        value = self.get("log.value", "sampled")
        pairs = self.rest if value == "held_out" else list(zip(self.X, self.y, strict=True))
        zs = [(self.z("log", theta, x, y), y) for x, y in pairs]
        if value == "worst_margin":
            return max(1 - y * z for z, y in zs) + self.penalty(theta)
        name = self.get("log.loss", None) or self.loss_name
        count = 1 if self.get("log.reduction", "mean") == "sum" else len(zs)
        return sum(loss(name, z, y) for z, y in zs) / count + self.penalty(theta)

    def factor(self, z, y, xj):
        kind = self.get("derivative", "exact")
        if self.loss_name == "squared":
            return z - y if kind == "exact" else z
        if kind == "label_forgotten_in_condition":
            return -y if z < 1 else 0.0
        if kind == "margin_forgotten":
            return -y if y * z < 0 else 0.0
        if self.loss_name == "hinge":
            return 0.0 if y * z >= 1 else (-y if kind == "exact" else -1.0)
        return {
            "exact": lambda: -y * sig(-y * z),
            "one_minus_loss": lambda: (1 - loss("logistic", z, y)) * y,
            "flipped_exponent": lambda: -y * sig(y * z),
            "label_forgotten": lambda: -sig(-y * z),
            "label_forgotten_in_exponent": lambda: -y * sig(-z),
            "per_feature": lambda: -y * sig(-xj * z),
        }[kind]()

    def gradient(self, theta, batch):
        weight = self.get("gradient_factor", 1.0)
        weight /= len(batch) if self.reduction == "mean" else 1
        total = [0.0] * len(theta)
        zs = [self.z("output", theta, self.X[i], self.y[i]) for i in batch]
        summed = sum(z * self.y[i] for z, i in zip(zs, batch, strict=True))
        for z, i in zip(zs, batch, strict=True):
            x, y = self.X[i], self.y[i]
            if self.model == "two_layer":
                slope = network_slope(theta, x[0])
                slope = [self.factor(z, y, None) * v for v in slope]
            elif self.reduction == "margin":
                slope = [y * self.factor(summed, 1.0, v) * v for v in self.inputs("gradient", x, y)]
            else:
                slope = [self.factor(z, y, v) * v for v in self.inputs("gradient", x, y)]
            total = [a + weight * b for a, b in zip(total, slope, strict=True)]
        return total

    def update(self, theta, batch, eta, gathered):
        if self.get("update", "simultaneous") != "simultaneous":
            return self.one_after_the_other(theta, batch, eta)
        total = self.gradient(theta, batch)
        c, times = self.get("penalty.factor", 2.0), self.get("penalty.times_rate", True)
        shrink = [0.0] * len(theta)
        if self.model != "two_layer":
            mask = self.covered(theta)
            shrink = [c * self.lam * m * t for m, t in zip(mask, theta, strict=True)]
        if not times:
            return [t - eta * g - s for t, g, s in zip(theta, total, shrink, strict=True)]
        total = [g + s for g, s in zip(total, shrink, strict=True)]
        if self.get("accumulate", False):
            gathered[:] = [a + b for a, b in zip(gathered, total, strict=True)]
            total = gathered
        return [t - eta * g for t, g in zip(theta, total, strict=True)]

    def one_after_the_other(self, theta, batch, eta):
        weight = self.get("gradient_factor", 1.0)
        weight /= len(batch) if self.reduction == "mean" else 1
        p, theta, factors = len(theta) // 3, list(theta), None
        for parts in self.fields["update"].removesuffix("_anew").split("_"):
            if factors is None or self.fields["update"].endswith("_anew"):
                factors = [
                    weight * self.factor(self.z("output", theta, self.X[i], 0), self.y[i], None)
                    for i in batch
                ]
            slopes = [network_slope(theta, self.X[i][0]) for i in batch]
            for begin in ("abu".index(part) * p for part in parts):
                for j in range(begin, begin + p):
                    theta[j] -= eta * sum(f * s[j] for f, s in zip(factors, slopes, strict=True))
        return theta

    def run(self):
        """Return θ₀, every batch, what is logged, and the final θ."""
        theta, logged, seen, step = list(self.theta), [], [], 0
        value, moment = self.get("log.value", "sampled"), self.get("log.moment", "before")
        every, phase = self.get("log.every", "epoch"), self.get("log.phase", "last")
        gathered = [0.0] * len(theta)
        if self.get("log.start", False):
            logged.append(self.full(theta))
        for number, epoch in enumerate(self.order()):
            values = []
            for k, batch in enumerate(epoch):

                def now(theta, batch=batch):
                    return self.batch_loss(theta, batch) if value == "sampled" else self.full(theta)

                wanted = every == "epoch" or (step + (phase == "last")) % every == 0
                before = now(theta) if wanted and moment == "before" else None
                theta = self.update(theta, batch, self.rate(number, k, step), gathered)
                if wanted:
                    values.append(before if moment == "before" else now(theta))
                step += 1
                seen.append(batch)
            if every == "epoch":
                reduction = self.get("log.reduction", "mean") if value == "sampled" else "mean"
                many = [len(batch) if reduction == "examples" else 1 for batch in epoch]
                whole = sum(m * v for m, v in zip(many, values, strict=True))
                values = [whole / (1 if reduction == "sum" else sum(many))]
            logged += values
        logged = [self.get("log.factor", 1.0) * v for v in logged]
        return {"initial": self.theta, "seen": seen, "logged": logged, "final": theta}


def sig(t):
    return 1 / (1 + math.exp(-t)) if t > -700 else 0.0


def loss(name, z, y):
    if name == "squared":
        return (z - y) ** 2 / 2
    m = y * z
    if name == "hinge":
        return max(0.0, 1 - m)
    return math.log1p(math.exp(-m)) if m > -30 else -m


def network_slope(theta, x):
    p = len(theta) // 3
    s = [sig(theta[j] * x + theta[p + j]) for j in range(p)]
    by_b = [theta[2 * p + j] * s[j] * (1 - s[j]) for j in range(p)]
    return [x * v for v in by_b] + by_b + s
