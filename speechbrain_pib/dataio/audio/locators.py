"""Audio behind a locator: a file, a dataset in HDF5, or a member of a tar.

 * `/path/clip.flac`: a wav, flac, ogg or mp3 file.
 * `/path/audio.hdf5::P01_01`: a dataset [samples] or [samples, channels], whole
   numbers or floats, with its rate in Hz as the attribute `sample_rate`.
   Files without this attribute need the rate: `/path/audio.hdf5::P01_01@24000`.
 * `/path/shard.tar::1536+40210`: a member of an uncompressed tar (a WebDataset
   shard) as the offset of its first byte and its size in bytes.

Authors
 * The speechbrain_pib developers 2026
"""

import functools
import io
import math
import os
import re

import h5py
import numpy as np
import soundfile
import torch

HDF5_LOCATOR = re.compile(r"(.+\.(?:hdf5|h5))::(.+?)(?:@(\d+))?")
TAR_LOCATOR = re.compile(r"(.+\.tar)::(\d+)\+(\d+)")
OPEN_HDF5_FILES = 32  # per process
# Writers that stream do not know the length yet and put a number near 2^31
# or 2^32 in the RIFF header; it says nothing about the file.
RIFF_UNKNOWN_SIZE = 0x7FFFF000


class UnreadableAudioError(ValueError):
    """Audio that is missing, empty, truncated, damaged or no audio at all."""


def open_audio(locator):
    """Opens what is behind a locator; nothing is decoded yet.

    Arguments
    ---------
    locator : str
        See the top of this file.

    Returns
    -------
    audio : EncodedAudio or HDF5Audio
        To be used in a `with` statement. Both have `sample_rate` (Hz),
        `frames` (samples per channel), `duration` (seconds) and `read`.

    Raises
    ------
    UnreadableAudioError
        If there is no such file, dataset or member, or it is not audio.

    Example
    -------
    >>> path = getfixture("tmpdir") / "ramp.wav"
    >>> soundfile.write(path, np.arange(4, dtype=np.int16), 16000)
    >>> with open_audio(path) as audio:
    ...     audio.sample_rate, audio.frames, audio.read(1, 2) * 2**15
    (16000, 4, tensor([[1.],
            [2.]]))
    """
    locator = os.fspath(locator)
    if match := HDF5_LOCATOR.fullmatch(locator):
        return HDF5Audio(locator, *match.groups())
    return EncodedAudio(locator)


class _Audio:
    """What the audio of all locators has in common."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    @property
    def duration(self):
        """In seconds."""
        return self.frames / self.sample_rate

    def read(self, start=0, frames=None):
        """Reads and decodes a part.

        Arguments
        ---------
        start : int
            First sample.
        frames : int
            How many samples per channel (default: all that follow).

        Returns
        -------
        audio : torch.Tensor
            [n, channels], float32, full scale 1; fewer where it ends before.

        Raises
        ------
        UnreadableAudioError
            If it cannot be decoded or has samples that are not finite.
        """
        stop = self.frames if frames is None else start + frames
        stop = min(stop, self.frames)
        start = min(start, stop)
        place = (
            f"between {start / self.sample_rate:.3f} s and "
            f"{stop / self.sample_rate:.3f} s"
        )
        try:
            samples = self._decode(start, stop)
        except (OSError, RuntimeError) as error:
            raise UnreadableAudioError(
                f"{self.locator} is damaged: it cannot be decoded {place} "
                f"({error})"
            ) from error
        audio = torch.from_numpy(samples)
        # The extremes tell as much as a test of each sample, 15 times as fast.
        if audio.numel() and not all(map(math.isfinite, torch.aminmax(audio))):
            raise UnreadableAudioError(
                f"{self.locator} holds samples that are not finite (NaN or "
                f"infinite) {place}"
            )
        return audio


class EncodedAudio(_Audio):
    """A file, or a member of a tar, that libsndfile decodes.

    Arguments
    ---------
    locator : str
        Of a file or a member of a tar.
    """

    def __init__(self, locator):
        self.locator = locator
        self.source = _open_bytes(locator)
        try:
            # Of a file, libsndfile reads faster by itself.
            plain = isinstance(self.source, io.FileIO)
            self.file = soundfile.SoundFile(locator if plain else self.source)
        except soundfile.LibsndfileError as error:
            self.source.close()
            raise UnreadableAudioError(
                f"{locator} is not an audio file that can be read (wav, flac, "
                f"ogg, mp3): {error.error_string}"
            ) from error
        self.sample_rate, self.frames = self.file.samplerate, self.file.frames

    def close(self):
        """Closes the file."""
        self.file.close()
        self.source.close()

    def check_size(self):
        """Raises UnreadableAudioError if a RIFF (wav) file is shorter than
        its header says, which libsndfile corrects silently."""
        position = self.source.tell()
        size = self.source.seek(0, os.SEEK_END)
        self.source.seek(0)
        header = self.source.read(8)
        self.source.seek(position)
        expected = int.from_bytes(header[4:8], "little") + 8
        if header[:4] != b"RIFF" or expected > RIFF_UNKNOWN_SIZE:
            return
        # One byte of padding at the end is often left out.
        if size < expected - 1:
            raise UnreadableAudioError(
                f"{self.locator} is truncated: its header says {expected} "
                f"bytes, it has {size}"
            )

    def _decode(self, start, stop):
        """Samples [n, channels] as float32."""
        self.file.seek(start)
        return self.file.read(stop - start, dtype="float32", always_2d=True)


class HDF5Audio(_Audio):
    """A dataset in an HDF5 file; the file stays open for the next one.

    Arguments
    ---------
    locator : str
        The whole locator, for messages.
    path : str
        The HDF5 file.
    key : str
        Name of the dataset.
    sample_rate : str
        In Hz, where the dataset has no attribute that says it.
    """

    def __init__(self, locator, path, key, sample_rate=None):
        self.locator = locator
        try:
            self.dataset = _open_hdf5(path).get(key)
        except OSError as error:
            raise UnreadableAudioError(
                f"{path} is not an HDF5 file that can be read: {error}"
            ) from error
        if not isinstance(self.dataset, h5py.Dataset):
            raise UnreadableAudioError(f"{path} holds no dataset {key!r}")
        if (
            self.dataset.ndim not in (1, 2)
            or self.dataset.shape[1:] == (0,)
            or self.dataset.dtype.kind not in "if"
        ):
            raise UnreadableAudioError(
                f"{locator} is no audio: {self.dataset.dtype} of shape "
                f"{self.dataset.shape}; expected signed whole numbers or "
                "floats [samples] or [samples, channels]"
            )
        self.sample_rate = self._find_rate(sample_rate)
        self.frames = len(self.dataset)

    def close(self):
        """Lets go of the dataset."""
        self.dataset = None

    def check_size(self):
        """HDF5 finds truncated files when it opens them."""

    def _find_rate(self, given):
        """The rate in Hz, from the attribute or the locator."""
        stored = self.dataset.attrs.get("sample_rate")
        if stored is None and given is None:
            raise UnreadableAudioError(
                f"{self.locator} has no attribute sample_rate; give the rate "
                f"in Hz, like {self.locator}@24000"
            )
        if stored is not None and given is not None and stored != int(given):
            raise UnreadableAudioError(
                f"{self.locator}: the file says {stored} Hz"
            )
        rate = given if stored is None else stored
        try:
            hertz = int(rate)
        except (TypeError, ValueError):
            hertz = 0
        if hertz < 1:
            raise UnreadableAudioError(
                f"{self.locator}: the sampling rate is {rate}, which is none"
            )
        return hertz

    def _decode(self, start, stop):
        """Samples [n, channels] as float32."""
        samples = self.dataset[start:stop]
        if samples.dtype.kind == "i":
            scale = np.float32(2.0 ** (1 - 8 * samples.dtype.itemsize))
            samples = samples.astype(np.float32) * scale
        samples = samples.astype(np.float32, copy=False)
        return samples.reshape(len(samples), -1)


@functools.lru_cache(maxsize=OPEN_HDF5_FILES)
def _open_hdf5(path):
    """An HDF5 file, opened once."""
    return h5py.File(path, "r")


# A child of fork would share the parent's open files, and what HDF5 knows of
# them; it opens its own.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_open_hdf5.cache_clear)


def _open_bytes(locator):
    """The encoded bytes behind a locator."""
    match = TAR_LOCATOR.fullmatch(locator)
    path = match[1] if match else locator
    start, size = (int(match[2]), int(match[3])) if match else (0, None)
    if not os.path.isfile(path):
        raise UnreadableAudioError(f"{locator}: there is no such file")
    total = os.path.getsize(path)
    if (total if size is None else size) == 0:
        raise UnreadableAudioError(f"{locator} is empty (0 bytes)")
    if match and start + size > total:
        raise UnreadableAudioError(
            f"{locator} is truncated: {path} has only {total} bytes"
        )
    try:
        file = open(path, "rb", buffering=0)
    except OSError as error:
        raise UnreadableAudioError(f"{locator}: {error}") from error
    return _Window(file, start, size) if match else file


class _Window(io.RawIOBase):
    """A part of a file that reads like a file of its own."""

    def __init__(self, file, start, size):
        self.file, self.start, self.size = file, start, size
        self.position = 0

    def close(self):
        self.file.close()
        super().close()

    def readable(self):
        return True

    def seekable(self):
        return True

    def tell(self):
        return self.position

    def seek(self, offset, whence=os.SEEK_SET):
        origin = {
            os.SEEK_SET: 0,
            os.SEEK_CUR: self.position,
            os.SEEK_END: self.size,
        }[whence]
        self.position = origin + offset
        return self.position

    def readinto(self, buffer):
        count = max(min(len(buffer), self.size - self.position), 0)
        self.file.seek(self.start + self.position)
        count = self.file.readinto(memoryview(buffer)[:count])
        self.position += count
        return count
