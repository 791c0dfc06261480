"""A first listen with one front end and backbone, replays with others.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
import pytest
import torch

from speechbrain_pib.augment.spec_augment import SpecAugment
from speechbrain_pib.evaluation.costs import measure_gmacs
from speechbrain_pib.lobes.features import MultiHopFbank
from speechbrain_pib.lobes.models.convnet import ConvNet
from speechbrain_pib.lobes.models.latent_decoder import LatentDecoder
from speechbrain_pib.lobes.models.mvitv2 import MViTv2
from speechbrain_pib.lobes.models.playitback import PlayItBack
from speechbrain_pib.lobes.models.slot_attention import SlotSelector
from speechbrain_pib.lobes.models.until_sure import UntilSure
from speechbrain_pib.lobes.resampled_features import ResampledFbank
from speechbrain_pib.nnet.losses import PlayItBackLoss
from speechbrain_pib.training.optimizers import layer_scales, parameter_groups
from speechbrain_pib.utils.operations import count_gmacs
from tests.helpers import check_clips_are_heard_alone, without_gradient

HOP, FRAMES, CLASSES = 400, 50, 5  # of the first pass
FINE_HOP, FINE_FRAMES = 80, 250  # of the replays
SAMPLES = HOP * FRAMES


def build(replays=2, encoders=None, **options):
    """A small model of a skim and of another front end and backbone for the
    replays, or of what is given as those four."""
    torch.manual_seed(0)
    fbank, backbone, replay_fbank, replay_backbone = encoders or (
        MultiHopFbank(HOP, FRAMES, n_mels=16, n_fft=512),
        ConvNet(CLASSES, channels=[8, 8, 16]),
        MultiHopFbank(FINE_HOP, FINE_FRAMES, n_mels=32, win_length=160),
        MViTv2(CLASSES, embed_dim=8, depths=[1, 1, 1]),
    )
    decoder = LatentDecoder(
        backbone.output_size,
        CLASSES,
        replays + 1,
        replay_input_size=(replay_backbone or backbone).output_size,
        num_latents=4,
        latent_size=16,
        latent_heads=2,
        head_size=8,
        self_blocks=1,
    )
    return PlayItBack(
        fbank,
        backbone,
        SlotSelector(backbone.output_size, slot_size=16),
        decoder,
        replays=replays,
        replay_fbank=replay_fbank,
        replay_backbone=replay_backbone,
        **{"largest_share": 0.2, **options},
    )


def noise(batch=3):
    """Clips of noise that swells at a place of its own."""
    generator = torch.Generator().manual_seed(1)
    wavs = torch.randn(batch, SAMPLES, generator=generator)
    time = torch.arange(SAMPLES) / SAMPLES
    places = torch.linspace(0.2, 0.8, batch).unsqueeze(1)
    return wavs * (0.01 + (-(((time - places) / 0.1) ** 2)).exp())


def test_equal_parts_say_what_one_encoder_says():
    def parts():
        torch.manual_seed(1)
        return MultiHopFbank(HOP, FRAMES, n_mels=16), ConvNet(CLASSES)

    one = build(2, (*parts(), None, None)).eval()
    two = build(2, (*parts(), *parts())).eval()
    two.decoder.load_state_dict(one.decoder.state_dict())
    two.selector.load_state_dict(one.selector.state_dict())
    wavs, lengths = noise(), torch.tensor([1.0, 0.6, 1.0])
    expected, found = one(wavs, lengths), two(wavs, lengths)
    for name in expected._fields:
        torch.testing.assert_close(
            getattr(found, name), getattr(expected, name), atol=0, rtol=0
        )


def test_each_pass_has_the_frames_and_features_of_its_encoder():
    output = build().eval()(noise())
    shapes = [tuple(log_mel.shape) for log_mel in output.log_mel]
    assert shapes == [(3, 50, 16), (3, 250, 32), (3, 250, 32)]
    assert [x.shape[-1] for x in output.grids] == [16, 32, 32]
    assert output.masks.shape == (3, 3, FRAMES)
    assert output.segment_logits.shape == (3, 3, CLASSES)


def test_replays_are_dense_where_base_frames_were_selected_as_in_a_slow_loop():
    """Steps through the clip in small shares of a base frame."""
    model = build(1, refinement=3).eval()
    masks = torch.rand(3, 1, FRAMES, generator=torch.manual_seed(2)) < 0.3
    output = model(noise(), masks=masks)
    steps = 2000  # of a base frame
    for clip in range(3):
        weights = 1 + 3 * masks[clip, 0].double().numpy()
        reached = np.cumsum(np.repeat(weights, steps) / steps)
        for frame in range(FINE_FRAMES):
            share = (frame + 0.5) / FINE_FRAMES * weights.sum()
            position = np.searchsorted(reached, share) / steps
            centre = output.centres[1][clip, frame].item()
            assert centre == pytest.approx((position - 0.5) * HOP, abs=0.5)


def test_a_replay_of_everything_is_the_uniform_grid_of_its_front_end():
    model, hops = build(1).eval(), []
    model.replay_fbank.register_forward_pre_hook(
        lambda _, inputs: hops.append(inputs[2])
    )
    masks = torch.ones(3, 1, FRAMES, dtype=torch.bool)
    centres = model(noise(), masks=masks).centres[1]
    # A base frame begins half a hop before its centre.
    expected = model.replay_fbank.uniform_centres() + (FINE_HOP - HOP) / 2
    torch.testing.assert_close(centres[0], expected, atol=0.1, rtol=0)
    torch.testing.assert_close(hops[0], torch.full((3, 250), float(FINE_HOP)))


def test_the_log_mel_of_a_replay_is_that_of_its_front_end():
    model, wavs = build(1).eval(), noise()
    output = model(wavs)
    expected = model.replay_fbank(wavs, output.centres[1])
    torch.testing.assert_close(output.log_mel[1], expected)


def test_each_pass_alone_is_classified_by_its_own_backbone():
    model = build(2).eval()
    output = model(noise())
    backbones = [model.backbone] + 2 * [model.replay_backbone]
    for index, backbone in enumerate(backbones):
        logits = backbone(output.log_mel[index])[1]
        torch.testing.assert_close(output.segment_logits[:, index], logits)


def test_the_random_segment_is_heard_as_a_replay():
    model = build(1, freeze_backbone=True).train()
    heard = []
    model.replay_fbank.register_forward_hook(
        lambda _, inputs, log_mel: heard.append(log_mel)
    )
    output = model(noise())
    logits = model.replay_backbone(heard[1])[1]
    torch.testing.assert_close(output.explored_logits, logits)


def test_the_decoder_is_told_the_original_time_of_each_step():
    model, told = build(1).eval(), []
    model.decoder.register_forward_pre_hook(
        lambda _, inputs: told.append(inputs[1])
    )
    centres = model(noise()).centres
    ((first, replay),) = told
    steps = model.backbone.token_positions(FRAMES)
    assert (first[:, 0] == -1).all() and (first[:, -1] == 1).all()
    begin, end = steps[0].item() * HOP, steps[-1].item() * HOP
    steps = model.replay_backbone.token_positions(FINE_FRAMES)
    for clip in range(3):
        samples = np.interp(steps, np.arange(FINE_FRAMES), centres[1][clip])
        expected = 2 * (samples - begin) / (end - begin) - 1
        np.testing.assert_allclose(replay[clip], expected, atol=1e-4)


def test_evaluation_is_deterministic_and_independent_of_the_batch(device):
    model = build().to(device).eval()
    check_clips_are_heard_alone(model, noise().to(device))


@pytest.mark.parametrize("replays", [1, 2])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("selection", ["learned", "given"])
def test_the_loss_reaches_every_parameter(
    replays, precision, selection, device
):
    model = build(replays, augment=SpecAugment(2, 5, 2, 4)).to(device).train()
    masks = None
    if selection == "given":
        masks = torch.zeros(3, replays, FRAMES, dtype=torch.bool, device=device)
        masks[:, :, 10:20] = True
    enabled = precision != torch.float32
    with torch.autocast(torch.device(device).type, precision, enabled):
        output = model(noise().to(device), masks=masks)
        targets = torch.eye(CLASSES, device=device)[:3]
        loss = PlayItBackLoss()(output, targets)["loss"]
    loss.backward()
    assert loss.isfinite()
    assert without_gradient(model) == []


def test_replays_may_be_heard_at_another_rate(device):
    fine = MultiHopFbank(
        2 * FINE_HOP, FINE_FRAMES, sample_rate=32000, n_mels=32, n_fft=1024
    )
    encoders = (
        MultiHopFbank(HOP, FRAMES, n_mels=16, n_fft=512),
        ConvNet(CLASSES, channels=[8, 8, 16]),
        ResampledFbank(fine, sample_rate=16000),
        ConvNet(CLASSES, channels=[8, 8, 16]),
    )
    model = build(1, encoders).to(device)
    check_clips_are_heard_alone(model.eval(), noise().to(device))
    output = model.train()(noise().to(device))
    targets = torch.eye(CLASSES, device=device)[:3]
    PlayItBackLoss()(output, targets)["loss"].backward()
    assert without_gradient(model) == []


def test_checkpointed_activations_give_the_same_gradients():
    gradients = []
    for checkpointed in (False, True):
        model = build(1, checkpoint_activations=checkpointed).eval()
        model(noise()).logits.sum().backward()
        parts = (model.backbone, model.replay_backbone, model.decoder)
        gradients.append(
            [
                parameter.grad
                for part in parts
                for parameter in part.parameters()
                if parameter.grad is not None
            ]
        )
    assert len(gradients[0]) == len(gradients[1]) > 0
    for plain, checkpointed in zip(*gradients):
        torch.testing.assert_close(checkpointed, plain)


def test_both_backbones_are_frozen():
    model = build(freeze_backbone=True).train()
    for backbone in (model.backbone, model.replay_backbone):
        assert not any(part.training for part in backbone.modules())
        assert not any(p.requires_grad for p in backbone.parameters())


def test_a_replay_hides_the_same_share_of_the_bands():
    augment = SpecAugment(0, 0, 2, 8)
    model = build(1, augment=augment).train()
    output = model(noise())
    hidden = []
    for index, log_mel in enumerate(output.log_mel):
        fbank, _ = model.encoder(index)
        clean = fbank(noise(), output.centres[index])
        hidden.append((log_mel != clean).all(dim=1))
    # Two bands of a replay for each band of the first pass.
    both = hidden[1].unflatten(1, (16, 2))
    assert hidden[0].any() and not hidden[0].all()
    edges = both.any(dim=2) != both.all(dim=2)
    assert torch.equal(both.all(dim=2)[~edges], hidden[0][~edges])


def test_replays_go_on_from_a_first_listen():
    model, wavs, rows = build().eval(), noise(4), torch.tensor([3, 1])
    with torch.no_grad():
        whole, first = model(wavs), model(wavs, replays=0)
        again = model(wavs[rows], first=first.of_clips(rows))
    torch.testing.assert_close(again.logits, whole.logits[rows])


def test_listening_until_sure_equals_the_model():
    model, wavs = build().eval(), noise()
    with torch.no_grad():
        whole, heard = model(wavs), UntilSure(model, threshold=2.0)(wavs)
        first = UntilSure(model, threshold=0.0)(wavs)
    torch.testing.assert_close(heard.logits, whole.logits)
    assert torch.equal(heard.masks[:, :2], whole.masks[:, :2])
    torch.testing.assert_close(first.logits, whole.pass_logits[:, 0])


def test_costs_of_passes_are_those_of_their_encoders():
    model = build(2).eval().requires_grad_(False)
    first, replay, last = measure_gmacs(model)

    def count(part, *sizes):
        return count_gmacs(lambda: part(*(torch.zeros(size) for size in sizes)))

    parts = {
        0: count(model.fbank, (1, SAMPLES))
        + count(model.backbone.forward_features, (1, FRAMES, 16)),
        1: count(model.replay_fbank, (1, SAMPLES))
        + count(model.replay_backbone.forward_features, (1, FINE_FRAMES, 32)),
    }
    grids = model(noise(1)).grids
    selected = {
        0: count(model.selector, grids[0].shape),
        1: count(model.to_selector, grids[1].shape)
        + count(model.selector, (*grids[1].shape[:3], 16)),
    }
    read = [
        count_gmacs(
            lambda index=index: model.decoder.read(
                index, model.decoder.start(1), grids[index]
            )
        )
        for index in range(3)
    ]
    said = count(model.decoder.classifier, (1, 16))
    fusion = count(model.decoder.fusion, (1, 16, 3))
    assert first == pytest.approx(parts[0] + selected[0] + read[0] + said)
    assert replay == pytest.approx(parts[1] + selected[1] + read[1] + said)
    assert last == pytest.approx(parts[1] + read[2] + fusion + said)


def test_layers_of_both_backbones_learn_the_slower_the_deeper_they_are():
    model = build(1)
    scales = {
        parameter: group["lr_scale"]
        for group in parameter_groups(model, layer_decay=0.5)
        for parameter in group["params"]
    }
    for backbone in (model.backbone, model.replay_backbone):
        expected = layer_scales(backbone, 0.5)
        assert min(expected.values()) < 1
        for parameter in backbone.parameters():
            assert scales[parameter] == expected.get(parameter, 1.0)
    assert {scales[p] for p in model.decoder.parameters()} == {1.0}


@pytest.mark.slow
def test_it_compiles_as_one_graph():
    torch.compiler.reset()
    model = build(1).eval()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    with torch.no_grad():
        expected, found = model(noise()), compiled(noise())
    torch.testing.assert_close(found.logits, expected.logits)
    torch.testing.assert_close(found.grids[1], expected.grids[1])


@pytest.mark.parametrize("own", ["front end", "backbone"])
def test_replays_may_have_one_of_both_alone(own):
    fbank = MultiHopFbank(HOP, FRAMES, n_mels=16)
    backbone = ConvNet(CLASSES, channels=[8, 16])
    fine = MultiHopFbank(FINE_HOP, FINE_FRAMES, n_mels=16)
    strong = ConvNet(CLASSES, channels=[8, 16, 32])
    others = (fine, None) if own == "front end" else (None, strong)
    output = build(1, (fbank, backbone, *others)).eval()(noise())
    frames = FINE_FRAMES if own == "front end" else FRAMES
    assert output.log_mel[1].shape == (3, frames, 16)
    assert output.grids[1].shape[-1] == (16 if own == "front end" else 32)


def test_without_replays_there_is_nothing_of_them():
    model = build(0)
    assert model.replay_fbank is None and model.replay_backbone is None
    assert model.eval()(noise()).logits.shape == (3, CLASSES)


def test_encoders_that_do_not_fit_are_errors():
    def encoders(**options):
        return (
            MultiHopFbank(HOP, FRAMES, n_mels=16),
            ConvNet(CLASSES),
            MultiHopFbank(**{"hop_length": 80, "n_frames": 250, **options}),
            ConvNet(CLASSES + 1),
        )

    with pytest.raises(
        ValueError, match=r"20000 samples at 16000 Hz .* 16000 samples at"
    ):
        build(1, encoders(n_frames=200))
    with pytest.raises(
        ValueError, match=r"16000 Hz \(1.25 s\), .* 8000 Hz \(2.5 s\)"
    ):
        build(1, encoders(sample_rate=8000))
    with pytest.raises(ValueError, match="tells 5 classes, .* replays 6"):
        build(1, encoders())
    model = build(1)
    with pytest.raises(
        ValueError,
        match="decoder of replays was built for 16 features, .* gives 32",
    ):
        PlayItBack(
            model.fbank,
            model.backbone,
            model.selector,
            LatentDecoder(16, CLASSES, 2),
            replays=1,
            replay_backbone=model.replay_backbone,
        )
