"""Tests of audio behind locators: files, HDF5 and members of tars.

Authors
 * The speechbrain_pib developers 2026
"""

import multiprocessing
import os
import tarfile

import h5py
import numpy as np
import pytest
import soundfile
import torch

from speechbrain_pib.dataio.audio.checks import check_audio, probe_audio
from speechbrain_pib.dataio.audio.crops import read_segment, read_views
from speechbrain_pib.dataio.audio.locators import (
    UnreadableAudioError,
    open_audio,
)

RATE = 8000


@pytest.fixture
def ramp():
    """Samples that tell where they are."""
    return np.arange(-4000, 12000, dtype=np.int16)


def write_tar(folder, *paths):
    """A tar of files; returns the locators of its members."""
    with tarfile.open(folder / "shard.tar", "w") as tar:
        for path in paths:
            tar.add(path, path.name)
    with tarfile.open(folder / "shard.tar") as tar:
        return [
            f"{folder / 'shard.tar'}::{member.offset_data}+{member.size}"
            for member in tar
        ]


def write_hdf5(path, **datasets):
    """An HDF5 file; datasets are pairs of samples and rate."""
    with h5py.File(path, "w") as file:
        for name, (samples, rate) in datasets.items():
            dataset = file.create_dataset(name, data=samples)
            if rate is not None:
                dataset.attrs["sample_rate"] = rate
    return str(path)


def everywhere(folder, samples):
    """The same 16-bit audio behind locators of all kinds."""
    locators, files = [], []
    for extension in ("wav", "flac"):
        files.append(folder / f"audio.{extension}")
        soundfile.write(files[-1], samples, RATE, subtype="PCM_16")
        locators.append(str(files[-1]))
    locators += write_tar(folder, *files)
    floats = (samples / 2**15).astype(np.float32)
    path = write_hdf5(
        folder / "audio.hdf5",
        whole=(samples, RATE),
        floats=(floats, RATE),
        doubles=(floats.astype(float), None),
        column=(samples[:, None], RATE),
    )
    locators += [f"{path}::{key}" for key in ("whole", "floats", "column")]
    return [*locators, f"{path}::doubles@{RATE}"]


def test_the_same_segments_are_read_from_everywhere(tmp_path, ramp):
    for locator in everywhere(tmp_path, ramp):
        segment = read_segment(locator, 0.25, 0.5, RATE) * 2**15
        assert segment.dtype == torch.float32
        assert segment.tolist() == ramp[2000:6000].tolist(), locator
        end = read_segment(locator, 1.9, 0.5, RATE) * 2**15
        assert end.tolist() == ramp[15200:].tolist(), locator
        assert probe_audio(locator) == check_audio(locator) == 2.0


def test_resampled_views_are_equal_from_everywhere(tmp_path, ramp):
    first, *others = [
        read_views(locator, 2.0, 0.7, 3, 16000)[0]
        for locator in everywhere(tmp_path, ramp)
    ]
    for other in others:
        assert torch.equal(first, other)


def test_stereo_in_hdf5_is_averaged(tmp_path, ramp):
    both = np.stack([ramp, ramp // 2 * 4], 1)
    path = write_hdf5(tmp_path / "a.h5", a=(both // 8, RATE))
    mean = (both // 8).mean(axis=1) / 2**15
    assert read_segment(f"{path}::a", 0.0, 9.0, RATE).tolist() == mean.tolist()


def test_only_the_slice_is_read_from_hdf5(tmp_path):
    path = str(tmp_path / "huge.hdf5")
    with h5py.File(path, "w") as file:
        # 64 GB that are not on disk; unwritten samples are 0.
        dataset = file.create_dataset(
            "video", (2**35,), np.int16, chunks=(2**20,)
        )
        dataset[2**34 : 2**34 + 100] = 7
        dataset.attrs["sample_rate"] = 2**16
    segment = read_segment(f"{path}::video", 2.0**18, 0.5, 2**16)
    assert segment[:100].tolist() == [7 / 2**15] * 100
    assert len(segment) == 2**15


def test_only_the_window_of_a_tar_is_seen(tmp_path, ramp):
    files = [tmp_path / f"{n}.flac" for n in range(3)]
    for n, file in enumerate(files):
        soundfile.write(file, ramp[: 1000 * (n + 1)], RATE)
    for n, locator in enumerate(write_tar(tmp_path, *files), start=1):
        with open_audio(locator) as audio:
            assert (audio.frames, audio.sample_rate) == (1000 * n, RATE)
            counted = (audio.read() * 2**15).tolist()
            assert counted == ramp[: 1000 * n].tolist()


def test_a_truncated_wav_in_a_tar_is_found(tmp_path, ramp):
    path = tmp_path / "cut.wav"
    soundfile.write(path, ramp, RATE)
    path.write_bytes(path.read_bytes()[:20000])
    (locator,) = write_tar(tmp_path, path)
    with pytest.raises(
        UnreadableAudioError, match=r"tar::[0-9]+.20000 is trunc"
    ):
        probe_audio(locator)


@pytest.mark.parametrize(
    "name, message",
    [
        ("gone.hdf5::a", "gone.hdf5 is not an HDF5 file"),
        ("text.hdf5::a", "text.hdf5 is not an HDF5 file"),
        ("audio.hdf5::b", "audio.hdf5 holds no dataset 'b'"),
        ("audio.hdf5::a", "no attribute sample_rate.*::a@24000"),
        ("audio.hdf5::rated@16000", "the file says 8000 Hz"),
        ("audio.hdf5::words@16000", "is no audio"),
        ("audio.hdf5::mute@16000", "is no audio: .* of shape .4, 0."),
        ("audio.hdf5::a@0", "the sampling rate is 0, which is none"),
        ("audio.hdf5::still", "the sampling rate is -1, which is none"),
        ("audio.hdf5::odd", "the sampling rate is fast, which is none"),
        ("audio.hdf5::empty", "holds no samples"),
        ("gone.tar::0+10", "gone.tar::0.10: there is no such file"),
        ("text.tar::2+100", "is truncated: .*text.tar has only 4 bytes"),
        ("text.tar::1+2", "text.tar::1.2 is not an audio file"),
        ("text.tar::1+0", "is empty"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, ramp, name, message):
    for extension in ("hdf5", "tar"):
        (tmp_path / f"text.{extension}").write_text("text")
    write_hdf5(
        tmp_path / "audio.hdf5",
        a=(ramp, None),
        rated=(ramp, RATE),
        words=([b"word"], None),
        mute=(np.zeros((4, 0)), None),
        empty=(ramp[:0], RATE),
        still=(ramp, -1),
        odd=(ramp, "fast"),
    )
    with pytest.raises(UnreadableAudioError, match=message):
        probe_audio(str(tmp_path / name))


def test_samples_that_are_not_finite_are_an_error_in_hdf5(tmp_path):
    samples = np.zeros(RATE)
    samples[10] = np.nan
    path = write_hdf5(tmp_path / "a.hdf5", a=(samples, RATE))
    with pytest.raises(UnreadableAudioError, match="a.hdf5::a .*not finite"):
        read_segment(f"{path}::a", 0.0, 0.5, RATE)


def read_often(locator, seed):
    """Sums of segments at random places, and where they begin."""
    places = np.random.default_rng(seed).integers(0, 12000, 100)
    return places, [
        read_segment(locator, place / RATE, 0.125, RATE).sum().item()
        for place in places
    ]


def read_in_child(arguments):
    """For a pool."""
    return read_often(*arguments)


@pytest.mark.parametrize(
    "method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)]
)
def test_hdf5_is_read_right_in_many_processes(tmp_path, ramp, method):
    path = write_hdf5(tmp_path / "a.hdf5", a=(ramp, RATE))
    # The parent has the file open when the children begin.
    read_often(f"{path}::a", 0)
    processes = 4 if method == "fork" else 1
    with multiprocessing.get_context(method).Pool(processes) as pool:
        results = pool.map(
            read_in_child, [(f"{path}::a", seed) for seed in range(8)]
        )
    for places, sums in results:
        expected = [ramp[p : p + 1000].sum(dtype=int) / 2**15 for p in places]
        assert sums == pytest.approx(expected)


ODD_NAMES = [
    b"-",
    b"-v.wav",
    b"caf\xe9.wav",
    b"two\nlines.wav",
    b"a::b.wav",
    b"x.tar::1+2",
    b"x.hdf5::key",
    b"set.h5::old/a.wav",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_files_with_odd_names_are_read(tmp_path, ramp, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    soundfile.write("plain.wav", ramp, RATE)
    os.makedirs(os.path.dirname(name) or b".", exist_ok=True)
    os.rename("plain.wav", name)
    for path in (name, os.path.join(os.fsencode(tmp_path), name)):
        segment = read_segment(os.fsdecode(path), 0.25, 0.5, RATE) * 2**15
        assert segment.tolist() == ramp[2000:6000].tolist()


@pytest.mark.parametrize(
    "name, shown",
    [
        ("two\nlines.wav", r"two\\nlines.wav: there is no such file"),
        ("\x1b[2J.wav", r"\\x1b\[2J.wav: there is no such file"),
        ("caf\udce9.wav", r"caf\\udce9.wav: there is no such file"),
        ("null\0.wav", r"null\\x00.wav: there is no such file"),
        ("tar\n.hdf5::a", r"tar\\n.hdf5::a: there is no such file"),
    ],
)
def test_odd_names_are_printed_escaped(name, shown):
    with pytest.raises(UnreadableAudioError, match=shown) as caught:
        probe_audio(name)
    assert str(caught.value).isprintable()


def test_what_is_no_plain_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    for name in ("pipe.wav", "."):
        with pytest.raises(UnreadableAudioError, match="no such file"):
            probe_audio(str(tmp_path / name))
