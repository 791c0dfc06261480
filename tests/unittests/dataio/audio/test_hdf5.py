"""Tests of HDF5 files as others write them.

Authors
 * The speechbrain_pib developers 2026
"""

import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from speechbrain_pib.dataio.audio.checks import check_audio, probe_audio
from speechbrain_pib.dataio.audio.crops import read_segment
from speechbrain_pib.dataio.audio.decoding import read_samples
from speechbrain_pib.dataio.audio.locators import UnreadableAudioError

RATE = 8000
READERS = [
    probe_audio,
    check_audio,
    read_samples,
    lambda locator: read_segment(locator, 0.0, 0.5, RATE),
]


@pytest.fixture
def noise():
    """A second of it."""
    return (0.1 * np.random.default_rng(0).normal(size=RATE)).astype(np.float32)


def refuse(locator, message):
    """All readers name what is wrong."""
    for read in READERS:
        with pytest.raises(UnreadableAudioError, match=message):
            read(locator)


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_channels_first_are_named_with_their_shape(tmp_path, noise, channels):
    path = str(tmp_path / "librosa.hdf5")
    with h5py.File(path, "w") as file:
        file["P01_01"] = np.stack([noise] * channels)
    message = rf"librosa.*P01_01.* of shape \({channels}, 8000\); expected"
    refuse(f"{path}::P01_01@{RATE}", message)


def test_features_are_no_audio(tmp_path):
    path = str(tmp_path / "features.hdf5")
    with h5py.File(path, "w") as file:
        file["a"] = np.zeros((1000, 128), np.float32)
        file["b"] = np.zeros((10, 10, 10), np.float32)
        file["c"] = np.zeros(100, np.complex64)
        file["d"] = np.float32(1)
        file["e"] = h5py.Empty("f4")
    for key in "abcde":
        refuse(f"{path}::{key}@{RATE}", "features.* is no audio")


def test_a_key_that_is_not_there_is_named_with_some_that_are(tmp_path, noise):
    path = str(tmp_path / "keys.hdf5")
    with h5py.File(path, "w") as file:
        file["P01_01.wav"] = noise
        file["P01_02/audio"] = noise
    for key in ("P01_01", "P01_02", "P01_02/sound"):
        message = f"keys.hdf5 holds no dataset '{key}'; .* 'P01_01.wav', 'P01"
        refuse(f"{path}::{key}@{RATE}", message)


def test_files_that_cannot_be_opened_are_named(tmp_path, noise):
    with h5py.File(tmp_path / "whole.hdf5", "w") as file:
        file["a"] = noise
    data = (tmp_path / "whole.hdf5").read_bytes()
    (tmp_path / "cut.hdf5").write_bytes(data[: len(data) // 2])
    (tmp_path / "empty.hdf5").touch()
    for name in ("cut", "empty"):
        message = f"{name}.hdf5 is not an HDF5 file that can be read"
        refuse(f"{tmp_path / name}.hdf5::a@{RATE}", message)


WRITER = """
import sys, h5py
file = h5py.File(sys.argv[1], "a")
print("open", flush=True)
sys.stdin.read()
"""


def test_a_file_that_is_written_is_locked(tmp_path, noise):
    path = str(tmp_path / "busy.hdf5")
    with h5py.File(path, "w") as file:
        file["a"] = noise
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert writer.stdout.readline() == b"open\n"
        refuse(f"{path}::a@{RATE}", "busy.hdf5 is locked: another process")
    finally:
        writer.communicate()
    assert probe_audio(f"{path}::a@{RATE}") == 1.0


def test_other_files_are_not_opened(tmp_path, noise):
    secret, path = str(tmp_path / "secret.hdf5"), str(tmp_path / "links.hdf5")
    with h5py.File(secret, "w") as file:
        file["a"] = noise
    noise.tofile(tmp_path / "secret.raw")
    layout = h5py.VirtualLayout((RATE,), np.float32)
    layout[:] = h5py.VirtualSource(secret, "a", (RATE,))
    with h5py.File(path, "w") as file:
        file["here"] = noise
        file["linked"] = h5py.ExternalLink(secret, "a")
        file["group"] = h5py.ExternalLink(secret, "/")
        file["soft"] = h5py.SoftLink("/linked")
        file.create_virtual_dataset("virtual", layout)
        raw = [(str(tmp_path / "secret.raw"), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("raw", (RATE,), np.float32, external=raw)
    for key in ("linked", "group/a", "soft"):
        refuse(f"{path}::{key}@{RATE}", "links.hdf5: .* is a link to another")
    for key in ("virtual", "raw"):
        refuse(f"{path}::{key}@{RATE}", f"'{key}' are in other files")
    assert probe_audio(f"{path}::here@{RATE}") == 1.0


@pytest.mark.parametrize("rate", [RATE, 10**6, 2**40])
def test_absurd_claims_end_at_once(tmp_path, rate):
    path = str(tmp_path / "huge.hdf5")
    with h5py.File(path, "w") as file:
        file.create_dataset("a", (2**40,), np.int16, chunks=(2**20,))
        file["a"].attrs["sample_rate"] = rate
    began = time.monotonic()
    refuse(f"{path}::a", "huge.hdf5::a.* (claims 1099511627776|is none)")
    assert time.monotonic() - began < 1


def test_samples_of_any_layout_are_read(tmp_path, noise):
    path = str(tmp_path / "layouts.hdf5")
    with h5py.File(path, "w") as file:
        file["plain"] = noise
        file.create_dataset("chunked", data=noise, chunks=(1000,))
        file.create_dataset("packed", data=noise, compression="gzip")
        file["deep/in/groups"] = noise
    for key in ("plain", "chunked", "packed", "deep/in/groups"):
        heard = read_segment(f"{path}::{key}@{RATE}", 0.25, 0.5, RATE)
        assert heard.tolist() == noise[2000:6000].tolist()
