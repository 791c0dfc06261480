"""Audio files decoded whole, in blocks.

Authors
 * The speechbrain_pib developers 2026
"""

import torch

from speechbrain_pib.dataio.audio.locators import open_audio
from speechbrain_pib.dataio.audio.readers import BLOCK_SECONDS
from speechbrain_pib.dataio.audio.resampling import read_resampled


def read_samples(locator, sample_rate=None, dtype="int16", *, duration=None):
    """Decode all of an audio file, as mono, in blocks of a minute.

    Arguments
    ---------
    locator : str
        A file, or see `speechbrain_pib.dataio.audio.locators`.
    sample_rate : int
        Rate of the result in Hz (default: that of the file).
    dtype : str
        "int16" (rounded, clipped at full scale) or "float32".
    duration : float
        In seconds, as the manifest has it (default: nothing is known).

    Returns
    -------
    samples : numpy.ndarray
        [n]
    sample_rate : int
        In Hz.

    Raises
    ------
    UnreadableAudioError
        If any of it cannot be decoded, or it is not as long as it should be.

    Example
    -------
    >>> import numpy as np
    >>> import soundfile
    >>> path = getfixture("tmpdir") / "ramp.wav"
    >>> soundfile.write(path, np.arange(3, dtype=np.int16), 16000)
    >>> read_samples(path)
    (array([0, 1, 2], dtype=int16), 16000)
    """
    with open_audio(locator, duration) as audio:
        audio.check_end()
        audio.check_whole()
        sample_rate = sample_rate or audio.sample_rate
        # Whole seconds are whole numbers of samples at any rate.
        size = BLOCK_SECONDS * audio.sample_rate
        blocks = [
            read_resampled(audio, start, start + size, sample_rate)
            for start in range(0, audio.frames, size)
        ]
    samples = torch.cat(blocks)
    if dtype == "int16":
        samples = (samples * 2**15).round().clamp(-(2**15), 2**15 - 1)
        samples = samples.to(torch.int16)
    return samples.numpy(), sample_rate
