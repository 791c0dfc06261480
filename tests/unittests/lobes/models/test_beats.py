"""BEATs, against SpeechBrain's own forward from the waveform.

Authors
 * The speechbrain_pib developers 2026
"""

import torch
from speechbrain.lobes.models.beats import BEATs as SpeechBrainBEATs

from speechbrain_pib.lobes.models.beats import RELEASED, BEATs
from speechbrain_pib.lobes.pretrained_features import PretrainedFbank
from speechbrain_pib.utils.weights import load_backbone
from tests.helpers import sweep

SMALL = {
    "embed_dim": 32,
    "encoder_layers": 2,
    "encoder_embed_dim": 64,
    "encoder_ffn_embed_dim": 96,
    "encoder_attention_heads": 4,
}


def test_a_fine_tuned_checkpoint_gives_its_features_and_scores(tmp_path):
    torch.manual_seed(0)
    source = BEATs(7, **SMALL)
    names = {"head.weight": "predictor.weight", "head.bias": "predictor.bias"}
    state = {names.get(k, k): v for k, v in source.state_dict().items()}
    path = str(tmp_path / "beats.pt")
    config = {**RELEASED, **SMALL, "finetuned_model": True}
    config |= {"predictor_class": 7, "predictor_dropout": 0.0}
    torch.save({"cfg": config, "model": state}, path)
    original = SpeechBrainBEATs(path, freeze=True)
    backbone = BEATs(7, **SMALL).eval()
    assert load_backbone(backbone, path) == []

    wavs = torch.tensor(sweep(16000, 1.0), dtype=torch.float32).unsqueeze(0)
    features, scores, _ = original(wavs, torch.ones(1))
    centres = 200 + 160 * torch.arange(98)
    with torch.no_grad():
        grid, logits = backbone(PretrainedFbank("beats")(wavs, centres))
    assert grid.shape == (1, 6, 8, 64)
    assert (grid.flatten(1, 2) - features).abs().max() < 1e-4
    assert (logits.sigmoid() - scores).abs().max() < 1e-5
