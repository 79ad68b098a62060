"""The written datasets against the recipes of the source, to the last bit."""

import math

import numpy as np
import pytest
from conftest import load_recipe, section

from stages import dataset
from stages.common.files import read_examples
from stages.sgd.parts import datasets


def gaussian():
    X = np.random.randn(30, 20)
    return X, 2 * np.random.randint(2, size=30) - 1


def disc():
    X = np.random.randn(2, 30)
    y = np.sign(X[0] ** 2 + X[1] ** 2 - 0.7)
    c, s = math.cos(0.5), math.sin(0.5)
    rotated = [(c * u - s * v, s * u + c * v) for u, v in X.T]
    return np.array(rotated) + 1, y


def wave():
    for scale in (4.0, 4.0, 0.05):
        np.random.normal(loc=0.0, scale=scale, size=50)
    x = np.random.normal(loc=0.0, scale=1.0, size=30)
    return x[:, None], (x - 2) * np.cos(x * 4)


@pytest.mark.parametrize("recipe", [gaussian, disc, wave])
def test_written_values_are_the_sources(recipe, scratch):
    dataset.main(recipe.__name__)
    np.random.seed(0)
    expected_X, expected_y = recipe()
    X, y = read_examples(f"data/{recipe.__name__}.csv", classes=recipe is not wave)
    np.testing.assert_array_equal(X, expected_X)
    np.testing.assert_array_equal(y, expected_y)


def test_columns_are_named(scratch, tmp_path):
    headers = {}
    for name in ("gaussian", "disc", "wave"):
        dataset.main(name)
        headers[name] = (tmp_path / f"data/{name}.csv").read_text().splitlines()[0]
    gaussian_header = ",".join([f"x{j}" for j in range(1, 21)] + ["y"])
    assert headers == {"gaussian": gaussian_header, "disc": "u,v,y", "wave": "x,y"}


@pytest.mark.parametrize(("name", "shape"), [("gaussian", (30, 20)), ("disc", (2, 30))])
def test_transposed_features_are_drawn_in_the_other_shape(name, shape):
    recipe = load_recipe("s01_svm")
    assert recipe.data.transposed
    found = datasets.draw(section(name), recipe.data)
    np.random.seed(0)
    drawn = np.random.standard_normal(shape[::-1]).T
    if name == "gaussian":
        np.testing.assert_array_equal(found.X, drawn)
    else:
        c, s = math.cos(0.5), math.sin(0.5)
        np.testing.assert_allclose(found.X[:, 0], c * drawn[0] - s * drawn[1] + 1, rtol=1e-14)
