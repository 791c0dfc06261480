"""Small Play It Back models that several tests share, and their input.

Authors
 * The speechbrain_pib developers 2026
"""

import torch

from speechbrain_pib.lobes.features import MultiHopFbank
from speechbrain_pib.lobes.models.latent_decoder import LatentDecoder
from speechbrain_pib.lobes.models.mvitv2 import MViTv2
from speechbrain_pib.lobes.models.playitback import PlayItBack
from speechbrain_pib.lobes.models.slot_attention import SlotSelector

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


def record_passes(model):
    """Keep the centres and hops of each pass, in samples."""
    heard = []
    model.fbank.register_forward_pre_hook(
        lambda _, inputs: heard.append(inputs[1:])
    )
    return heard
