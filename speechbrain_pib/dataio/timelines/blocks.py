"""Sound of recordings of any length, block by block, and parts of it.

Authors
 * The speechbrain_pib developers 2026
"""

import contextlib
import os
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from speechbrain_pib.dataio.audio.crops import cut_segment
from speechbrain_pib.dataio.audio.locators import open_audio
from speechbrain_pib.dataio.audio.resampling import read_resampled
from speechbrain_pib.dataio.video.files import EXTENSIONS, probe_video
from speechbrain_pib.dataio.video.sound import iter_sound, read_sound

# Whole seconds are whole numbers of samples at any rate.
BLOCK_SECONDS = 10
PIPE_BYTES = 2**20  # taken from a pipe at a time, if they are there


class Sound(NamedTuple):
    """An opened recording.

    Arguments
    ---------
    blocks : iterable of torch.Tensor
        Its samples [n], mono at the rate that was asked for.
    duration : float
        In seconds; None if nobody knows.
    cut : callable
        Start and duration of a part, in seconds, to its samples [n], fewer at
        the end. None if the recording comes but once.

    Example
    -------
    >>> Sound([torch.zeros(8000)], 1.0).duration
    1.0
    """

    blocks: object
    duration: float | None = None
    cut: Callable | None = None


@contextlib.contextmanager
def open_sound(path, sample_rate):
    """Open a recording that is read block by block.

    Arguments
    ---------
    path : str
        An audio file of any rate and number of channels, or a video.
    sample_rate : int
        Rate of the blocks in Hz.

    Yields
    ------
    sound : Sound

    Raises
    ------
    UnreadableAudioError, UnreadableVideoError
        If the file is missing, damaged or empty, or has no sound.

    Example
    -------
    >>> import soundfile
    >>> path = str(getfixture("tmpdir") / "silence.wav")
    >>> soundfile.write(path, np.zeros(441000), 22050)
    >>> with open_sound(path, 16000) as sound:
    ...     sound.duration, [len(block) for block in sound.blocks]
    ...     len(sound.cut(19.5, 2.0))
    (20.0, [160000, 160000])
    8000
    """
    path = os.fspath(path)
    if path.lower().endswith(tuple(EXTENSIONS)):
        info = probe_video(path)
        if not info.has_audio:
            raise ValueError(f"{path} has no sound")

        def cut_video(start, seconds):
            stop = min(start + seconds, info.duration)
            return read_sound(path, start, stop, sample_rate)[0]

        blocks = iter_sound(path, sample_rate)
        yield Sound(blocks, info.duration, cut_video)
        return
    with open_audio(path) as audio:
        audio.check_end()

        def cut_audio(start, seconds):
            return cut_segment(audio, start, seconds, sample_rate)

        yield Sound(_blocks(audio, sample_rate), audio.duration, cut_audio)


def _blocks(audio, sample_rate):
    """Blocks of opened audio."""
    size = BLOCK_SECONDS * audio.sample_rate
    for start in range(0, audio.frames, size):
        yield read_resampled(audio, start, start + size, sample_rate)


def read_pcm(stream):
    """Read what comes through a pipe, as soon as it comes.

    Arguments
    ---------
    stream : io.BufferedReader
        Raw mono samples of 16 bits, little-endian.

    Yields
    ------
    samples : torch.Tensor
        [n], float32, full scale 1.

    Example
    -------
    >>> import io
    >>> [*read_pcm(io.BytesIO(bytes([0, 64, 0, 192])))]
    [tensor([ 0.5000, -0.5000])]
    """
    rest = b""
    while data := stream.read1(PIPE_BYTES):
        data = rest + data
        whole = len(data) // 2 * 2
        rest = data[whole:]
        samples = np.frombuffer(data[:whole], "<i2").astype(np.float32)
        yield torch.from_numpy(samples / 2**15)
