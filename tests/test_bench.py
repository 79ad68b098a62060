"""The benchmark compares like with like."""

import numpy as np
import pytest

from benchmarks import bench, rivals

LOOPS = [(rivals.scalar_loop, problem, 1e-12) for problem in bench.PROBLEMS]
LOOPS += [(rivals.printed_torch, problem, 1e-5) for problem in ("logistic", "svm")]  # in float32


@pytest.mark.parametrize(("loop", "problem", "room"), LOOPS)
def test_a_plain_loop_ends_where_the_trainer_does(loop, problem, room):
    recipe, X, y, theta = bench.ready(problem, 3)
    orders = np.random.default_rng(0).integers(len(y), size=(2, bench.STEPS, 1, 3))
    ours = bench.train("numpy", recipe, (X, y), theta, orders)
    run = loop(recipe, X, y, theta, orders.reshape(-1, 3))
    np.testing.assert_allclose(run(), ours[:, 0], rtol=0, atol=room)


def test_rows_say_whether_a_target_is_met():
    rows = bench.compare("quadratic_svm", 2, epochs=1, rounds=2, installed=False)
    assert {row.rival for row in rows} == {"scalar loop", "barest PyTorch"}
    assert all(row.verdict() == "" for row in rows)
    judged = bench.Row("svm", 1024, "numba loop", [22.0, 22.0], [10.0, 10.0])
    assert judged.verdict() == "≤ 2.2: met"
    assert judged._replace(theirs=[9.0, 9.0]).verdict() == "≤ 2.2: not met"
