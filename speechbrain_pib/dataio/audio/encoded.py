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
    """Opens a file, or a member of a tar.

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
        try:
            file = soundfile.SoundFile(sndfile_target(source))
            opened.enter_context(file)
            stream = _choose_stream(source, file, duration)
        except soundfile.LibsndfileError as error:
            reason = "is not an audio file that can be read"
            stream = decode_with_av, f"{reason}: {error.error_string}"
        except ValueError as error:
            raise UnreadableAudioError(f"{locator} {error}") from error
        if stream is None:
            audio = EncodedAudio(locator, source, file)
            opened.pop_all()
            return audio
    return StreamedAudio(locator, *stream)


def _choose_stream(source, file, duration):
    """How to decode a file from its beginning, and why; None if libsndfile
    reads all of it, from any place on."""
    seekable = file.seekable() and file.frames < UNKNOWN_FRAMES
    if seekable and duration is not None:
        if is_same_duration(file.frames / file.samplerate, duration):
            return None
    position = source.tell()
    doubt = find_doubt(source, file.format, file.frames)
    source.seek(position)
    if doubt is not None:
        return decode_with_av, doubt
    return None if seekable else (decode_with_sndfile, "is damaged")


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
        """Closes the file."""
        self.file.close()
        self.source.close()

    def check_whole(self):
        """As AudioReader.check_whole, of several flac files in one."""
        position = self.source.tell()
        try:
            check_single(self.source, self.file.format)
        except ValueError as error:
            raise UnreadableAudioError(f"{self.locator} {error}") from error
        self.source.seek(position)

    def _decode(self, start, stop):
        """Samples [n, channels] as float32."""
        self.file.seek(start)
        return self.file.read(stop - start, dtype="float32", always_2d=True)
