"""Time lines by a model file, against those by the model."""

import numpy as np
import pytest
import torch
from speechbrain.dataio import audio_io

from speechbrain_pib.dataio.timelines.settings import TimelineSettings
from speechbrain_pib.inference.export_graph import WindowGraph, describe_windows
from speechbrain_pib.inference.onnx_classifier import OnnxClassifier
from speechbrain_pib.inference.timelines import Timeline
from speechbrain_pib.inference.window_metadata import OUTPUTS


class ComputedFile(OnnxClassifier):
    """A file whose graph is computed by torch, without an export."""

    def __init__(self, classifier):
        self.metadata = describe_windows(classifier)
        self.label_encoder = classifier.label_encoder
        self._passes = classifier.replays + 1
        self.graph = WindowGraph(
            classifier.mods.model, self.metadata.multi_label, None
        )

    @torch.no_grad()
    def run(self, wavs, lengths):
        return dict(zip(OUTPUTS, self.graph(wavs, lengths)))


@pytest.fixture
def recording():
    """Quiet noise of 7 s with two tones, at 8 kHz."""
    wav = 1e-4 * torch.randn(56000)
    time = torch.arange(56000) / 8000
    for frequency, start, stop in ((500, 1.0, 2.2), (3000, 4.1, 5.3)):
        tone = 0.3 * torch.sin(2 * torch.pi * frequency * time)
        wav += tone * ((time >= start) & (time < stop))
    return wav


@pytest.mark.parametrize("replays", ["none", "candidates", "all"])
@pytest.mark.parametrize("selects", [True, False])
def test_a_file_finds_what_the_model_finds(
    hear_tones, recording, replays, selects
):
    classifier = hear_tones(int(selects), selects)
    file = ComputedFile(classifier)
    settings = TimelineSettings(replays=replays, threshold=0.3)
    found = []
    for one in (classifier, file):
        timeline = Timeline(one, [recording], settings)
        parts = list(timeline.parts())
        found.append((timeline, parts))
    (expected, parts), (timeline, file_parts) = found
    assert timeline.heard == expected.heard
    for part, file_part in zip(parts, file_parts, strict=True):
        assert np.allclose(file_part.evidence, part.evidence, atol=1e-3)
        for event, other in zip(part.events, file_part.events, strict=True):
            assert other[:3] == event[:3]
            assert other.confirmed == event.confirmed
            assert other.score == pytest.approx(event.score, abs=1e-3)
        pairs = zip(part.replayed, file_part.replayed, strict=True)
        for replayed, other in pairs:
            assert other[:3] == replayed[:3]
            assert torch.allclose(
                other.probabilities, replayed.probabilities, atol=1e-3
            )
    labels = [event.label for part in file_parts for event in part.events]
    assert labels == ["low", "high"]


def test_a_replay_is_not_counted_twice(hear_tones, recording):
    classifier = hear_tones()
    whole = sum(Timeline(classifier, [], TimelineSettings()).listener.gmacs)
    settings = TimelineSettings(replays="all")
    timeline = Timeline(ComputedFile(classifier), [recording], settings)
    assert list(timeline) and timeline.costs.replayed > 0
    windows = timeline.costs.windows
    assert timeline.costs.replayed == windows
    assert timeline.costs.gmacs == pytest.approx(windows * whole)


def test_a_file_finds_the_events_of_a_file(onnx_file, tmp_path):
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    classifier = OnnxClassifier(onnx_file.path)
    wav = 0.01 * torch.randn(20000)
    wav[8000:12000] = 0.9
    audio_io.save(tmp_path / "clip.wav", wav, 8000)
    events = list(
        classifier.timeline_file(tmp_path / "clip.wav", threshold=0.2)
    )
    assert events
    for event in events:
        assert event.label in classifier.labels
        assert 0.9 < event.start < event.stop < 1.6
