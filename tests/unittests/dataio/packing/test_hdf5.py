"""Tests of packing a folder of audio into one HDF5 file.

Authors
 * The speechbrain_pib developers 2026
"""

import h5py
import numpy as np
import pytest
import soundfile
import torch
from speechbrain.dataio.preprocess import AudioNormalizer

from speechbrain_pib.dataio.audio import decoding
from speechbrain_pib.dataio.audio.checks import probe_audio
from speechbrain_pib.dataio.audio.decoding import read_samples
from speechbrain_pib.dataio.audio.locators import UnreadableAudioError
from speechbrain_pib.dataio.packing import hdf5
from speechbrain_pib.dataio.packing.hdf5 import main, pack_folder
from speechbrain_pib.utils.processes import map_processes


@pytest.fixture
def folder(tmp_path):
    """Three 16-bit files of noise in two folders."""
    rng = np.random.default_rng(0)
    for name in ("P01/a.wav", "P01/b.flac", "P02/c.wav"):
        path = tmp_path / "audio" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = rng.integers(-(2**15), 2**15, 6000, dtype=np.int16)
        soundfile.write(path, noise, 24000)
    return tmp_path / "audio"


def test_samples_and_rate_are_those_of_the_files(folder, tmp_path):
    path = str(tmp_path / "audio.hdf5")
    assert pack_folder(folder, path) == {}
    with h5py.File(path) as file:
        assert list(file) == ["a", "b", "c"]
        for source in folder.rglob("*.*"):
            samples, rate = soundfile.read(source, dtype="int16")
            stored = file[source.stem]
            assert stored.dtype == np.int16 and (stored[:] == samples).all()
            assert stored.attrs["sample_rate"] == rate
    assert probe_audio(f"{path}::a") == 0.25


def test_float32_and_another_rate(folder, tmp_path):
    path = str(tmp_path / "audio.hdf5")
    main([str(folder), path, "--dtype=float32", "--processes=1"])
    main([str(folder), path + "5", "--sample_rate=16000", "--processes=1"])
    with h5py.File(path) as floats, h5py.File(path + "5") as resampled:
        whole = floats["a"][:]
        expected, _ = soundfile.read(folder / "P01/a.wav", dtype="float32")
        assert whole.dtype == np.float32 and (whole == expected).all()
        assert resampled["a"].shape == (4000,)
        assert resampled["a"].attrs["sample_rate"] == 16000


def test_a_stopped_run_goes_on(folder, tmp_path, monkeypatch):
    path, real = str(tmp_path / "audio.hdf5"), hdf5.write_dataset

    def interrupted(file, name, samples, rate):
        if len(file):
            real(file, name, samples[:100], rate)
            raise KeyboardInterrupt
        real(file, name, samples, rate)

    with monkeypatch.context() as patch:
        patch.setattr(hdf5, "write_dataset", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pack_folder(folder, path)
    read = []
    with monkeypatch.context() as patch:
        patch.setattr(
            hdf5,
            "read_samples",
            lambda path, **options: (
                read.append(path) or read_samples(path, **options)
            ),
        )
        pack_folder(folder, path)
    assert len(read) == 2
    with h5py.File(path) as file:
        assert [len(file[name]) for name in file] == [6000] * 3


def test_unreadable_files_are_returned(folder, tmp_path, capsys):
    (folder / "P01/a.wav").write_bytes(b"no audio")
    unreadable = pack_folder(folder, str(tmp_path / "audio.hdf5"))
    assert list(unreadable) == [str(folder / "P01/a.wav")]
    main([str(folder), str(tmp_path / "audio.hdf5"), "--processes=1"])
    assert "Left out: " in capsys.readouterr().out
    with h5py.File(tmp_path / "audio.hdf5") as file:
        assert list(file) == ["b", "c"]


def test_what_would_mix_or_lose_datasets_is_refused(folder, tmp_path):
    path = str(tmp_path / "audio.hdf5")
    pack_folder(folder, path)
    for options in ({"dtype": "float32"}, {"sample_rate": 16000}):
        with pytest.raises(ValueError, match="a as int16 at 24000 Hz"):
            pack_folder(folder, path, **options)
    (folder / "P02/b.wav").touch()
    with pytest.raises(ValueError, match="have the same name"):
        pack_folder(folder, path)
    with pytest.raises(ValueError, match="there is no folder"):
        pack_folder(tmp_path / "nothing", path)


@pytest.mark.parametrize(
    "rate, size", [(8000, 20000), (11025, 30000), (44100, 99000), (44100, 9)]
)
def test_blocks_are_resampled_as_one(tmp_path, monkeypatch, rate, size):
    noise = 0.1 * np.random.default_rng(0).normal(size=(size, 2))
    soundfile.write(tmp_path / "a.wav", noise, rate, subtype="FLOAT")
    whole = AudioNormalizer(16000)(torch.from_numpy(noise).float(), rate)
    monkeypatch.setattr(decoding, "BLOCK_SECONDS", 1)
    samples, _ = read_samples(tmp_path / "a.wav", 16000, "float32")
    assert samples.shape == whole.shape
    assert np.abs(samples - whole.numpy()).max() < 1e-6


def test_what_is_too_loud_is_clipped(tmp_path):
    loud = np.array([1.5, -1.5, 0.5], dtype=np.float32)
    soundfile.write(tmp_path / "a.wav", loud, 16000, subtype="FLOAT")
    samples, _ = read_samples(tmp_path / "a.wav")
    assert samples.tolist() == [32767, -32768, 16384]


def test_a_truncated_file_is_not_packed(tmp_path):
    noise = 0.1 * np.random.default_rng(0).normal(size=160000)
    soundfile.write(tmp_path / "a.flac", noise, 16000)
    data = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(data[: len(data) // 2])
    with pytest.raises(UnreadableAudioError, match="a.flac"):
        read_samples(tmp_path / "a.flac")


def test_results_keep_their_order_in_processes():
    assert list(map_processes(abs, range(-9, 0), 2)) == list(range(9, 0, -1))
