"""MViTv2 against the published encoder and on its own contract."""

import pytest
import torch

from speechbrain_pib.lobes.models.mvitv2 import MultiscaleBlock, MViTv2
from speechbrain_pib.utils.weights import convert_backbone, load_weights
from tests.helpers import read_published


def test_numbers_of_the_published_encoder(device):
    fixture = read_published("playitback_encoder", "run")
    backbone = MViTv2(7, embed_dim=16, depths=[1, 2, 2]).eval()
    weights = read_published("playitback_encoder", "weights")
    load_weights(backbone, convert_backbone(weights), "published weights")
    backbone.to(device)
    with torch.no_grad():
        grid, logits = backbone(fixture["log_mel"][:, 0].to(device))
    tokens = grid.flatten(1, 2).cpu()
    assert (tokens - fixture["encoder_tokens"]).abs().max() < 1e-5
    assert (logits.cpu() - fixture["encoder_logits"]).abs().max() < 1e-5


@pytest.mark.parametrize(
    "variant, parameters", [("S", 34_216_917), ("B", 50_759_157)]
)
def test_size_is_that_of_the_published_encoder(variant, parameters):
    with torch.device("meta"):
        backbone = MViTv2(309, variant)
    assert sum(p.numel() for p in backbone.parameters()) == parameters


@pytest.mark.parametrize("frames, mels", [(400, 128), (37, 40), (1, 16)])
def test_any_size_of_input_has_a_grid(frames, mels):
    backbone = MViTv2(5, "nano", embed_dim=8).eval()
    grid, logits = backbone(torch.randn(2, frames, mels))
    steps = len(backbone.token_positions(frames))
    assert grid.shape == (2, steps, -(-mels // 32), backbone.output_size)
    assert logits.shape == (2, 5)


def test_tokens_see_the_time_that_they_claim():
    torch.manual_seed(0)
    backbone = MViTv2(5, "nano", embed_dim=8, depths=[1, 1]).eval()
    # Without attention only convolutions and pooling carry time.
    for block in backbone.blocks:
        torch.nn.init.zeros_(block.attn.proj.weight)
    positions = backbone.token_positions(64)
    silence = torch.zeros(1, 64, 16)
    for step in range(1, len(positions) - 1):
        impulse = silence.clone()
        impulse[:, int(positions[step])] = 5.0
        change = backbone(impulse)[0] - backbone(silence)[0]
        assert change.abs().sum(dim=(0, 2, 3)).argmax() == step


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_stochastic_depth_rises_linearly_over_the_blocks(rate):
    backbone = MViTv2(5, embed_dim=8, depths=[1, 2, 1], drop_path=rate)
    rates = [block.drop_path.rate for block in backbone.blocks]
    assert rates == pytest.approx([0.0, rate / 3, 2 * rate / 3, rate])


def test_stochastic_depth_drops_both_branches_of_a_block():
    block = MultiscaleBlock(8, 8, 1, drop_path=0.999999)
    grid = torch.randn(2, 5, 4, 8)
    assert torch.equal(block(grid), grid)
    assert not torch.equal(block.eval()(grid), grid)


def test_a_token_is_centred_where_it_claims():
    """The frames that change it lie around its position."""
    backbone = MViTv2(5, embed_dim=8, depths=[1, 1]).eval()
    # Without attention only convolutions and pooling carry time.
    for block in backbone.blocks:
        torch.nn.init.zeros_(block.attn.proj.weight)
    log_mel = torch.randn(16, 64, 32, requires_grad=True)
    grid = backbone.forward_features(log_mel)
    for step in (2, 4, 5):
        change = grid[:, step] * torch.randn_like(grid[:, step])
        (gradient,) = torch.autograd.grad(
            change.sum(), log_mel, retain_graph=True
        )
        frames = gradient.abs().sum(dim=(0, 2)).nonzero()
        centre = (frames[0] + frames[-1]).item() / 2
        assert centre == backbone.token_positions(64)[step]


@pytest.mark.parametrize("training", [False, True])
def test_dropout_is_before_the_head(training):
    backbone = MViTv2(5, "nano", embed_dim=8, dropout=0.5).train(training)
    pooled = torch.rand(3, backbone.output_size) + 1.0
    logits = backbone.forward_head(pooled)
    assert torch.allclose(logits, backbone.head(pooled)) != training


def test_unknown_variant_is_named():
    with pytest.raises(ValueError, match="'XL'"):
        MViTv2(5, "XL")
