"""Data sets from manifests."""

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_pib.dataio.datasets import clip_dataset, load_label_encoder
from speechbrain_pib.dataio.manifest import write_manifest


@pytest.fixture
def manifest(tmp_path):
    """One clip of 3 s that counts its samples, with a known event."""
    ramp = np.arange(48000) / 48000
    soundfile.write(tmp_path / "a.wav", ramp, 16000, subtype="FLOAT")
    (tmp_path / "classes.txt").write_text("zebra\nant\n")
    row = {
        "ID": "a",
        "duration": 3.0,
        "wav": str(tmp_path / "a.wav"),
        "label": "ant",
        "event_start": 0.5,
        "event_stop": 1.25,
    }
    write_manifest(str(tmp_path / "test.csv"), [row])
    return tmp_path


def load(folder, views, crop_seconds=1.0):
    """The only item of the data set."""
    encoder = load_label_encoder(str(folder / "classes.txt"))
    dataset = clip_dataset(
        str(folder / "test.csv"),
        encoder,
        crop_seconds=crop_seconds,
        sample_rate=16000,
        views=views,
    )
    return dataset[0]


def test_classes_keep_the_order_of_the_list(manifest):
    assert load(manifest, 2)["target"].tolist() == [0.0, 1.0]


def test_views_are_uniform(manifest):
    starts = load(manifest, 3)["wavs"][:, 0] * 48000
    assert torch.allclose(starts, torch.tensor([0.0, 16000, 32000]), atol=0.1)


def test_the_event_is_known_where_the_whole_clip_is_heard_once(manifest):
    for views in (None, 1):
        assert load(manifest, views, 3.0)["event"].tolist() == [0.5, 1.25]
        assert "event" not in load(manifest, views, 1.0)
    assert "event" not in load(manifest, 2, 3.0)


def test_training_crops_lie_anywhere(manifest):
    torch.manual_seed(0)
    starts = {
        round(load(manifest, None)["wavs"][0, 0].item(), 4) for _ in range(9)
    }
    assert len(starts) == 9
    assert max(starts) <= 2 / 3 + 1e-3
