"""Audio files decoded whole, in blocks.

Authors
 * The speechbrain_pib developers 2026
"""

import torch

from speechbrain_pib.dataio.audio.crops import audio_normalizer
from speechbrain_pib.dataio.audio.locators import (
    UnreadableAudioError,
    open_audio,
)

BLOCK_SECONDS = 60  # resampled at a time


def read_samples(locator, sample_rate=None, dtype="int16"):
    """Decodes all of an audio file, as mono, in blocks of a minute.

    Arguments
    ---------
    locator : str
        A file, or see `speechbrain_pib.dataio.audio.locators`.
    sample_rate : int
        Rate of the result in Hz (default: that of the file).
    dtype : str
        "int16" (rounded, clipped at full scale) or "float32".

    Returns
    -------
    samples : numpy.ndarray
        [n]
    sample_rate : int
        In Hz.

    Raises
    ------
    UnreadableAudioError
        If any of it cannot be decoded.

    Example
    -------
    >>> import numpy as np
    >>> import soundfile
    >>> path = getfixture("tmpdir") / "ramp.wav"
    >>> soundfile.write(path, np.arange(3, dtype=np.int16), 16000)
    >>> read_samples(path)
    (array([0, 1, 2], dtype=int16), 16000)
    """
    with open_audio(locator) as audio:
        if audio.frames < 1:
            raise UnreadableAudioError(f"{locator} holds no samples")
        audio.check_size()
        sample_rate = sample_rate or audio.sample_rate
        block = BLOCK_SECONDS * audio.sample_rate
        blocks = [
            _resample_block(audio, start, block, sample_rate)
            for start in range(0, audio.frames, block)
        ]
    samples = torch.cat(blocks)
    if dtype == "int16":
        samples = (samples * 2**15).round().clamp(-(2**15), 2**15 - 1)
        samples = samples.to(torch.int16)
    return samples.numpy(), sample_rate


def _resample_block(audio, start, size, sample_rate):
    """A block of audio, resampled as if all of it were.

    A second more on each side is what the filter sees there; whole seconds
    are whole numbers of samples at any rate.
    """
    context = min(start, audio.sample_rate)
    stop = min(start + size, audio.frames)
    begin, end = start - context, min(stop + audio.sample_rate, audio.frames)
    samples = audio.read(begin, end - begin)
    if len(samples) < end - begin:
        raise UnreadableAudioError(
            f"{audio.locator} is truncated: its header says "
            f"{audio.duration:.3f} s, but it ends before that"
        )
    resampled = audio_normalizer(sample_rate)(samples, audio.sample_rate)
    first = context // audio.sample_rate * sample_rate
    if stop == audio.frames:
        return resampled[first:]
    return resampled[first : first + size // audio.sample_rate * sample_rate]
