"""The commands that pack audio and extract from videos.

What they write is tested with the functions that they call.

Authors
 * The speechbrain_pib developers 2026
"""

import json

import h5py
import numpy as np
import pytest
import soundfile
import torch

from speechbrain_pib.__main__ import main
from speechbrain_pib.dataio.manifest import report_coverage, write_manifest
from speechbrain_pib.dataio.manifest_dataset import ManifestTable
from speechbrain_pib.lobes.models.imgaud2vid import ImgAud2Vid


@pytest.fixture
def audio(tmp_path):
    """A folder of two readable files, and one that is none."""
    folder = tmp_path / "audio"
    folder.mkdir()
    noise = 0.1 * np.random.default_rng(0).normal(size=8000)
    for name in ("a.wav", "b.flac"):
        soundfile.write(folder / name, noise, 16000)
    (folder / "page.wav").write_text("<html>not found</html>")
    return folder


@pytest.fixture
def manifests(audio, tmp_path):
    """A manifest of the folder."""
    rows = [
        {
            "ID": path.stem,
            "duration": 0.5,
            "wav": str(path),
            "label": "noise",
            "start": 0.0,
            "stop": 0.5,
        }
        for path in sorted(audio.iterdir())
    ]
    write_manifest(tmp_path / "manifests/test.csv", rows)
    report_coverage({"test": rows}, [], ["noise"], tmp_path / "manifests")
    return tmp_path / "manifests"


@pytest.fixture
def run(capsys):
    """Run a command: its status, output, and lines of errors."""

    def run(*arguments):
        status = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return status, printed.out, printed.err.splitlines()

    return run


def test_pack_folder(audio, tmp_path, run):
    path = tmp_path / "new/audio.hdf5"
    options = ["--dtype=float32", "--sample_rate=8000", "--processes=1"]
    status, out, (error,) = run("pack-folder", audio, path, *options)
    assert status == 1
    assert out == f"{path} is complete; 1 files left out\n"
    assert "page.wav is not an audio file" in error
    with h5py.File(path) as file:
        assert list(file) == ["a", "b"]
        assert file["a"].dtype == np.float32 and len(file["a"]) == 4000
        assert file["a"].attrs["sample_rate"] == 8000
    status, out, _ = run("pack-folder", audio, path, *options, "--json")
    result = json.loads(out)
    assert status == 1 and result["hdf5_file"] == str(path)
    assert list(result["failed"]) == [str(audio / "page.wav")]
    (audio / "page.wav").unlink()
    status, _, errors = run("pack-folder", audio, path, *options)
    assert status == 0 and not errors
    status, _, (error,) = run("pack-folder", audio, path, "--processes=1")
    assert status == 1 and "a as float32 at 8000 Hz" in error


def test_pack(manifests, tmp_path, run):
    packed = tmp_path / "packed"
    options = ["--format=hdf5", "--processes=1", "--json"]
    status, out, errors = run("pack", manifests, packed, *options)
    result = json.loads(out)
    assert status == 1 and result["packed_folder"] == str(packed)
    assert result["coverage"]["test"]["found"] == 2
    ((path, reason),) = result["failed"].items()
    assert path.endswith("page.wav") and "is not an audio file" in reason
    assert any("page.wav is not an audio file" in x for x in errors)
    table = ManifestTable(packed / "test.csv")
    assert [row["ID"] for row in table] == ["a", "b"]
    assert all(".hdf5::" in row["wav"] for row in table)


def test_pack_says_how_to_train(manifests, audio, tmp_path, run):
    soundfile.write(audio / "page.wav", np.ones(8000) / 2, 16000)
    packed = tmp_path / "packed"
    status, out, _ = run("pack", manifests, packed, "--processes=1")
    assert status == 0
    assert out.splitlines() == [
        "test: 3 of 3 clips",
        f"Train on it with --packed_folder={packed}",
    ]
    status, _, (error,) = run("pack", manifests, manifests)
    assert status == 1 and "choose another folder" in error
    status, _, (error,) = run("pack", audio, tmp_path / "other")
    assert status == 1 and "holds no manifest" in error


def test_extract_audio(shared, tmp_path, run):
    pytest.importorskip("av", reason="reading videos needs PyAV")
    videos, audio = tmp_path / "videos", tmp_path / "audio"
    videos.mkdir()
    sample = shared / "data/video_samples/nasa_13013.mp4"
    (videos / "nasa.mp4").symlink_to(sample)
    (videos / "page.mp4").write_text("<html>not found</html>" * 99)
    options = ["--sample_rate=16000", "--format=wav", "--processes=1"]
    status, out, (error,) = run("extract-audio", videos, audio, *options)
    assert status == 1 and "page.mp4 cannot be read as a video" in error
    assert out.startswith("1 written, 0 there before, 0 without sound, 1 fail")
    assert soundfile.info(audio / "nasa.wav").samplerate == 16000
    (videos / "page.mp4").unlink()
    status, out, _ = run("extract-audio", videos, audio, *options, "--json")
    assert status == 0
    assert json.loads(out) == {
        "written": [],
        "present": ["nasa"],
        "without_sound": [],
        "failed": {},
    }


def test_extract_features(shared, tmp_path, run):
    pytest.importorskip("av", reason="reading videos needs PyAV")
    videos, path = shared / "data/video_samples", tmp_path / "features.hdf5"
    torch.save(ImgAud2Vid(3, width=2).state_dict(), tmp_path / "model.ckpt")
    (tmp_path / "labels.csv").write_text("ID,label\nh265_video,run\nlost,run\n")
    options = ["--weights", tmp_path / "model.ckpt", "--device=cpu"]
    options += ["--annotations", tmp_path / "labels.csv", "--processes=1"]
    options += ["--image_size=32"]
    status, out, errors = run("extract-features", videos, path, *options)
    assert status == 1 and errors == ["lost: no such video"]
    assert out == (
        f"{path} has 1 videos, 1 of them without sound; 1 are missing or "
        "unreadable\n"
    )
    with h5py.File(path) as file:
        assert list(file) == ["h265_video"]
    (tmp_path / "labels.csv").write_text("ID,label\nh265_video,run\n")
    status, out, _ = run("extract-features", videos, path, *options, "--json")
    assert status == 0
    assert json.loads(out) == {
        "hdf5_file": str(path),
        "videos": 1,
        "without_sound": 1,
        "failed": {},
    }


def test_weights_and_device_of_features_are_checked(tmp_path, run):
    path = tmp_path / "features.hdf5"
    command = ["extract-features", tmp_path, path, "--weights"]
    status, _, (error,) = run(*command, tmp_path / "no.ckpt")
    assert status == 1 and "there is no weight file" in error
    torch.save(ImgAud2Vid(3, width=2).state_dict(), tmp_path / "model.ckpt")
    command += [tmp_path / "model.ckpt"]
    status, _, (error,) = run(*command, "--device=cuda:99")
    assert status == 1 and "device cuda:99 cannot be used" in error
    status, _, (error,) = run(*command, "--annotations", tmp_path / "no.csv")
    assert status == 1 and "no.csv: No such file or directory" in error
    status, _, (error,) = run(*command, "--device=cpu")
    assert status == 1 and "holds no videos" in error
    assert not path.exists()
