"""Tests of what is no sound at full scale, in every reader.

Authors
 * The speechbrain_pib developers 2026
"""

import h5py
import numpy as np
import pytest
import soundfile
import torch

from speechbrain_pib.dataio.audio.checks import check_audio, check_many
from speechbrain_pib.dataio.audio.crops import (
    read_random_crop,
    read_segment,
    read_views,
)
from speechbrain_pib.dataio.audio.decoding import read_samples
from speechbrain_pib.dataio.audio.levels import find_fault
from speechbrain_pib.dataio.audio.locators import UnreadableAudioError

RATE = 16000
READERS = {
    "check_audio": check_audio,
    "read_segment": lambda path: read_segment(path, 0.0, 1.0, RATE),
    "read_views": lambda path: read_views(path, 1.0, 0.5, 2, RATE),
    "read_random_crop": lambda path: read_random_crop(path, 1.0, 1.0, RATE),
    "read_samples": read_samples,
}


@pytest.fixture
def noise():
    """A second of noise that peaks below full scale."""
    return np.clip(0.2 * np.random.default_rng(0).normal(size=RATE), -0.9, 0.9)


def write_wav(folder, samples, subtype="FLOAT"):
    """A wav file; returns its path."""
    path = str(folder / "odd.wav")
    soundfile.write(path, samples, RATE, subtype=subtype)
    return path


def write_hdf5(folder, samples):
    """A dataset; returns its locator."""
    path = str(folder / "odd.hdf5")
    with h5py.File(path, "w") as file:
        file["key"] = samples
    return f"{path}::key@{RATE}"


def read_everywhere(locator, message):
    """All readers refuse it, with the reason and the name."""
    for name, read in READERS.items():
        with pytest.raises(UnreadableAudioError, match=message):
            read(locator)
            pytest.fail(f"{name} takes it")
    (result,) = check_many([locator], decode=True)
    assert isinstance(result, UnreadableAudioError)


@pytest.mark.parametrize("scale", [128, 2**15, 2**23, 2**31, 3e29, 1e38])
def test_floats_at_another_scale_are_unreadable(tmp_path, noise, scale):
    message = "odd.* holds samples of up to .* full scale is 1"
    for locator in (
        write_wav(tmp_path, scale * noise),
        write_wav(tmp_path, scale * noise[:, None].repeat(2, 1), "DOUBLE"),
        write_hdf5(tmp_path, scale * noise.astype(np.float32)),
    ):
        read_everywhere(locator, message)


def test_quiet_whole_numbers_are_no_floats_at_full_scale(tmp_path):
    numbers = np.random.default_rng(0).integers(-5, 6, RATE).astype(np.float32)
    read_everywhere(write_wav(tmp_path, numbers), "were not divided")


def test_one_absurd_sample_is_enough(tmp_path, noise):
    noise[8000] = 3e29
    read_everywhere(write_wav(tmp_path, noise), "up to 3e.29")


@pytest.mark.parametrize("peak", [1.0, 1.7, 4.0, 9.9])
def test_floats_beyond_full_scale_are_heard_as_they_are(tmp_path, noise, peak):
    noise *= peak / np.abs(noise).max()
    path = write_wav(tmp_path, noise)
    assert check_audio(path) == 1.0
    heard = read_segment(path, 0.0, 1.0, RATE)
    assert torch.equal(heard, torch.from_numpy(noise).float())


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("rest", [0.0, 0.001])
def test_channels_that_cancel_are_unreadable(tmp_path, noise, subtype, rest):
    both = np.stack([noise, -noise * (1 - rest)], 1)
    path = write_wav(tmp_path, both, subtype)
    read_everywhere(path, "odd.* channels that cancel each other")


def test_wide_and_one_sided_stereo_is_heard(tmp_path, noise):
    other = np.random.default_rng(1).normal(size=RATE) * 0.1
    for both in ([noise, 0 * noise], [noise, other], [noise, -0.5 * noise]):
        path = write_wav(tmp_path, np.stack(both, 1))
        heard = read_segment(path, 0.0, 1.0, RATE)
        expected = torch.from_numpy(np.mean(both, axis=0)).float()
        assert torch.allclose(heard, expected, atol=1e-7)


def test_single_steps_that_cancel_are_a_quiet_passage(tmp_path):
    steps = np.zeros((RATE, 2), np.int16)
    steps[100] = 1, -1
    path = write_wav(tmp_path, steps, "PCM_16")
    assert read_segment(path, 0.0, 1.0, RATE).abs().max() == 0


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_16_bits_in_a_wider_type_are_unreadable(tmp_path, noise, dtype):
    locator = write_hdf5(tmp_path, (noise * 2**15).astype(dtype))
    read_everywhere(locator, "16-bit samples in a wider type")


def test_16_bits_in_a_wav_of_32_are_unreadable(tmp_path, noise):
    path = write_wav(tmp_path, (noise * 2**15).astype(np.int32), "PCM_32")
    read_everywhere(path, "16-bit samples in a wider type")


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64])
def test_whole_numbers_of_any_type_are_at_full_scale(tmp_path, noise, dtype):
    bits = 8 * np.dtype(dtype).itemsize
    locator = write_hdf5(tmp_path, (noise * 2.0 ** (bits - 1)).astype(dtype))
    assert check_audio(locator) == 1.0
    heard = read_segment(locator, 0.0, 1.0, RATE)
    error = np.abs(heard.numpy() - noise).max()
    assert error < max(2.0 ** (1 - bits), 1e-6)


def test_a_quiet_passage_of_32_bits_is_heard(tmp_path, noise):
    quiet = np.random.default_rng(1).integers(-(2**14), 2**14, RATE)
    loud = (noise * 2**31).astype(np.int32)
    samples = np.concatenate([quiet.astype(np.int32), loud])
    heard = read_segment(write_hdf5(tmp_path, samples), 0.0, 1.0, RATE)
    assert torch.equal(heard, torch.from_numpy(quiet / 2**31).float())


def test_silence_is_found_where_all_is_decoded(tmp_path, noise):
    for silence in (0 * noise, 1e-6 * noise):
        path = write_wav(tmp_path, silence)
        with pytest.raises(UnreadableAudioError, match="odd.wav is silent"):
            check_audio(path)
        # A passage without sound is none the less a passage.
        assert len(read_segment(path, 0.0, 1.0, RATE)) == RATE


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_channel_that_is_not_finite_is_enough(value):
    channels = torch.zeros(100, 2)
    channels[7, 1] = value
    assert "not finite" in find_fault(channels.mean(dim=1), channels)


def test_finite_channels_whose_sum_is_infinite_are_no_sound():
    channels = torch.full((100, 2), 3e38)
    assert find_fault(channels.mean(dim=1), channels) is not None
