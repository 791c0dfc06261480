"""Packs a folder of audio files into one HDF5 file.

> python -m speechbrain_pib pack-folder AUDIO_FOLDER FILE.hdf5

One dataset per file, named as the file without its extension, with its rate
as the attribute `sample_rate`. What an interrupted run finished is kept; a
file whose size or time has changed since is packed anew.

Authors
 * The speechbrain_pib developers 2026
"""

import errno
import os
import shutil
from functools import partial

import h5py
import numpy as np
from tqdm.contrib import tqdm

from speechbrain_pib.dataio.audio.decoding import read_samples
from speechbrain_pib.dataio.audio.files import find_copies
from speechbrain_pib.dataio.audio.locators import (
    UnreadableAudioError,
)
from speechbrain_pib.utils.files import file_state
from speechbrain_pib.utils.processes import map_processes

UNFINISHED = "unfinished"  # name of a dataset while it is written
SPARE_BYTES = 2**20  # beside the samples, for what HDF5 writes about them
# Attribute: size and time of the file it was made of, and the rate asked for.
SOURCE = "source"


def find_audio(folder):
    """Finds the audio files under a folder.

    Arguments
    ---------
    folder : str
        Where to search.

    Returns
    -------
    audio : dict
        File name without extension -> paths, sorted; several, if there are
        copies in several formats.

    Raises
    ------
    ValueError
        If there are none, or two of the same name in different folders.
    """
    audio = find_copies(folder)
    for paths in audio.values():
        if len(set(map(os.path.dirname, paths))) > 1:
            raise ValueError(
                f"{paths[0]} and {paths[1]} have the same name; they would be "
                "the same dataset"
            )
    if not audio:
        raise ValueError(f"there is no audio file (wav, ...) under {folder}")
    return audio


def pack_folder(
    audio_folder, path, *, dtype="int16", sample_rate=None, processes=1
):
    """Packs a folder of audio files into one HDF5 file, as mono.

    Arguments
    ---------
    audio_folder : str
        Searched, with all folders in it, see `walk_audio`.
    path : str
        The HDF5 file. What it has already is not read again, unless it was
        made of another file or at another rate.
    dtype : str
        "int16" or "float32".
    sample_rate : int
        Rate of all datasets in Hz (default: that of each file).
    processes : int
        Files that are decoded at the same time.

    Returns
    -------
    unreadable : dict
        Path of each file that could not be packed -> reason.

    Raises
    ------
    ValueError
        If there is no audio, two files have the same name, or the HDF5 file
        was written with other options or is something else.

    Example
    -------
    >>> pack_folder("audio", "audio.hdf5")  # doctest: +SKIP
    """
    audio = find_audio(audio_folder)
    unreadable = {}
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    if os.path.exists(path) and not h5py.is_hdf5(path):
        raise ValueError(
            f"{path} is there and is no HDF5 file, or a damaged one; choose "
            "another name, or remove it"
        )
    with h5py.File(path, "a") as file:
        file.pop(UNFINISHED, None)
        _check_packed(file, dtype, sample_rate)
        todo = _find_stale(file, audio, sample_rate)
        results = map_processes(
            partial(_read_or_error, sample_rate=sample_rate, dtype=dtype),
            [audio[stem] for stem in todo],
            processes,
        )
        for stem, result in tqdm(
            zip(todo, results),
            desc="packing",
            total=len(audio),
            initial=len(audio) - len(todo),
            unit="file",
            disable=None,
        ):
            if isinstance(result, UnreadableAudioError):
                unreadable[audio[stem][0]] = str(result)
                continue
            write_dataset(file, UNFINISHED, *result)
            file[UNFINISHED].attrs[SOURCE] = todo[stem]
            file.flush()
            file.pop(stem, None)
            file.move(UNFINISHED, stem)
            file.flush()
    return unreadable


def _find_stale(file, audio, sample_rate):
    """What is to be packed: names, and what will be noted as their source."""
    stale = {}
    for stem, paths in audio.items():
        source = f"{' '.join(map(str, map(file_state, paths)))} {sample_rate}"
        # Nothing is held against what does not say of what it was made.
        if stem not in file or file[stem].attrs.get(SOURCE, source) != source:
            stale[stem] = source
    return stale


def _check_packed(file, dtype, sample_rate):
    """Raises if a dataset of an earlier run has another form."""
    for name, dataset in file.items():
        stored = dataset.dtype, dataset.attrs.get("sample_rate")
        if stored != (np.dtype(dtype), sample_rate or stored[1]):
            raise ValueError(
                f"{file.filename} holds {name} as {stored[0]} at {stored[1]} "
                "Hz, which is not what is asked for; choose another file"
            )


def _read_or_error(paths, **options):
    """`read_samples` of the first copy that is whole, or the first error."""
    errors = []
    for path in paths:
        try:
            return read_samples(path, **options)
        except UnreadableAudioError as error:
            errors.append(UnreadableAudioError(str(error)))
    return errors[0]


def write_dataset(file, name, samples, sample_rate):
    """Writes audio as a dataset.

    Arguments
    ---------
    file : h5py.File
        Open for writing.
    name : str
        Of the dataset.
    samples : numpy.ndarray
        [n]
    sample_rate : int
        In Hz, stored as an attribute.

    Raises
    ------
    OSError
        If the disk is full.

    Example
    -------
    >>> with h5py.File(getfixture("tmpdir") / "a.hdf5", "w") as file:
    ...     write_dataset(file, "noise", np.zeros(16000, np.int16), 16000)
    ...     len(file["noise"]), int(file["noise"].attrs["sample_rate"])
    (16000, 16000)
    """
    # Where a disk is full, HDF5 crashes, and the file may be lost.
    folder = os.path.dirname(os.path.abspath(file.filename))
    if shutil.disk_usage(folder).free < samples.nbytes + SPARE_BYTES:
        code = errno.ENOSPC
        raise OSError(code, os.strerror(code), file.filename)
    dataset = file.create_dataset(name, data=samples)
    dataset.attrs["sample_rate"] = sample_rate
