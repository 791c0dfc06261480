"""Two classifiers compared on a manifest, against counts by hand."""

import math

import pytest
import torch
from speechbrain.dataio import audio_io
from speechbrain.dataio.encoder import CategoricalEncoder

from speechbrain_pib.inference.agreement import measure_agreement
from speechbrain_pib.inference.windows import WindowedClassifier


class Level(WindowedClassifier):
    """Hears "loud" where a window's samples are above a level, and selects
    the same segments in all of them; the last pass's are not replayed."""

    sample_rate, n_samples, views, tasks = 8000, 8000, 2, None

    def __init__(self, level, segments=([(0.0, 0.2)], [])):
        self.level, self.segments, self.batches = level, segments, []
        self.label_encoder = CategoricalEncoder()
        self.label_encoder.update_from_iterable(["quiet", "loud"])
        self.label_encoder.expect_len(2)

    def hear_windows(self, wavs, lengths):
        self.batches.append(len(wavs))
        loud = (100 * (wavs.abs().amax(dim=1) - self.level)).sigmoid()
        return [
            (torch.stack([1 - x, x]), x[None], list(self.segments))
            for x in loud
        ]


@pytest.fixture
def manifest(tmp_path):
    """Clips at 0.1, 0.3 and 0.5, of which the one at 0.3 is labelled quiet,
    and one that is not there."""
    rows = ["ID,duration,wav,label"]
    labels = {"0.1": "quiet", "0.3": "quiet", "0.5": "loud", "gone": "loud"}
    for name, label in labels.items():
        path = tmp_path / f"{name}.wav"
        if name != "gone":
            wav = torch.full((12000,), float(name))
            audio_io.save(path, wav, 8000, subtype="FLOAT")
        rows.append(f"{name},1.5,{path},{label}")
    path = tmp_path / "test.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_clips_are_counted_and_compared(manifest):
    reference, other = Level(0.4), Level(0.2)
    found = measure_agreement(reference, other, manifest)
    assert (found.clips, found.unreadable) == (3, 1)
    assert found.same_label == 2, "0.3 is between the levels"
    assert found.same_segments == 3
    assert found.top1 == pytest.approx((1.0, 2 / 3))
    expected = 1 / (1 + math.exp(-10)) - 1 / (1 + math.exp(10))
    assert found.largest_difference == pytest.approx(expected, rel=1e-4)
    assert all(ms > 0 for ms in found.ms_per_window)
    # The windows of the recipe's test, and one to warm up.
    assert reference.batches == other.batches == [1, 2, 2, 2]


@pytest.mark.parametrize(
    "segments, same",
    [([[(0.0, 0.3)], []], 0), ([[], [(0.0, 0.2)]], 0), ([[(0.0, 0.2)]] * 2, 3)],
)
def test_other_replays_are_counted(manifest, segments, same):
    found = measure_agreement(Level(0.4), Level(0.4, segments), manifest)
    assert found.same_label == 3 and found.same_segments == same


def test_a_single_pass_replays_nothing(manifest):
    """A folder has no list of passes then, its file one that is empty."""
    found = measure_agreement(Level(0.4, []), Level(0.4, [[]]), manifest)
    assert found.same_segments == 3


def test_a_manifest_of_nothing_readable_is_an_error(manifest, tmp_path):
    for path in tmp_path.glob("*.wav"):
        path.unlink()
    with pytest.raises(ValueError, match="no clip of .*test.csv can be read"):
        measure_agreement(Level(0.4), Level(0.2), manifest)
