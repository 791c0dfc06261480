"""A small synthetic data set in AudioSet's layout, for trying the recipe.

Each clip is 2 to 2.5 s of quiet noise with three louder bursts of noise, 0.4 s
each, at random places. One to three of them swell, at 20 or 60 Hz, 25 or 55
Hz, 30 or 50 Hz: the classes of the clip, one of each pair at most. The others
are steady. At a hop of 12.5 ms the frame rate is 80 Hz, so that the two rates
of a pair alias onto each other; a finer hop tells them apart.

Authors
 * The speechbrain_pib developers 2026
"""

import os

import numpy as np

from speechbrain_pib.dataio.synthesis import (
    modulated_noise,
    write_clip,
    write_once,
    write_rows,
)

SAMPLE_RATE = 16000  # Hz
CLIP_SECONDS = (2.0, 2.5)
BURST_SECONDS = 0.4
GAP_SECONDS = 0.05  # at least, between the bursts
BURSTS = 3
RATES = (20, 25, 30, 50, 55, 60)  # Hz, of the modulation
MIN_DEPTH = 0.5  # of the modulation, see the miniature of VGG-Sound


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
    parameters = {"version": 1, "seed": seed, "train": n_train, "test": n_test}
    write_once(folder, parameters, lambda path: _write(path, parameters))


def _write(folder, parameters):
    """Writes class names, audio and annotations."""
    os.mkdir(os.path.join(folder, "audio"))
    classes = [
        (index, f"/t/mini{rate:03d}", f"modulated burst, {rate} Hz")
        for index, rate in enumerate(RATES)
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
            waveform, present = make_clip(rng)
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


def make_clip(rng):
    """Makes a clip of three bursts.

    Background noise has a level of -46 dB (rms, full scale 1) +- 2 dB, the
    bursts 18 dB more +- 2 dB and all of them the same rms.

    Arguments
    ---------
    rng : numpy.random.Generator
        Source of all that is random.

    Returns
    -------
    waveform : numpy.ndarray
        [n], 2 to 2.5 s at 16 kHz.
    present : numpy.ndarray
        Indices of the one to three rates in it, sorted.

    Example
    -------
    >>> waveform, present = make_clip(np.random.default_rng(0))
    >>> 32000 <= len(waveform) <= 40000, 1 <= len(present) <= 3
    (True, True)
    """
    size = round(rng.uniform(*CLIP_SECONDS) * SAMPLE_RATE)
    burst = round(BURST_SECONDS * SAMPLE_RATE)
    step = burst + round(GAP_SECONDS * SAMPLE_RATE)
    background = 10 ** (rng.uniform(-48, -44) / 20)
    level = background * 10 ** (rng.uniform(16, 20) / 20)
    waveform = background * rng.standard_normal(size)

    # Of the pairs (0, 5), (1, 4) and (2, 3), one each.
    drawn = rng.permutation(BURSTS)
    drawn = np.where(rng.random(BURSTS) < 0.5, drawn, len(RATES) - 1 - drawn)
    modulated = np.arange(BURSTS) <= rng.integers(BURSTS)
    depths = modulated * MIN_DEPTH ** rng.uniform(0, 1, BURSTS)
    bursts = modulated_noise(
        np.array(RATES)[drawn], depths, burst, rng, SAMPLE_RATE
    )
    room = size - (BURSTS - 1) * step - burst
    places = np.sort(rng.integers(0, room + 1, BURSTS))
    places += step * np.arange(BURSTS)
    for place, sound in zip(rng.permutation(places), bursts):
        waveform[place : place + burst] += level * sound
    return np.clip(waveform, -1, 1), np.sort(drawn[modulated])
