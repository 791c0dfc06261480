"""Encoded audio: files, or parts of files, that are decoded.

libsndfile decodes wav, flac, ogg, opus and mp3 from any place on. What it
cannot read, or not to its end, is streamed, see `dataio.audio.streamed`.

Authors
 * The speechbrain_pib developers 2026
"""

import contextlib

import soundfile

from speechbrain_pib.dataio.audio.headers import check_single, find_doubt
from speechbrain_pib.dataio.audio.readers import (
    AudioReader,
    UnreadableAudioError,
    is_same_duration,
)
from speechbrain_pib.dataio.audio.sources import open_bytes, sndfile_target
from speechbrain_pib.dataio.audio.streamed import (
    StreamedAudio,
    decode_with_av,
    decode_with_sndfile,
)

UNKNOWN_FRAMES = 2**62  # libsndfile's own number for it is larger


def open_encoded(locator, duration=None):
    """Open a file, or a member of a tar.

    Arguments
    ---------
    locator : str
        See `speechbrain_pib.dataio.audio.locators`.
    duration : float
        In seconds, as it was measured before: a header that says the same is
        not doubted.

    Returns
    -------
    audio : EncodedAudio or StreamedAudio

    Raises
    ------
    UnreadableAudioError
        If it is missing, empty, truncated or no audio that can be read.

    Example
    -------
    >>> path = getfixture("tmpdir") / "zeros.wav"
    >>> soundfile.write(path, [0.0] * 8000, 16000)
    >>> with open_encoded(str(path)) as audio:
    ...     audio.duration
    0.5
    """
    with contextlib.ExitStack() as opened:
        source = opened.enter_context(open_bytes(locator))
        file, reason = _try_sndfile(source)
        if file is not None:
            opened.enter_context(file)
        if not _agrees(file, duration):
            reason = _find_doubt(locator, source, file) or reason
        if reason is None and file.seekable() and file.frames < UNKNOWN_FRAMES:
            audio = EncodedAudio(locator, source, file)
            opened.pop_all()
            return audio
    if reason is None:
        return StreamedAudio(locator, decode_with_sndfile, "is damaged")
    return StreamedAudio(locator, decode_with_av, reason)


def _try_sndfile(source):
    """The file as libsndfile opens it, or None and why not."""
    try:
        return soundfile.SoundFile(sndfile_target(source)), None
    except soundfile.LibsndfileError as error:
        return None, (
            f"is not an audio file that can be read: {error.error_string}"
        )


def _agrees(file, duration):
    """Whether the header says what was measured before."""
    if file is None or duration is None:
        return False
    return is_same_duration(file.frames / file.samplerate, duration)


def _find_doubt(locator, source, file):
    """Why the header's number of samples cannot be believed, or None."""
    position = source.tell()
    kind, frames = (file.format, file.frames) if file else (None, None)
    try:
        return find_doubt(source, kind, frames)
    except (OSError, ValueError) as error:
        raise UnreadableAudioError(f"{locator} {error}") from error
    finally:
        source.seek(position)


class EncodedAudio(AudioReader):
    """Audio that libsndfile decodes from any place on.

    Arguments
    ---------
    locator : str
        Of a file or a member of a tar.
    source : io.RawIOBase
        Its bytes.
    file : soundfile.SoundFile
        The same, opened.
    """

    def __init__(self, locator, source, file):
        self.source, self.file = source, file
        bits = 32 if file.subtype == "PCM_32" else None
        super().__init__(locator, file.samplerate, file.frames, bits)

    def close(self):
        """Close the file."""
        self.file.close()
        self.source.close()

    def check_whole(self):
        """As AudioReader.check_whole, of several flac files in one."""
        position = self.source.tell()
        try:
            check_single(self.source, self.file.format)
        except (OSError, ValueError) as error:
            raise UnreadableAudioError(f"{self.locator} {error}") from error
        self.source.seek(position)

    def _decode(self, start, stop):
        """Samples [n, channels] as float32."""
        self.file.seek(start)
        return self.file.read(stop - start, dtype="float32", always_2d=True)
