"""Every hand-written gradient against PyTorch's autograd."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stages.sgd.parts import losses, models


def numbers(*shape):
    return arrays(np.float64, shape, elements=st.floats(-8, 8, allow_subnormal=False))


@st.composite
def examples(draw):
    replicas, d = draw(st.integers(1, 5)), draw(st.integers(1, 21))
    signs = arrays(np.float64, replicas, elements=st.sampled_from([-1.0, 1.0]))
    return draw(numbers(d, replicas)), draw(numbers(d, replicas)), draw(signs)


def autograd(loss, theta, x, y):
    theta = torch.tensor(theta, requires_grad=True)
    loss(theta, torch.tensor(x), torch.tensor(y)).sum().backward()
    return theta.grad.numpy()


def margin(theta, x, y):
    return y * (theta * x).sum(dim=0)


@pytest.mark.parametrize(
    ("derivative", "loss"),
    [
        (
            losses.logistic_derivative,
            lambda theta, x, y: -torch.nn.functional.logsigmoid(margin(theta, x, y)),
        ),
        (losses.hinge_derivative, lambda theta, x, y: torch.relu(1 - margin(theta, x, y))),
    ],
)
@given(example=examples())
def test_linear_gradients(derivative, loss, example):
    theta, x, y = example
    z = (torch.tensor(theta) * torch.tensor(x)).sum(dim=0).numpy()  # both sides of a kink agree
    expected = autograd(loss, theta, x, y)
    with np.errstate(over="ignore"):
        by_hand = derivative(z, y) * x
    np.testing.assert_allclose(by_hand, expected, rtol=1e-12, atol=1e-12)


@st.composite
def network_examples(draw):
    replicas, p = draw(st.integers(1, 4)), draw(st.integers(1, 50))
    return draw(numbers(3 * p, replicas)), draw(numbers(replicas)), draw(numbers(replicas))


@given(example=network_examples())
def test_two_layer_gradient(example):
    def network(theta, x, _):
        a, b, u = theta.chunk(3)
        return (u * torch.sigmoid(a * x + b)).sum(dim=0)

    theta, x, y = example
    f, gradient = models.two_layer(theta, x)
    expected = network(torch.tensor(theta), torch.tensor(x), None).numpy()
    np.testing.assert_allclose(f, expected, rtol=1e-12, atol=1e-12 * max(1, np.abs(theta).sum()))
    expected = autograd(network, theta, x, y)
    np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("label", [1.0, -1.0])
def test_the_subgradient_at_the_kink_is_relus(label):
    z = torch.tensor([label], dtype=torch.float64, requires_grad=True)  # yz = 1 exactly
    torch.relu(1 - label * z).sum().backward()
    y = np.array([label])
    assert losses.hinge_derivative(y.copy(), y) == z.grad.numpy() == 0
    below = np.nextafter(1.0, 0.0) * y
    assert losses.hinge_derivative(below, y) == -label
    forgotten = losses.DERIVATIVES["hinge", "label_forgotten"]
    assert forgotten(y.copy(), y, None, None) == 0
    assert forgotten(below, y, None, None) == -1
