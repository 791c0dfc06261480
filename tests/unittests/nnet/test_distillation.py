"""Tests of the loss of distillation.

Authors
 * The speechbrain_pib developers 2026
"""

import math

import pytest
import torch

from speechbrain_pib.nnet.distillation import DistillationLoss


def test_closed_form():
    features = torch.tensor([[1.0, 2.0], [0.0, -1.0]])
    teacher_features = torch.tensor([[0.0, 4.0], [0.0, -2.0]])
    # p_V = (3/4, 1/4) and (1/2, 1/2), p = (1/2, 1/2) and (1/4, 3/4).
    teacher_logits = torch.tensor([[math.log(3.0), 0.0], [5.0, 5.0]])
    logits = torch.tensor([[0.0, 0.0], [0.0, math.log(3.0)]])
    losses = DistillationLoss(kl_weight=10.0)(
        features, logits, teacher_features, teacher_logits
    )
    absolute = (1 + 2 + 0 + 1) / 4
    first = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    second = 0.5 * math.log(2.0) + 0.5 * math.log(2 / 3)
    divergence = (first + second) / 2
    assert float(losses["features"]) == pytest.approx(absolute)
    assert float(losses["divergence"]) == pytest.approx(divergence)
    expected = absolute + 10 * divergence
    assert float(losses["loss"]) == pytest.approx(expected)


def test_temperature_softens_both_and_is_squared():
    # At a temperature of 2, p_V = (3/4, 1/4) and p = (1/5, 4/5).
    teacher = torch.tensor([[2 * math.log(3.0), 0.0]])
    student = torch.tensor([[0.0, 2 * math.log(4.0)]])
    z = torch.zeros(1, 4)
    losses = DistillationLoss(temperature=2.0)(z, student, z, teacher)
    expected = 4 * (0.75 * math.log(0.75 / 0.2) + 0.25 * math.log(0.25 / 0.8))
    assert float(losses["divergence"]) == pytest.approx(expected)


def test_only_the_student_learns():
    generator = torch.Generator().manual_seed(0)
    shapes = [(3, 8), (3, 5), (3, 8), (3, 5)]
    inputs = [
        torch.randn(shape, generator=generator).requires_grad_()
        for shape in shapes
    ]
    DistillationLoss()(*inputs)["loss"].backward()
    assert all(torch.any(x.grad != 0) for x in inputs[:2])
    assert inputs[2].grad is None and inputs[3].grad is None


def test_certain_teacher_gives_a_finite_loss():
    teacher = torch.tensor([[1000.0, 0.0, 0.0]])
    student = torch.zeros(1, 3, requires_grad=True)
    z = torch.zeros(1, 4)
    losses = DistillationLoss()(z, student, z, teacher)
    losses["loss"].backward()
    divergence = float(losses["divergence"].detach())
    assert divergence == pytest.approx(math.log(3.0))
    assert student.grad.isfinite().all()
