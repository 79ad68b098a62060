"""Candidates by the hundred thousand: rows of whole numbers, of which few recipes are made.

What depends on some fields is computed once for all candidates that agree in them.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from stages.sgd.diagnosis.candidates import Option
from stages.sgd.diagnosis.vocabulary import Vocabulary
from stages.sgd.recipes.combinations import complaints
from stages.sgd.recipes.recipe import Recipe

T = TypeVar("T")
RUNS = ("start",), ("data", "order", "batch", "log")  # may not go together: fields by fields


class Recipes(list[Recipe]):
    """Recipes of which nobody knows where they agree."""

    @classmethod
    def of(cls, recipes: "Crowd | Sequence[Recipe]") -> "Crowd | Recipes":
        """Return a crowd as it is, and recipes one by one."""
        return recipes if isinstance(recipes, Crowd) else cls(recipes)

    def each(self, fields: Sequence[str]) -> tuple[list[Recipe], np.ndarray]:
        """Return recipes that stand for all, and which stands for each."""
        return self, np.arange(len(self))

    def told(
        self, fields: Sequence[str], tell: Callable[[Recipe], T]
    ) -> tuple[list[T], np.ndarray]:
        """Return what is told of recipes that stand for all, and which of it is of each."""
        return [tell(r) for r in self], np.arange(len(self))

    def alike(self, fields: Sequence[str]) -> tuple["Recipes", np.ndarray]:
        """Return those that stand for all which agree in some fields, and which for each."""
        return self, np.arange(len(self))


class Crowd:
    """Candidates, each a choice and a set of options, the likeliest first.

    Parameters
    ----------
    whole : sequence of Option
        What candidates choose from.
    sets : numpy.ndarray of int, shape (candidates, options of each)
        Positions in `whole`, of the choices before those of the others.
    build : callable
        Returns the recipe of options.
    """

    def __init__(
        self,
        whole: Sequence[Option],
        sets: np.ndarray,
        build: Callable[[Sequence[Option]], Recipe],
    ) -> None:
        self.whole, self.sets, self.build = whole, sets, build
        self.rows = np.arange(len(sets))
        self.codes: dict[str, np.ndarray] = {}
        self.known: dict[Sequence[str], tuple[np.ndarray, np.ndarray]] = {}
        self.made: dict[int, Recipe] = {}
        self.said: dict[Sequence[str], dict[int, Any]] = {}
        heads = [{field.partition(".")[0] for field in o.changes} for o in whole]
        radix = (len(heads) + 1) ** np.arange(sets.shape[1], dtype=np.int64)
        for head in sorted(set().union(*heads)):  # other fields are the same in all
            has = np.array([head in some for some in heads])
            mine = np.where(has[sets], sets + 1, 0) @ radix
            self.codes[head] = _small(pd.factorize(mine)[0])
        for name, (head, value) in DERIVED.items():
            some, which = self.each((head,))
            codes = np.unique([value(r) for r in some], return_inverse=True)[1]
            self.codes[name] = _small(codes)[which]

    def __len__(self) -> int:
        """Return how many candidates there are."""
        return len(self.rows)

    def take(self, rows: np.ndarray) -> "Crowd":
        """Return some of the candidates, as often as they are asked for."""
        part = object.__new__(Crowd)
        part.__dict__ |= self.__dict__ | {"rows": self.rows[rows]}
        return part

    def each(self, fields: Sequence[str]) -> tuple[list[Recipe], np.ndarray]:
        """Return recipes that stand for all which agree in some fields, and which for each."""
        _, first, which = self._standing(fields)
        return [self.recipe(n) for n in first], which

    def told(
        self, fields: Sequence[str], tell: Callable[[Recipe], T]
    ) -> tuple[list[T], np.ndarray]:
        """Return what is told of recipes that stand for all, and which of it is of each.

        Of the same fields the same is told each time.
        """
        used, first, which = self._standing(fields)
        known = self.said.setdefault(fields, {})
        for one, n in zip(used, first, strict=True):
            if one not in known:
                known[one] = tell(self.recipe(n))
        return [known[one] for one in used], which

    def _standing(self, fields: Sequence[str]) -> tuple[list[int], list[int], np.ndarray]:
        """Return the classes that agree in fields, a row of `sets` of each, and which is whose."""
        first, which = self.classes(fields)
        which = which[self.rows]
        some, at = numbered(which)
        used = which[some]
        return used.tolist(), first[used].tolist(), at

    def alike(self, fields: Sequence[str]) -> tuple["Crowd", np.ndarray]:
        """Return those that stand for all which agree in some fields, and which for each."""
        if not fields:
            return self, np.arange(len(self))
        first, which = numbered(self.classes(fields)[1][self.rows])
        return self.take(first), which

    def classes(self, fields: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the first row of `sets` of each class that agrees in fields, and each row's."""
        if fields not in self.known:
            key = np.zeros(len(self.sets), np.int64)
            for field in filter(self.codes.__contains__, fields):
                key = key * (int(self.codes[field].max(initial=0)) + 1) + self.codes[field]
            first, which = numbered(key)
            self.known[fields] = first.astype(np.int32), _small(which)
        return self.known[fields]

    def recipe(self, n: int) -> Recipe:
        """Return the recipe of a row of `sets`."""
        if n not in self.made:
            self.made[n] = self.build(self.options(n))
        return self.made[n]

    def options(self, n: int) -> tuple[Option, ...]:
        """Return the options of a row of `sets`."""
        return tuple(self.whole[k] for k in self.sets[n])


DERIVED = {  # what parts of a recipe depend on, of the field that has it
    "follows": ("intercept", lambda recipe: recipe.follows),
    "size": ("batch", lambda recipe: recipe.batch.size * (1 if recipe.batch.drop_last else -1)),
    "loss": ("log", lambda recipe: recipe.log.loss or ""),
}


def _small(codes: np.ndarray) -> np.ndarray:
    return codes.astype(np.min_scalar_type(codes.max(initial=0)))


def numbered(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where each of the different keys is first, and which of these each key is."""
    which, found = pd.factorize(keys)
    first = np.empty(len(found), np.intp)
    first[which[::-1]] = np.arange(len(which))[::-1]  # what is written last stays
    return first, which


def coded(keys: Sequence[Hashable], which: np.ndarray) -> np.ndarray:
    """Return a number for each that is the same where its key is: of `keys`, that of `which`."""
    numbers = {key: n for n, key in enumerate(dict.fromkeys(keys))}
    return np.array([numbers[key] for key in keys])[which]


def grouped(keys: Sequence[Hashable], which: np.ndarray) -> list[np.ndarray]:
    """Return the positions that have the same key, where `which` says whose key each has."""
    if not len(which):
        return []
    number = coded(keys, which)
    order = np.argsort(number, kind="stable")
    return np.split(order, 1 + np.flatnonzero(np.diff(number[order])))


class Everyone:
    """All candidates that a vocabulary's options make."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        choices = list({id(o): o for choice in vocabulary.choices for o in choice}.values())
        options = [o for o in vocabulary.options if o.kind != "precision"]  # which all are tried in
        self.whole, self.first = [*choices, *options], len(choices)
        ids = [id(o) for o in self.whole]
        self.at = {one: n for n, one in enumerate(ids)}
        self.alone = np.array([vocabulary.alone[one] for one in ids])
        self.fits, self.together = (np.zeros((len(ids), len(ids)), bool) for _ in range(2))
        for n, option in enumerate(self.whole[self.first :], self.first):
            for k, other in enumerate(self.whole[:n]):
                self.fits[n, k] = self.fits[k, n] = vocabulary.fit(option, other)
                pair = (ids[n], ids[k]) in vocabulary.together
                self.together[n, k] = self.together[k, n] = pair

    def crowd(self, size: int, most: int) -> Crowd:
        """Return the likeliest candidates with so many deviations.

        Each of their options goes with each other, and matters beside one of the others; whether
        each matters beside all of them a vocabulary says.
        """
        sets, found = self._sets(size), []
        share = 1 + 3 * most // len(self.vocabulary.choices)
        for choice in self.vocabulary.choices:
            chosen = np.array([self.at[id(o)] for o in choice])
            some = sets[self.fits[chosen].all(axis=0)[sets].all(axis=1)][:share]
            beside = self.together[chosen].any(axis=0)[some]
            for k in range(size):
                beside |= self.together[some, some[:, k, None]]
            some = some[(self.alone[some] | beside).all(axis=1)]
            found.append(np.hstack([np.tile(chosen, (len(some), 1)).astype(np.int16), some]))
        sets = np.concatenate(found)
        sets = sets[np.argsort(-self._odds(sets[:, chosen.size :]), kind="stable")[:most]]
        crowd = Crowd(self.whole, sets, self._build)
        fine = self.alone[sets].all(axis=1)
        unsure = np.flatnonzero(~fine)
        for fields in RUNS:
            some, which = crowd.take(unsure).each(fields)
            unsure = unsure[np.array([self._runs(r, fields) for r in some], bool)[which]]
        fine[unsure] = True
        return crowd.take(np.flatnonzero(fine))

    def _build(self, options: Sequence[Option]) -> Recipe:
        return self.vocabulary.build(options, precision="float32")  # which is faster

    def _runs(self, recipe: Recipe, fields: Sequence[str]) -> bool:
        """Say whether what a recipe has in some fields can be."""
        base = self.vocabulary.base
        plain = base.model_copy(update={field: getattr(recipe, field) for field in fields})
        try:
            return self.vocabulary.trained(plain) > 0 and not any(b for b, _ in complaints(plain))
        except ValueError:
            return False

    def _sets(self, size: int) -> np.ndarray:
        """Return sets of options that fit pair by pair, the likeliest first: (sets, size)."""
        sets = np.zeros((1, 0), np.int16)
        for _ in range(size):
            last = sets[:, -1:] if sets.shape[1] else self.first - 1
            fit = self.fits[sets].all(axis=1) & (np.arange(len(self.whole)) > last)
            which, more = np.nonzero(fit)
            sets = np.column_stack([sets[which], more.astype(np.int16)])
        return sets[np.argsort(-self._odds(sets), kind="stable")]

    def _odds(self, sets: np.ndarray) -> np.ndarray:
        return np.array([o.odds for o in self.whole])[sets].prod(axis=1)
