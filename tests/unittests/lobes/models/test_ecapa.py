"""ECAPA, against SpeechBrain's own forward.

Authors
 * The speechbrain_pib developers 2026
"""

import torch
from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN

from speechbrain_pib.lobes.models.ecapa import ECAPA
from speechbrain_pib.utils.weights import load_backbone

CHANNELS = [32, 32, 32, 32, 96]


def test_weights_give_the_numbers_of_the_original(tmp_path):
    original = ECAPA_TDNN(80, channels=CHANNELS, lin_neurons=16).eval()
    for name, buffer in original.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    path = str(tmp_path / "embedding_model.ckpt")
    torch.save(original.state_dict(), path)
    backbone = ECAPA(5, channels=CHANNELS).eval()
    assert load_backbone(backbone, path) == ["head.weight", "head.bias"]
    log_mel = torch.randn(2, 61, 80)
    with torch.no_grad():
        grid = backbone.forward_features(log_mel)
        pooled = original.asp(grid[:, :, 0].transpose(1, 2))
        embedding = original.fc(original.asp_bn(pooled)).transpose(1, 2)
        expected = original(log_mel)
    assert (embedding - expected).abs().max() < 1e-5
