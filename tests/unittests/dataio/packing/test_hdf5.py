"""Tests of packing a folder of audio into one HDF5 file.

Authors
 * The speechbrain_pib developers 2026
"""

from types import SimpleNamespace

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
from speechbrain_pib.dataio.packing.hdf5 import pack_folder
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
    path, other = str(tmp_path / "audio.hdf5"), str(tmp_path / "16k.hdf5")
    pack_folder(folder, path, dtype="float32")
    pack_folder(folder, other, sample_rate=16000)
    with h5py.File(path) as floats, h5py.File(other) as resampled:
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


def test_what_was_repaired_is_packed_again(folder, tmp_path):
    path, source = str(tmp_path / "audio.hdf5"), folder / "P01/a.wav"
    pack_folder(folder, path)
    samples, _ = soundfile.read(source, dtype="int16")
    soundfile.write(source, samples[::-1], 24000)
    with h5py.File(path, "r+") as file:
        file["b"].attrs["mark"] = "kept"
    pack_folder(folder, path)
    with h5py.File(path) as file:
        assert (file["a"][:] == samples[::-1]).all()
        assert file["b"].attrs["mark"] == "kept"


def test_another_rate_is_not_kept(folder, tmp_path):
    path = str(tmp_path / "audio.hdf5")
    pack_folder(folder, path, sample_rate=16000)
    pack_folder(folder, path)
    with h5py.File(path) as file:
        assert {file[key].attrs["sample_rate"] for key in file} == {24000}
        assert len(file["a"]) == 6000


def test_what_does_not_say_of_what_it_was_made_is_kept(folder, tmp_path):
    path = str(tmp_path / "audio.hdf5")
    with h5py.File(path, "w") as file:
        hdf5.write_dataset(file, "a", np.ones(10, np.int16), 24000)
    pack_folder(folder, path)
    with h5py.File(path) as file:
        assert list(file) == ["a", "b", "c"]
        assert len(file["a"]) == 10


def test_of_several_copies_a_whole_one_is_packed(folder, tmp_path):
    path = str(tmp_path / "audio.hdf5")
    samples, _ = soundfile.read(folder / "P01/a.wav", dtype="int16")
    soundfile.write(folder / "P01/a.flac", samples, 24000)
    (folder / "P01/a.wav").write_bytes(b"RIFF")
    assert pack_folder(folder, path) == {}
    with h5py.File(path) as file:
        assert (file["a"][:] == samples).all()


def test_unreadable_files_are_returned(folder, tmp_path):
    (folder / "P01/a.wav").write_bytes(b"no audio")
    unreadable = pack_folder(folder, str(tmp_path / "audio.hdf5"))
    assert list(unreadable) == [str(folder / "P01/a.wav")]
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


def test_another_file_is_not_written_over(folder, tmp_path):
    (tmp_path / "thesis.hdf5").write_text("no HDF5")
    with pytest.raises(ValueError, match="thesis.hdf5 is there and is no HDF5"):
        pack_folder(folder, tmp_path / "thesis.hdf5")
    assert (tmp_path / "thesis.hdf5").read_text() == "no HDF5"


def test_a_full_disk_leaves_a_file_that_can_be_read(
    folder, tmp_path, monkeypatch
):
    path, left = tmp_path / "audio.hdf5", iter([2**30, 2**30, 2**20])
    monkeypatch.setattr(
        hdf5.shutil, "disk_usage", lambda _: SimpleNamespace(free=next(left))
    )
    with pytest.raises(OSError, match="No space left on device: .*audio.hdf5"):
        pack_folder(folder, path)
    with h5py.File(path) as file:
        assert [len(file[name]) for name in file] == [6000] * 2


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


@pytest.mark.slow
def test_results_keep_their_order_in_processes():
    assert list(map_processes(abs, range(-9, 0), 2)) == list(range(9, 0, -1))
