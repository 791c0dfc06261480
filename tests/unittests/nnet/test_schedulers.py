"""The learning-rate factor on the published schedule."""

import numpy as np
import pytest
import torch

from speechbrain_pib.nnet.schedulers import WarmupCosine, WarmupMultiStep
from tests.helpers import read_published


@pytest.mark.parametrize(
    "epoch, rate",
    [(0, 1e-5), (1, 2.06e-4), (2.5, 5e-4), (10, 4.76e-4), (50, 1e-4)],
)
def test_published_rates_of_the_vggsound_recipe(epoch, rate):
    factor = WarmupCosine(2.5, 50, start=1e-5 / 5e-4, end=1e-4 / 5e-4)
    assert 5e-4 * factor(epoch) == pytest.approx(rate, rel=0.01)


def test_groups_keep_the_ratio_of_their_rates():
    weights = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    groups = [{"params": weights[:1], "lr": 1.0}, {"params": weights[1:]}]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, WarmupCosine(2, 10)
    )
    for _ in range(5):
        optimizer.step()
        scheduler.step()
        first, second = (group["lr"] for group in optimizer.param_groups)
        assert first == pytest.approx(10 * second)


def test_warmup_longer_than_training_is_refused():
    with pytest.raises(ValueError, match="warm-up of 11 epochs"):
        WarmupCosine(11, 10)


@pytest.mark.parametrize(
    "name, factor",
    [
        ("readme_no_warmup", WarmupMultiStep([30, 40])),
        ("warmup10", WarmupMultiStep([20, 30], warmup=10)),
        ("linear_default", WarmupMultiStep([20, 30], warmup=5, start=1 / 3)),
    ],
)
def test_rates_of_the_published_skimming(name, factor):
    published = read_published("listen_to_look", "lr")[name].numpy()
    rates = np.outer([factor(step) for step in range(60)], [0.01, 0.001, 0.0])
    assert rates == pytest.approx(published, rel=1e-6)


def test_milestones_out_of_order_are_refused():
    with pytest.raises(ValueError, match="do not ascend"):
        WarmupMultiStep([20, 15])
