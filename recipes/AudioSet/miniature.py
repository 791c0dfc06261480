"""A small synthetic data set in AudioSet's layout, for trying the recipe.

Each clip is 2.4 to 3 s of quiet noise with one or two needles, bursts of noise
of 0.4 s in a low or a high band that swell slowly or fast, and often a decoy,
louder, in another band and at any rate. Band and rate of a needle are a class; a
clip has one of each band at most. See speechbrain_pib.dataio.bursts for why the
place matters: the first pass hears which bands there are, so that it knows half
of the answer.

Authors
 * The speechbrain_pib developers 2026
"""

import os

import numpy as np

from speechbrain_pib.dataio.bursts import (
    NEEDLE_BAND,
    NEEDLE_LEVEL,
    draw_decoys,
    make_clip,
)
from speechbrain_pib.dataio.synthesis import (
    write_clip,
    write_once,
    write_rows,
)

SAMPLE_RATE = 16000  # Hz
CLIP_SECONDS = (2.4, 3.0)
BURST_SECONDS = 0.4
DECOYS = 1  # at most
# Rate in Hz and band of each class; two of each band.
CLASSES = tuple(
    (rate, band) for band in (NEEDLE_BAND, (3000, 4000)) for rate in (55, 102)
)


def write_miniature(folder, *, seed=1234, n_train=2400, n_test=480):
    """Writes the miniature, or finds that it is there.

    The folder then holds `balanced_train_segments.csv`, `eval_segments.csv`
    and `class_labels_indices.csv` in the official forms, and
    `audio/Y<id>.flac` (16 kHz, mono, 16 bit). See
    speechbrain_pib.dataio.synthesis.write_once.

    Arguments
    ---------
    folder : str
        The folder to make.
    seed : int
        Of all that is random.
    n_train : int
        Number of training clips.
    n_test : int
        Number of test clips.

    Example
    -------
    >>> folder = getfixture("tmpdir") / "miniature"
    >>> write_miniature(folder, n_train=4, n_test=2)
    >>> len(os.listdir(folder / "audio"))
    6
    """
    parameters = {
        "dataset": "AudioSet",
        "version": 2,
        "seed": seed,
        "train": n_train,
        "test": n_test,
    }
    write_once(folder, parameters, lambda path: _write(path, parameters))


def _write(folder, parameters):
    """Writes class names, audio and annotations."""
    os.mkdir(os.path.join(folder, "audio"))
    classes = [
        (index, f"/t/mini{index:02d}", f"burst, {rate} Hz, {low}-{high} Hz")
        for index, (rate, (low, high)) in enumerate(CLASSES)
    ]
    write_rows(
        os.path.join(folder, "class_labels_indices.csv"),
        [("index", "mid", "display_name"), *classes],
    )
    rng = np.random.default_rng(parameters["seed"])
    for name, split in (("balanced_train", "train"), ("eval", "test")):
        rows = []
        for index in range(parameters[split]):
            video = f"{split:-<5}{index:06d}"
            waveform, present = make_needle_clip(rng)
            path = os.path.join(folder, "audio", f"Y{video}.flac")
            write_clip(path, waveform, SAMPLE_RATE)
            labels = ",".join(classes[target][1] for target in present)
            start = 10 * rng.integers(20)
            stop = start + len(waveform) / SAMPLE_RATE
            rows.append(f'{video}, {start:.3f}, {stop:.3f}, "{labels}"')
        _write_segments(os.path.join(folder, f"{name}_segments.csv"), rows)


def _write_segments(path, rows):
    """Writes a list of segments with the three lines of comments."""
    head = (
        "# Segments csv of a miniature",
        f"# num_ytids={len(rows)}, num_segs={len(rows)}",
        "# YTID, start_seconds, end_seconds, positive_labels",
    )
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join([*head, *rows]) + "\n")


def make_needle_clip(rng):
    """Make a clip of needles and decoys.

    Arguments
    ---------
    rng : numpy.random.Generator
        Source of all that is random.

    Returns
    -------
    waveform : numpy.ndarray
        [n], 2.4 to 3 s at 16 kHz.
    present : numpy.ndarray
        Indices of its classes, sorted.

    Example
    -------
    >>> waveform, present = make_needle_clip(np.random.default_rng(0))
    >>> 38400 <= len(waveform) <= 48000, 1 <= len(present) <= 2
    (True, True)
    """
    present = np.array([0, 2]) + rng.integers(2, size=2)
    present = present[[[0], [1], [0, 1]][rng.integers(3)]]
    needles = [(*CLASSES[index], NEEDLE_LEVEL) for index in present]
    waveform, _ = make_clip(
        needles + draw_decoys(DECOYS, rng),
        rng.uniform(*CLIP_SECONDS),
        BURST_SECONDS,
        rng,
        SAMPLE_RATE,
    )
    return waveform, present
