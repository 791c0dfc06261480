"""A small synthetic data set in VGG-Sound's layout, for trying the recipe.

Each clip is 2 s of quiet noise with a needle, a burst of noise of 0.4 s at a
random place that swells at the rate that is the class, and up to two decoys, in
another band and at the rates of other classes. See
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


def class_names():
    """Class names of the miniature, in the order of `RATES`.

    Returns
    -------
    classes : list of str

    Example
    -------
    >>> class_names()[0]
    'modulated burst 55 Hz'
    """
    return [f"modulated burst {rate} Hz" for rate in RATES]


def write_miniature(folder, *, seed=1234, n_train=2400, n_test=480):
    """Writes the miniature, or finds that it is there.

    The folder then holds `vggsound.csv` (the official form), `classes.txt`,
    `events.csv` (ID, start, stop: where the needle is, in seconds) and
    `audio/*.wav` (16 kHz, mono, 16 bit). It appears when it is complete; a
    complete one with the same parameters is left as it is, one with other
    parameters is replaced.

    Arguments
    ---------
    folder : str
        The folder to make.
    seed : int
        Of all that is random.
    n_train : int
        Number of training clips, at least one per class.
    n_test : int
        Number of test clips, at least one per class.

    Raises
    ------
    ValueError
        If the folder exists and is not a miniature, or a split is smaller
        than the number of classes.

    Example
    -------
    >>> folder = getfixture("tmpdir") / "miniature"
    >>> write_miniature(folder, n_train=4, n_test=4)
    >>> len(os.listdir(folder / "audio"))
    8
    """
    parameters = {
        "dataset": "VGG-Sound",
        "version": 3,
        "seed": seed,
        "train": n_train,
        "test": n_test,
    }
    if min(n_train, n_test) < len(RATES):
        raise ValueError(f"each split needs {len(RATES)} clips or more")
    write_once(folder, parameters, lambda path: _write_clips(path, parameters))


def _write_clips(folder, parameters):
    """Writes audio, annotations, events and class names."""
    rng = np.random.default_rng(parameters["seed"])
    names = class_names()
    total = parameters["train"] + parameters["test"]
    targets = np.arange(total) % len(RATES)
    rng.shuffle(targets[: parameters["train"]])
    rng.shuffle(targets[parameters["train"] :])
    annotations, events = [], []
    os.mkdir(os.path.join(folder, "audio"))
    for index, target in enumerate(targets):
        split = "train" if index < parameters["train"] else "test"
        video = f"mini{index:07d}"
        name = f"{video}_000000"
        waveform, start = make_needle_clip(target, rng)
        annotations.append((video, 0, names[target], split))
        events.append((name, start, round(start + BURST_SECONDS, 7)))
        path = os.path.join(folder, "audio", f"{name}.wav")
        write_clip(path, waveform, SAMPLE_RATE)
    write_rows(os.path.join(folder, "vggsound.csv"), annotations)
    write_rows(
        os.path.join(folder, "events.csv"), [("ID", "start", "stop"), *events]
    )
    write_rows(os.path.join(folder, "classes.txt"), [(name,) for name in names])


def make_needle_clip(target, rng):
    """Make a clip of a needle and decoys.

    Arguments
    ---------
    target : int
        The class.
    rng : numpy.random.Generator
        Source of all that is random.

    Returns
    -------
    waveform : numpy.ndarray
        [32000], at 16 kHz.
    start : float
        Where the needle begins, in seconds.

    Example
    -------
    >>> waveform, start = make_needle_clip(0, np.random.default_rng(0))
    >>> waveform.shape, 0 <= start <= CLIP_SECONDS - BURST_SECONDS
    ((32000,), True)
    """
    others = np.delete(RATES, target)
    needle = (RATES[target], NEEDLE_BAND, NEEDLE_LEVEL)
    bursts = [needle, *draw_decoys(DECOYS, rng, others)]
    waveform, starts = make_clip(
        bursts, CLIP_SECONDS, BURST_SECONDS, rng, SAMPLE_RATE
    )
    return waveform, float(starts[0] / SAMPLE_RATE)
