"""Features of videos on disk, a row for each second.

A locator names those of one video: `features.hdf5::ID` as `extract_features`
writes them, or the path of a .npy file in the layout of the published Listen
to Look (https://github.com/facebookresearch/Listen-to-Look).

Authors
 * The speechbrain_pib developers 2026
"""

import contextlib
import json
import os
import re
import shutil

import h5py
import numpy as np
import torch

from speechbrain_pib.utils.files import atomic_path

HDF5_LOCATOR = re.compile(r"(.+\.(?:hdf5|h5))::(.+)")
# In published paths; the files beside it have the names of their stream.
PUBLISHED = "imageAudio_features"


def read_video_features(locator, folder="", names=("image", "audio")):
    """Read the features of one video.

    Arguments
    ---------
    locator : str
        See the top of this file.
    folder : str
        What a relative locator is relative to: the folder of its manifest.
    names : sequence of str
        Which features: "image", "audio", and where a teacher was used,
        "teacher" and "teacher_logits".

    Returns
    -------
    features : dict of torch.Tensor
        Name to [T, size], float32; row t belongs to second t of the video.

    Raises
    ------
    ValueError
        If there is no such video or name, or the streams differ in length.

    Example
    -------
    >>> read_video_features("features.hdf5::v_1")["image"].shape
    ... # doctest: +SKIP
    torch.Size([13, 512])
    """
    locator = os.path.join(folder, locator)
    if match := HDF5_LOCATOR.fullmatch(locator):
        path, key = match.groups()
        with _open_hdf5(path) as file:
            found = {name: file.get(f"{key}/{name}") for name in names}
            missing = [name for name, item in found.items() if item is None]
            if missing:
                raise ValueError(f"{path} has no {', '.join(missing)} of {key}")
            arrays = {
                name: _check_table(item, f"{path}: {name} of {key}")[()]
                for name, item in found.items()
            }
    else:
        paths = {n: locator.replace(PUBLISHED, f"{n}_features") for n in names}
        arrays = {name: read_npy(path) for name, path in paths.items()}
    if len({len(array) for array in arrays.values()}) > 1:
        lengths = {name: len(array) for name, array in arrays.items()}
        raise ValueError(f"{locator}: streams differ in length: {lengths}")
    return {
        name: torch.from_numpy(array.astype(np.float32, copy=False))
        for name, array in arrays.items()
    }


def read_npy(path, mmap_mode=None):
    """Read the features of one stream of one video.

    Arguments
    ---------
    path : str
        A .npy file.
    mmap_mode : str
        As for `numpy.load`.

    Returns
    -------
    features : numpy.ndarray
        [T, size]

    Raises
    ------
    ValueError
        If it holds anything else.

    Example
    -------
    >>> path = str(getfixture("tmpdir") / "video.npy")
    >>> np.save(path, np.zeros((13, 512)))
    >>> read_npy(path).shape
    (13, 512)
    """
    try:
        array = np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    except ValueError as error:
        raise ValueError(f"{path} is not an array of numbers") from error
    return _check_table(array, path)


def _check_table(array, name):
    """An array, or a dataset of HDF5, that holds numbers [steps, size]."""
    shape = getattr(array, "shape", None)
    if shape is None or len(shape) != 2 or not shape[0]:
        raise ValueError(f"{name} has shape {shape}, not [steps, size]")
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name} holds {array.dtype}, not numbers")
    return array


def _open_hdf5(path):
    """Opens an HDF5 file for reading; errors name it."""
    try:
        return h5py.File(path)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"there is no file {path}") from error
    except OSError as error:
        raise ValueError(f"{path} is damaged or no HDF5 file") from error


class FeatureStore:
    """Writes the features of many videos to one HDF5 file.

    A video is in it whole or not at all, whenever the process is killed:
    each is written to a file of its own in the folder `<path>.parts`, and
    `merge` puts these files into one.

    Arguments
    ---------
    path : str
        The HDF5 file, continued if it exists.
    settings : dict
        All that the features depend on; must be fit for JSON.

    Raises
    ------
    ValueError
        If the file was written with other settings; those that differ are
        named.

    Example
    -------
    >>> path = str(getfixture("tmpdir") / "features.hdf5")
    >>> store = FeatureStore(path, {"model": "a"})
    >>> store.add("v_1", {"image": np.zeros((3, 8))}, {"duration": 3.2})
    >>> "v_1" in store, "v_2" in store
    (True, False)
    >>> store.merge()
    >>> FeatureStore(path, {"model": "a"}).videos
    {'v_1': {'duration': 3.2}}
    """

    def __init__(self, path, settings):
        self.path = path
        self.parts = f"{path}.parts"
        self.settings = json.loads(json.dumps(settings))
        self.videos = {}
        for file_path in [path, *self._part_paths()]:
            if os.path.exists(file_path):
                self._read_index(file_path)

    def __contains__(self, key):
        return key in self.videos

    def holds(self, key, source):
        """Tell whether the features of a file are there.

        Arguments
        ---------
        key : str
            ID of the video.
        source : str
            Which content the file has now, see `file_state`.

        Returns
        -------
        holds : bool
            False if its attribute "source" was another when it was added.
        """
        return self.videos.get(key, {}).get("source", "") == source

    def _part_paths(self):
        """The files of single videos."""
        return [
            os.path.join(folder, name)
            for folder, _, names in os.walk(self.parts)
            for name in sorted(names)
            if name.endswith(".hdf5")
        ]

    def _read_index(self, path):
        """Learns which videos a file holds."""
        with _open_hdf5(path) as file:
            self._check_settings(path, file.attrs.get("settings", "{}"))
            file.visititems(self._index)

    def _check_settings(self, path, text):
        """Raises if a file was written with other settings."""
        try:
            found = dict(json.loads(text))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path} holds no features of ours") from error
        # Of a hash its beginning is enough.
        different = [
            f"{name} {str(found.get(name))[:20]} there, "
            f"{str(self.settings.get(name))[:20]} now"
            for name in sorted({*found, *self.settings})
            if found.get(name) != self.settings.get(name)
        ]
        if different:
            raise ValueError(
                f"{path} was written with other settings "
                f"({'; '.join(different)}); remove it or write to another file"
            )

    def _index(self, name, item):
        """Notes a group that is a video."""
        if isinstance(item, h5py.Group) and len(item.attrs):
            values = item.attrs.items()
            self.videos[name] = {
                k: v.item() if isinstance(v, np.generic) else v
                for k, v in values
            }

    def add(self, key, arrays, attributes):
        """Write a video, instead of the one of that ID if there is one.

        Arguments
        ---------
        key : str
            Its ID.
        arrays : dict of numpy.ndarray
            Name to features [T, size].
        attributes : dict
            Numbers, text or bools about it, at least one.
        """
        with self._replacing(os.path.join(self.parts, f"{key}.hdf5")) as file:
            group = file.create_group(key)
            for name, array in arrays.items():
                group.create_dataset(name, data=array)
            group.attrs.update(attributes)
        self.videos[key] = dict(attributes)

    def merge(self):
        """Put all that was added into the one file."""
        parts = self._part_paths()
        if parts:
            with self._replacing(self.path) as file:
                if os.path.exists(self.path):
                    parts.append(self.path)
                for path in parts:
                    with h5py.File(path) as part:
                        self._copy_videos(part, file)
        shutil.rmtree(self.parts, ignore_errors=True)

    def _copy_videos(self, source, target):
        """Copies the groups that are videos and not there yet."""
        keys = []
        source.visit(keys.append)
        for key in keys:
            attributes = source[key].attrs
            group = target.require_group(key) if key in self else None
            if group is None or group.attrs or not attributes:
                continue
            # Not its groups, which are other videos.
            for name, item in source[key].items():
                if isinstance(item, h5py.Dataset):
                    source.copy(item, group, name=name)
            group.attrs.update(attributes)

    @contextlib.contextmanager
    def _replacing(self, path):
        """An HDF5 file that appears under its name when it is complete."""
        with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
            file.attrs["settings"] = json.dumps(self.settings, sort_keys=True)
            yield file
