"""Random numbers of the libraries that programs draw them from, under NumPy's names.

A stream has `uniform(low, high, size)` and `normal(mean, scale, size)` for θ₀, and for examples
`integers(n, size=…)`, so many below n, `choice(n, size, replace=False)`, so many different ones,
and `permutation(n)`. NumPy's `Generator` has these itself.
"""

import random
from collections.abc import Callable
from functools import cached_property, partial

import numpy as np


class Legacy:
    """NumPy's legacy generator."""

    def __init__(self, source: np.random.RandomState) -> None:
        self.uniform, self.normal = source.uniform, source.normal
        self.integers = partial(source.randint, 0)
        self.choice, self.permutation = source.choice, source.permutation


class Python:
    """Python's `random`: `uniform`, `gauss`, `randint(0, n - 1)`, `sample` and `shuffle`."""

    def __init__(self, seed: int) -> None:
        self.source = random.Random(seed)

    def uniform(self, low: float, high: float, size: int) -> np.ndarray:
        """Return U(low, high)."""
        return np.array([self.source.uniform(low, high) for _ in range(size)])

    def normal(self, mean: float, scale: float, size: int) -> np.ndarray:
        """Return N(mean, scale²)."""
        return np.array([self.source.gauss(mean, scale) for _ in range(size)])

    def choice(self, n: int, size: int, replace: bool) -> list[int]:
        """Return so many different indices below n."""
        return self.source.sample(range(n), size)

    def permutation(self, n: int) -> list[int]:
        """Return 0 … n − 1, shuffled."""
        indices = list(range(n))
        self.source.shuffle(indices)
        return indices

    @cached_property
    def twister(self) -> np.random.MT19937:
        """The source from here on, as NumPy has it."""
        *key, position = self.source.getstate()[1]
        twister = np.random.MT19937()
        twister.state = {"bit_generator": "MT19937", "state": {"key": key, "pos": position}}
        return twister

    def integers(self, n: int, size: int) -> np.ndarray:
        """Return so many indices below n.

        Both libraries have the Mersenne Twister. Of each of its words Python takes the leading
        bits, as many as n has, and another word where they are no less than n.
        """
        found = np.empty(0, np.uint64)
        while len(found) < size:
            words = self.twister.random_raw(size - len(found)) >> np.uint64(32 - n.bit_length())
            found = np.append(found, words[words < n])
        return found


class Torch:
    """PyTorch's generator after `torch.manual_seed`. What it draws for θ₀ is float32."""

    def __init__(self, seed: int) -> None:
        import torch  # two seconds that only the programs drawn from its generator should pay

        self.torch, self.source = torch, torch.Generator().manual_seed(seed)

    def uniform(self, low: float, high: float, size: int) -> np.ndarray:
        """Return U(low, high): `torch.rand`, scaled and shifted."""
        shares = self.torch.rand(size, generator=self.source).numpy()
        return shares * np.float32(high - low) + np.float32(low)

    def linear(self, bound: float, size: int) -> np.ndarray:
        """Return U(−bound, bound) as `torch.nn.Linear` draws it, scaled and shifted at once.

        It rounds once, by its processor's fused multiply-add. So does this on any processor: in
        float64 the product is exact.
        """
        low, high = np.float32(-bound), np.float32(bound)
        shares = self.torch.rand(size, generator=self.source).numpy().astype(np.float64)
        return (shares * np.float64(high - low) + np.float64(low)).astype(np.float32)

    def normal(self, mean: float, scale: float, size: int) -> np.ndarray:
        """Return N(mean, scale²)."""
        drawn = self.torch.randn(size, generator=self.source).numpy()
        return drawn * np.float32(scale) + np.float32(mean)

    def integers(self, n: int, size: int) -> np.ndarray:
        """Return so many indices below n."""
        return self.torch.randint(n, (size,), generator=self.source).numpy()

    def choice(self, n: int, size: int, replace: bool) -> np.ndarray:
        """Return so many different indices below n."""
        return self.permutation(n)[:size]

    def permutation(self, n: int) -> np.ndarray:
        """Return 0 … n − 1, shuffled."""
        return self.torch.randperm(n, generator=self.source).numpy()


class Loader:
    """A `DataLoader` that shuffles, on PyTorch's generator."""

    def __init__(self, torchs: Torch) -> None:
        self.torch, self.source = torchs.torch, torchs.source

    def permutation(self, n: int) -> np.ndarray:
        """Return 0 … n − 1 in the next epoch's order."""
        empty = self.torch.empty((), dtype=self.torch.int64)
        empty.random_(generator=self.source)  # a seed for its workers
        seed = int(empty.random_(generator=self.source))
        return self.torch.randperm(n, generator=self.torch.Generator().manual_seed(seed)).numpy()


Stream = Legacy | np.random.Generator | Python | Torch | Loader
SEEDED: dict[str, Callable[[int], Stream]] = {
    "numpy": lambda seed: Legacy(np.random.RandomState(seed)),
    "default_rng": np.random.default_rng,
    "python": Python,
    "torch": Torch,
}
