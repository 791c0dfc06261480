"""Tests of packing the audio of manifests.

Authors
 * The speechbrain_pib developers 2026
"""

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time

import h5py
import numpy as np
import pytest
import soundfile
import torch

from speechbrain_pib.dataio.audio.crops import read_segment
from speechbrain_pib.dataio.clip_datasets import (
    clip_datasets,
    load_label_encoder,
)
from speechbrain_pib.dataio.manifest import report_coverage, write_manifest
from speechbrain_pib.dataio.manifest_dataset import ManifestTable
from speechbrain_pib.dataio.packing.manifests import _convert, pack_manifests
from tests.helpers import read_rows

CONTAINERS = ("shards", "hdf5")
HPARAMS = {"crop_seconds": 0.5, "sample_rate": 16000, "test_views": 2}


@pytest.fixture
def manifests(tmp_path):
    """Manifests of 8 clips to train on, 3 to test, 16 kHz with 16 bits; and a
    long one with two segments."""
    rng = np.random.default_rng(0)
    folder, rows = tmp_path / "manifests", {"train": [], "test": []}
    (tmp_path / "audio").mkdir()
    for n in range(12):
        path = tmp_path / "audio" / f"{n}.wav"
        size = 16000 if n < 11 else 48000
        noise = rng.integers(-(2**15), 2**15, size, dtype=np.int16)
        soundfile.write(path, noise, 16000)
        row = {
            "ID": f"clip.{n}/x",
            "duration": size / 16000,
            "wav": str(path),
            "label": ["cat", "dog", "cat|dog"][n % 3],
            "start": 0.0,
            "stop": size / 16000,
        }
        rows["train" if n < 8 else "test"].append(row)
    rows["test"].append({**row, "ID": "second", "start": 2.0, "stop": 2.2})
    for split, some in rows.items():
        write_manifest(folder / f"{split}.csv", some)
    lost = {"ID": "z", "label": "cat", "split": "test", "reason": "no file"}
    report_coverage(rows, [lost], ["cat", "dog"], folder)
    return folder


def read_items(folder):
    """All items of all splits."""
    encoder = load_label_encoder(str(folder / "classes.txt"))
    splits = clip_datasets(str(folder), ["train", "test"], HPARAMS, encoder)
    for dataset in splits.values():
        for index in range(len(dataset)):
            torch.manual_seed(index)
            yield dataset[index]


@pytest.mark.parametrize("container", CONTAINERS)
def test_items_are_bit_equal_to_those_of_the_folder(
    manifests, tmp_path, container
):
    packed = tmp_path / "packed"
    pack_manifests(manifests, packed, container=container)
    moved = packed.rename(tmp_path / "elsewhere")
    for path in (tmp_path / "audio").iterdir():
        path.rename(path.with_suffix(".kept"))
    found = list(read_items(moved))
    for path in (tmp_path / "audio").iterdir():
        path.rename(path.with_suffix(".wav"))
    expected = list(read_items(manifests))
    assert len(found) == len(expected) == 13
    for one, other in zip(found, expected):
        assert one["readable"] and one["id"] == other["id"]
        for key in ("wavs", "lengths", "target"):
            assert torch.equal(one[key], other[key])
    for name in ("coverage.json", "missing.csv", "classes.txt"):
        assert (moved / name).read_text() == (manifests / name).read_text()


def test_shards_are_plain_tars_that_webdataset_can_read(manifests, tmp_path):
    pack_manifests(manifests, tmp_path / "packed")
    rows = {row["ID"]: row for row in ManifestTable(manifests / "test.csv")}
    with tarfile.open(tmp_path / "packed" / "test-000000.tar") as tar:
        names = tar.getnames()
        members = {n: tar.extractfile(n).read() for n in names}
    # A long file with two rows is there once.
    assert len(names) == 8
    for flac, description in zip(names[::2], names[1::2]):
        key, extension = flac.split(".")
        assert (extension, description) == ("flac", f"{key}.json")
        assert "/" not in key
        stored = json.loads(members[description])
        stored = stored if isinstance(stored, list) else [stored]
        for row in stored:
            source = rows.pop(row["ID"])
            audio, rate = soundfile.read(io.BytesIO(members[flac]))
            assert rate == 16000
            assert (audio == soundfile.read(source.pop("wav"))[0]).all()
            assert row == source
    assert not rows


def test_other_audio_becomes_16_bit_mono_of_the_rate(manifests, tmp_path):
    time = np.arange(44100) / 44100
    tone = 0.5 * np.sin(2 * np.pi * 440 * time)
    path = tmp_path / "audio" / "0.wav"
    soundfile.write(path, np.stack([tone, 0 * tone], 1), 44100, "FLOAT")
    for container in CONTAINERS:
        folder = tmp_path / container
        pack_manifests(manifests, folder, container=container)
        row = ManifestTable(folder / "train.csv")[0]
        assert row["duration"] == 1.0
    audio, rate = soundfile.read(
        io.BytesIO(
            tarfile.open(tmp_path / "shards/train-000000.tar")
            .extractfile("clip%2E0%2Fx.flac")
            .read()
        ),
        dtype="int16",
    )
    expected = 0.25 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    inside = slice(200, -200)
    assert np.abs(audio / 2**15 - expected)[inside].max() < 1e-3
    with h5py.File(tmp_path / "hdf5" / "train-000000.hdf5") as file:
        dataset = file["clip%2E0%2Fx"]
        assert dataset.dtype == np.int16 and (dataset[:] == audio).all()


@pytest.mark.parametrize("container", CONTAINERS)
def test_unreadable_audio_is_left_out_and_listed(
    manifests, tmp_path, container
):
    (tmp_path / "audio" / "9.wav").write_bytes(b"")
    packed = tmp_path / "packed"
    coverage, unreadable = pack_manifests(
        manifests, packed, container=container
    )
    ((locator, reason),) = unreadable.items()
    assert locator.endswith("audio/9.wav") and "is empty" in reason
    ids = [row["ID"] for row in ManifestTable(packed / "test.csv")]
    assert len(ids) == 4 and "clip.9/x" not in ids
    assert (coverage["test"]["found"], coverage["test"]["expected"]) == (4, 6)
    digest = hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()
    assert coverage["test"]["id_sha256"] == digest
    missing = {
        row["ID"]: row["reason"] for row in read_rows(packed / "missing.csv")
    }
    assert set(missing) == {"z", "clip.9/x"}
    assert "9.wav is empty" in missing["clip.9/x"]


def test_finished_shards_are_kept_and_the_rest_is_done(
    manifests, tmp_path, monkeypatch
):
    packed, converted = tmp_path / "packed", []

    def count(clip, **options):
        converted.append(clip)
        if len(converted) == 6:
            raise KeyboardInterrupt
        return _convert(clip, **options)

    monkeypatch.setattr(f"{pack_manifests.__module__}._convert", count)
    # Two files of 32 kB fill a shard.
    options = {"container": "hdf5", "shard_megabytes": 0.05}
    with pytest.raises(KeyboardInterrupt):
        pack_manifests(manifests, packed, **options)
    assert not (packed / "train.csv").exists()
    first = (packed / "train-000000.hdf5").read_bytes()
    pack_manifests(manifests, packed, **options)
    # The fifth was in a shard that was not finished.
    assert len(converted) == 6 + 8
    assert (packed / "train-000000.hdf5").read_bytes() == first
    assert all(item["readable"] for item in read_items(packed))
    pack_manifests(manifests, packed, **options)
    assert len(converted) == 14
    # Another rate or another container is other audio.
    pack_manifests(manifests, packed, **options, sample_rate=8000)
    assert len(converted) == 14 + 12
    assert all(item["readable"] for item in read_items(packed))


def test_a_changed_label_or_a_lost_shard_is_packed_again(manifests, tmp_path):
    packed = tmp_path / "packed"
    pack_manifests(manifests, packed)
    rows = list(ManifestTable(manifests / "train.csv"))
    rows[3]["label"] = "dog"
    write_manifest(manifests / "train.csv", rows)
    (packed / "test-000000.tar").unlink()
    pack_manifests(manifests, packed)
    with tarfile.open(packed / "train-000001.tar") as tar:
        assert tar.getnames()[0] == "clip%2E3%2Fx.flac"
    assert all(item["readable"] for item in read_items(packed))


@pytest.mark.parametrize("container", CONTAINERS)
def test_what_was_repaired_is_packed_again(
    manifests, tmp_path, container, monkeypatch
):
    packed, path = tmp_path / "packed", tmp_path / "audio" / "3.wav"
    pack_manifests(manifests, packed, container=container)
    samples, _ = soundfile.read(path, dtype="int16")
    soundfile.write(path, samples[::-1], 16000)
    converted = []
    monkeypatch.setattr(
        f"{pack_manifests.__module__}._convert",
        lambda clip, **options: (
            converted.append(clip[0]) or _convert(clip, **options)
        ),
    )
    pack_manifests(manifests, packed, container=container)
    assert converted == [str(path)]
    rows = {row["ID"]: row for row in ManifestTable(packed / "train.csv")}
    heard = read_segment(rows["clip.3/x"]["wav"], 0.0, 1.0, 16000)
    assert (heard * 2**15).tolist() == samples[::-1].tolist()


def test_what_was_truncated_since_the_preparation_is_not_packed(
    manifests, tmp_path
):
    path = tmp_path / "audio" / "3.wav"
    samples, _ = soundfile.read(path, dtype="int16")
    soundfile.write(path, samples[:9000], 16000)
    pack_manifests(manifests, tmp_path / "packed")
    missing = (tmp_path / "packed" / "missing.csv").read_text()
    assert "3.wav has 0.562 s, by its manifest it should have 1.0" in missing


@pytest.mark.slow
def test_a_killed_run_goes_on(manifests, tmp_path):
    packed = tmp_path / "packed"
    code = (
        "import sys; from speechbrain_pib.dataio.packing import manifests\n"
        "manifests.pack_manifests(*sys.argv[1:], shard_megabytes=0.05)"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", code, manifests, packed],
        start_new_session=True,
    )
    while not (packed / "train-000001.tar").exists():
        assert first.poll() is None
        time.sleep(0.001)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    pack_manifests(manifests, packed)
    assert sum(1 for _ in read_items(packed)) == 13
    assert all(item["readable"] for item in read_items(packed))


@pytest.mark.slow
def test_one_process_at_a_time_packs_into_a_folder(manifests, tmp_path):
    packed = tmp_path / "packed"
    code = (
        "import sys; from speechbrain_pib.utils.files import locked_folder\n"
        "with locked_folder(sys.argv[1]): print('locked', flush=True); input()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(packed)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert other.stdout.readline() == b"locked\n"
    with pytest.raises(ValueError, match="another process writes into"):
        pack_manifests(manifests, packed)
    other.kill()
    other.communicate()
    coverage, unreadable = pack_manifests(manifests, packed)
    assert coverage["train"]["found"] == 8 and not unreadable


def test_a_list_without_labels_is_packed(manifests, tmp_path):
    rows = list(ManifestTable(manifests / "test.csv"))
    write_manifest(
        manifests / "submission.csv",
        [{**row, "ID": f"{row['ID']}0", "label": ""} for row in rows],
    )
    pack_manifests(manifests, tmp_path / "packed")
    table = ManifestTable(tmp_path / "packed" / "submission.csv")
    assert [row["label"] for row in table] == [""] * len(rows)
    encoder = load_label_encoder(str(manifests / "classes.txt"))
    dataset = clip_datasets(
        str(tmp_path / "packed"), ["submission"], HPARAMS, encoder
    )["submission"]
    assert all(dataset[index]["readable"] for index in range(len(rows)))


def test_labels_that_look_like_formulas_are_counted(manifests, tmp_path):
    path = manifests / "missing.csv"
    lost = {"ID": "z", "label": "=cat", "split": "test", "reason": "no file"}
    report_coverage({"test": []}, [lost], ["=cat", "cat", "dog"], manifests)
    assert "'=cat" in path.read_text()
    pack_manifests(manifests, tmp_path / "packed")
    assert (tmp_path / "packed" / "missing.csv").read_text() == path.read_text()
    coverage = (tmp_path / "packed" / "coverage.csv").read_text()
    assert "test,'=cat,1,0" in coverage


def test_a_folder_without_manifests_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="holds no manifest"):
        pack_manifests(tmp_path, tmp_path / "packed")


def test_other_manifests_are_not_overwritten(manifests, tmp_path):
    (tmp_path / "link").symlink_to(manifests)
    other = shutil.copytree(manifests, tmp_path / "other")
    before = (manifests / "train.csv").read_bytes()
    for folder in (manifests, tmp_path / "link", other):
        with pytest.raises(ValueError, match="choose another folder"):
            pack_manifests(manifests, folder)
        assert (folder / "train.csv").read_bytes() == before
