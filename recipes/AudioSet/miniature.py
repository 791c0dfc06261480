"""A small synthetic data set in AudioSet's layout, for trying the recipe.

Each clip is 2 s of quiet noise with a needle, a burst of noise of 0.4 s that
swells at one of four rates, and up to two decoys, louder, in another band and at
other rates. Its classes are, as in AudioSet's ontology, a child and its parent:
the rate of the needle, and whether it is slow or fast. See
speechbrain_pib.dataio.bursts for why the place matters.

Authors
 * The speechbrain_pib developers 2026
"""

import os

import numpy as np

from speechbrain_pib.dataio.bursts import (
    NEEDLE_BAND,
    NEEDLE_LEVEL,
    RATES,
    draw_decoys,
    make_clip,
)
from speechbrain_pib.dataio.synthesis import (
    write_clip,
    write_once,
    write_rows,
)

SAMPLE_RATE = 16000  # Hz
CLIP_SECONDS = 2.0
BURST_SECONDS = 0.4
DECOYS = 2  # at most
PARENTS = ("slow", "fast")  # each of half of the rates
CLASSES = (
    *(f"burst that swells at {rate} Hz" for rate in RATES),
    *(f"{parent} burst" for parent in PARENTS),
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
        "version": 6,
        "seed": seed,
        "train": n_train,
        "test": n_test,
    }
    write_once(folder, parameters, lambda path: _write(path, parameters))


def _write(folder, parameters):
    """Writes class names, audio and annotations."""
    os.mkdir(os.path.join(folder, "audio"))
    classes = [
        (index, f"/t/mini{index:02d}", name)
        for index, name in enumerate(CLASSES)
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
    """Make a clip of a needle and decoys.

    Arguments
    ---------
    rng : numpy.random.Generator
        Source of all that is random.

    Returns
    -------
    waveform : numpy.ndarray
        [32000], at 16 kHz.
    present : list of int
        Indices of its classes.

    Example
    -------
    >>> waveform, present = make_needle_clip(np.random.default_rng(0))
    >>> waveform.shape, len(present)
    ((32000,), 2)
    """
    target = rng.integers(len(RATES))
    needle = (RATES[target], NEEDLE_BAND, NEEDLE_LEVEL)
    decoys = draw_decoys(DECOYS, rng, np.delete(RATES, target))
    waveform, _ = make_clip(
        [needle, *decoys],
        CLIP_SECONDS,
        BURST_SECONDS,
        rng,
        SAMPLE_RATE,
    )
    return waveform, [target, len(RATES) + 2 * target // len(RATES)]
