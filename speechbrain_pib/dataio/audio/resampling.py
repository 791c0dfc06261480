"""Resampling from any rate to any other, with bounded memory and time.

Authors
 * The speechbrain_pib developers 2026
"""

import functools
import math

import soxr
import torch
import torchaudio

# torchaudio keeps a filter for each phase between the two rates: a few for 48
# and 16 kHz, 640 for 11025 Hz, gigabytes for rates without a common divisor.
MAX_KERNEL = 2**20  # samples of all filters together, 4 MB
OPEN_RESAMPLERS = 16  # kept per process
# Of torchaudio's filters, on each side, in samples of the lower rate.
SINC_REACH = 6 / 0.99


def resample(samples, old_rate, new_rate):
    """Resample a waveform.

    torchaudio does it for rates that fit together, as all common ones do.
    Others are left to soxr, whose filter is steeper: below 0.7 of the lower
    Nyquist frequency both agree within 0.4 % of the signal (-48 dB).

    Arguments
    ---------
    samples : torch.Tensor
        [n], float32, on the CPU.
    old_rate : int
        Rate of the samples in Hz.
    new_rate : int
        Rate of the result in Hz.

    Returns
    -------
    resampled : torch.Tensor
        [ceil(n * new_rate / old_rate)], float32.

    Example
    -------
    >>> resample(torch.zeros(160), 16000, 8000).shape
    torch.Size([80])
    >>> resample(torch.zeros(22254), 22254, 16000).shape
    torch.Size([16000])
    """
    if old_rate == new_rate:
        return samples
    if _suits_torchaudio(old_rate, new_rate):
        return _sinc_resampler(old_rate, new_rate)(samples)
    size = math.ceil(len(samples) * new_rate / old_rate)
    # A second of silence around: soxr takes time to swing in, and rounds the
    # length.
    padded = torch.nn.functional.pad(samples, (old_rate, old_rate))
    resampled = soxr.resample(padded.numpy(), old_rate, new_rate)
    return torch.from_numpy(resampled[new_rate : new_rate + size])


def read_resampled(audio, start, stop, sample_rate):
    """Read a part of audio as if all of it were resampled and then cut.

    Arguments
    ---------
    audio : speechbrain_pib.dataio.audio.readers.AudioReader
        Opened audio.
    start : int
        First sample, at the rate of the audio.
    stop : int
        Behind the last sample, at the rate of the audio.
    sample_rate : int
        Rate of the result in Hz.

    Returns
    -------
    resampled : torch.Tensor
        [ceil((stop - start) * sample_rate / audio.sample_rate)], float32, less
        if the audio ends before; the first sample is that at `start`.

    Example
    -------
    >>> from speechbrain_pib.dataio.audio.locators import open_audio
    >>> with open_audio("clip.wav") as audio:  # doctest: +SKIP
    ...     half = read_resampled(audio, 0, audio.frames // 2, 16000)
    """
    old_rate = audio.sample_rate
    context = _context(old_rate, sample_rate)
    begin = max(start - context, 0)
    samples = audio.read(begin, stop + context - begin)
    # Before its first sample, audio is silent.
    ahead = context - (start - begin)
    samples = torch.nn.functional.pad(samples, (ahead, 0))
    resampled = resample(samples, old_rate, sample_rate)
    first = context * sample_rate // old_rate
    left = max(min(stop, audio.frames) - start, 0)
    return resampled[first : first + math.ceil(left * sample_rate / old_rate)]


def _kernel_shape(old_rate, new_rate):
    """Filters of torchaudio, and samples that they reach on each side."""
    divisor = math.gcd(old_rate, new_rate)
    lower = min(old_rate, new_rate)
    return new_rate // divisor, math.ceil(SINC_REACH * old_rate / lower)


def _suits_torchaudio(old_rate, new_rate):
    """Whether torchaudio's filters are small."""
    filters, reach = _kernel_shape(old_rate, new_rate)
    step = old_rate // math.gcd(old_rate, new_rate)
    return filters * (step + 2 * reach) <= MAX_KERNEL


def _context(old_rate, new_rate):
    """How many samples before and after a part its resampled values depend
    on: as many as are a whole number of samples at the new rate."""
    if old_rate == new_rate:
        return 0
    if not _suits_torchaudio(old_rate, new_rate):
        return old_rate  # a second; the filters of soxr are no longer
    step = old_rate // math.gcd(old_rate, new_rate)
    _, reach = _kernel_shape(old_rate, new_rate)
    return math.ceil(reach / step) * step


@functools.lru_cache(maxsize=OPEN_RESAMPLERS)
def _sinc_resampler(old_rate, new_rate):
    """A resampler with its filters."""
    return torchaudio.transforms.Resample(old_rate, new_rate)
