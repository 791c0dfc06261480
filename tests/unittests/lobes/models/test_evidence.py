"""Evidence of models that differ in what their attention is trained for.

Authors
 * The speechbrain_pib developers 2026
"""

import torch

from speechbrain_pib.lobes.features import MultiHopFbank
from speechbrain_pib.lobes.models.convnet import ConvNet
from speechbrain_pib.lobes.models.evidence import step_evidence
from speechbrain_pib.lobes.models.latent_decoder import LatentDecoder
from speechbrain_pib.lobes.models.playitback import PlayItBack
from speechbrain_pib.lobes.models.slot_attention import SlotSelector


def build(replays):
    """A model with a selector, whether it replays or not."""
    return PlayItBack(
        MultiHopFbank(hop_length=80, n_frames=48, n_mels=16, n_fft=512),
        ConvNet(3, channels=[8, 8], dropout=0.0),
        SlotSelector(8, 4),
        LatentDecoder(
            8, 3, num_passes=replays + 1, num_latents=2, latent_size=8
        ),
        replays=replays,
    ).eval()


def test_attention_that_nothing_is_replayed_of_is_no_evidence():
    model, wavs = build(0), torch.randn(2, 3840)
    with torch.no_grad():
        output = model(wavs)
        evidence, _ = step_evidence(model, output, torch.sigmoid)
        steps = model.backbone.forward_features(model.fbank(wavs)).mean(dim=2)
        expected = model.backbone.forward_head(steps).sigmoid()
    assert output.attention is not None
    torch.testing.assert_close(evidence[:, 0], expected)


def test_evidence_is_less_than_attention_where_it_is_replayed():
    model, wavs = build(1), torch.randn(2, 3840)
    with torch.no_grad():
        output = model(wavs)
        evidence, _ = step_evidence(model, output, torch.sigmoid)
    for of_pass, attention in zip(evidence.unbind(1), output.attention[:1]):
        assert (of_pass < attention.unsqueeze(2)).all()
