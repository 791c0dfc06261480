"""Tests of the waveform augmentations.

Authors
 * The speechbrain_pib developers 2026
"""

import pytest
import torch

from speechbrain_pib.augment.waveform import RandomGain, RandomRoll


def test_roll_is_a_roll_by_another_shift_per_clip(device):
    torch.manual_seed(0)
    wavs = torch.randn(8, 50, device=device)
    rolled = RandomRoll()(wavs)
    shifts = []
    for wav, result in zip(wavs, rolled):
        found = [s for s in range(50) if wav.roll(s).equal(result)]
        assert len(found) == 1
        shifts += found
    assert len(set(shifts)) > 4


def test_roll_reaches_every_shift(device):
    impulses = torch.zeros(2000, 5, device=device)
    impulses[:, 0] = 1
    counts = RandomRoll()(impulses).sum(dim=0)
    assert counts.min() > 300


def test_gain_is_uniform_in_decibels_and_differs_per_clip(device):
    torch.manual_seed(0)
    wavs = torch.ones(4000, 3, device=device)
    scaled = RandomGain(low=-12.0, high=6.0)(wavs)
    assert (scaled == scaled[:, :1]).all()
    decibels = 20 * scaled[:, 0].log10()
    assert decibels.min() >= -12.001 and decibels.max() <= 6.001
    assert decibels.mean().item() == pytest.approx(-3.0, abs=0.3)
    # Variance of a uniform distribution of width 18.
    assert decibels.var().item() == pytest.approx(18**2 / 12, rel=0.05)


def test_gain_keeps_silence_finite(device):
    silence = torch.zeros(2, 10, device=device)
    assert RandomGain()(silence).equal(silence)


@pytest.mark.parametrize("augmentation", [RandomRoll(), RandomGain()])
def test_evaluation_changes_nothing(augmentation, device):
    wavs = torch.randn(2, 10, device=device)
    assert augmentation.eval()(wavs) is wavs


@pytest.mark.parametrize("augmentation", [RandomRoll(), RandomGain()])
def test_input_stays_as_it_was(augmentation, device):
    wavs = torch.randn(2, 10, device=device)
    before = wavs.clone()
    augmentation.train()(wavs)
    assert wavs.equal(before)


def test_exchanged_bounds_of_the_gain_are_refused():
    with pytest.raises(ValueError, match="exchange"):
        RandomGain(low=6.0, high=-6.0)
