"""What the model selects, and what it compares that with in training.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
import pytest
import torch

from speechbrain_pib.lobes.models.playitback import PlayItBack
from tests.models import FRAMES, HOP, build, noise, record_passes


def test_padding_is_never_selected():
    model = build(2).eval()
    wavs = torch.randn(3, HOP * FRAMES)
    wavs[:, HOP * FRAMES // 2 :] = 0
    masks = model(wavs, torch.full((3,), 0.5)).masks
    assert masks.any()
    assert not masks[:, :, FRAMES // 2 + 1 :].any()


def test_the_selector_is_told_of_the_padding():
    model = build(1).eval()
    lengths = torch.tensor([0.3, 0.6, 1.0])
    output = model(noise(), lengths)
    steps = model.backbone.token_positions(FRAMES)
    for replay in range(2):
        frames = output.centres[replay] / HOP
        heard = torch.stack(
            [frames[:, int(step)] <= lengths * FRAMES - 0.5 for step in steps],
            dim=1,
        )
        grid = output.grids[replay]
        attention = model.selector(grid, heard)[:, 0] * heard
        torch.testing.assert_close(output.attention[replay], attention)
        untold = model.selector(grid)[:, 0] * heard
        assert not torch.allclose(output.attention[replay][:2], untold[:2])


@pytest.mark.parametrize("largest_share", [0.05, 0.2, 1.0])
def test_the_highest_foreground_above_its_mean_is_selected(largest_share):
    model = build(0, largest_share=largest_share).eval()
    output = model(noise())
    steps = model.backbone.token_positions(FRAMES)
    for clip in range(3):
        foreground = model.selector(output.grids[0][clip : clip + 1])[0, 0]
        salience = np.interp(np.arange(FRAMES), steps, foreground.detach())
        above = np.flatnonzero(salience > salience.mean() + 1e-6)
        order = above[np.argsort(-salience[above], kind="stable")]
        selected = output.masks[clip, 0].nonzero().flatten().tolist()
        expected = order[: round(largest_share * FRAMES)]
        # Beyond the outer steps saliences are alike up to rounding.
        np.testing.assert_allclose(
            np.sort(salience[selected]), np.sort(salience[expected]), atol=1e-5
        )
        assert 0 < len(selected) == len(expected) < FRAMES


@pytest.mark.parametrize("refinement", [1, 31])
def test_the_share_is_of_the_clip_in_every_pass(refinement):
    """A frame of a replay stands for more of the clip outside of what is
    replayed than inside."""
    model = build(2, refinement=refinement).eval()
    shares = model(noise(8)).masks.float().mean(dim=2)
    coarsest = (0.2 * refinement + 1) / FRAMES
    assert 0 < shares.min() and shares.max() <= 0.2 + coarsest


def test_without_a_share_everything_above_the_mean_is_selected():
    """As in versions that knew none."""
    parts = build(1).eval()
    model = PlayItBack(
        parts.fbank, parts.backbone, parts.selector, parts.decoder, replays=1
    )
    masks = model.eval()(noise()).masks
    assert torch.equal(masks, build(1, largest_share=1.0).eval()(noise()).masks)
    assert masks.sum(dim=2).max() > 0.2 * FRAMES


def test_each_pass_is_also_heard_by_itself():
    model = build(2).eval()
    output = model(noise())
    for number in range(3):
        logits = model.backbone(output.log_mel[number])[1]
        torch.testing.assert_close(
            output.segment_logits[:, number], logits, atol=1e-5, rtol=1e-4
        )


def fine_cells(centres, hops):
    """The base frames that a pass hears at its finer hop [batch, FRAMES]."""
    cells = torch.zeros(len(centres), FRAMES, dtype=torch.bool)
    for clip, (places, apart) in enumerate(zip(centres / HOP, hops / HOP)):
        for place in places[apart < 1]:
            cells[clip, int(place + 0.5)] = True
    return cells


@pytest.mark.parametrize(
    "largest_share, width", [(0.07, 7), (0.2, 20), (0.5, 50), (1.0, 50)]
)
def test_training_replays_a_random_segment_as_long_as_the_share(
    largest_share, width
):
    """But never more than half of the clip, which could not be told apart."""
    model = build(1, refinement=3, largest_share=largest_share).train()
    heard, segments = record_passes(model), []
    for _ in range(4):
        model(noise())
        assert len(heard) == 3  # first pass, replay, random segment
        segments.append(fine_cells(*heard[-1]))
        heard.clear()
    cells = torch.cat(segments)
    assert (cells.sum(dim=1) == width).all()
    edges = torch.nn.functional.pad(cells.int(), (1, 1)).diff().abs()
    assert (edges.sum(dim=1) == 2).all()
    assert len({tuple(row) for row in cells.tolist()}) > 8
    model.eval()(noise())
    assert len(heard) == 2


def test_frames_of_a_replay_have_the_hop_at_which_they_lie():
    model = build(2, refinement=15).eval()
    heard = record_passes(model)
    output = model(noise())
    assert (heard[0][1] == HOP).all()
    for replay in (1, 2):
        centres, hops = heard[replay]
        assert torch.equal(centres, output.centres[replay])
        cells = (centres / HOP + 0.5).long().tolist()
        compared = 0
        for clip in range(3):
            selected = output.masks[clip, replay - 1].tolist()
            for frame in range(FRAMES - 1):
                first, last = cells[clip][frame], cells[clip][frame + 1]
                if len(set(selected[first : last + 1])) == 1:
                    distance = centres[clip, frame + 1] - centres[clip, frame]
                    assert hops[clip, frame].item() == pytest.approx(
                        distance.item(), abs=0.05
                    )
                    compared += 1
            ratio = hops[clip].max() / hops[clip].min()
            assert ratio.item() == pytest.approx(1 + 15 * replay, rel=1e-3)
        assert compared > 200


def test_preferences_compare_the_attention_of_each_pass_in_a_slow_loop():
    model = build(2, freeze_backbone=True).train()
    heard = record_passes(model)
    output = model(noise())
    segment = fine_cells(*heard[-1])
    steps = model.backbone.token_positions(FRAMES)
    for clip in range(3):
        for replay in range(2):
            attention = output.attention[replay][clip].detach().numpy()
            salience = np.interp(np.arange(FRAMES), steps, attention)
            cells = (output.centres[replay][clip] / HOP + 0.5).long()
            means = []
            for mask in (output.masks[clip, replay], segment[clip]):
                inside = [
                    salience[frame]
                    for frame, cell in enumerate(cells.tolist())
                    if mask[cell]
                ]
                means.append(sum(inside) / len(inside))
            expected = [mean / sum(means) for mean in means]
            found = output.preferences[clip, replay].tolist()
            assert found == pytest.approx(expected, abs=1e-4)
            assert sum(found) == pytest.approx(1.0, abs=1e-6)
            # What was selected has more attention than the mean of the rest.
            assert found[0] > 0.5


def test_the_random_segment_is_heard_by_itself():
    model = build(2, freeze_backbone=True).train()
    heard = record_passes(model)
    output = model(noise())
    log_mel = model.fbank(noise(), *heard[-1])
    logits = model.backbone(log_mel)[1]
    torch.testing.assert_close(
        output.explored_logits, logits, atol=1e-5, rtol=1e-4
    )


def test_a_control_is_trained_with_its_own_segments_alone():
    model = build(1).train()
    heard = record_passes(model)
    masks = torch.zeros(3, 1, FRAMES, dtype=torch.bool)
    masks[:, 0, 40:60] = True
    output = model(noise(), masks=masks)
    assert len(heard) == 2
    assert output.explored_logits is None and output.preferences is None
