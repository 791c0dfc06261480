"""Confidence: the probability of being right, by hand."""

import pytest
import torch

from speechbrain_pib.nnet.confidence import confidence


def test_independent_classes_are_as_sure_as_all_answers_together():
    values = [0.02, 0.97, 0.4]
    expected = (0.98 * 0.97 * 0.6) ** (1 / 3)
    sure = confidence(torch.tensor(values), multi_label=True)
    assert sure.item() == pytest.approx(expected, abs=1e-6)


def test_hundreds_of_independent_classes_do_not_underflow():
    unsure = torch.full((2, 527), 0.5)
    unsure[1, 0] = 0.9
    first, second = confidence(unsure, multi_label=True).tolist()
    assert first == pytest.approx(0.5, abs=1e-6)
    assert second > first


def test_tasks_are_sure_together():
    probabilities = torch.tensor([[0.7, 0.3, 0.2, 0.5, 0.3]])
    sure = confidence(probabilities, tasks=[2, 3])
    assert sure.tolist() == pytest.approx([0.35])


def test_bfloat16_does_not_round_the_confidence():
    values = torch.tensor([0.003, 0.997], dtype=torch.bfloat16)
    assert confidence(values).dtype == torch.float32
