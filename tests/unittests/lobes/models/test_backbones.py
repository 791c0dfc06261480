"""The contract of backbones, which each of them is put through.

Authors
 * The speechbrain_pib developers 2026
"""

from itertools import pairwise
from typing import NamedTuple

import pytest
import torch
from speechbrain.lobes.models.Cnn14 import ConvBlock

from speechbrain_pib.lobes.models.backbones import Backbone
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
    """A backbone under test, small and without dropout.

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


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


@pytest.fixture
def backbone(case, device):
    return case.build().eval().to(device)


def frames(case, n_frames, batch=2, device="cpu"):
    """Frames of noise at the scale of a log-mel."""
    return 2 * torch.randn(batch, n_frames, case.n_mels, device=device) - 4


def test_it_says_what_a_backbone_says(backbone, device):
    assert isinstance(backbone, Backbone)
    assert backbone.head.in_features == backbone.output_size
    pooled = torch.randn(3, 2, backbone.output_size, device=device)
    assert backbone.forward_head(pooled).shape == (3, 2, CLASSES)


@pytest.mark.parametrize("more", [0, 1, 7, 22, 63, 64, 97])
def test_frames_of_any_number_make_a_grid_with_positions(
    case, backbone, device, more
):
    n_frames = backbone.fewest_frames + more
    with torch.no_grad():
        grid, logits = backbone(frames(case, n_frames, device=device))
    positions = backbone.token_positions(n_frames)
    assert grid.shape[:2] == (2, len(positions))
    assert grid.shape[3] == backbone.output_size
    assert logits.shape == (2, CLASSES) and logits.isfinite().all()
    assert positions.device == grid.device
    assert positions[0] >= 0 and positions[-1] <= n_frames - 1
    assert (positions.diff() > 0).all()
    expected = backbone.forward_head(grid.mean(dim=(1, 2)))
    torch.testing.assert_close(logits, expected)


@pytest.mark.parametrize("more", [0, 5])
def test_positions_are_where_a_step_listens(case, device, more):
    """By the derivatives of a step in the middle, of several networks: the
    middle of the frames that it answers to, or their centre of mass where it
    answers a little to all, as by attention."""
    n_frames = (12 * case.stride if case.local else 256) + more
    answers = torch.zeros(n_frames, device=device)
    for seed in range(8):
        torch.manual_seed(seed)
        backbone = case.build().eval().to(device)
        log_mel = frames(case, n_frames, 1, device).requires_grad_()
        grid = backbone.forward_features(log_mel)
        step = grid[:, grid.shape[1] // 2]
        seen = (step * torch.randn_like(step)).sum()
        (gradient,) = torch.autograd.grad(seen, log_mel)
        answers += gradient.square().sum(dim=(0, 2))
    times = torch.arange(n_frames, device=device, dtype=torch.float32)
    if case.local:
        answered = times[answers > 0]
        assert 0 < answered[0] and answered[-1] < n_frames - 1
        centre = (answered[0] + answered[-1]) / 2
    else:
        answers = (answers - 2 * answers.median()).clamp(min=0)
        centre = (answers * times).sum() / answers.sum()
    position = backbone.token_positions(n_frames)[grid.shape[1] // 2]
    assert (centre - position).abs() < max(case.stride / 4, 0.5)


@pytest.mark.parametrize("training", [False, True])
def test_other_clips_do_not_leak(case, backbone, device, training):
    backbone.train(training)
    log_mel = frames(case, 100, 3, device)
    with torch.no_grad():
        alone = backbone.forward_features(log_mel[:1])
        log_mel[1] *= 100
        together = backbone.forward_features(log_mel)[:1]
    scale = alone.abs().max()
    assert (together - alone).abs().max() < 1e-5 * scale


def test_padding_does_not_leak_beyond_its_reach(case, backbone, device):
    """A step long before the end does not know how much silence follows."""
    if not case.local:
        pytest.skip("mixes all frames")
    log_mel = frames(case, 512, 1, device)
    longer = torch.cat([log_mel, torch.full_like(log_mel, -7.0)], dim=1)
    with torch.no_grad():
        grids = [backbone.forward_features(x) for x in (log_mel, longer)]
    before = len(backbone.token_positions(512)) // 3
    first, second = (grid[:, :before] for grid in grids)
    torch.testing.assert_close(first, second, atol=1e-5, rtol=1e-4)


def test_every_parameter_gets_a_gradient(case, backbone, device):
    log_mel = frames(case, 100, device=device)
    backbone.train()(log_mel)[1].square().sum().backward()
    for name, parameter in backbone.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name


def test_bfloat16_stays_close_to_float32(case, backbone, device):
    log_mel = frames(case, 200, 4, device)
    with torch.no_grad():
        exact = backbone.forward_features(log_mel)
        with torch.autocast(torch.device(device).type, torch.bfloat16):
            rough = backbone.forward_features(log_mel).float()
    assert (rough - exact).norm() < 0.05 * exact.norm()


def test_its_own_weights_are_its_own(backbone):
    state = backbone.state_dict()
    converted = backbone.convert_weights(state)
    assert converted.keys() == state.keys()
    assert all(torch.equal(converted[name], state[name]) for name in state)


@pytest.mark.slow
def test_it_compiles_as_one_graph(case, backbone, device):
    if type(backbone).__name__ == "BEATs":
        pytest.skip("SpeechBrain's BEATs looks at its data to drop layers")
    torch._dynamo.reset()
    compiled = torch.compile(backbone, fullgraph=True, dynamic=False)
    log_mel = frames(case, 100, device=device)
    with torch.no_grad():
        for seen, expected in zip(compiled(log_mel), backbone(log_mel)):
            torch.testing.assert_close(seen, expected, atol=1e-3, rtol=1e-3)


@pytest.mark.slow
def test_it_exports(case, backbone, device):
    log_mel = frames(case, 100, device=device)
    program = torch.export.export(backbone, (log_mel,))
    with torch.no_grad():
        for seen, expected in zip(program.module()(log_mel), backbone(log_mel)):
            torch.testing.assert_close(seen, expected, atol=1e-4, rtol=1e-4)
