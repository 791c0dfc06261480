#!/usr/bin/env python3
"""Counts what each backbone computes for a second of sound.

Prints a table in Markdown. From the root of the repository:

    PYTHONPATH=. python tests/benchmarks/encoders.py

Needs the extras "timm" and "transformers".

Authors
 * The speechbrain_pib developers 2026
"""

from functools import partial

import torch

from speechbrain_pib.lobes.features import MultiHopFbank
from speechbrain_pib.lobes.models.beats import BEATs
from speechbrain_pib.lobes.models.cnn14 import Cnn14
from speechbrain_pib.lobes.models.convnet import ConvNet
from speechbrain_pib.lobes.models.ecapa import ECAPA
from speechbrain_pib.lobes.models.mvitv2 import VARIANTS, MViTv2
from speechbrain_pib.lobes.models.spectrogram_transformer import AST
from speechbrain_pib.lobes.models.timm_network import TimmNetwork
from speechbrain_pib.lobes.models.yamnet import YAMNet
from speechbrain_pib.lobes.pretrained_features import PretrainedFbank
from speechbrain_pib.utils.operations import count_gmacs

SECONDS = 10
CLASSES = 527
TIMM = ("resnet18", "efficientnet_b0", "convnext_tiny")


def encoders():
    """Yields each backbone with the front end that it is used with.

    Yields
    ------
    name : str
    fbank : MultiHopFbank
        Of 10 s.
    backbone : Backbone
    """
    for network, build in (
        ("yamnet", YAMNet),
        ("cnn14", Cnn14),
        ("ecapa", ECAPA),
        ("beats", BEATs),
        ("ast", AST),
    ):
        fbank = PretrainedFbank(network)
        n_frames = SECONDS * fbank.sample_rate // fbank.hop_length
        fbank = PretrainedFbank(network, n_frames=n_frames)
        yield build.__name__, fbank, build(CLASSES)
    # As the recipes of the benchmarks have them, at the first hop.
    fbank = MultiHopFbank(400, n_frames=400)
    yield "ConvNet", fbank, ConvNet(CLASSES)
    for variant in VARIANTS:
        yield f"MViTv2-{variant}", fbank, MViTv2(CLASSES, variant)
    for name in TIMM:
        yield f"timm, {name}", fbank, TimmNetwork(CLASSES, name)


def main():
    """Prints the table."""
    print("| encoder | frames/s | bands | parameters, M | GMAC/s of sound |")
    print("|---|---|---|---|---|")
    for name, fbank, backbone in encoders():
        backbone.eval()
        log_mel = torch.zeros(1, fbank.n_frames, fbank.n_mels)
        with torch.no_grad():
            gmacs = count_gmacs(partial(backbone, log_mel)) / SECONDS
        size = sum(p.numel() for p in backbone.parameters()) / 1e6
        rate = fbank.n_frames / SECONDS
        print(
            f"| {name} | {rate:.0f} | {fbank.n_mels} | {size:.1f} "
            f"| {gmacs:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
