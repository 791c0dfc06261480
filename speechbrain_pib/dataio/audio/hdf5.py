"""Audio in datasets of HDF5 files.

Authors
 * The speechbrain_pib developers 2026
"""

import functools
import itertools
import os

import h5py
import numpy as np

from speechbrain_pib.dataio.audio.readers import (
    AudioReader,
    UnreadableAudioError,
)

OPEN_HDF5_FILES = 32  # per process
MAX_CHANNELS = 64  # more are features, or samples of another axis
NAMED_KEYS = 5  # of a file, in messages


class HDF5Audio(AudioReader):
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
        try:
            self.dataset = _find_dataset(open_hdf5(path), path, key)
        except (OSError, RuntimeError) as error:
            raise UnreadableAudioError(
                f"{locator} is damaged: {error}"
            ) from error
        shape, dtype = self.dataset.shape, self.dataset.dtype
        if not _is_audio(shape, dtype):
            raise UnreadableAudioError(
                f"{locator} is no audio: {dtype} of shape {shape}; expected "
                "signed whole numbers or floats [samples] or [samples, "
                "channels]"
            )
        rate = _find_rate(locator, self.dataset, sample_rate)
        bits = 8 * dtype.itemsize if dtype.kind == "i" else None
        super().__init__(locator, rate, shape[0], bits)

    def close(self):
        """Let go of the dataset."""
        self.dataset = None

    def _decode(self, start, stop):
        """Samples [n, channels] as float32."""
        samples = self.dataset[start:stop]
        with np.errstate(over="ignore"):  # what is too large becomes infinite
            floats = samples.astype(np.float32, copy=False)
        if samples.dtype.kind == "i":
            floats = floats * np.float32(2.0 ** (1 - self.integer_bits))
        return floats[:, None] if floats.ndim == 1 else floats


def open_hdf5(path):
    """Open an HDF5 file for reading, once.

    Arguments
    ---------
    path : str
        The file.

    Returns
    -------
    file : h5py.File
        Not to be closed: others have it, too.

    Raises
    ------
    UnreadableAudioError
        If it is missing, empty, truncated, or written by another process.

    Example
    -------
    >>> path = str(getfixture("tmpdir") / "audio.hdf5")
    >>> h5py.File(path, "w").close()
    >>> len(open_hdf5(path))
    0
    """
    try:
        return _open_once(path)
    except BlockingIOError as error:
        raise UnreadableAudioError(
            f"{path} is locked: another process writes it; wait for its end"
        ) from error
    except OSError as error:
        raise UnreadableAudioError(
            f"{path} is not an HDF5 file that can be read: {error}"
        ) from error


@functools.lru_cache(maxsize=OPEN_HDF5_FILES)
def _open_once(path):
    """An HDF5 file, opened once."""
    return h5py.File(path, "r")


# A child of fork would share the parent's open files, and what HDF5 knows of
# them; it opens its own.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_open_once.cache_clear)


def _find_dataset(file, path, key):
    """A dataset that is in the file itself."""
    parts = key.strip("/").split("/")
    for place in itertools.accumulate(parts, "{}/{}".format):
        link = file.get(place, getlink=True)
        if link is None:
            break
        if not isinstance(link, h5py.HardLink):
            raise UnreadableAudioError(
                f"{path}: {place!r} is a link to another place, which is not "
                "followed; copy the audio into the file"
            )
    dataset = file.get(key)
    if not isinstance(dataset, h5py.Dataset):
        keys = ", ".join(map(repr, itertools.islice(file, NAMED_KEYS)))
        raise UnreadableAudioError(
            f"{path} holds no dataset {key!r}; of its {len(file)} entries the "
            f"first are {keys or 'none'}"
        )
    # Samples that lie in one piece in this file, as most do, have an offset.
    piece = dataset.id.get_offset() is not None
    if not piece and (dataset.is_virtual or dataset.external):
        raise UnreadableAudioError(
            f"{path}: the samples of {key!r} are in other files, which are not "
            "opened; copy them into the file"
        )
    return dataset


def _is_audio(shape, dtype):
    """Whether a dataset may be [samples] or [samples, channels]."""
    if shape is None or dtype.kind not in "if":
        return False
    if len(shape) == 2:
        return 0 < shape[1] <= min(shape[0], MAX_CHANNELS) or shape[0] == 0
    return len(shape) == 1


def _find_rate(locator, dataset, given):
    """The rate in Hz, from the attribute or the locator."""
    stored = dataset.attrs.get("sample_rate")
    if stored is None and given is None:
        raise UnreadableAudioError(
            f"{locator} has no attribute sample_rate; give the rate in Hz, "
            f"like {locator}@24000"
        )
    if stored is not None and given is not None and stored != int(given):
        raise UnreadableAudioError(f"{locator}: the file says {stored} Hz")
    rate = given if stored is None else stored
    try:
        return int(rate)
    except (TypeError, ValueError, OverflowError) as error:
        raise UnreadableAudioError(
            f"{locator}: the sampling rate is {rate}, which is none"
        ) from error
