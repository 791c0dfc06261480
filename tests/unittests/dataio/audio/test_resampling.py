"""Tests of resampling from any rate.

Authors
 * The speechbrain_pib developers 2026
"""

import math
import resource
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch
from speechbrain.dataio.preprocess import AudioNormalizer

from speechbrain_pib.dataio.audio.crops import read_segment
from speechbrain_pib.dataio.audio.resampling import resample

COMMON = [8000, 11025, 22050, 24000, 32000, 44100, 48000, 96000]
# Of old Macintosh files, old PCM recorders, and two without a common divisor.
ODD = [22254, 11127, 44056, 44099, 1009, 383999]


def tone(rate, seconds=1.0, frequency=100.0):
    """A sine of the amplitude 0.5."""
    time = np.arange(round(rate * seconds)) / rate
    return 0.5 * np.sin(2 * np.pi * frequency * time)


def noise(rate, seconds, edge):
    """Noise without anything above a frequency in Hz."""
    spectrum = np.fft.rfft(np.random.default_rng(0).normal(size=rate * seconds))
    spectrum[np.fft.rfftfreq(rate * seconds, 1 / rate) > edge] = 0
    samples = np.fft.irfft(spectrum, rate * seconds)
    return torch.from_numpy(0.1 * samples / samples.std()).float()


@pytest.mark.parametrize("rate", COMMON)
def test_common_rates_are_resampled_as_speechbrain_does(rate):
    samples = noise(rate, 1, rate / 2)
    expected = AudioNormalizer(16000)(samples, rate)
    assert torch.equal(resample(samples, rate, 16000), expected)


@pytest.mark.parametrize("rate", ODD)
def test_a_tone_of_an_odd_rate_is_the_same_tone(rate):
    resampled = resample(torch.from_numpy(tone(rate)).float(), rate, 16000)
    assert resampled.shape == (16000,) and resampled.dtype == torch.float32
    inside = slice(3200, -3200)
    difference = resampled.numpy()[inside] - tone(16000)[inside]
    assert np.abs(difference).max() < 1e-4


@pytest.mark.parametrize("rate", [12000, 37800, 44100])
def test_soxr_agrees_with_torchaudio_below_the_edge(rate, monkeypatch):
    samples = noise(rate, 2, 0.7 * min(rate, 16000) / 2)
    expected = resample(samples, rate, 16000)
    monkeypatch.setattr("speechbrain_pib.dataio.audio.resampling.MAX_KERNEL", 0)
    found = resample(samples, rate, 16000)
    difference = (found - expected)[300:-300].std() / expected.std()
    assert 0 < difference < 0.004


@pytest.mark.parametrize("rate", COMMON + ODD)
@pytest.mark.parametrize("size", [1, 2, 999, 10007])
def test_the_length_is_that_of_the_new_rate(rate, size):
    resampled = resample(torch.zeros(size), rate, 16000)
    assert len(resampled) == math.ceil(size * 16000 / rate)


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 22254, 44101])
def test_a_crop_is_cut_from_the_resampled_file(tmp_path, rate):
    samples = 0.1 * np.random.default_rng(0).normal(size=3 * rate)
    path = str(tmp_path / "noise.wav")
    soundfile.write(path, samples, rate, subtype="FLOAT")
    whole = resample(torch.from_numpy(samples).float(), rate, 16000)
    # At the start, inside and at the end; whole samples of both rates.
    for start, seconds in ((0, 0.5), (1, 0.5), (2, 1.0)):
        crop = read_segment(path, start, seconds, 16000)
        assert len(crop) == round(seconds * 16000)
        expected = whole[start * 16000 :][: len(crop)]
        assert (crop - expected).abs().max() < 2e-6, start


MEASURE = """
import resource, sys, time
import torch
from speechbrain_pib.dataio.audio.resampling import resample
resample(torch.zeros(1000), 48000, 16000)
resample(torch.zeros(1000), 22254, 16000)
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
for rate in map(int, sys.argv[1:]):
    samples = 0.1 * torch.randn(10 * rate)
    before, began = peak(), time.process_time()
    resample(samples, rate, 16000)
    print(rate, time.process_time() - began, peak() - before)
"""


def test_no_rate_takes_much_memory_or_time():
    rates = [1000, 5512, 7919, 11025, 22255, 44099, 48001, 96001, 383999]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *map(str, rates)],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) == len(rates)
    for rate, seconds, megabytes in lines:
        assert float(seconds) < 1, rate
        assert float(megabytes) < 100, rate


def test_filters_that_are_kept_are_few():
    from speechbrain_pib.dataio.audio import resampling

    for rate in range(20000, 30000, 100):
        resample(torch.zeros(100), rate, 16000)
    kept = resampling._sinc_resampler.cache_info()
    assert kept.currsize <= kept.maxsize <= 32
