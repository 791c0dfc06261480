"""Data sets of single moments of video files, at any time in a segment or
between segments: a frame, the second of sound that begins there, and where a
teacher needs it the clip.

Authors
 * The speechbrain_pib developers 2026
"""

import os
from functools import partial

import torch
from speechbrain.utils.logger import get_logger

from speechbrain_pib.dataio.clip_datasets import (
    SubstitutingDataset,
    encode_labels,
)
from speechbrain_pib.dataio.manifest_dataset import ManifestDataset
from speechbrain_pib.dataio.video.containers import UnreadableVideoError
from speechbrain_pib.dataio.video.feature_datasets import parse_segments
from speechbrain_pib.dataio.video.frames import read_frames
from speechbrain_pib.dataio.video.sound import read_sound
from speechbrain_pib.dataio.video.steps import CLIP_FRAMES, CLIP_SIZE

logger = get_logger(__name__)

# Of the second of sound of a moment, as much lies in the segment at least.
SOUND_INSIDE = 0.5


def moment_dataset(
    manifest,
    label_encoder,
    *,
    image_size,
    sample_rate,
    training=False,
    clips=False,
    background=0.0,
):
    """Make a data set of a moment of each annotated segment.

    An item has "id", "image" [3, image_size, image_size] uint8, the frame at
    the moment, "wav" [sample_rate], the second of sound that begins there,
    "has_audio" [1], a multi-hot "target" [classes], "readable" [1], and with
    clips "clip" [16, 3, 112, 112] uint8, the frames of that second. A moment
    that cannot be read is black and silent, or in training the next one, with
    a warning and a false "readable".

    Arguments
    ---------
    manifest : str
        CSV with columns ID, path (a video file), start, stop (of a segment,
        in seconds), label (one or several, joined by "|") and, if there is a
        background, gaps (what is between the segments of the video, as
        `format_segments` writes it).
    label_encoder : speechbrain.dataio.encoder.CategoricalEncoder
        Index of each label.
    image_size : int
        Side of the frame in pixels, see `read_frames`.
    sample_rate : int
        Of the sound, in Hz.
    training : bool
        Whether the moment is at random in the segment, or in its middle.
    clips : bool
        Whether to read clips.
    background : float
        Share of the items, at random, that are a moment of the gaps of the
        video instead, whose target is zeros; those of a video without gaps
        are not.

    Returns
    -------
    dataset : ManifestDataset

    Example
    -------
    >>> moment_dataset(
    ...     "test.csv", label_encoder, image_size=224, sample_rate=16000
    ... )  # doctest: +SKIP
    """
    kind = SubstitutingDataset if training else ManifestDataset
    dataset = kind(manifest)
    names = ["image", "wav", "has_audio", "readable"]
    if clips:
        names.append("clip")
    source = ["start", "stop", "label"]
    # Partial functions, unlike local ones, can be sent to spawned workers.
    if background:
        drawn = ["drawn_start", "drawn_stop", "drawn_label"]
        dataset.add_dynamic_item(
            partial(_draw_segment, background), [*source, "gaps"], drawn
        )
        source = drawn
    start, stop, label = source
    dataset.add_dynamic_item(
        partial(_read_moment, image_size, sample_rate, training, clips),
        ["path", start, stop],
        names,
    )
    dataset.add_dynamic_item(
        partial(encode_labels, label_encoder), label, "target"
    )
    dataset.set_output_keys(["id", *names, "target"])
    return dataset


def _draw_segment(background, start, stop, label, gaps):
    """Either a segment, or without a label one of the gaps, by their length."""
    if not gaps or torch.rand(()) >= background:
        return start, stop, label
    gaps = parse_segments(gaps)
    lengths = gaps[:, 1] - gaps[:, 0]
    return *gaps[torch.multinomial(lengths, 1).item()].tolist(), ""


def _read_moment(image_size, sample_rate, training, clips, path, start, stop):
    """A moment, and whether it could be read."""
    place = float(torch.rand(())) if training else 0.5
    time = start + place * max(stop - SOUND_INSIDE - start, 0.0)
    try:
        image = read_frames(path, [time], image_size)[0]
        wav, has_audio = read_sound(path, time, time + 1, sample_rate)
        items = [image, wav, torch.tensor([has_audio]), torch.tensor([True])]
        if clips:
            times = [time + n / CLIP_FRAMES for n in range(CLIP_FRAMES)]
            items.append(read_frames(path, times, CLIP_SIZE))
    except UnreadableVideoError as error:
        logger.warning("Left out: %s", error, main_process_only=False)
        image = torch.zeros(3, image_size, image_size, dtype=torch.uint8)
        false = torch.tensor([False])
        items = [image, torch.zeros(sample_rate), false, false]
        if clips:
            size = CLIP_FRAMES, 3, CLIP_SIZE, CLIP_SIZE
            items.append(torch.zeros(size, dtype=torch.uint8))
    return tuple(items)


def moment_datasets(folder, splits, hparams, label_encoder):
    """Make the data sets of a recipe from the manifests that it prepared.

    Arguments
    ---------
    folder : str
        Where the manifests are, one "<split>.csv" each.
    splits : list
        The moments of "train" are random, and some of the background; all
        others are in the middle of segments.
    hparams : dict
        "image_size", "sample_rate", "teacher" (None: clips are not read) and
        "background" are taken from it.
    label_encoder : speechbrain.dataio.encoder.CategoricalEncoder
        Index of each label.

    Returns
    -------
    datasets : dict
        Split to ManifestDataset.

    Example
    -------
    >>> moment_datasets(
    ...     "results", ["test"], hparams, label_encoder
    ... )  # doctest: +SKIP
    """
    return {
        split: moment_dataset(
            os.path.join(folder, f"{split}.csv"),
            label_encoder,
            image_size=hparams["image_size"],
            sample_rate=hparams["sample_rate"],
            training=split == "train",
            clips=hparams["teacher"] is not None,
            background=hparams["background"] if split == "train" else 0.0,
        )
        for split in splits
    }
