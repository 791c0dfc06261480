"""Inference folders and time lines of a model with two encoders.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
import pytest
import soundfile
import torch
from hyperpyyaml import load_hyperpyyaml
from speechbrain.dataio.encoder import CategoricalEncoder

from speechbrain_pib.dataio.timelines.blocks import open_sound
from speechbrain_pib.dataio.timelines.settings import TimelineSettings
from speechbrain_pib.dataio.timelines.windows import Window, WindowPlan
from speechbrain_pib.evaluation.costs import measure_gmacs
from speechbrain_pib.inference.classifiers import PlayItBackClassifier
from speechbrain_pib.inference.export import export_inference
from speechbrain_pib.inference.reports.replays import Replay, draw_passes
from speechbrain_pib.inference.timelines import Timeline
from speechbrain_pib.inference.window_evidence import WindowListener

RATE = 8000  # and windows of a second
HPARAMS = """\
sample_rate: 8000
test_views: 1
num_classes: 3
model: !new:speechbrain_pib.lobes.models.playitback.PlayItBack
    fbank: !new:speechbrain_pib.lobes.features.MultiHopFbank
        hop_length: 160
        n_frames: 50
        sample_rate: !ref <sample_rate>
        n_mels: 8
        n_fft: 256
        win_length: 160
    backbone: !new:speechbrain_pib.lobes.models.convnet.ConvNet
        num_classes: !ref <num_classes>
        channels: [8, 8]
    selector: !new:speechbrain_pib.lobes.models.slot_attention.SlotSelector
        input_size: 8
        slot_size: 8
    decoder: !new:speechbrain_pib.lobes.models.latent_decoder.LatentDecoder
        input_size: 8
        replay_input_size: 16
        num_classes: !ref <num_classes>
        num_passes: 3
        num_latents: 4
        latent_size: 16
        latent_heads: 2
        head_size: 8
        self_blocks: 1
    replays: 2
    replay_fbank: !new:speechbrain_pib.lobes.features.MultiHopFbank
        hop_length: 40
        n_frames: 200
        sample_rate: !ref <sample_rate>
        n_mels: 16
        n_fft: 256
        win_length: 80
    replay_backbone: !new:speechbrain_pib.lobes.models.convnet.ConvNet
        num_classes: !ref <num_classes>
        channels: [8, 16]
"""


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """Read from the folder that a training exports; with `trained`, what was
    exported."""
    folder = tmp_path_factory.mktemp("two_encoders")
    (folder / "train.yaml").write_text(HPARAMS, encoding="utf-8")
    torch.manual_seed(0)
    model = load_hyperpyyaml(HPARAMS)["model"].eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    labels = CategoricalEncoder()
    labels.update_from_iterable(["bark", "meow", "rain"])
    export_inference(
        folder / "inference",
        str(folder / "train.yaml"),
        {},
        model,
        labels,
        title="Two encoders",
        dataset="Noise",
        metrics={"top1": 0.5},
        command="python train.py",
    )
    classifier = PlayItBackClassifier.from_hparams(
        folder / "inference", run_opts={"device": "cpu"}
    )
    classifier.trained = model
    return classifier


def test_a_folder_says_what_was_exported(classifier):
    wavs = 0.1 * torch.randn(2, RATE)
    probabilities, *_ = classifier.classify_batch(wavs)
    with torch.no_grad():
        expected = classifier.trained(wavs).logits.softmax(dim=1)
    torch.testing.assert_close(probabilities, expected)


def test_evidence_is_that_of_each_pass_in_its_own_steps(classifier):
    model, plan = classifier.mods.model, WindowPlan(RATE, RATE)
    wav = 0.1 * torch.randn(RATE)
    listener = WindowListener(classifier, plan)
    (heard,) = listener.listen([Window(0, 0, wav, last=True)])
    listener.replay([heard])
    with torch.no_grad():
        output = model(wav.unsqueeze(0))
    clip = output.logits[0].softmax(dim=0)
    expected, times = np.zeros((plan.cells, 3)), []
    cells = (np.arange(plan.cells) + 0.5) * plan.cell
    for index in range(3):
        _, backbone = model.encoder(index)
        centres = output.centres[index][0].numpy()
        steps = backbone.token_positions(len(centres)).numpy()
        times.append(np.interp(steps, np.arange(len(centres)), centres))
        pooled = output.grids[index][0].mean(dim=1)
        own = backbone.forward_head(pooled).softmax(dim=1)
        attended = min(index, 1)  # of the last pass nothing is replayed
        attention = np.interp(
            times[index], times[attended], output.attention[attended][0]
        )
        evidence = (own * clip).sqrt().detach().numpy() * attention[:, None]
        for label in range(3):
            expected[:, label] += np.interp(
                cells, times[index], evidence[:, label]
            )
    assert len(times[0]) < len(times[1])
    np.testing.assert_allclose(heard.evidence[:, :-1], expected / 3, atol=1e-5)


def test_a_time_line_replays_candidates_at_the_cost_of_the_passes(classifier):
    settings = TimelineSettings(threshold=0.05, replays="all")
    wav = 0.1 * torch.randn(5 * RATE)
    timeline = Timeline(classifier, [wav], settings)
    assert all(event.label in classifier.labels for event in timeline)
    costs = timeline.costs
    assert costs.replayed == costs.windows > 1
    # A whole model also selects after the last pass, and hears each by itself.
    whole = measure_gmacs(classifier.mods.model)
    listen, *replays = costs.gmacs_of_passes
    assert [listen, *replays] == pytest.approx(whole, rel=0.1)
    assert sum(replays) > 4 * listen


def test_pictures_of_a_report_are_what_each_front_end_heard(
    classifier, tmp_path
):
    model = classifier.mods.model
    wav = 0.1 * torch.randn(RATE)
    soundfile.write(tmp_path / "a.wav", wav.numpy(), RATE, "FLOAT")
    with torch.no_grad():
        output = model(wav.unsqueeze(0))
    window = Replay(0.0, 1.0, output.segments[0][:-1], {})
    fbanks = [model.encoder(index)[0] for index in (0, 1)]
    with open_sound(tmp_path / "a.wav", RATE) as sound:
        pictures = draw_passes(window, sound, fbanks, model.refinement)
    shown = [output.log_mel[index][0].T.numpy() for index in (0, -1)]
    values = np.concatenate([picture.ravel() for picture in shown])
    lowest, highest = np.percentile(values, [2, 99.8])
    for picture, log_mel, index in zip(pictures, shown, (0, -1)):
        levels = 255 * ((log_mel - lowest) / (highest - lowest)).clip(0, 1)
        assert np.abs(picture.levels - levels).max() <= 1
        frames = np.arange(log_mel.shape[1]) + 0.5
        seconds = np.interp(frames, *zip(*picture.knots))
        expected = output.centres[index][0].numpy() / RATE
        np.testing.assert_allclose(seconds, expected, atol=1e-5)
