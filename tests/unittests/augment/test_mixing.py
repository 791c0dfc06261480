"""Tests of mixup and cutmix.

Authors
 * The speechbrain_pib developers 2026
"""

import pytest
import torch

from speechbrain_pib.augment.mixing import MixingDraws, WaveformMixing


def make_batch(device, batch_size=64, num_samples=100, num_classes=7):
    generator = torch.Generator().manual_seed(1)
    wavs = torch.randn(batch_size, num_samples, generator=generator)
    labels = torch.randint(num_classes, (batch_size,), generator=generator)
    targets = torch.nn.functional.one_hot(labels, num_classes).float()
    return wavs.to(device), targets.to(device)


def mix_slowly(wavs, targets, draws):
    """Mixes clip by clip and sample by sample, from the definition."""
    mixed_wavs, mixed_targets = wavs.clone(), targets.clone()
    num_samples = wavs.shape[1]
    for i, (partner, share, is_cutmix, offset) in enumerate(zip(*draws)):
        if is_cutmix:
            length = round((1 - share.item()) * num_samples)
            start = int(offset.item() * (num_samples - length + 1))
            for sample in range(start, start + length):
                mixed_wavs[i, sample] = wavs[partner, sample]
            share = 1 - length / num_samples
        else:
            mixed_wavs[i] = share * wavs[i] + (1 - share) * wavs[partner]
        mixed_targets[i] = share * targets[i] + (1 - share) * targets[partner]
    return mixed_wavs, mixed_targets


@pytest.mark.parametrize("switch_probability", [0.0, 0.5, 1.0])
def test_equals_a_slow_loop_with_the_same_draws(device, switch_probability):
    wavs, targets = make_batch(device)
    mixing = WaveformMixing(
        probability=0.8, switch_probability=switch_probability
    )
    torch.manual_seed(3)
    draws = mixing.draw(len(wavs), wavs.device)
    torch.manual_seed(3)
    mixed_wavs, mixed_targets = mixing(wavs, targets)
    expected_wavs, expected_targets = mix_slowly(wavs, targets, draws)
    torch.testing.assert_close(mixed_wavs, expected_wavs)
    torch.testing.assert_close(mixed_targets, expected_targets)


def test_targets_stay_distributions_and_inputs_stay_as_they_were(device):
    wavs, targets = make_batch(device)
    wavs_before, targets_before = wavs.clone(), targets.clone()
    _, mixed = WaveformMixing()(wavs, targets)
    torch.testing.assert_close(mixed.sum(dim=1), targets.sum(dim=1))
    assert (mixed >= 0).all()
    assert wavs.equal(wavs_before) and targets.equal(targets_before)


def test_draws_follow_their_probabilities(device):
    mixing = WaveformMixing(
        mixup_alpha=0.3,
        cutmix_alpha=2.0,
        probability=0.6,
        switch_probability=0.25,
    )
    torch.manual_seed(0)
    draws = mixing.draw(20000, torch.device(device))
    mixed = draws.shares < 1
    assert mixed.float().mean().item() == pytest.approx(0.6, abs=0.02)
    assert draws.is_cutmix.float().mean().item() == pytest.approx(
        0.25, abs=0.02
    )
    assert draws.partners.sort().values.equal(
        torch.arange(20000, device=device)
    )
    for alpha, kind in ((0.3, ~draws.is_cutmix), (2.0, draws.is_cutmix)):
        shares = draws.shares[mixed & kind]
        assert shares.mean().item() == pytest.approx(0.5, abs=0.02)
        # Variance of Beta(alpha, alpha) is 1 / (8 alpha + 4).
        assert shares.var().item() == pytest.approx(
            1 / (8 * alpha + 4), rel=0.06
        )


@pytest.mark.parametrize("offset", [0.0, 0.9999999])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_replaced_stretch_never_leaves_the_clip(device, share, offset):
    draws = MixingDraws(
        partners=torch.tensor([0], device=device),
        shares=torch.tensor([share], device=device),
        is_cutmix=torch.tensor([True], device=device),
        offsets=torch.tensor([offset], device=device),
    )
    weights, shares = WaveformMixing.own_weights(draws, 10)
    torch.testing.assert_close(weights.float().mean(dim=1), shares)
    assert shares.item() == pytest.approx(share, abs=1e-6)


def test_unmixed_clips_are_bit_equal(device):
    wavs, targets = make_batch(device)
    mixed_wavs, mixed_targets = WaveformMixing(probability=0.0)(wavs, targets)
    assert mixed_wavs.equal(wavs) and mixed_targets.equal(targets)


def test_evaluation_changes_nothing(device):
    wavs, targets = make_batch(device)
    mixed_wavs, mixed_targets = WaveformMixing().eval()(wavs, targets)
    assert mixed_wavs is wavs and mixed_targets is targets


def test_class_indices_are_refused_with_the_remedy():
    with pytest.raises(ValueError, match="one_hot"):
        WaveformMixing()(torch.zeros(2, 10), torch.tensor([0, 1]))
