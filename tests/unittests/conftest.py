"""A tiny model as a recipe leaves it, for the tests of inference.

Authors
 * The speechbrain_pib developers 2026
"""

from types import SimpleNamespace

import pytest
import torch
from hyperpyyaml import load_hyperpyyaml
from speechbrain.dataio.encoder import CategoricalEncoder

from speechbrain_pib.inference.export import export_inference

HPARAMS = """\
# A training, made small
seed: 7
data_folder: !PLACEHOLDER
__set_seed: !apply:torch.manual_seed [!ref <seed>]
sample_rate: 8000
test_views: 2
num_classes: 4
replays: 3
embed_dim: 8
depths: [1, 1]
freeze_backbone: True
model: !new:speechbrain_pib.lobes.models.playitback.PlayItBack
    fbank: !new:speechbrain_pib.lobes.features.MultiHopFbank
        hop_length: 80 # 10 ms
        n_frames: 100
        sample_rate: !ref <sample_rate>
        n_mels: 16
        n_fft: 256
        win_length: 160
        log_offset: 1e-6
    backbone: !new:speechbrain_pib.lobes.models.mvitv2.MViTv2
        num_classes: !ref <num_classes>
        embed_dim: !ref <embed_dim>
        depths: !ref <depths>
    selector: !new:speechbrain_pib.lobes.models.slot_attention.SlotSelector
        input_size: !ref <embed_dim> * 2
        slot_size: 8
    decoder: !new:speechbrain_pib.lobes.models.latent_decoder.LatentDecoder
        input_size: !ref <embed_dim> * 2
        num_classes: !ref <num_classes>
        num_passes: !ref <replays> + 1
        num_latents: 4
        latent_size: 16
        latent_heads: 2
        head_size: 8
        self_blocks: 1
    replays: !ref <replays>
    augment: !new:speechbrain_pib.augment.spec_augment.SpecAugment
        time_width: 5
        frequency_width: 4
    freeze_backbone: !ref <freeze_backbone>

# Of the training alone
batch_size: 64
optimizer: !new:torch.optim.SGD
    lr: 0.1
"""
OVERRIDES = {"data_folder": "secret_place", "replays": 2}
LABELS = ["bark", "meow", "rain", "it's a siren"]
CARD = {
    "title": "Tiny: four sounds",
    "dataset": "Noise",
    "metrics": {"top1": 0.51234, "mAP": 0.25},
    "command": "python train.py hparams/tiny.yaml",
}


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """The exported folder, and what it was exported from."""
    folder = tmp_path_factory.mktemp("exported")
    hparams_file = folder / "train.yaml"
    hparams_file.write_text(HPARAMS, encoding="utf-8")
    training = HPARAMS.split("# Of the training alone")[0]
    model = load_hyperpyyaml(training, OVERRIDES)["model"].eval()
    with torch.no_grad():
        # Else an untrained model says the same of everything.
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    label_encoder = CategoricalEncoder()
    label_encoder.update_from_iterable(LABELS)
    arguments = (str(hparams_file), OVERRIDES, model, label_encoder)
    export_inference(folder / "inference", *arguments, **CARD)
    return SimpleNamespace(
        folder=folder / "inference",
        arguments=arguments,
        card=CARD,
        model=model,
        labels=LABELS,
    )
