"""SpecAugment hides the same moments and bands from every pass."""

import torch

from speechbrain_pib.augment.spec_augment import SpecAugment
from speechbrain_pib.lobes.models.replay import (
    frame_positions,
    replay_density,
)


def test_every_pass_misses_the_same_original_time_and_bands():
    torch.manual_seed(0)
    augment = SpecAugment(2, 40, 2, 10)
    masks = augment.draw(3, 200, 32, "cpu")
    chosen = torch.rand(3, 200) < 0.2
    first = torch.arange(200).expand(3, -1) + 0.5
    replay = frame_positions(replay_density(chosen, 4))
    log_mel = torch.randn(3, 200, 32)
    for positions in (first, replay):
        changed = augment(log_mel, positions, masks) != log_mel
        for clip in range(3):
            hidden_time = torch.zeros(200, dtype=torch.bool)
            for start, stop in masks[0][:, clip].T:
                hidden_time |= (positions[clip] >= start) & (
                    positions[clip] < stop
                )
            hidden_bands = torch.zeros(32, dtype=torch.bool)
            for start, stop in masks[1][:, clip].T:
                bands = (torch.arange(32) + 0.5) / 32
                hidden_bands |= (bands >= start) & (bands < stop)
            expected = hidden_time[:, None] | hidden_bands[None]
            assert torch.equal(changed[clip], expected)


def test_masks_are_no_wider_than_asked_and_differ_between_clips():
    torch.manual_seed(0)
    time, bands = SpecAugment(2, 25, 2, 27).draw(100, 400, 128, "cpu")
    for intervals, width, size in ((time, 25, 400), (128 * bands, 27, 128)):
        start, stop = intervals
        assert (start >= 0).all() and (stop <= size).all()
        assert (stop - start).max() <= width
        assert (stop - start).max() > 0.9 * width
        assert start.unique().numel() == start.numel()


def test_hidden_parts_get_the_mean_and_the_input_is_kept():
    augment = SpecAugment(1, 400, 0, 0)
    masks = (torch.tensor([[[0.0]] * 2, [[2.0]] * 2]), torch.zeros(2, 2, 0))
    log_mel = torch.tensor([[[1.0], [2.0], [6.0]], [[0.0], [0.0], [12.0]]])
    before = log_mel.clone()
    augmented = augment(log_mel, torch.tensor([[0.5, 1.5, 2.5]] * 2), masks)
    assert augmented.squeeze(2).tolist() == [[3.0, 3.0, 6.0], [4.0, 4.0, 12.0]]
    assert torch.equal(log_mel, before)
