"""One scene: a short event, and distractors, in a background that lasts.

Where sounds are is found in frames of 10 ms; see `pad_to_frames`.

Authors
 * The speechbrain_pib developers 2026
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

FRAME_SECONDS = 0.01
EVENT_RANGE = 30  # dB below its loudest frame an event begins and ends
SILENCE_RANGE = 60  # dB below its loudest frame a background is silent
SEAM_FRAMES = 5  # in which the end of a background goes over into its beginning
PEAK = 0.9  # of a scene: quiet recordings would suffer from 16 bits
LONGEST_SCENE = 600.0  # seconds
# Categories of ESC-50 that sound all the time.
BACKGROUNDS = (
    *("airplane", "crackling_fire", "crickets", "engine", "helicopter"),
    *("rain", "sea_waves", "vacuum_cleaner", "washing_machine", "wind"),
)


@dataclass(frozen=True)
class SceneSettings:
    """What scenes are like, and how many there are.

    Arguments
    ---------
    seed : int
        Of all that is random.
    scenes_per_fold : int
        Number of scenes of each fold; its classes take turns.
    backgrounds : tuple of str
        Categories that are heard all the time and are no class (default:
        those of BACKGROUNDS that the data have).
    seconds : float
        Duration of a scene.
    event_seconds : tuple of float
        Shortest and longest duration of an event, in whole frames of 10 ms.
    snr : tuple of float
        Lowest and highest level of an event above its background, in dB: the
        mean power of the event against that of the background's recording.
    distractors : int
        Further events in a scene, as long and as loud, of categories of
        backgrounds.
    sample_rate : int
        In Hz.
    background_class : str
        Class of scenes without an event, which takes its turn as the others
        do (default: there are none).

    Raises
    ------
    ValueError
        If there can be no such scenes.

    Example
    -------
    >>> SceneSettings(seconds=1.5)
    Traceback (most recent call last):
        ...
    ValueError: 2 events of up to 1.0 s do not fit into a scene of 1.5 s
    """

    seed: int = 1234
    scenes_per_fold: int = 800
    backgrounds: tuple = ()
    seconds: float = 5.0
    event_seconds: tuple = (0.3, 1.0)
    snr: tuple = (0.0, 10.0)
    distractors: int = 1
    sample_rate: int = 16000
    background_class: str = ""

    def __post_init__(self):
        shortest, longest = self.event_seconds
        lowest, highest = self.snr
        if self.scenes_per_fold < 1 or self.distractors < 0:
            raise ValueError(
                "scenes_per_fold is 1 or more, distractors 0 or more; got "
                f"{self.scenes_per_fold} and {self.distractors}"
            )
        if not 1000 <= self.sample_rate <= 192000:
            raise ValueError(
                "sample_rate lies between 1000 and 192000 Hz, got "
                f"{self.sample_rate}"
            )
        if not -60 <= lowest <= highest <= 60:
            raise ValueError(
                "snr lies between -60 and 60 dB, the lowest first; got "
                f"{lowest} to {highest} dB"
            )
        if not 0.05 <= shortest <= longest <= self.seconds <= LONGEST_SCENE:
            raise ValueError(
                f"events last 0.05 s or more, scenes up to {LONGEST_SCENE} s; "
                f"got events of {shortest} s to {longest} s in scenes of "
                f"{self.seconds} s"
            )
        events = 1 + self.distractors
        if events * self.count_frames(longest) * self.frame > self.size:
            raise ValueError(
                f"{events} events of up to {longest} s do not fit into a scene "
                f"of {self.seconds} s"
            )

    @property
    def size(self):
        """Size of a scene in samples."""
        return round(self.seconds * self.sample_rate)

    @property
    def frame(self):
        """Size of a frame in samples."""
        return round(FRAME_SECONDS * self.sample_rate)

    def count_frames(self, seconds):
        """Count the whole frames in a duration.

        Arguments
        ---------
        seconds : float
            The duration.

        Returns
        -------
        frames : int

        Example
        -------
        >>> SceneSettings().count_frames(0.309)
        30
        """
        # 0.29 s at 48 kHz are 13920 samples, and their product is a bit less.
        return int(seconds * self.sample_rate + 1e-6) // self.frame


class Scene(NamedTuple):
    """A scene, and where its event is.

    Arguments
    ---------
    waveform : numpy.ndarray
        [n], float32, with a peak of PEAK.
    start : float
        Of the event, in seconds; None where there is none.
    stop : float
        Of the event, in seconds.
    snr : float
        Of the event, in dB.
    """

    waveform: np.ndarray
    start: float | None
    stop: float | None
    snr: float | None


def mix_scene(event, background, distractors, settings, rng):
    """Mix a scene of recordings.

    Arguments
    ---------
    event : numpy.ndarray
        [n], a recording whose most energetic part is the event; None for a
        scene without one. No recording is silent, and all have whole frames,
        more than the longest event.
    background : numpy.ndarray
        [n], a recording; one that is too short goes on from its beginning.
    distractors : list of numpy.ndarray
        Recordings whose most energetic parts are heard, too.
    settings : SceneSettings
        What the scene is like.
    rng : numpy.random.Generator
        Source of all that is random.

    Returns
    -------
    scene : Scene

    Example
    -------
    >>> rng = np.random.default_rng(0)
    >>> noise = rng.standard_normal((2, 80000))
    >>> scene = mix_scene(*noise, [], SceneSettings(), rng)
    >>> scene.waveform.shape
    (80000,)
    """
    waveform, level = _play_background(background, settings, rng)
    heard = distractors if event is None else [event, *distractors]
    cuts = [
        cut_event(recording, settings, rng.uniform(*settings.event_seconds))
        for recording in heard
    ]
    starts = _place([len(cut) for cut in cuts], settings.size, rng)
    ratios = rng.uniform(*settings.snr, len(cuts))
    for cut, start, ratio in zip(cuts, starts, ratios):
        gain = level * 10 ** (ratio / 20) / _rms(cut)
        waveform[start : start + len(cut)] += gain * cut
    waveform *= PEAK / np.abs(waveform).max()
    if event is None:
        return Scene(waveform.astype(np.float32), None, None, None)
    return Scene(
        waveform.astype(np.float32),
        starts[0] / settings.sample_rate,
        (starts[0] + len(cuts[0])) / settings.sample_rate,
        ratios[0],
    )


def cut_event(recording, settings, seconds):
    """Cut the most energetic part of a recording, where it begins and ends.

    Arguments
    ---------
    recording : numpy.ndarray
        [n], as for `mix_scene`.
    settings : SceneSettings
        "event_seconds" and "sample_rate" are used.
    seconds : float
        At most so long; less where the sound is shorter, but not less than
        the shortest event.

    Returns
    -------
    event : numpy.ndarray
        [n], float64, faded in and out over 10 ms.

    Example
    -------
    >>> recording = np.zeros(80000)
    >>> recording[40000:48000] = 1.0
    >>> len(cut_event(recording, SceneSettings(), 0.9)) / 16000
    0.5
    """
    frame = settings.frame
    energy = _frame_energy(recording, frame)
    size = settings.count_frames(seconds)
    shortest = settings.count_frames(settings.event_seconds[0])
    first = np.convolve(energy, np.ones(size), mode="valid").argmax()
    start, stop = first + _active_frames(energy[first:][:size], EVENT_RANGE)
    start -= max(shortest - (stop - start), 0) // 2
    start = max(min(start, len(energy) - shortest), 0)
    stop = max(stop, start + shortest)
    event = recording[start * frame : stop * frame].astype(np.float64)
    fade = _ramp(frame)
    event[:frame] *= fade**2
    event[-frame:] *= fade[::-1] ** 2
    return event


def pad_to_frames(samples, settings):
    """Pad a recording to whole frames of 10 ms.

    Arguments
    ---------
    samples : numpy.ndarray
        [n]
    settings : SceneSettings
        "sample_rate" is used.

    Returns
    -------
    padded : numpy.ndarray
        [m], m >= n, with zeros at its end.

    Example
    -------
    >>> pad_to_frames(np.ones(150), SceneSettings()).shape
    (160,)
    """
    return np.pad(samples, (0, -len(samples) % settings.frame))


def _frame_energy(samples, frame):
    """Mean square of each frame [n / frame]."""
    return np.square(samples, dtype=np.float64).reshape(-1, frame).mean(axis=1)


def _active_frames(energy, decibels):
    """First frame, and the one behind the last, that are not so many decibels
    below the loudest."""
    active = np.flatnonzero(energy > energy.max() * 10 ** (-decibels / 10))
    return np.array([active[0], active[-1] + 1])


def _ramp(size):
    """A quarter of a sine, from above 0 to below 1: its square and that of its
    reverse add up to one [size]."""
    return np.sin(np.pi / 2 * (np.arange(size) + 0.5) / size)


def _rms(samples):
    """Root of the mean square."""
    return np.sqrt(np.mean(np.square(samples)))


def _play_background(recording, settings, rng):
    """Plays a recording as a loop without a seam, from a random sample on, as
    long as a scene is; and the level (rms) of all of it."""
    frame = settings.frame
    start, stop = _active_frames(_frame_energy(recording, frame), SILENCE_RANGE)
    sound = recording[start * frame : stop * frame].astype(np.float64)
    seam = min(SEAM_FRAMES * frame, len(sound) // 2)
    ramp = _ramp(seam)
    loop = sound[seam:]
    loop[-seam:] = loop[-seam:] * ramp[::-1] + sound[:seam] * ramp
    first = rng.integers(len(loop))
    played = np.take(loop, np.arange(first, first + settings.size), mode="wrap")
    return played, _rms(loop)


def _place(sizes, room, rng):
    """Random places of parts that do not overlap, in random order: the first
    sample of each."""
    order = rng.permutation(len(sizes))
    gaps = np.sort(rng.integers(0, room - sum(sizes) + 1, len(sizes)))
    ahead = np.cumsum([0, *(sizes[index] for index in order[:-1])])
    starts = np.empty(len(sizes), int)
    starts[order] = gaps + ahead
    return starts
