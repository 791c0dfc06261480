"""A small synthetic data set in VGG-Sound's layout, for trying the recipe.

Each clip is 2.5 s of quiet noise with two louder bursts of noise, 0.4 s each,
at random places: the needle, whose loudness swings at the rate that is the
class (20, 25, 30, 50, 55 or 60 Hz), and a steady distractor. At a hop of
12.5 ms the frame rate is 80 Hz, so that 20 and 60, 25 and 55, 30 and 50 Hz
alias onto each other; a finer hop in the right place tells them apart. Windows
blur fast rates more than slow ones, which gives the rate away at any hop when
all needles are modulated equally deep; `min_depth` takes this cue away.

It does not prove that the place matters: to a model trained for it, any other
hop gives the rate away (see the table of the recipe's README).

Authors
 * The speechbrain_pib developers 2026
"""

import os

import numpy as np

from speechbrain_pib.dataio.synthesis import (
    modulation,
    write_clip,
    write_once,
    write_rows,
)

SAMPLE_RATE = 16000  # Hz
CLIP_SECONDS = 2.5
BURST_SECONDS = 0.4
GAP_SECONDS = 0.1  # at least, between the bursts
RATES = (20, 25, 30, 50, 55, 60)  # Hz, of the modulation
CHUNK = 100  # clips made at a time


def class_names():
    """Class names of the miniature, in the order of `RATES`.

    Returns
    -------
    classes : list of str

    Example
    -------
    >>> class_names()[0]
    'modulated burst 20 Hz'
    """
    return [f"modulated burst {rate} Hz" for rate in RATES]


def write_miniature(
    folder, *, seed=1234, n_train=2400, n_test=480, min_depth=0.5
):
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
    min_depth : float
        Smallest depth of the needle's modulation, see `make_clips`.

    Raises
    ------
    ValueError
        If the folder exists and is not a miniature, or a split is smaller
        than the number of classes, or the depth is not in (0, 1].

    Example
    -------
    >>> folder = getfixture("tmpdir") / "miniature"
    >>> write_miniature(folder, n_train=6, n_test=6)
    >>> len(os.listdir(folder / "audio"))
    12
    """
    parameters = {
        "version": 1,
        "seed": seed,
        "train": n_train,
        "test": n_test,
        "min_depth": min_depth,
    }
    if min(n_train, n_test) < len(RATES):
        raise ValueError(f"each split needs {len(RATES)} clips or more")
    if not 0 < min_depth <= 1:
        raise ValueError(f"min_depth must be in (0, 1], got {min_depth}")
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
    for first in range(0, total, CHUNK):
        chunk = targets[first : first + CHUNK]
        waveforms, starts = make_clips(chunk, rng, parameters["min_depth"])
        for index, waveform in enumerate(waveforms, start=first):
            split = "train" if index < parameters["train"] else "test"
            video = f"mini{index:07d}"
            name = f"{video}_000000"
            annotations.append((video, 0, names[targets[index]], split))
            start = starts[index - first] / SAMPLE_RATE
            events.append((name, start, round(start + BURST_SECONDS, 7)))
            path = os.path.join(folder, "audio", f"{name}.wav")
            write_clip(path, waveform, SAMPLE_RATE)
    write_rows(os.path.join(folder, "vggsound.csv"), annotations)
    write_rows(
        os.path.join(folder, "events.csv"), [("ID", "start", "stop"), *events]
    )
    write_rows(os.path.join(folder, "classes.txt"), [(name,) for name in names])


def make_clips(targets, rng, min_depth=0.5):
    """Makes clips with a needle and a distractor.

    Background noise has a level of -46 dB (rms, full scale 1) +- 2 dB, both
    bursts of a clip 18 dB more +- 2 dB and the same rms. The needle's
    amplitude is 1 + depth * cos with a random phase.

    Arguments
    ---------
    targets : numpy.ndarray
        [N], class indices.
    rng : numpy.random.Generator
        Source of all that is random.
    min_depth : float
        The depth is drawn log-uniformly between this and 1 (full).

    Returns
    -------
    waveforms : numpy.ndarray
        [N, 40000], float32, at 16 kHz.
    starts : numpy.ndarray
        [N], where the needle begins, in samples.

    Example
    -------
    >>> waveforms, starts = make_clips(np.array([0]), np.random.default_rng(0))
    >>> waveforms.shape, starts.shape
    ((1, 40000), (1,))
    """
    count = len(targets)
    size, burst, gap = (
        round(seconds * SAMPLE_RATE)
        for seconds in (CLIP_SECONDS, BURST_SECONDS, GAP_SECONDS)
    )
    background = 10 ** (rng.uniform(-48, -44, (count, 1)) / 20)
    level = background * 10 ** (rng.uniform(16, 20, (count, 1)) / 20)
    waveforms = rng.standard_normal((count, size), dtype=np.float32)
    waveforms *= background.astype(np.float32)

    room = rng.integers(0, size - 2 * burst - gap + 1, (count, 2))
    places = np.sort(room, axis=1) + np.array([0, burst + gap])
    order = rng.integers(0, 2, count)
    rows = np.arange(count)
    starts, distractor_starts = places[rows, order], places[rows, 1 - order]

    phases = rng.uniform(0, 2 * np.pi, count)
    depths = min_depth ** rng.uniform(0, 1, count)
    rates = np.array(RATES)[targets]
    needles = modulation(rates, depths, phases, burst, SAMPLE_RATE)
    for begin, envelope in ((starts, needles), (distractor_starts, 1.0)):
        noise = rng.standard_normal((count, burst))
        columns = begin[:, None] + np.arange(burst)
        waveforms[rows[:, None], columns] += level * envelope * noise
    return np.clip(waveforms, -1, 1), starts
