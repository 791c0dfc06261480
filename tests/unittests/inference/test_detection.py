"""Detection in whole recordings, by a model that is known to hear tones.

Authors
 * The speechbrain_pib developers 2026
"""

import json
import sys

import numpy as np
import pytest
import soundfile

from speechbrain_pib.dataio.timelines.events import Event
from speechbrain_pib.dataio.timelines.formats import read_events
from speechbrain_pib.dataio.timelines.settings import TimelineSettings
from speechbrain_pib.inference.detection import evaluate_detection

RATE = 8000
TONES = {"low": 500, "high": 3000}
EVENTS = {
    "a": [Event("low", 0.5, 0.9, 1.0), Event("high", 2.0, 4.1, 1.0)],
    "b": [Event("high", 1.2, 1.5, 1.0)],
}


@pytest.fixture
def recordings(tmp_path, monkeypatch):
    """Two recordings with tones; and no sed_scores_eval."""
    monkeypatch.setitem(sys.modules, "sed_scores_eval", None)
    rng = np.random.default_rng(0)
    found = {}
    for name, events in EVENTS.items():
        wav = 1e-4 * rng.standard_normal(6 * RATE)
        for event in events:
            time = np.arange(
                round(event.start * RATE), round(event.stop * RATE)
            )
            tone = TONES[event.label]
            wav[time] += 0.3 * np.sin(2 * np.pi * tone * time / RATE)
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, wav, RATE)
        found[name] = (str(path), events)
    return found


def test_events_are_found_and_judged(hear_tones, recordings, tmp_path):
    folder = tmp_path / "results"
    result = evaluate_detection(
        hear_tones(), recordings, str(folder), TimelineSettings()
    )
    assert result["recordings"] == 2
    assert result["hours"] == pytest.approx(12 / 3600)
    assert result["events"]["micro"]["correct"] == 3
    assert result["events"]["micro"]["f1"] == 1.0
    assert 0 < result["gmacs_per_hour"] < result["gmacs_everywhere_per_hour"]
    stored = json.loads((folder / "detection.json").read_text())
    assert stored["replays"] == "candidates" and stored["failed"] == {}
    assert stored["segments"]["error_rate"] == result["segments"]["error_rate"]
    for name, events in EVENTS.items():
        found = read_events(folder / f"detection/{name}.csv")
        assert [e.label for e in found] == [e.label for e in events]
    text = (folder / "detection.md").read_text()
    assert "2 recordings, 0.00 h\n\n| class " in text
    assert "|\n\nSegment-based error rate: " in text
    assert "\n\n\n" not in text


def test_a_recording_that_cannot_be_read_is_named(
    hear_tones, recordings, tmp_path
):
    (tmp_path / "b.wav").write_bytes(b"RIFF")
    result = evaluate_detection(
        hear_tones(), recordings, str(tmp_path), TimelineSettings()
    )
    assert result["recordings"] == 1
    (reason,) = result["failed"].values()
    assert list(result["failed"]) == ["b"] and "b.wav" in reason
    recordings.pop("a")
    with pytest.raises(ValueError, match="none of the recordings"):
        evaluate_detection(
            hear_tones(), recordings, str(tmp_path), TimelineSettings()
        )
