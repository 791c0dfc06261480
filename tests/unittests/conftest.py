"""Tiny models for the tests of inference: one as a recipe leaves it, and one
that is known to hear two tones.

Authors
 * The speechbrain_pib developers 2026
"""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hyperpyyaml import load_hyperpyyaml
from speechbrain.dataio.encoder import CategoricalEncoder

from speechbrain_pib.evaluation.budgets import BudgetTable
from speechbrain_pib.inference.classifiers import PlayItBackClassifier
from speechbrain_pib.inference.export import export_inference
from speechbrain_pib.inference.window_metadata import WindowMetadata
from speechbrain_pib.lobes.features import MultiHopFbank
from speechbrain_pib.lobes.models.latent_decoder import DecoderOutput
from speechbrain_pib.lobes.models.playitback import PlayItBack

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


@pytest.fixture
def with_budgets(exported, tmp_path):
    """A copy of the folder with budgets: half of the cost at a threshold that
    the first pass reaches with half of some noises."""
    shutil.copytree(exported.folder, tmp_path / "inference")
    generator = torch.Generator().manual_seed(0)
    loudness = torch.linspace(0, 0.1, 99).unsqueeze(1)
    wavs = loudness * torch.randn(99, 8000, generator=generator)
    with torch.no_grad():
        logits = exported.model(wavs).pass_logits[:, 0]
    sure = logits.softmax(dim=1).amax(dim=1).median().item()
    table = BudgetTable([1.0, 1.0, 1.0], [0.4, 0.5, 1.0], [0.0, sure, 2.0])
    path = tmp_path / "inference" / "budget.json"
    path.write_text(table.to_text(), encoding="utf-8")
    return path.parent


class ToneBackbone(torch.nn.Module):
    """Tells how loud the lower and the upper bands are, every 40 ms."""

    output_size = 2

    def forward_features(self, log_mel):
        steps = log_mel.unflatten(1, (-1, 4)).mean(dim=2)
        halves = steps.unflatten(2, (2, -1)).amax(dim=3)
        return halves.unsqueeze(2)

    def forward_head(self, pooled):
        return 2 * pooled

    def token_positions(self, num_frames):
        return torch.arange(num_frames // 4) * 4 + 1.5


class ToneSelector(torch.nn.Module):
    """The foreground is what is loud."""

    input_size = 2

    def forward(self, grid, valid=None):
        loud = (2 * grid.mean(dim=2).amax(dim=2)).sigmoid()
        return torch.stack([loud, 1 - loud], dim=1)


class ToneDecoder(torch.nn.Module):
    """A tone is in a clip if it is at any time."""

    input_size = replay_input_size = 2

    def __init__(self, passes):
        super().__init__()
        self.levels = [None] * passes

    def forward(self, grids, time_positions, first=None):
        loudest = [grid.amax(dim=(1, 2)) for grid in grids]
        summaries = torch.stack(loudest, dim=1)
        latents = summaries[:, -1]
        pass_logits = 2 * summaries
        return DecoderOutput(
            pass_logits[:, -1], pass_logits, latents, latents, summaries
        )


@pytest.fixture(scope="session")
def hear_tones():
    """Makes a classifier at 8 kHz with windows of a second, which hears a tone
    of 500 Hz as "low" and one of 3 kHz as "high"."""

    def build(replays=1, selects=True):
        label_encoder = CategoricalEncoder()
        label_encoder.update_from_iterable(["low", "high"])
        parts = (ToneSelector(), ToneDecoder(replays + 1)) if selects else ()
        model = PlayItBack(
            MultiHopFbank(
                80,
                100,
                sample_rate=8000,
                n_mels=16,
                n_fft=256,
                win_length=160,
            ),
            ToneBackbone(),
            *parts,
            replays=replays,
        )
        return PlayItBackClassifier(
            modules={"model": model.eval()},
            hparams={
                "sample_rate": 8000,
                "views": 1,
                "multi_label": True,
                "tasks": None,
                "label_encoder": label_encoder,
            },
            run_opts={"device": "cpu"},
        )

    return build


@pytest.fixture(scope="session")
def onnx_file(tmp_path_factory):
    """A model file made by hand: of a window of a second at 8 kHz the softmax
    of a product with `weights`, and the hundredths of a second in which a
    sample is above 0.3; evidence is what is loud times the softmax. `save`
    writes it with other metadata."""
    onnx = pytest.importorskip("onnx", reason="needs the extra onnx")
    weights = np.random.default_rng(0).normal(size=(8000, 4)).astype("float32")
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    metadata = WindowMetadata(
        LABELS, 8000, 8000, 80, 2, False, None, 0.5, "apache-2.0", 1.5
    )

    def save(path, **properties):
        properties = {**metadata.to_properties(), **properties}
        model = _onnx_model(onnx, weights)
        onnx.helper.set_model_props(
            model, {k: v for k, v in properties.items() if v is not None}
        )
        onnx.save(model, path)

    save(path)
    return SimpleNamespace(path=path, weights=weights, save=save)


def _onnx_model(onnx, weights):
    """The graph of the fixture `onnx_file`."""
    graph = onnx.parser.parse_graph("""
        model (float[N, 8000] waveform, float[N] lengths) => (
            float[N, 4] probabilities, float[N, 2, 4] pass_probabilities,
            bool[N, 2, 100] segments, float[N, 4] embeddings,
            float[N, 100, 4] first_evidence, float[N, 2, 100, 4] evidence,
            float[N, 2, 100] times
        ) <int64[1] one = {1}, int64[3] frames = {-1, 100, 80},
           int64[1] two = {2}, float level = {0.3}>
        {
            embeddings = MatMul (waveform, weights)
            probabilities = Softmax (embeddings)
            fused = Unsqueeze (probabilities, one)
            pass_probabilities = Concat <axis = 1> (fused, fused)
            cut = Reshape (waveform, frames)
            loudest = ReduceMax <keepdims = 0> (cut, two)
            loud = Greater (loudest, level)
            mask = Unsqueeze (loud, one)
            segments = Concat <axis = 1> (mask, mask)
            column = Unsqueeze (loudest, two)
            first_evidence = Mul (column, fused)
            evidence_row = Unsqueeze (first_evidence, one)
            evidence = Concat <axis = 1> (evidence_row, evidence_row)
            nothing = Sub (loudest, loudest)
            steps = Add (nothing, middles)
            steps_row = Unsqueeze (steps, one)
            times = Concat <axis = 1> (steps_row, steps_row)
        }
    """)
    middles = np.arange(40, 8000, 80, dtype="float32")
    for name, array in (("weights", weights), ("middles", middles)):
        graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    opset = onnx.helper.make_opsetid("", 18)
    return onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8)
