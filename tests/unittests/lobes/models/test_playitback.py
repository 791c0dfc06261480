"""The whole model: gradient, determinism, independence, odd input."""

import numpy as np
import pytest
import torch

from speechbrain_pib.augment.spec_augment import SpecAugment
from speechbrain_pib.lobes.features import MultiHopFbank
from speechbrain_pib.lobes.models.convnet import ConvNet
from speechbrain_pib.lobes.models.mvitv2 import MViTv2
from speechbrain_pib.lobes.models.playitback import PlayItBack
from speechbrain_pib.lobes.models.replay import (
    frame_positions,
    replay_density,
)
from speechbrain_pib.lobes.models.slot_attention import SlotSelector
from speechbrain_pib.nnet.losses import PlayItBackLoss
from tests.helpers import check_clips_are_heard_alone, without_gradient
from tests.models import CLASSES, FRAMES, HOP, build, noise, record_passes


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
