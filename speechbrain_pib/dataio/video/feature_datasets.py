"""Data sets of videos whose features were computed before, a row for each
second.

Authors
 * The speechbrain_pib developers 2026
"""

import os
from functools import partial

import torch
from speechbrain.dataio.batch import PaddedBatch

from speechbrain_pib.dataio.clip_datasets import encode_labels
from speechbrain_pib.dataio.manifest_dataset import ManifestDataset
from speechbrain_pib.dataio.video.features import read_video_features


def feature_dataset(manifest, label_encoder, streams):
    """Make a data set of videos with labels, as features.

    An item has "id", the features [T, size] of each stream under its name, a
    multi-hot "target" [classes], "segments" (start and stop in seconds of what
    is annotated) [n, 2] and "path" of the video file, if the manifest knows
    them.

    Arguments
    ---------
    manifest : str
        CSV with columns ID, features (a locator, see dataio.video.features)
        and label (one or several, joined by "|"); and perhaps segments, as
        `format_segments` writes them, and path.
    label_encoder : speechbrain.dataio.encoder.CategoricalEncoder
        Index of each label.
    streams : list of str
        Names of the streams.

    Returns
    -------
    dataset : ManifestDataset

    Example
    -------
    >>> feature_dataset(
    ...     "test.csv", label_encoder, ["image", "audio"]
    ... )  # doctest: +SKIP
    """
    streams = list(streams)
    dataset = ManifestDataset(manifest)
    # Partial functions, unlike local ones, can be sent to spawned workers.
    dataset.add_dynamic_item(
        partial(_read_streams, dataset.table.folder, streams),
        "features",
        streams,
    )
    dataset.add_dynamic_item(
        partial(encode_labels, label_encoder), "label", "target"
    )
    keys = ["id", *streams, "target"]
    if "segments" in dataset.columns:
        dataset.add_dynamic_item(parse_segments, "segments", "segment_times")
        keys.append("segment_times")
    if "path" in dataset.columns:
        keys.append("path")
    dataset.set_output_keys(keys)
    return dataset


def _read_streams(folder, streams, locator):
    """Features of each stream, or those of one."""
    features = read_video_features(locator, folder, streams)
    if len(streams) == 1:
        return features[streams[0]]
    return tuple(features[name] for name in streams)


def format_segments(segments):
    """Write segments for a manifest.

    Arguments
    ---------
    segments : list
        (start, stop) in seconds.

    Returns
    -------
    text : str

    Example
    -------
    >>> format_segments([(0.5, 2), (10, 12.25)])
    '0.5 2|10 12.25'
    """
    return "|".join(f"{start:.10g} {stop:.10g}" for start, stop in segments)


def parse_segments(text):
    """Read what `format_segments` wrote.

    Arguments
    ---------
    text : str
        Segments.

    Returns
    -------
    segments : torch.Tensor
        Start and stop in seconds [n, 2].

    Example
    -------
    >>> parse_segments("0.5 2|10 12.25")
    tensor([[ 0.5000,  2.0000],
            [10.0000, 12.2500]])
    """
    times = [float(time) for time in text.replace("|", " ").split()]
    return torch.tensor(times).view(-1, 2)


class RandomLengthBatch:
    """Makes a training batch of random length: longer videos are cropped.

    As published with Listen to Look (https://arxiv.org/abs/1912.04487): the
    length is the same for the batch, the place of the crop is random for each
    video, and shorter ones are padded.

    Arguments
    ---------
    streams : list of str
        Names of what is cropped, all at the same place.
    shortest : int
        Smallest length in steps.
    longest : int
        Largest length in steps.

    Example
    -------
    >>> items = [{"image": torch.zeros(n, 4)} for n in (50, 9)]
    >>> batch = RandomLengthBatch(["image"], 20, 20)(items)
    >>> batch.image.data.shape, batch.image.lengths
    (torch.Size([2, 20, 4]), tensor([1.0000, 0.4500]))
    """

    def __init__(self, streams, shortest, longest):
        if not 0 < shortest <= longest:
            raise ValueError(
                f"lengths from {shortest} to {longest} are not possible"
            )
        self.streams = list(streams)
        self.shortest = shortest
        self.longest = longest

    def __call__(self, items):
        """Make a batch of a list of items."""
        length = int(torch.randint(self.shortest, self.longest + 1, ()))
        return PaddedBatch([self._crop(item, length) for item in items])

    def _crop(self, item, length):
        """An item no longer than a number of steps."""
        room = len(item[self.streams[0]]) - length
        if room <= 0:
            return item
        start = int(torch.randint(room + 1, ()))
        crops = {
            name: item[name][start : start + length] for name in self.streams
        }
        return {**item, **crops}


def feature_datasets(folder, splits, hparams, label_encoder):
    """Make the data sets of a recipe from the manifests that it prepared.

    Arguments
    ---------
    folder : str
        Where the manifests are, one "<split>.csv" each.
    splits : list
        Names of the splits.
    hparams : dict
        "streams" is taken from it.
    label_encoder : speechbrain.dataio.encoder.CategoricalEncoder
        Index of each label.

    Returns
    -------
    datasets : dict
        Split to ManifestDataset.

    Example
    -------
    >>> feature_datasets(
    ...     "results", ["test"], {"streams": ["image"]}, label_encoder
    ... )  # doctest: +SKIP
    """
    return {
        split: feature_dataset(
            os.path.join(folder, f"{split}.csv"),
            label_encoder,
            hparams["streams"],
        )
        for split in splits
    }
