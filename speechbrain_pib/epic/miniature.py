"""Sound tracks of synthetic videos: bursts of noise at annotated times.

The recordings go into one HDF5 file, as the sound of EPIC-KITCHENS-100 does.

Authors
 * The speechbrain_pib developers 2026
"""

import h5py
import numpy as np

from speechbrain_pib.dataio.synthesis import modulation

SAMPLE_RATE = 24000  # Hz, as published scripts extract EPIC-KITCHENS
BURST_SECONDS = 0.4
LONG_SHARE = 0.15  # of the segments, which have three bursts instead of one


def draw_segments(count, rng):
    """Draws when the segments of a video and their bursts are.

    No window of 2 s in the middle of a segment, or inside a long one, lacks
    a whole burst of it or has more than the edge of another's.

    Arguments
    ---------
    count : int
        Number of segments.
    rng : numpy.random.Generator
        Source of all that is random.

    Returns
    -------
    segments : list of dict
        "start" and "stop" in seconds, with two decimals, and "bursts", the
        centres of the bursts in seconds.
    seconds : float
        How long the video is.

    Example
    -------
    >>> segments, seconds = draw_segments(3, np.random.default_rng(0))
    >>> len(segments), bool(seconds > segments[-1]["stop"])
    (3, True)
    """
    segments, time = [], 1.2
    for _ in range(count):
        bursts = [time]
        if rng.random() < LONG_SHARE:
            bursts = [time, time + 0.8, time + 1.6]
        before, after = rng.uniform(0.3, 0.8, 2)
        segments.append(
            {
                "start": round(bursts[0] - before, 2),
                "stop": round(bursts[-1] + after, 2),
                "bursts": bursts,
            }
        )
        time = bursts[-1] + rng.uniform(1.5, 1.8)
    return segments, time


def make_video_sound(segments, seconds, rng, sample_rate=SAMPLE_RATE):
    """Makes the sound of a video.

    Quiet noise of -46 dB (rms, full scale 1) +- 2 dB, with bursts of noise of
    a certain band, 18 dB more +- 2 dB, whose loudness swells at a certain
    rate, at a random depth between 0.5 and 1.

    Arguments
    ---------
    segments : list of dict
        "bursts" (centres in seconds), "rate" (of the swelling, Hz) and "band"
        (lowest and highest frequency of the noise, Hz).
    seconds : float
        How long it is.
    rng : numpy.random.Generator
        Source of all that is random.
    sample_rate : int
        In Hz.

    Returns
    -------
    waveform : numpy.ndarray
        [n], int16.

    Example
    -------
    >>> segment = {"bursts": [1.0], "rate": 20, "band": (500, 2000)}
    >>> make_video_sound([segment], 2.0, np.random.default_rng(0)).shape
    (48000,)
    """
    level = 10 ** (rng.uniform(-48, -44) / 20)
    waveform = level * rng.standard_normal(round(seconds * sample_rate))
    size = round(BURST_SECONDS * sample_rate)
    for segment in segments:
        for centre in segment["bursts"]:
            rate = np.array([segment["rate"]])
            depth, phase = rng.uniform(0.5, 1, 1), rng.uniform(0, 6.283, 1)
            envelope = modulation(rate, depth, phase, size, sample_rate)[0]
            loudness = level * 10 ** (rng.uniform(16, 20) / 20)
            first = round((centre - BURST_SECONDS / 2) * sample_rate)
            waveform[first : first + size] += (
                loudness
                * envelope
                * _band_noise(size, segment["band"], rng, sample_rate)
            )
    return (np.clip(waveform, -1, 1) * 32767).astype(np.int16)


def _band_noise(size, band, rng, sample_rate):
    """Noise of a band with a mean square of one."""
    spectrum = np.fft.rfft(rng.standard_normal(size))
    frequencies = np.fft.rfftfreq(size, 1 / sample_rate)
    spectrum[(frequencies < band[0]) | (frequencies > band[1])] = 0
    noise = np.fft.irfft(spectrum, size)
    return noise / np.sqrt(np.mean(noise**2))


def write_video_sounds(path, videos, rng):
    """Writes the sound of all videos into one HDF5 file.

    Arguments
    ---------
    path : str
        The file: one dataset for each video, with its rate as the attribute
        `sample_rate`.
    videos : dict
        Name to segments and duration, as `make_video_sound` takes them.
    rng : numpy.random.Generator
        Source of all that is random.

    Example
    -------
    >>> path = str(getfixture("tmpdir") / "audio.hdf5")
    >>> write_video_sounds(path, {"P01_01": ([], 0.5)}, np.random.default_rng())
    >>> h5py.File(path)["P01_01"].attrs["sample_rate"].item()
    24000
    """
    with h5py.File(path, "w") as file:
        for name, (segments, seconds) in videos.items():
            file[name] = make_video_sound(segments, seconds, rng)
            file[name].attrs["sample_rate"] = SAMPLE_RATE


def format_timestamp(seconds, decimals=2):
    """A time as EPIC-KITCHENS writes it.

    Arguments
    ---------
    seconds : float
        The time.
    decimals : int
        Of the seconds.

    Returns
    -------
    timestamp : str

    Example
    -------
    >>> format_timestamp(3723.25)
    '01:02:03.25'
    """
    minutes, seconds = divmod(round(seconds, decimals), 60)
    hours, minutes = divmod(int(minutes), 60)
    width = decimals + 3
    return f"{hours:02d}:{minutes:02d}:{seconds:0{width}.{decimals}f}"
