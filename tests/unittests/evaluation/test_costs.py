"""Costs of passes: multiply-accumulates, counted by hand."""

import pytest
import torch

from speechbrain_pib.evaluation.costs import measure_gmacs
from speechbrain_pib.lobes.features import MultiHopFbank
from speechbrain_pib.lobes.models.convnet import ConvNet
from speechbrain_pib.lobes.models.latent_decoder import LatentDecoder
from speechbrain_pib.lobes.models.playitback import PlayItBack
from speechbrain_pib.lobes.models.slot_attention import SlotSelector

FRAMES, BANDS = 40, 8


def encoder():
    """A front end and a backbone of two convolutions."""
    fbank = MultiHopFbank(200, FRAMES, n_mels=BANDS)
    return fbank, ConvNet(10, channels=[8, 16])


def encoder_macs(fbank):
    """Of the filters, and of 4x4 and 3x3 kernels on half the resolution."""
    bins = sum(
        (used.stop - used.start) * (bands.stop - bands.start)
        for used, bands in fbank.blocks
    )
    grid = (FRAMES // 2) * (BANDS // 2)
    return FRAMES * bins + grid * (8 * 16 + 16 * 8 * 9)


def attention_macs(context_size, queries, keys):
    """Of a head of 64 features of latents of 16 features."""
    projections = queries * 16 * 64 + keys * context_size * 128
    return projections + 2 * queries * keys * 64 + queries * 64 * 16


def feed_forward_macs(latents):
    """Of the gated network of latents of 16 features."""
    return latents * 16 * 128 + latents * 64 * 16


def test_a_single_pass_costs_its_layers():
    fbank, backbone = encoder()
    model = PlayItBack(fbank, backbone)
    expected = encoder_macs(fbank) + 16 * 10
    assert measure_gmacs(model) == [pytest.approx(expected / 1e9)]


def test_each_pass_costs_its_attention_too():
    """Which the counter does not see where a CPU fuses it."""
    fbank, backbone = encoder()
    selector = SlotSelector(16, slot_size=16)
    decoder = LatentDecoder(
        *(16, 10, 2),
        num_latents=3,
        latent_size=16,
        latent_heads=1,
        self_blocks=1,
    )
    model = PlayItBack(fbank, backbone, selector, decoder, replays=1).train()
    first, last = (1e9 * gmacs for gmacs in measure_gmacs(model))
    tokens = (FRAMES // 2) * (BANDS // 2)
    decoding = (
        attention_macs(16 + 26, 3, tokens)
        + attention_macs(16, 3, 3)
        + 2 * feed_forward_macs(3)
    )
    fusion = 2 * 16 * 16
    expected = encoder_macs(fbank) + decoding + fusion + 16 * 10
    assert last == pytest.approx(expected)
    assert first > expected - fusion  # it selects, too
    assert model.training


def test_costs_do_not_depend_on_the_weights():
    torch.manual_seed(0)
    first = measure_gmacs(PlayItBack(*encoder()))
    assert first == measure_gmacs(PlayItBack(*encoder()))
