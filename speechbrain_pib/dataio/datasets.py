"""Data sets of whole-clip labels, from manifests to padded crops.

Authors
 * The speechbrain_pib developers 2026
"""

import os

import torch
from speechbrain.dataio.dataset import DynamicItemDataset
from speechbrain.dataio.encoder import CategoricalEncoder
from speechbrain.utils.data_pipeline import provides, takes

from speechbrain_pib.dataio.manifest import read_class_list
from speechbrain_pib.dataio.segments import read_random_crop, read_views


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


def clip_dataset(
    manifest, label_encoder, *, crop_seconds, sample_rate, views=None
):
    """Clips with one label each.

    An item has "id", "wavs" [views, samples], relative "lengths" [views] and a
    one-hot "target" [classes]; and "event" (start, stop in seconds), if the
    manifest knows it and every clip is heard whole, in one view.

    Arguments
    ---------
    manifest : str
        CSV with columns ID, duration, wav, label.
    label_encoder : speechbrain.dataio.encoder.CategoricalEncoder
        Index of each label.
    crop_seconds : float
        Duration of a crop.
    sample_rate : int
        Rate of the crops in Hz.
    views : int
        Number of uniformly spaced crops (default: one at a random place).

    Returns
    -------
    dataset : speechbrain.dataio.dataset.DynamicItemDataset

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

    @takes("wav", "duration")
    @provides("wavs", "lengths")
    def audio_pipeline(wav, duration):
        duration = float(duration)
        if views is None:
            return read_random_crop(wav, duration, crop_seconds, sample_rate)
        return read_views(wav, duration, crop_seconds, views, sample_rate)

    @takes("label")
    @provides("target")
    def label_pipeline(label):
        index = torch.tensor(label_encoder.encode_label(label))
        return torch.nn.functional.one_hot(index, len(label_encoder)).float()

    @takes("event_start", "event_stop")
    @provides("event")
    def event_pipeline(start, stop):
        return torch.tensor([float(start), float(stop)])

    pipelines = [audio_pipeline, label_pipeline]
    keys = ["id", "wavs", "lengths", "target"]
    dataset = DynamicItemDataset.from_csv(manifest)
    heard_whole = views in (None, 1) and all(
        float(row["duration"]) <= crop_seconds for row in dataset.data.values()
    )
    if heard_whole and "event_start" in next(iter(dataset.data.values())):
        pipelines.append(event_pipeline)
        keys.append("event")
    for pipeline in pipelines:
        dataset.add_dynamic_item(pipeline)
    dataset.set_output_keys(keys)
    return dataset


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
        Split to DynamicItemDataset.

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
