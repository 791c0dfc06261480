"""The whole model: gradient, determinism, independence, odd input."""

import numpy as np
import pytest
import torch

from speechbrain_pib.augment.spec_augment import SpecAugment
from speechbrain_pib.lobes.features import MultiHopFbank
from speechbrain_pib.lobes.models.convnet import ConvNet
from speechbrain_pib.lobes.models.latent_decoder import LatentDecoder
from speechbrain_pib.lobes.models.mvitv2 import MViTv2
from speechbrain_pib.lobes.models.playitback import PlayItBack
from speechbrain_pib.lobes.models.replay import (
    frame_positions,
    replay_density,
)
from speechbrain_pib.lobes.models.slot_attention import SlotSelector
from speechbrain_pib.nnet.losses import PlayItBackLoss
from tests.helpers import check_clips_are_heard_alone, without_gradient

HOP, FRAMES, CLASSES = 200, 100, 5


def build(replays=2, backbone=None, fbank=None, **options):
    """A small model that selects a fifth at most."""
    torch.manual_seed(0)
    backbone = backbone or MViTv2(CLASSES, embed_dim=8, depths=[1, 1, 1])
    decoder = LatentDecoder(
        backbone.output_size,
        CLASSES,
        replays + 1,
        num_latents=4,
        latent_size=16,
        latent_heads=2,
        head_size=8,
        self_blocks=1,
    )
    return PlayItBack(
        fbank or MultiHopFbank(HOP, FRAMES, n_mels=32),
        backbone,
        SlotSelector(backbone.output_size, slot_size=16),
        decoder,
        replays=replays,
        **{"largest_share": 0.2, **options},
    )


def noise(batch=3):
    """Clips of noise that swells at a place of its own."""
    generator = torch.Generator().manual_seed(1)
    wavs = torch.randn(batch, HOP * FRAMES, generator=generator)
    time = torch.arange(HOP * FRAMES) / (HOP * FRAMES)
    places = torch.linspace(0.2, 0.8, batch).unsqueeze(1)
    return wavs * (0.01 + (-(((time - places) / 0.1) ** 2)).exp())


@pytest.mark.parametrize("replays", [0, 1, 2, 3])
def test_every_number_of_replays_has_its_passes(replays, device):
    model = build(replays).to(device).eval()
    output = model(noise().to(device))
    passes = replays + 1
    assert output.logits.shape == (3, CLASSES)
    assert output.pass_logits.shape == (3, passes, CLASSES)
    assert [x.shape for x in output.centres] == passes * [(3, FRAMES)]
    assert output.embeddings.shape == (3, 16)
    assert output.masks.shape == (3, passes, FRAMES)
    assert output.segment_logits.shape == (3, passes, CLASSES)
    assert output.explored_logits is None and output.preferences is None
    output = model.train()(noise().to(device))
    if replays > 0:
        assert output.explored_logits.shape == (3, CLASSES)
        assert output.preferences.shape == (3, replays, 2)
    assert (output.explored_logits is None) == (replays == 0)
    assert len(output.segments) == 3
    assert len(output.segments[0]) == passes


@pytest.mark.parametrize("replays", [0, 1, 3])
@pytest.mark.parametrize("freeze_backbone", [False, True])
@pytest.mark.parametrize("backbone", [MViTv2, ConvNet])
def test_training_loss_reaches_every_trained_parameter(
    backbone, freeze_backbone, replays, device
):
    if backbone is MViTv2:
        backbone = MViTv2(CLASSES, embed_dim=8, depths=[1, 1, 1])
    else:
        backbone = ConvNet(CLASSES, channels=[8, 16])
    augment = SpecAugment(2, 10, 2, 8)
    model = build(
        replays, backbone, augment=augment, freeze_backbone=freeze_backbone
    ).to(device)
    targets = torch.eye(CLASSES, device=device)[:3]
    PlayItBackLoss()(model(noise().to(device)), targets)["loss"].backward()
    assert without_gradient(model) == []


@pytest.mark.parametrize("control", ["same hop", "random", "everything"])
def test_training_with_a_control_reaches_every_parameter_too(control):
    model = build(2, augment=SpecAugment(2, 10, 2, 8)).train()
    masks = torch.zeros(3, 2, FRAMES, dtype=torch.bool)
    if control == "random":
        masks[:, :, 30:50] = True
    elif control == "everything":
        masks[:] = True
    output = model(noise(), masks=masks)
    loss = PlayItBackLoss()(output, torch.eye(CLASSES)[:3])["loss"]
    loss.backward()
    assert loss.isfinite()
    assert without_gradient(model) == []


def test_a_frozen_backbone_stays_as_it_is_and_in_evaluation_mode():
    model = build(1, freeze_backbone=True).train()
    assert model.selector.training and model.decoder.training
    assert not any(part.training for part in model.backbone.modules())
    assert not any(p.requires_grad for p in model.backbone.parameters())


def test_a_backbone_alone_classifies_the_mean_of_its_grid():
    backbone = MViTv2(CLASSES, embed_dim=8, depths=[1, 1, 1])
    model = PlayItBack(MultiHopFbank(HOP, FRAMES, n_mels=32), backbone).eval()
    output = model(noise())
    logits = backbone(model.fbank(noise()))[1]
    assert torch.allclose(output.logits, logits, atol=1e-5)
    assert output.masks is None and output.segments is None


def test_logits_are_computed_from_the_embeddings():
    model = build(2).eval()
    output = model(noise())
    again = model.decoder.classifier(output.embeddings)
    assert torch.allclose(again, output.logits)
    backbone = PlayItBack(model.fbank, model.backbone).eval()
    output = backbone(noise())
    again = model.backbone.forward_head(output.embeddings)
    assert torch.allclose(again, output.logits, atol=1e-6)


@pytest.mark.parametrize("win_hops", [None, 4])
def test_evaluation_is_deterministic_and_independent_of_the_batch(
    win_hops, device
):
    fbank = MultiHopFbank(HOP, FRAMES, n_mels=32, win_hops=win_hops)
    model = build(3, fbank=fbank).to(device).eval()
    check_clips_are_heard_alone(model, noise().to(device))


def test_a_nan_clip_does_not_touch_its_neighbours():
    model = build(2).eval()
    wavs = noise()
    clean = model(wavs).logits
    wavs[1] = float("nan")
    dirty = model(wavs).logits
    assert torch.allclose(dirty[[0, 2]], clean[[0, 2]], atol=1e-5)
    assert dirty[1].isnan().all()


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("content", ["silence", "constant", "click", "loud"])
def test_odd_input_has_a_finite_loss_and_gradient(content, mode):
    model = build(2, augment=SpecAugment(2, 10, 2, 8)).train(mode == "train")
    wavs = torch.zeros(2, HOP * FRAMES)
    if content == "constant":
        wavs += 0.5
    elif content == "click":
        wavs[:, 0] = 1.0
    elif content == "loud":
        wavs = 1e4 * torch.randn_like(wavs)
    lengths = torch.tensor([1.0, 1.0 / (HOP * FRAMES)])
    output = model(wavs, lengths)
    loss = PlayItBackLoss()(output, torch.eye(CLASSES)[:2])["loss"]
    loss.backward()
    assert loss.isfinite()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert all(gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("refinement", [1, 0.5, 15])
def test_replays_are_laid_out_by_the_selection_of_the_pass_before(refinement):
    model = build(3, refinement=refinement).eval()
    output = model(noise())
    for replay in range(1, 4):
        inside = 1 + replay * refinement
        density = replay_density(output.masks[:, replay - 1], inside)
        expected = (frame_positions(density) - 0.5) * HOP
        assert torch.equal(output.centres[replay], expected)


def test_given_masks_replace_the_selection():
    model = build(1).eval()
    masks = torch.zeros(3, 1, FRAMES, dtype=torch.bool)
    uniform = model(noise(), masks=masks)
    assert torch.allclose(uniform.centres[1], uniform.centres[0], atol=1e-2)
    masks[:, :, 20:40] = True
    inside = model(noise(), masks=masks).centres[1][0] / HOP
    inside = ((inside >= 19.5) & (inside < 39.5)).sum().item()
    assert inside == pytest.approx(FRAMES * 40 / 120, abs=1)


def test_each_replay_has_its_own_mask():
    model = build(2).eval()
    masks = torch.zeros(3, 2, FRAMES, dtype=torch.bool)
    masks[:, 0, 20:40] = True
    masks[:, 1, 50:80] = True
    centres = model(noise(), masks=masks).centres
    for replay in (1, 2):
        density = replay_density(masks[:, replay - 1], replay + 1)
        expected = (frame_positions(density) - 0.5) * HOP
        assert torch.equal(centres[replay], expected)


def test_the_decoder_is_told_the_original_time_of_each_step():
    model, told = build(2).eval(), []
    model.decoder.register_forward_pre_hook(
        lambda _, inputs: told.append(inputs[1])
    )
    centres = model(noise()).centres
    steps = model.backbone.token_positions(FRAMES)
    (times,) = told
    uniform = torch.linspace(-1, 1, len(steps)).expand(3, -1)
    torch.testing.assert_close(times[0], uniform)
    first, last = steps[0] * HOP, steps[-1] * HOP
    for clip in range(3):
        for replay in (1, 2):
            samples = np.interp(steps, np.arange(FRAMES), centres[replay][clip])
            expected = 2 * (samples - first.item()) / (last - first).item() - 1
            seen = times[replay][clip].numpy()
            np.testing.assert_allclose(seen, expected, atol=1e-4)
            assert np.abs(seen - uniform[clip].numpy()).max() > 0.01


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


def record_passes(model):
    """Keep the centres and hops of each pass, in samples."""
    heard = []
    model.fbank.register_forward_pre_hook(
        lambda _, inputs: heard.append(inputs[1:])
    )
    return heard


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


class RecordingSpecAugment(SpecAugment):
    """Keeps what it draws."""

    def draw(self, *sizes):
        """As drawn."""
        self.drawn = super().draw(*sizes)
        return self.drawn


def test_training_hides_the_same_original_time_from_every_pass():
    augment = RecordingSpecAugment(2, 30, 2, 8)
    model = build(2, augment=augment).train()
    wavs = noise()
    output = model(wavs)
    for replay in range(3):
        centres = output.centres[replay]
        clean = model.fbank(wavs, centres)
        masked = augment(clean, centres / HOP + 0.5, augment.drawn)
        assert torch.equal(output.log_mel[replay], masked)
        assert not torch.equal(masked, clean)
    output = model.eval()(wavs)
    clean = model.fbank(wavs, output.centres[0])
    assert torch.equal(output.log_mel[0], clean)


@pytest.mark.parametrize("win_hops", [None, 4])
def test_a_finer_replay_shows_what_the_waveform_holds(win_hops):
    fbank = MultiHopFbank(HOP, FRAMES, n_mels=32, win_hops=win_hops)
    model = build(1, fbank=fbank, refinement=7).eval()
    heard, wavs = record_passes(model), noise()
    output = model(wavs)
    hops = heard[1][1]
    for clip in range(3):
        centres = output.centres[1][clip]
        for frame in (0, 33, 66, 99):
            only = slice(frame, frame + 1)
            expected = model.fbank(
                wavs[clip : clip + 1], centres[only], hops[clip, only]
            )
            torch.testing.assert_close(
                output.log_mel[1][clip, frame], expected[0, 0]
            )


def test_training_in_bfloat16_has_a_finite_loss_and_all_gradients(device):
    model = build(2).to(device).train()
    targets = torch.eye(CLASSES, device=device)[:3]
    with torch.autocast(torch.device(device).type, dtype=torch.bfloat16):
        output = model(noise().to(device))
        loss = PlayItBackLoss()(output, targets)["loss"]
    assert output.preferences.dtype == loss.dtype == torch.float32
    loss.backward()
    assert loss.isfinite()
    assert without_gradient(model) == []


def test_bfloat16_stays_close_to_float32(device):
    model = build(1).to(device).eval()
    wavs = noise().to(device)
    masks = torch.zeros(3, 1, FRAMES, dtype=torch.bool, device=device)
    masks[:, :, 20:40] = True
    with torch.no_grad():
        exact = model(wavs, masks=masks).logits
        with torch.autocast(torch.device(device).type, dtype=torch.bfloat16):
            rough = model(wavs, masks=masks).logits.float()
    assert (rough - exact).norm() / exact.norm() < 2e-2


def test_replays_of_some_clips_go_on_from_a_first_listen_to_all(monkeypatch):
    model, wavs = build(2).eval(), noise(4)
    with torch.no_grad():
        whole, first = model(wavs), model(wavs, replays=0)
        assert torch.equal(first.logits, first.pass_logits[:, 0])
        assert torch.allclose(first.logits, whole.pass_logits[:, 0], atol=1e-5)
        rows = torch.tensor([3, 1])
        heard = []
        listen = model._listen
        monkeypatch.setattr(
            model, "_listen", lambda *x: heard.append(x) or listen(*x)
        )
        again = model(wavs[rows], first=first.of_clips(rows))
        assert len(heard) == 2
        # Replay by replay it is the same.
        steps = model(wavs, first=model(wavs, first=first, replays=1))
    assert len(heard) == 4
    expected = whole.of_clips(rows)
    for name in ("logits", "pass_logits", "masks"):
        close(getattr(expected, name).float(), getattr(again, name).float())
        close(getattr(whole, name).float(), getattr(steps, name).float())
    for name in ("attention", "centres"):
        for index in range(3):
            close(getattr(expected, name)[index], getattr(again, name)[index])
            close(getattr(whole, name)[index], getattr(steps, name)[index])


def close(expected, found):
    """Check that two tensors are equal but for rounding."""
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-5)


def test_wrong_crop_length_is_an_error():
    with pytest.raises(ValueError, match=r"\[batch, 20000\], got \[2, 30000\]"):
        build(0)(torch.zeros(2, 30000))


def test_inconsistent_parts_are_errors():
    model = build(1)
    with pytest.raises(ValueError, match="need a selector and a decoder"):
        PlayItBack(model.fbank, model.backbone, replays=1)
    with pytest.raises(ValueError, match="2 levels; 3 replays need 4"):
        PlayItBack(
            model.fbank,
            model.backbone,
            model.selector,
            model.decoder,
            replays=3,
        )
    with pytest.raises(ValueError, match="a selector needs a decoder"):
        PlayItBack(model.fbank, model.backbone, model.selector)
    with pytest.raises(ValueError, match="selector was built for 7 features"):
        PlayItBack(
            model.fbank,
            model.backbone,
            SlotSelector(7),
            model.decoder,
            replays=1,
        )
