"""A small one of each backbone, which several tests share.

Authors
 * The speechbrain_pib developers 2026
"""

from itertools import pairwise
from typing import NamedTuple

import pytest
from speechbrain.lobes.models.Cnn14 import ConvBlock

from speechbrain_pib.lobes.models.beats import BEATs
from speechbrain_pib.lobes.models.cnn14 import Cnn14
from speechbrain_pib.lobes.models.convnet import ConvNet
from speechbrain_pib.lobes.models.ecapa import ECAPA
from speechbrain_pib.lobes.models.mvitv2 import MViTv2
from speechbrain_pib.lobes.models.spectrogram_transformer import AST
from speechbrain_pib.lobes.models.timm_network import TimmNetwork
from speechbrain_pib.lobes.models.yamnet import YAMNet

CLASSES = 5


class Case(NamedTuple):
    """A backbone, small and without dropout.

    `local`: a step of the grid answers to the frames around it alone.
    """

    build: object
    n_mels: int
    stride: int
    local: bool = False


def small_cnn14():
    """Cnn14 with few channels, which SpeechBrain's does not choose."""
    backbone = Cnn14(CLASSES, output_size=32)
    channels = (1, 8, 8, 16, 16, 32, 32)
    for number, sizes in enumerate(pairwise(channels), start=1):
        name = f"conv_block{number}"
        setattr(backbone.network, name, ConvBlock(*sizes, norm_type="bn"))
    return backbone


def small_ast():
    """AST of few bands and features, trained on 128 frames."""
    pytest.importorskip("transformers")
    return AST(
        CLASSES,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        num_mel_bins=32,
        max_length=128,
    )


def small_timm(name):
    """One of the networks that timm has for tests."""
    pytest.importorskip("timm")
    return TimmNetwork(CLASSES, name)


CASES = {
    "MViTv2": Case(
        lambda: MViTv2(
            CLASSES, embed_dim=8, depths=[1, 2], drop_path=0.0, dropout=0.0
        ),
        32,
        8,
    ),
    "ConvNet": Case(
        lambda: ConvNet(CLASSES, channels=[8, 16, 16, 32], dropout=0.0), 32, 8
    ),
    "Cnn14": Case(small_cnn14, 64, 32, local=True),
    "ECAPA": Case(lambda: ECAPA(CLASSES, channels=[32] * 5), 80, 1),
    "BEATs": Case(
        lambda: BEATs(
            CLASSES,
            embed_dim=32,
            encoder_layers=2,
            encoder_embed_dim=64,
            encoder_ffn_embed_dim=64,
            encoder_attention_heads=4,
            # Of groups of 8 channels and fewer oneDNN computes convolutions
            # in bfloat16 that are wrong (with AMX; those released have 48).
            conv_pos_groups=4,
        ),
        128,
        16,
    ),
    "YAMNet": Case(lambda: YAMNet(CLASSES), 64, 32, local=True),
    "YAMNet, 6 layers": Case(
        lambda: YAMNet(CLASSES, depth=6), 64, 8, local=True
    ),
    "AST": Case(small_ast, 32, 10),
    "EfficientNet": Case(lambda: small_timm("test_efficientnet"), 64, 32),
    "ConvNeXt": Case(lambda: small_timm("test_convnext"), 64, 32),
}
