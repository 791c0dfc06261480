"""Cnn14, against SpeechBrain's own forward.

Authors
 * The speechbrain_pib developers 2026
"""

import pytest
import torch
from speechbrain.lobes.models.Cnn14 import Cnn14 as SpeechBrainCnn14

from speechbrain_pib.lobes.models.cnn14 import Cnn14
from speechbrain_pib.utils.weights import load_backbone


@pytest.fixture(scope="module")
def original():
    torch.manual_seed(0)
    network = SpeechBrainCnn14(64, 16).eval()
    for name, buffer in network.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    return network


@pytest.mark.slow
@pytest.mark.parametrize("panns", [False, True])
def test_weights_give_the_numbers_of_the_original(original, panns, tmp_path):
    state = original.state_dict()
    if panns:
        # As in Cnn14_mAP=0.431.pth, with what is left out beside.
        state = {name.replace("norm", "bn"): v for name, v in state.items()}
        state["spectrogram_extractor.stft.conv_real.weight"] = torch.ones(1)
        state["logmel_extractor.melW"] = torch.ones(1)
        state["fc1.weight"] = state["fc_audioset.bias"] = torch.ones(1)
        state = {"iteration": 600000, "model": state}
    path = str(tmp_path / "cnn14.pth")
    torch.save(state, path)
    backbone = Cnn14(5, output_size=16).eval()
    assert load_backbone(backbone, path) == ["head.weight", "head.bias"]
    log_mel = torch.randn(2, 101, 64)
    with torch.no_grad():
        by_time = backbone.forward_features(log_mel).mean(dim=2)
        pooled = by_time.amax(dim=1) + by_time.mean(dim=1)
        assert (pooled - original(log_mel)[:, 0]).abs().max() < 1e-5


def test_names_of_both_releases_are_ours():
    names = ["bn0.bias", "conv_block1.bn2.weight", "conv_block6.conv1.weight"]
    renamed = Cnn14.convert_weights(dict.fromkeys([*names, "odd.weight"]))
    assert list(renamed) == [
        "network.norm0.bias",
        "network.conv_block1.norm2.weight",
        "network.conv_block6.conv1.weight",
        "odd.weight",
    ]
