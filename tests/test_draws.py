"""Each sampler against its generator used one draw at a time."""

import random

import numpy as np

from stages.sgd import draws


def test_protocol_replica_does_not_depend_on_its_neighbours():
    few, many = (
        np.concatenate(
            list(draws.protocol_indices(draws.generators(3, "svm", replicas), 40, 30, 7))
        )
        for replicas in (2, 9)
    )
    np.testing.assert_array_equal(few, many[:, :2])
    assert few.min() == 0
    assert few.max() == 29


def test_protocol_indices_do_not_depend_on_the_block(monkeypatch):
    def indices():
        return np.concatenate(
            list(draws.protocol_indices(draws.generators(0, "svm", 3), 20, 30, 5))
        )

    expected = indices()
    monkeypatch.setattr(draws, "BLOCK", 3)
    np.testing.assert_array_equal(indices(), expected)


def test_protocol_generators_differ_by_seed_problem_and_replica():
    keys = [(0, "svm"), (1, "svm"), (0, "logistic")]
    first = [rng.random() for key in keys for rng in draws.generators(*key, 2)]
    assert len(set(first)) == 6


def test_python_indices_are_randint_with_the_replicas_seed():
    drawn = np.concatenate(list(draws.python_indices(3, 40, 30, 20)))
    for seed in range(3):
        random.seed(seed)
        np.testing.assert_array_equal(drawn[:, seed], [random.randint(0, 29) for _ in range(800)])


def test_numpy_indices_leave_out_the_last_example():
    drawn = np.concatenate(list(draws.numpy_indices(np.random.RandomState(0), 3, 40, 30, 50)))
    for seed in range(3):
        np.random.seed(seed)
        expected = [np.random.randint(0, 29) for _ in range(2000)]
        np.testing.assert_array_equal(drawn[:, seed], expected)
    assert drawn.max() == 28
