"""Data sets of labelled clips, from manifests to padded crops.

Authors
 * The speechbrain_pib developers 2026
"""

import os
from functools import partial

import torch
from speechbrain.dataio.encoder import CategoricalEncoder
from speechbrain.utils.logger import get_logger

from speechbrain_pib.dataio.audio.crops import read_random_crop, read_views
from speechbrain_pib.dataio.audio.locators import UnreadableAudioError
from speechbrain_pib.dataio.manifest import read_class_list
from speechbrain_pib.dataio.manifest_dataset import ManifestDataset

logger = get_logger(__name__)

UNREADABLE_IN_A_ROW = 10  # clips of a training set, before it is an error


def load_label_encoder(class_list):
    """A label encoder whose indices are the lines of a class list.

    Arguments
    ---------
    class_list : str
        Text file with the class names, one a line.

    Returns
    -------
    label_encoder : speechbrain.dataio.encoder.CategoricalEncoder

    Example
    -------
    >>> path = getfixture("tmpdir").join("classes.txt")
    >>> path.write("dog\\ncat\\n")
    >>> load_label_encoder(str(path)).encode_label("cat")
    1
    """
    label_encoder = CategoricalEncoder()
    label_encoder.update_from_iterable(read_class_list(class_list))
    label_encoder.expect_len(len(label_encoder))
    return label_encoder


class SubstitutingDataset(ManifestDataset):
    """A ManifestDataset that takes the next clip for one that is unreadable.

    Items have "readable": whether the clip could be read that was asked for.

    Arguments
    ---------
    path : str
        A manifest, see ManifestTable.

    Example
    -------
    >>> SubstitutingDataset("train.csv")  # doctest: +SKIP
    """

    def __getitem__(self, index):
        first = item = super().__getitem__(index)
        for step in range(1, UNREADABLE_IN_A_ROW):
            if item["readable"]:
                return {**item, "readable": first["readable"]}
            item = super().__getitem__((index + step) % len(self))
        raise UnreadableAudioError(
            f"{UNREADABLE_IN_A_ROW} clips of {self.table.path} in a row "
            "cannot be read (see the warnings); is the disk still there?"
        )


def clip_dataset(
    manifest, label_encoder, *, crop_seconds, sample_rate, views=None
):
    """Clips with labels.

    An item has "id", "wavs" [views, samples], relative "lengths" [views], a
    multi-hot "target" [classes] and "readable" [1]; and "event" (start, stop
    in seconds), if the manifest knows it and every clip is heard whole, in one
    view. A clip that cannot be read is silence, or in training the next one,
    with a warning and a false "readable".

    Arguments
    ---------
    manifest : str
        CSV with columns ID, duration (seconds), wav (a locator) and label (one
        or several, joined by "|"; an empty one gives a target of zeros). With
        columns start and stop (seconds) a clip is that segment of the file,
        see `view_starts` and `read_random_crop`.
    label_encoder : speechbrain.dataio.encoder.CategoricalEncoder
        Index of each label.
    crop_seconds : float
        Duration of a crop.
    sample_rate : int
        Rate of the crops in Hz.
    views : int
        Number of uniformly spaced crops (default: one at a random place, for
        training).

    Returns
    -------
    dataset : ManifestDataset

    Example
    -------
    >>> clip_dataset(
    ...     "test.csv",
    ...     load_label_encoder("classes.txt"),
    ...     crop_seconds=5.0,
    ...     sample_rate=16000,
    ...     views=2,
    ... )  # doctest: +SKIP
    """
    kind = SubstitutingDataset if views is None else ManifestDataset
    dataset = kind(manifest)
    keys = ["id", "wavs", "lengths", "target", "readable"]
    # Partial functions, unlike local ones, can be sent to spawned workers.
    dataset.add_dynamic_item(
        partial(_read_clip, crop_seconds, sample_rate, views),
        ["wav", "duration"]
        + [name for name in ("start", "stop") if name in dataset.columns],
        ["wavs", "lengths", "readable"],
    )
    dataset.add_dynamic_item(
        partial(encode_labels, label_encoder), "label", "target"
    )
    if (
        "event_start" in dataset.columns
        and views in (None, 1)
        and max(dataset.column("duration")) <= crop_seconds
    ):
        dataset.add_dynamic_item(
            _event_times, ["event_start", "event_stop"], "event"
        )
        keys.append("event")
    dataset.set_output_keys(keys)
    return dataset


def _read_clip(crop_seconds, sample_rate, views, wav, duration, *segment):
    """Crops, their lengths, and whether they could be read."""
    options = {"sample_rate": sample_rate, "segment": segment or None}
    try:
        if views is None:
            crops = read_random_crop(wav, duration, crop_seconds, **options)
        else:
            crops = read_views(wav, duration, crop_seconds, views, **options)
        return *crops, torch.tensor([True])
    except UnreadableAudioError as error:
        logger.warning("Left out: %s", error, main_process_only=False)
        size = round(crop_seconds * sample_rate)
        silence = torch.zeros(views or 1, size)
        return silence, torch.ones(len(silence)), torch.tensor([False])


def encode_labels(label_encoder, label):
    """Makes a target of labels.

    Arguments
    ---------
    label_encoder : speechbrain.dataio.encoder.CategoricalEncoder
        Index of each label.
    label : str
        One or several, joined by "|"; an empty one gives zeros.

    Returns
    -------
    target : torch.Tensor
        Multi-hot [classes].

    Example
    -------
    >>> label_encoder = CategoricalEncoder()
    >>> label_encoder.update_from_iterable(["cat", "dog", "owl"])
    >>> label_encoder.expect_len(3)
    >>> encode_labels(label_encoder, "cat|owl")
    tensor([1., 0., 1.])
    """
    target = torch.zeros(len(label_encoder))
    if label:
        target[label_encoder.encode_sequence(label.split("|"))] = 1.0
    return target


def _event_times(start, stop):
    """Start and stop in seconds, as a tensor."""
    return torch.tensor([start, stop])


def clip_datasets(folder, splits, hparams, label_encoder):
    """The data sets of a recipe, from the manifests that it prepared.

    Arguments
    ---------
    folder : str
        Where the manifests are, one "<split>.csv" each.
    splits : list
        "train" is heard in random crops, all others in uniform views.
    hparams : dict
        "crop_seconds", "sample_rate" and "test_views" are taken from it.
    label_encoder : speechbrain.dataio.encoder.CategoricalEncoder
        Index of each label.

    Returns
    -------
    datasets : dict
        Split to ManifestDataset.

    Example
    -------
    >>> clip_datasets(
    ...     "results",
    ...     ["train", "test"],
    ...     hparams,
    ...     load_label_encoder("classes.txt"),
    ... )  # doctest: +SKIP
    """
    return {
        split: clip_dataset(
            os.path.join(folder, f"{split}.csv"),
            label_encoder,
            crop_seconds=hparams["crop_seconds"],
            sample_rate=hparams["sample_rate"],
            views=None if split == "train" else hparams["test_views"],
        )
        for split in splits
    }
