"""Counted operations against closed forms.

Authors
 * The speechbrain_pib developers 2026
"""

import pytest
import torch

from speechbrain_pib.utils.operations import count_gmacs


def test_layers_cost_their_weights_times_their_positions():
    linear, conv = torch.nn.Linear(30, 40), torch.nn.Conv2d(3, 5, 3, padding=1)
    x, y = torch.zeros(7, 30), torch.zeros(1, 3, 8, 9)
    with torch.no_grad():
        assert count_gmacs(lambda: linear(x)) == pytest.approx(8.4e-6)
        assert count_gmacs(lambda: conv(y)) == pytest.approx(9.72e-6)
