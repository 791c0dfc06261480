"""LatentDecoder against the published decoder."""

import pytest
import torch

from speechbrain_pib.lobes.models.latent_decoder import LatentDecoder
from speechbrain_pib.utils.weights import convert_decoder, load_weights
from tests.helpers import read_published


def published_decoder(fixture):
    """The decoder with the fixture's weights."""
    decoder = LatentDecoder(
        64,
        7,
        num_passes=3,
        num_latents=12,
        latent_size=32,
        latent_heads=2,
        head_size=16,
    ).eval()
    weights = read_published("playitback_decoder", "weights")
    load_weights(decoder, convert_decoder(weights), "published weights")
    return decoder


@pytest.fixture
def fixture():
    """Numbers of the published code."""
    return read_published("playitback_decoder", "run")


def test_numbers_of_the_published_decoder(fixture, device):
    decoder = published_decoder(fixture).to(device)
    grids = fixture["decoder_input"].permute(0, 1, 3, 4, 2).to(device)
    with torch.no_grad():
        logits, pass_logits = decoder(grids)[:2]
    published = fixture["decoder_pass_logits"].transpose(0, 1)
    assert (logits.cpu() - fixture["decoder_logits"]).abs().max() < 1e-5
    assert (pass_logits.cpu() - published).abs().max() < 1e-5


def test_uniform_times_are_the_published_positions(fixture):
    decoder = published_decoder(fixture)
    grids = fixture["decoder_input"].permute(0, 1, 3, 4, 2)
    times = torch.linspace(-1, 1, grids.shape[2]).expand(3, 2, -1)
    assert torch.allclose(decoder(grids, times)[0], decoder(grids)[0])


def test_tokens_are_known_by_their_time_not_by_their_place(fixture):
    decoder = published_decoder(fixture)
    grids = fixture["decoder_input"].permute(0, 1, 3, 4, 2)
    times = torch.rand(grids.shape[:3]) * 2 - 1
    shuffled = decoder(grids.flip(2), times.flip(2))[0]
    assert torch.allclose(shuffled, decoder(grids, times)[0], atol=1e-5)
    assert not torch.allclose(shuffled, decoder(grids, times.flip(2))[0])


def test_later_passes_do_not_change_earlier_logits(fixture):
    decoder = published_decoder(fixture)
    grids = fixture["decoder_input"].permute(0, 1, 3, 4, 2)
    changed = grids.clone()
    changed[2] += 1.0
    before, after = decoder(grids)[1], decoder(changed)[1]
    assert torch.equal(before[:, :2], after[:, :2])
    assert not torch.equal(before[:, 2], after[:, 2])


def test_the_first_passes_alone_are_classified_as_they_were(fixture):
    decoder = published_decoder(fixture)
    grids = fixture["decoder_input"].permute(0, 1, 3, 4, 2)
    logits, pass_logits, fused = decoder(grids[:2])[:3]
    assert torch.equal(pass_logits, decoder(grids)[1][:, :2])
    assert torch.equal(logits, pass_logits[:, 1])
    assert torch.equal(decoder.classifier(fused), logits)


def test_passes_that_were_read_are_not_read_again(fixture, monkeypatch):
    decoder = published_decoder(fixture)
    grids = fixture["decoder_input"].permute(0, 1, 3, 4, 2)
    times = torch.rand(grids.shape[:3]) * 2 - 1
    expected, first = decoder(grids, times), decoder(grids[:2], times)
    read, levels = decoder.read, []
    monkeypatch.setattr(
        decoder,
        "read",
        lambda level, *x: levels.append(level) or read(level, *x),
    )
    for found, value in zip(decoder(grids, times, first), expected):
        assert torch.equal(found, value)
    assert levels == list(range(2, len(grids)))


def test_wrong_number_of_passes_is_an_error():
    decoder = LatentDecoder(8, 3, 2, num_latents=2, latent_size=16)
    with pytest.raises(ValueError, match="built for 2 passes.* given 3"):
        decoder(torch.randn(3, 1, 4, 2, 8))


def test_logits_are_computed_from_the_fused_features(fixture):
    decoder = published_decoder(fixture)
    grids = fixture["decoder_input"].permute(0, 1, 3, 4, 2)
    logits, _, fused = decoder(grids)[:3]
    assert torch.allclose(decoder.classifier(fused), logits)


def test_dropout_is_before_the_last_layer_of_the_fused_logits_alone():
    decoder = LatentDecoder(
        8, 3, 2, num_latents=2, latent_size=64, dropout=0.5
    ).train()
    grids = torch.randn(2, 4, 5, 2, 8)
    logits, pass_logits, fused = decoder(grids)[:3]
    again, pass_logits_again, fused_again = decoder(grids)[:3]
    assert not torch.allclose(logits, again)
    assert torch.equal(pass_logits, pass_logits_again)
    assert torch.equal(fused, fused_again)
