"""Data sets of features: what they read, and crops of random length.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
import pytest
import torch
from speechbrain.dataio.batch import PaddedBatch
from speechbrain.dataio.encoder import CategoricalEncoder

from speechbrain_pib.dataio.manifest import write_manifest
from speechbrain_pib.dataio.video.feature_datasets import (
    RandomLengthBatch,
    feature_dataset,
    format_segments,
    parse_segments,
)
from speechbrain_pib.dataio.video.features import FeatureStore
from tests.helpers import read_published


@pytest.fixture
def labels():
    encoder = CategoricalEncoder()
    encoder.update_from_iterable(["run", "jump", "swim"])
    encoder.expect_len(3)
    return encoder


@pytest.fixture
def arrays(tmp_path):
    """Features of a video in a store, with a manifest."""
    store = FeatureStore(str(tmp_path / "features.hdf5"), {})
    arrays = {n: np.random.rand(9, 4).astype("f") for n in ("image", "audio")}
    store.add("v_1", arrays, {"n_steps": 9})
    store.merge()
    row = {"ID": "1", "features": "features.hdf5::v_1", "label": "jump|swim"}
    row["segments"] = format_segments([(0.5, 2.25), (4, 7)])
    write_manifest(tmp_path / "test.csv", [row])
    return arrays


def test_items_hold_features_target_and_segments(tmp_path, labels, arrays):
    dataset = feature_dataset(tmp_path / "test.csv", labels, ["image", "audio"])
    item = dataset[0]
    for name, array in arrays.items():
        np.testing.assert_array_equal(item[name].numpy(), array)
    assert item["target"].tolist() == [0, 1, 1]
    assert item["segment_times"].tolist() == [[0.5, 2.25], [4, 7]]


def test_one_stream_is_read_alone(tmp_path, labels, arrays):
    dataset = feature_dataset(tmp_path / "test.csv", labels, ["audio"])
    np.testing.assert_array_equal(dataset[0]["audio"], arrays["audio"])
    assert "image" not in dataset[0]


def test_no_segments_are_no_segments():
    assert parse_segments(format_segments([])).shape == (0, 2)


def test_crops_of_a_video_are_of_the_same_place():
    time = torch.arange(40.0).unsqueeze(1)
    items = [{"image": time, "audio": time + 100} for _ in range(30)]
    batch = RandomLengthBatch(["image", "audio"], 12, 12)(items)
    assert batch.image.data.shape == (30, 12, 1)
    assert torch.equal(batch.image.data + 100, batch.audio.data)
    steps = batch.image.data.diff(dim=1)
    assert torch.equal(steps, torch.ones_like(steps))
    assert len(set(batch.image.data[:, 0, 0].tolist())) > 5


def test_lengths_are_all_between_the_limits():
    collate = RandomLengthBatch(["image"], 3, 6)
    item = {"image": torch.zeros(20, 1)}
    lengths = {collate([item]).image.data.shape[1] for _ in range(200)}
    assert lengths == {3, 4, 5, 6}


def test_a_batch_is_no_longer_than_its_videos():
    items = [{"image": torch.ones(n, 2)} for n in (7, 4)]
    batch = RandomLengthBatch(["image"], 200, 500)(items)
    assert batch.image.data.shape == (2, 7, 2)
    torch.testing.assert_close(batch.image.lengths, torch.tensor([1, 4 / 7]))


def test_impossible_lengths_are_an_error():
    with pytest.raises(ValueError, match="from 9 to 8"):
        RandomLengthBatch(["image"], 9, 8)


@pytest.fixture
def collated():
    """Videos of 4 to 600 steps, and published batches of them."""
    arrays = read_published("listen_to_look", "collate")
    streams = ("image", "audio")
    items = [{s: arrays[f"in_{s}_{n}"] for s in streams} for n in range(6)]
    return items, arrays


def assert_padded(rows, published, videos):
    """Zeros after the end; the published code fills ten steps with the last."""
    assert rows.shape == published.shape
    for row, expected, video in zip(rows, published, videos):
        steps = min(len(video), len(row))
        torch.testing.assert_close(row[:steps], expected[:steps])
        assert not row[steps:].any()
        assert not expected[max(steps, 10) :].any()


def test_evaluation_batches_are_the_published_ones(collated):
    items, published = collated
    batch = PaddedBatch(items)
    for name in ("image", "audio"):
        videos = [item[name] for item in items]
        assert_padded(batch[name].data, published[f"val_{name}"], videos)


def test_training_batches_are_the_published_ones_but_for_the_place(collated):
    items, published = collated
    length = int(published["train_random_max_length"])
    batch = RandomLengthBatch(["image", "audio"], length, length)(items)
    for name in ("image", "audio"):
        rows, expected = batch[name].data, published[f"train_{name}"]
        videos = [item[name] for item in items]
        assert_padded(rows[:-1], expected[:-1], videos[:-1])
        # The longest one is cropped, at another place.
        parts = videos[-1].unfold(0, length, 1).transpose(1, 2)
        for crop in (rows[-1], expected[-1]):
            assert (parts == crop).all(dim=(1, 2)).any()
