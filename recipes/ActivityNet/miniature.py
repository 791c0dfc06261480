"""A small synthetic data set in ActivityNet's layout, for trying the recipe.

Each video lasts 19.6 s, 14 scenes of 1.4 s. In every scene a shape (disc,
square or triangle) crosses the picture, and in most something is heard: a
steady tone or noise. In one scene, the moment, one hears a siren that rises or
falls. The class is the shape that is seen then and the direction of the siren.

So the sound tells where to look and half of what is asked, the picture at that
moment tells the other half; pictures at other moments mislead, and loudness
does not help.

Authors
 * The speechbrain_pib developers 2026
"""

import json
import os
from fractions import Fraction

import numpy as np

from speechbrain_pib.dataio.synthesis import write_once
from speechbrain_pib.dataio.video.containers import import_av

SIZE = 64  # pixels
FRAME_RATE = 5  # Hz
SAMPLE_RATE = 16000  # Hz
SCENES = 14
SCENE_FRAMES = 7  # 1.4 s
SCENE_SECONDS = SCENE_FRAMES / FRAME_RATE
SWEEP_SECONDS = 0.35  # of the siren
SHAPES = ("disc", "square", "triangle")
DIRECTIONS = ("rising", "falling")


def class_names():
    """Class names of the miniature.

    Returns
    -------
    classes : list of str

    Example
    -------
    >>> class_names()[:2]
    ['disc, rising', 'disc, falling']
    """
    return [f"{shape}, {sound}" for shape in SHAPES for sound in DIRECTIONS]


def write_miniature(folder, *, seed=1234, n_train=300, n_test=100):
    """Writes the miniature, or finds that it is there.

    The folder then holds `activity_net.v1-3.min.json` (the official form) and
    `videos/v_*.mp4` (64 x 64 pixels, 5 frames per second, 16 kHz). It appears
    when it is complete; a complete one with the same parameters is left as it
    is, one with other parameters is replaced.

    Arguments
    ---------
    folder : str
        The folder to make.
    seed : int
        Of all that is random.
    n_train : int
        Number of training videos, at least one per class.
    n_test : int
        Number of test videos, at least one per class.

    Raises
    ------
    ValueError
        If the folder exists and is not a miniature, or a split is smaller
        than the number of classes.

    Example
    -------
    >>> write_miniature("miniature", n_train=6, n_test=6)  # doctest: +SKIP
    """
    if min(n_train, n_test) < len(class_names()):
        raise ValueError(f"each split needs {len(class_names())} videos")
    parameters = {"version": 1, "seed": seed, "train": n_train, "test": n_test}
    write_once(folder, parameters, lambda path: _write_videos(path, parameters))


def _write_videos(folder, parameters):
    """Writes videos and annotations."""
    rng = np.random.default_rng(parameters["seed"])
    os.mkdir(os.path.join(folder, "videos"))
    names, database = class_names(), {}
    for subset, count in (
        ("training", parameters["train"]),
        ("validation", parameters["test"]),
    ):
        for index in range(count):
            target = index % len(names)
            video, (frames, wav, start) = len(database), make_video(target, rng)
            key = f"mini{video:07d}"
            path = os.path.join(folder, "videos", f"v_{key}.mp4")
            write_video(path, frames, wav)
            segment = [round(start, 3), round(start + SCENE_SECONDS, 3)]
            database[key] = {
                "duration": round(len(frames) / FRAME_RATE, 3),
                "subset": subset,
                "annotations": [{"segment": segment, "label": names[target]}],
            }
    path = os.path.join(folder, "activity_net.v1-3.min.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"version": "miniature", "database": database}, file)


def make_video(target, rng):
    """Makes the pictures and the sound of a video.

    Arguments
    ---------
    target : int
        Index of its class.
    rng : numpy.random.Generator
        Source of all that is random.

    Returns
    -------
    frames : numpy.ndarray
        [98, 64, 64, 3], uint8.
    wav : numpy.ndarray
        [n], float32, at 16 kHz.
    start : float
        When the moment begins, in seconds.

    Example
    -------
    >>> frames, wav, start = make_video(0, np.random.default_rng(0))
    >>> frames.shape, len(wav) / SAMPLE_RATE
    ((98, 64, 64, 3), 19.6)
    """
    shape, direction = divmod(target, len(DIRECTIONS))
    moment = rng.integers(SCENES)
    shapes = rng.integers(len(SHAPES), size=SCENES)
    shapes[moment] = shape
    background = rng.uniform(60, 130, 3) + rng.normal(0, 4, (SIZE, SIZE, 3))
    frames = np.concatenate(
        [draw_scene(SHAPES[index], background, rng) for index in shapes]
    )
    sounds = [make_distractor_sound(rng) for _ in shapes]
    sounds[moment] = make_siren(DIRECTIONS[direction], rng)
    wav = np.concatenate(sounds)
    wav += 10 ** (rng.uniform(-52, -48) / 20) * rng.standard_normal(len(wav))
    wav = np.clip(wav, -1, 1).astype(np.float32)
    return frames, wav, moment * SCENE_SECONDS


def draw_scene(shape, background, rng):
    """Draws a shape that crosses the picture.

    Arguments
    ---------
    shape : str
        "disc", "square" or "triangle".
    background : numpy.ndarray
        [64, 64, 3], from 0 to 255.
    rng : numpy.random.Generator
        Source of all that is random.

    Returns
    -------
    frames : numpy.ndarray
        [7, 64, 64, 3], uint8.
    """
    places = np.linspace(*rng.uniform(20, SIZE - 20, (2, 2)), SCENE_FRAMES)
    radius = rng.uniform(9, 13)
    # Brighter than the background in a colour of its own.
    colour = rng.uniform(150, 255, 3)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    frames = np.repeat(background[None], SCENE_FRAMES, axis=0)
    for frame, (x, y) in zip(frames, places):
        frame[_inside(shape, (columns - x) / radius, (rows - y) / radius)] = (
            colour
        )
    return np.clip(frames, 0, 255).astype(np.uint8)


def _inside(shape, x, y):
    """Where a shape of radius one is, all of about the same area."""
    if shape == "disc":
        return x**2 + y**2 < 0.8
    if shape == "square":
        return np.maximum(abs(x), abs(y)) < 0.8
    return (y < 0.85) & (y > 2.2 * abs(x) - 1.25)


def make_distractor_sound(rng):
    """The sound of a scene that is not the moment.

    Arguments
    ---------
    rng : numpy.random.Generator
        Source of all that is random.

    Returns
    -------
    wav : numpy.ndarray
        [22400]: nothing, a steady tone or noise.
    """
    kind = rng.integers(3)
    time = np.arange(round(SCENE_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    if kind == 0:
        return np.zeros(len(time))
    if kind == 1:
        return _loud(np.sin(2 * np.pi * rng.uniform(500, 2000) * time), rng)
    return _loud(rng.standard_normal(len(time)), rng)


def make_siren(direction, rng):
    """A siren: sweeps over two octaves, one after another.

    Arguments
    ---------
    direction : str
        "rising" or "falling".
    rng : numpy.random.Generator
        Source of all that is random.

    Returns
    -------
    wav : numpy.ndarray
        [22400]
    """
    time = np.arange(round(SCENE_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    place = (time / SWEEP_SECONDS + rng.uniform()) % 1
    if direction == "falling":
        place = 1 - place
    frequency = rng.uniform(450, 550) * 4**place
    phase = 2 * np.pi * np.cumsum(frequency) / SAMPLE_RATE
    return _loud(np.sin(phase), rng)


def _loud(wav, rng):
    """A sound at -20 dB (rms, full scale 1) +- 3 dB."""
    level = 10 ** (rng.uniform(-23, -17) / 20)
    return level * wav / np.sqrt(np.mean(wav**2))


def write_video(path, frames, wav):
    """Writes an mp4 file: H.264 and AAC.

    Arguments
    ---------
    path : str
        The file.
    frames : numpy.ndarray
        [n, height, width, 3], uint8, at 5 frames per second.
    wav : numpy.ndarray
        [n], float32, at 16 kHz.

    Example
    -------
    >>> write_video("clip.mp4", *make_video(0, rng)[:2])  # doctest: +SKIP
    """
    av = import_av()
    with av.open(path, "w") as container:
        video = container.add_stream("libx264", rate=FRAME_RATE)
        video.height, video.width = frames.shape[1:3]
        video.pix_fmt = "yuv420p"
        video.thread_count = 1
        # A key frame in every scene, so that seeking is cheap.
        video.options = {"preset": "ultrafast", "crf": "23", "g": "7"}
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        for index, array in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(array, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FRAME_RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        sound = av.AudioFrame.from_ndarray(wav[None], "fltp", "mono")
        sound.sample_rate, sound.pts = SAMPLE_RATE, 0
        container.mux(audio.encode(sound))
        container.mux(audio.encode(None))
