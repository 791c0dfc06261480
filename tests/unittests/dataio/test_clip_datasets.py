"""Data sets from manifests."""

import logging
import shutil

import numpy as np
import pytest
import soundfile
import torch
from speechbrain.dataio.dataloader import make_dataloader

from speechbrain_pib.dataio.audio.locators import UnreadableAudioError
from speechbrain_pib.dataio.clip_datasets import (
    clip_dataset,
    clip_datasets,
    load_label_encoder,
)
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


def test_training_hears_random_crops_and_all_else_the_views(manifest):
    for split in ("train", "valid"):
        shutil.copy(manifest / "test.csv", manifest / f"{split}.csv")
    datasets = clip_datasets(
        str(manifest),
        ["train", "valid", "test"],
        {"crop_seconds": 1.0, "sample_rate": 16000, "test_views": 3},
        load_label_encoder(str(manifest / "classes.txt")),
    )
    for split in ("valid", "test"):
        starts = datasets[split][0]["wavs"][:, 0] * 3
        assert starts.tolist() == pytest.approx([0.0, 1.0, 2.0], abs=1e-4)
    crops = {datasets["train"][0]["wavs"][0, 0].item() for _ in range(5)}
    assert len(crops) == 5
    assert datasets["train"][0]["wavs"].shape == (1, 16000)


def write_ramp(folder, **columns):
    """The manifest of a clip of 3 s that counts its samples."""
    row = {"ID": "a", "duration": 3.0, "wav": str(folder / "a.wav")}
    write_manifest(folder / "test.csv", [{**row, "label": "ant", **columns}])


def test_several_labels_are_multi_hot_and_none_is_zeros(manifest):
    for label, target in (
        ("ant", [0.0, 1.0]),
        ("ant|zebra", [1.0, 1.0]),
        ("", [0.0, 0.0]),
    ):
        write_ramp(manifest, label=label)
        assert load(manifest, 2)["target"].tolist() == target


def test_an_unknown_label_is_an_error(manifest):
    write_ramp(manifest, label="ant|bee")
    with pytest.raises(KeyError, match="bee"):
        load(manifest, 2)


@pytest.mark.parametrize(
    "segment, expected",
    [
        ((0.5, 2.5), [0.5, 1.5]),  # longer than the crop of 1 s
        ((1.0, 2.0), [1.0, 1.0]),  # as long
        ((1.4, 1.6), [1.0, 1.0]),  # shorter: around its middle
        ((0.0, 0.2), [0.0, 0.0]),  # not before the file
        ((2.9, 3.4), [2.0, 2.0]),  # nor after it
        ((1.0, 9.0), [1.0, 2.0]),
    ],
)
def test_segments_are_heard_with_real_sound_around(manifest, segment, expected):
    write_ramp(manifest, start=segment[0], stop=segment[1])
    item = load(manifest, 2)
    assert item["wavs"][:, 0].tolist() == pytest.approx(
        [start / 3 for start in expected], abs=1e-4
    )
    assert item["lengths"].tolist() == [1.0, 1.0]
    starts = [3 * load(manifest, None)["wavs"][0, 0].item() for _ in range(20)]
    assert min(starts) >= expected[0] - 1e-3
    assert max(starts) <= expected[1] + 1e-3
    assert (len(set(starts)) > 1) == (expected[0] < expected[1])


def write_clips(folder, readable):
    """A clip for each flag; those that are not readable are empty files."""
    rows = []
    for n, good in enumerate(readable):
        path = folder / f"{n}.wav"
        if good:
            soundfile.write(path, np.full(16000, n / 100), 16000)
        else:
            path.touch()
        label = ("ant", "zebra")[n % 4 // 2]
        rows.append(
            {"ID": f"{n}", "duration": 1.0, "wav": path, "label": label}
        )
    write_manifest(folder / "test.csv", rows)
    (folder / "classes.txt").write_text("zebra\nant\n")


def make(folder, views):
    """The data set of all clips."""
    return clip_dataset(
        str(folder / "test.csv"),
        load_label_encoder(str(folder / "classes.txt")),
        crop_seconds=0.5,
        sample_rate=16000,
        views=views,
    )


def test_evaluation_hears_silence_for_what_is_unreadable(tmp_path, caplog):
    write_clips(tmp_path, [False, True])
    with caplog.at_level(logging.WARNING):
        lost, found = make(tmp_path, 2)
    assert "0.wav is empty" in caplog.text
    assert lost["readable"].tolist() == [False]
    assert lost["wavs"].shape == found["wavs"].shape == (2, 8000)
    assert lost["wavs"].abs().max() == 0 and lost["id"] == "0"
    assert found["readable"].tolist() == [True]


def test_training_takes_the_next_readable_clip(tmp_path):
    write_clips(tmp_path, [True, False, True, False, False])
    items = list(make(tmp_path, None))
    assert [item["id"] for item in items] == ["0", "2", "2", "0", "0"]
    flags = [item["readable"].item() for item in items]
    assert flags == [True, False, True, False, False]
    assert items[1]["wavs"].mean().item() == pytest.approx(0.02, abs=1e-4)
    for item in items:  # "0" is an ant, "2" a zebra.
        is_zebra = float(item["id"] == "2")
        assert item["target"].tolist() == [is_zebra, 1 - is_zebra]


def test_training_ends_when_nothing_can_be_read(tmp_path):
    write_clips(tmp_path, [False] * 3)
    with pytest.raises(UnreadableAudioError, match="10 clips .* in a row"):
        make(tmp_path, None)[0]


@pytest.mark.parametrize(
    "method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)]
)
def test_batches_come_from_workers(tmp_path, method):
    write_clips(tmp_path, [True, False, True])
    loader = make_dataloader(
        make(tmp_path, 1),
        batch_size=3,
        num_workers=1,
        multiprocessing_context=method,
    )
    (batch,) = loader
    assert batch.wavs.data.shape == (3, 1, 8000)
    assert batch.readable.data.flatten().tolist() == [True, False, True]
    assert batch.target.data.shape == (3, 2)
