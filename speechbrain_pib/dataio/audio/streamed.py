"""Audio that is decoded from its beginning, whatever part of it is read.

By libsndfile where it can decode but not seek, else by PyAV (the extra
"video"), which reads m4a, aac and the sound of videos as well.

Authors
 * The speechbrain_pib developers 2026
"""

import functools

import numpy as np
import soundfile

from speechbrain_pib.dataio.audio.readers import (
    AudioReader,
    UnreadableAudioError,
)
from speechbrain_pib.dataio.audio.sources import (
    open_bytes,
    path_of,
    sndfile_target,
)
from speechbrain_pib.utils.files import file_state
from speechbrain_pib.utils.media import open_media

BLOCK_FRAMES = 2**16  # decoded at a time
COUNTED_FILES = 2**16  # whose lengths are kept, per process
MISSING_SECONDS = 1.0  # by which a stream may end before its header says
# A file that is a playlist must not make PyAV open others.
AV_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": "aac,aiff,asf,au,avi,caf,flac,flv,matroska,mov,mp3,"
    "mpeg,mpegts,ogg,wav,w64",
}


class StreamedAudio(AudioReader):
    """Audio that is decoded from its beginning, once to know how long it is.

    Parts that follow each other are decoded once; one that begins before the
    last one did begins anew.

    Arguments
    ---------
    locator : str
        Of a file or a member of a tar.
    decode : callable
        Takes the locator, yields its rate in Hz and blocks [n, channels].
    reason : str
        Why, as what follows the name of the file in a message.
    """

    def __init__(self, locator, decode, reason):
        state = file_state(path_of(locator))
        super().__init__(locator, *_measure(locator, state, decode, reason))
        self.decode = decode
        self._rewind()

    def _rewind(self):
        """Go to the first sample."""
        self.stream = self.decode(self.locator)
        self.first, self.buffer = 0, np.zeros((0, 1), np.float32)

    def close(self):
        """Close the file."""
        self.stream.close()

    def check_end(self):
        """As AudioReader.check_end; it was decoded when it was opened."""
        if self.frames < 1:
            raise UnreadableAudioError(f"{self.locator} holds no samples")

    def _decode(self, start, stop):
        """Samples [n, channels] as float32."""
        if start < self.first:
            self.close()
            self._rewind()
        parts = [self.buffer] * (len(self.buffer) > 0)
        end = self.first + len(self.buffer)
        while end < stop and (found := next(self.stream, None)):
            if end <= start:  # nothing before this block is needed
                self.first, parts = end, []
            parts.append(found[1])
            end += len(found[1])
        if parts:
            self.buffer = np.concatenate(parts)[start - self.first :]
            self.first = start
        return self.buffer[: stop - start]


@functools.lru_cache(maxsize=COUNTED_FILES)
def _measure(locator, state, decode, reason):
    """Rate in Hz, and samples per channel, of a file in some state."""
    sample_rate, frames = 1, 0
    try:
        for rate, block in decode(locator):
            sample_rate, frames = rate, frames + len(block)
    except ImportError as error:
        raise UnreadableAudioError(
            f"{locator} {reason}. PyAV reads more: pip install av"
        ) from error
    except (OSError, RuntimeError) as error:
        raise UnreadableAudioError(f"{locator} {reason} ({error})") from error
    return sample_rate, frames


class _Unseekable(soundfile.SoundFile):
    """A file that is read from its beginning to its end; soundfile would seek
    after each block, which fails where a flac does not know its length."""

    def seekable(self):
        return False


def decode_with_sndfile(locator):
    """Decode with libsndfile, from the beginning.

    Arguments
    ---------
    locator : str
        Of a file or a member of a tar.

    Yields
    ------
    sample_rate : int
        In Hz.
    samples : numpy.ndarray
        [n, channels], float32.

    Raises
    ------
    RuntimeError
        If it is damaged.

    Example
    -------
    >>> path = getfixture("tmpdir") / "zeros.wav"
    >>> soundfile.write(path, [0.0] * 8000, 16000)
    >>> sum(len(block) for _, block in decode_with_sndfile(str(path)))
    8000
    """
    with (
        open_bytes(locator) as source,
        _Unseekable(sndfile_target(source)) as file,
    ):
        while True:
            block = file.read(BLOCK_FRAMES, dtype="float32", always_2d=True)
            if not len(block):
                return
            yield file.samplerate, block


def decode_with_av(locator):
    """Decode with PyAV, from the beginning.

    Arguments
    ---------
    locator : str
        Of a file or a member of a tar.

    Yields
    ------
    sample_rate : int
        In Hz.
    samples : numpy.ndarray
        [n, channels], float32.

    Raises
    ------
    ImportError
        If there is no PyAV.
    OSError
        If there is no sound, it is damaged, or it ends more than a second
        before its header says.

    Example
    -------
    >>> path = getfixture("tmpdir") / "zeros.wav"
    >>> soundfile.write(path, [0.0] * 8000, 16000)
    >>> sum(len(block) for _, block in decode_with_av(str(path)))
    8000
    """
    import av  # only those need it who have such files

    try:
        with (
            open_bytes(locator) as source,
            open_media(source, AV_OPTIONS) as container,
        ):
            stream = container.streams.best("audio")
            if stream is None:
                raise OSError("there is no sound in it")
            seconds = 0.0
            for rate, block in _decode_stream(container, stream):
                yield rate, block
                seconds += len(block) / rate
            _check_complete(container, stream, seconds)
    except av.FFmpegError as error:
        raise OSError(error.strerror) from error


def _decode_stream(container, stream):
    """As decode_with_av, of a stream of an open container."""
    import av

    first = setup = None
    for frame in container.decode(stream):
        first = first or frame
        if setup != (frame.format.name, frame.layout.name, frame.sample_rate):
            setup = frame.format.name, frame.layout.name, frame.sample_rate
            # Joined files may change between stereo and mono.
            resampler = av.AudioResampler(
                "fltp", layout=first.layout, rate=first.sample_rate
            )
        for part in resampler.resample(frame):
            yield first.sample_rate, part.to_ndarray().T


def _check_complete(container, stream, seconds):
    """Raises if a stream ended before its header says, where that knows."""
    stated = None
    if "mp4" in container.format.name and stream.duration:
        stated = float(stream.duration * stream.time_base)
    elif "webm" in container.format.name and len(container.streams) == 1:
        stated = (container.duration or 0) / 1e6
    if stated is not None and seconds < stated - MISSING_SECONDS:
        raise OSError(
            f"truncated: its header says {stated:.2f} s, it ends after "
            f"{seconds:.2f} s"
        )
