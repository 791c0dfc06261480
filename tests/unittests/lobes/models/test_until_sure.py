"""Listening until sure: who leaves, when, and that it saves the passes."""

import pytest
import torch

from speechbrain_pib.lobes.features import MultiHopFbank
from speechbrain_pib.lobes.models.convnet import ConvNet
from speechbrain_pib.lobes.models.latent_decoder import LatentDecoder
from speechbrain_pib.lobes.models.playitback import PlayItBack
from speechbrain_pib.lobes.models.slot_attention import SlotSelector
from speechbrain_pib.lobes.models.until_sure import UntilSure

HOP, FRAMES, CLASSES, CLIPS = 200, 60, 5, 7


@pytest.fixture
def model():
    """A small X2 whose clips differ in how sure it is of them."""
    torch.manual_seed(0)
    backbone = ConvNet(CLASSES, channels=[8, 16])
    model = PlayItBack(
        MultiHopFbank(HOP, FRAMES, n_mels=16),
        backbone,
        SlotSelector(16, slot_size=16),
        LatentDecoder(16, CLASSES, 3, num_latents=4, latent_size=16),
        replays=2,
        largest_share=0.2,
    )
    for parameter in model.decoder.parameters():
        parameter.data.mul_(2)
    return model.eval().requires_grad_(False)


@pytest.fixture
def wavs():
    """Noise of different loudness."""
    generator = torch.Generator().manual_seed(1)
    loudness = torch.logspace(-3, 0, CLIPS).unsqueeze(1)
    return loudness * torch.randn(CLIPS, HOP * FRAMES, generator=generator)


def middle(model, wavs):
    """A threshold that some clips reach after each of the first passes."""
    sure = model(wavs).pass_logits.softmax(-1).amax(-1)
    return sure[:, :2].amax(dim=1).median().item() + 1e-4


def test_a_clip_that_is_never_sure_hears_the_whole_model(model, wavs):
    lengths = torch.linspace(0.5, 1, CLIPS)
    whole = model(wavs, lengths)
    output = UntilSure(model, 1.1)(wavs, lengths)
    torch.testing.assert_close(output.logits, whole.logits)
    torch.testing.assert_close(output.embeddings, whole.embeddings)
    assert torch.equal(output.masks[:, :2], whole.masks[:, :2])
    assert not output.masks[:, 2].any()
    assert output.passes_heard.tolist() == [3] * CLIPS


def test_a_clip_that_is_sure_at_once_hears_one_pass(model, wavs):
    output = UntilSure(model, 0.0)(wavs)
    first = model(wavs).pass_logits[:, 0]
    torch.testing.assert_close(output.logits, first)
    assert output.pass_logits.shape == (CLIPS, 3, CLASSES)
    assert not output.masks.any()
    assert output.segments[0] == [[], [], []]


def test_each_clip_leaves_after_the_first_pass_that_is_sure(model, wavs):
    threshold = middle(model, wavs)
    output, whole = UntilSure(model, threshold)(wavs), model(wavs)
    for clip in range(CLIPS):
        expected, passes = whole.logits[clip], 3
        for index in (1, 0):
            said = whole.pass_logits[clip, index]
            if said.softmax(-1).max() >= threshold:
                expected, passes = said, index + 1
        torch.testing.assert_close(output.logits[clip], expected)
        assert output.passes_heard[clip] == passes
        replayed = output.masks[clip].any(dim=1).tolist()
        assert not any(replayed[passes - 1 :])
        for index in range(passes - 1):
            mask = whole.masks[clip, index]
            assert torch.equal(output.masks[clip, index], mask)
    assert len(output.passes_heard.unique()) > 1


def test_clips_that_are_sure_are_not_computed(model, wavs):
    sizes = []
    model.fbank.register_forward_pre_hook(
        lambda _, inputs: sizes.append(len(inputs[0]))
    )
    output = UntilSure(model, middle(model, wavs))(wavs)
    sizes = sizes[3:]  # those of the forward that found the threshold
    left = [(output.passes_heard > index).sum().item() for index in range(3)]
    assert sizes == [count for count in left if count]
    assert sizes[0] == CLIPS > sizes[1]


def test_a_result_does_not_depend_on_the_batch(model, wavs):
    listen = UntilSure(model, middle(model, wavs))
    together = listen(wavs)
    for clip in range(CLIPS):
        alone = listen(wavs[clip : clip + 1])
        assert alone.passes_heard[0] == together.passes_heard[clip]
        torch.testing.assert_close(alone.logits[0], together.logits[clip])
        torch.testing.assert_close(
            alone.embeddings[0], together.embeddings[clip]
        )


def test_a_backbone_alone_listens_once(wavs):
    model = PlayItBack(
        MultiHopFbank(HOP, FRAMES, n_mels=16),
        ConvNet(CLASSES, channels=[8, 16]),
    ).eval()
    output = UntilSure(model, 1.1)(wavs)
    torch.testing.assert_close(output.logits, model(wavs).logits)
    assert output.segments is None
    assert output.passes_heard.tolist() == [1] * CLIPS
