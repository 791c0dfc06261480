"""Shards: files of about a gigabyte that hold the audio of many clips.

A shard is a WebDataset tar (`<key>.flac` and `<key>.json`) or an HDF5 file
(one dataset per clip), with an index of its clips beside it.

Authors
 * The speechbrain_pib developers 2026
"""

import contextlib
import glob
import io
import json
import os
import tarfile
from urllib.parse import quote

import h5py
import soundfile

from speechbrain_pib.dataio.packing.hdf5 import write_dataset
from speechbrain_pib.utils.files import atomic_path, atomic_writer

INDEX = ".index.json"


class TarShard:
    """A WebDataset shard that is being written.

    Arguments
    ---------
    path : str
        The tar file.

    Example
    -------
    >>> import numpy as np
    >>> shard = TarShard(getfixture("tmpdir") / "train-000000.tar")
    >>> audio = shard.encode(np.zeros(16000, np.int16), 16000)
    >>> _ = shard.add("a", audio, 16000, [{"ID": "a", "label": "dog"}])
    >>> shard.close()["a"].startswith("512+")
    True
    """

    extension = ".tar"

    def __init__(self, path):
        self.path = path
        self.tar = tarfile.open(path, "w")

    @staticmethod
    def encode(samples, sample_rate):
        """Encodes samples as flac; not tied to a shard, for other processes.

        Arguments
        ---------
        samples : numpy.ndarray
            [n], int16.
        sample_rate : int
            In Hz.

        Returns
        -------
        audio : bytes
            What `add` takes.
        """
        encoded = io.BytesIO()
        soundfile.write(encoded, samples, sample_rate, "PCM_16", format="FLAC")
        return encoded.getvalue()

    def add(self, key, audio, sample_rate, rows):
        """Adds the members `<key>.flac` and `<key>.json`.

        Arguments
        ---------
        key : str
            Without dots and slashes, another one for each audio file.
        audio : bytes
            From `encode`.
        sample_rate : int
            In Hz.
        rows : list of dict
            Described in the json: the only one, or the list of several.

        Returns
        -------
        size : int
            In bytes.
        """
        description = json.dumps(rows[0] if len(rows) == 1 else rows).encode()
        for extension, content in ("flac", audio), ("json", description):
            info = tarfile.TarInfo(f"{key}.{extension}")
            info.size = len(content)
            self.tar.addfile(info, io.BytesIO(content))
        return len(audio) + len(description)

    def close(self):
        """Completes the file.

        Returns
        -------
        places : dict
            Key -> what follows "::" in a locator.
        """
        self.tar.close()
        with tarfile.open(self.path) as tar:
            return {
                member.name.removesuffix(".flac"): (
                    f"{member.offset_data}+{member.size}"
                )
                for member in tar
            }


class HDF5Shard:
    """An HDF5 file that is being written, one dataset per audio file.

    Arguments
    ---------
    path : str
        The HDF5 file.

    Example
    -------
    >>> import numpy as np
    >>> shard = HDF5Shard(getfixture("tmpdir") / "train-000000.hdf5")
    >>> shard.add("a", np.zeros(16000, np.int16), 16000, [{"ID": "a"}])
    32000
    >>> shard.close()
    {'a': 'a'}
    """

    extension = ".hdf5"

    def __init__(self, path):
        self.file = h5py.File(path, "w")

    @staticmethod
    def encode(samples, sample_rate):
        """As TarShard.encode: the samples stay as they are."""
        return samples

    def add(self, key, audio, sample_rate, rows):
        """As TarShard.add, a dataset without description."""
        write_dataset(self.file, key, audio, sample_rate)
        return audio.nbytes

    def close(self):
        """As TarShard.close."""
        places = {key: key for key in self.file}
        self.file.close()
        return places


SHARDS = {"shards": TarShard, "hdf5": HDF5Shard}


class ShardWriter:
    """Writes audio into shards, one after another.

    A shard appears under its name when it is complete, and its index of
    digest -> [relative locator, duration in seconds] after it.

    Arguments
    ---------
    stem : str
        Path of the shards, without number and extension.
    kind : type
        TarShard or HDF5Shard.
    sample_rate : int
        In Hz.
    max_bytes : float
        Size after which a shard is complete.

    Example
    -------
    >>> ShardWriter("packed/train", TarShard, 16000, 1e9)  # doctest: +SKIP
    """

    def __init__(self, stem, kind, sample_rate, max_bytes):
        self.stem, self.kind = stem, kind
        self.sample_rate, self.max_bytes = sample_rate, max_bytes
        self.number, self.shard = 0, None
        self.unfinished = contextlib.ExitStack()

    def add(self, digest, audio, duration, rows):
        """Adds an audio file.

        Arguments
        ---------
        digest : str
            Names it in the index.
        audio : bytes or numpy.ndarray
            As the shard's `encode` returned it.
        duration : float
            In seconds.
        rows : list of dict
            Those of the manifest that are in this file.
        """
        if self.shard is None:
            while os.path.exists(self._path() + INDEX):
                self.number += 1
            place = atomic_path(self._path() + self.kind.extension)
            self.shard = self.kind(self.unfinished.enter_context(place))
            self.clips, self.size = {}, 0
        # A name of a member ends at its first dot.
        key = quote(rows[0]["ID"], safe="").replace(".", "%2E")
        self.clips[key] = digest, duration
        self.size += self.shard.add(key, audio, self.sample_rate, rows)
        if self.size >= self.max_bytes:
            self.close()

    def close(self):
        """Completes the shard that is being written, if there is one."""
        if self.shard is None:
            return
        places = self.shard.close()
        self.unfinished.close()
        name = os.path.basename(self._path() + self.kind.extension)
        index = {
            digest: [f"{name}::{places[key]}", duration]
            for key, (digest, duration) in self.clips.items()
        }
        with atomic_writer(self._path() + INDEX) as file:
            json.dump({"shard": name, "clips": index}, file)
        self.shard = None

    def _path(self):
        """The current shard without extension."""
        return f"{self.stem}-{self.number:06d}"


def read_indices(stem):
    """Reads what all complete shards hold.

    Arguments
    ---------
    stem : str
        As for ShardWriter.

    Returns
    -------
    clips : dict
        Digest -> [relative locator, duration in seconds].

    Example
    -------
    >>> read_indices("no/such/shards")
    {}
    """
    clips = {}
    for path in sorted(glob.glob(f"{glob.escape(stem)}-*{INDEX}")):
        with open(path, encoding="utf-8") as file:
            index = json.load(file)
        if os.path.exists(os.path.join(os.path.dirname(path), index["shard"])):
            clips.update(index["clips"])
    return clips
