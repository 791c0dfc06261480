"""Audio behind a locator: a file, a dataset in HDF5, or a member of a tar.

 * `/path/clip.flac`: a wav, flac, ogg, opus or mp3 file; with PyAV (the extra
   "video") an m4a, aac, mp4 or webm file, too.
 * `/path/audio.hdf5::P01_01`: a dataset [samples] or [samples, channels], whole
   numbers or floats, with its rate in Hz as the attribute `sample_rate`.
   Files without this attribute need the rate: `/path/audio.hdf5::P01_01@24000`.
 * `/path/shard.tar::1536+40210`: a member of an uncompressed tar (a WebDataset
   shard) as the offset of its first byte and its size in bytes.

Authors
 * The speechbrain_pib developers 2026
"""

import os

from speechbrain_pib.dataio.audio.encoded import open_encoded
from speechbrain_pib.dataio.audio.hdf5 import HDF5Audio
from speechbrain_pib.dataio.audio.readers import (
    UnreadableAudioError,
    is_same_duration,
)
from speechbrain_pib.dataio.audio.sources import HDF5_LOCATOR, match_locator


def open_audio(locator, duration=None):
    """Open what is behind a locator; nothing is decoded yet, unless that is
    the only way to know how long it is.

    Arguments
    ---------
    locator : str
        See the top of this file.
    duration : float
        In seconds, as the manifest has it (default: nothing is known).

    Returns
    -------
    audio : speechbrain_pib.dataio.audio.readers.AudioReader
        To be used in a `with` statement. It has `sample_rate` (Hz), `frames`
        (samples per channel), `duration` (seconds) and `read`.

    Raises
    ------
    UnreadableAudioError
        If there is no such file, dataset or member, it is not audio, or its
        duration is another than it should be.

    Example
    -------
    >>> import numpy as np
    >>> import soundfile
    >>> path = getfixture("tmpdir") / "ramp.wav"
    >>> soundfile.write(path, np.arange(4, dtype=np.int16), 16000)
    >>> with open_audio(path) as audio:
    ...     audio.sample_rate, audio.frames, audio.read(1, 2) * 2**15
    (16000, 4, tensor([1., 2.]))
    """
    locator = os.fspath(locator)
    if match := match_locator(HDF5_LOCATOR, locator):
        audio = HDF5Audio(locator, *match.groups())
    else:
        audio = open_encoded(locator, duration)
    if duration is not None and not is_same_duration(audio.duration, duration):
        audio.close()
        raise UnreadableAudioError(
            f"{locator} has {audio.duration:.3f} s, by its manifest it should "
            f"have {duration:.3f} s: it was truncated or replaced since; "
            "prepare the data again"
        )
    return audio
