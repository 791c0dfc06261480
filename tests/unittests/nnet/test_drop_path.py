"""Stochastic depth from its definition.

Authors
 * The speechbrain_pib developers 2026
"""

import pytest
import torch

from speechbrain_pib.nnet.drop_path import DropPath


def test_an_example_is_dropped_whole_or_scaled_up(device):
    x = torch.rand(64, 3, 5, device=device) + 1.0
    factors = DropPath(0.2)(x) / x
    assert torch.equal(factors == 0, (factors == 0)[:, :1, :1].expand_as(x))
    kept = factors[factors != 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / 0.8))
    assert 0 < len(kept) < factors.numel()


@pytest.mark.parametrize("rate", [0.1, 0.7])
def test_the_rate_is_the_share_that_is_dropped(rate, device):
    x = torch.ones(20000, 1, device=device)
    dropped = DropPath(rate)(x)
    assert (dropped == 0).float().mean().item() == pytest.approx(rate, abs=0.02)
    # The expectation stays the same.
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.03)


def test_nothing_is_dropped_in_evaluation_or_without_a_rate():
    x = torch.ones(100, 2)
    assert DropPath(0.9).eval()(x) is x
    assert DropPath(0.0)(x) is x
