"""Clips in which the place matters: short bursts of noise, of which some carry
the class and some do not.

A class is the rate at which a *needle* swells. *Decoys* swell too, in a band of
their own, louder, and say nothing of the class. At the first hop of the
miniatures, 12.5 ms with a window of four hops, all rates are blurred alike: the
power of a Hann window has no modulation above 3 / duration = 60 Hz, and 1.4 % of
one at 55 Hz. A window of four hops of a replay that spends most of its frames on
a fifth of the clip resolves them. So a clip tells where its needle is at the
first hop, and what it is only there, at a finer one; a finer hop elsewhere does
not help.

Noise is modulated first and filtered then, by a band without edges: noise of a
band that is modulated afterwards tells the rate by what the modulation adds
beyond its edges.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np

RATES = (55, 72, 92, 118)  # Hz, of the swelling
NEEDLE_BAND = (1500, 2200)  # Hz
DECOY_BAND = (5500, 7500)  # Hz
BACKGROUND_LEVEL = -46  # dB (rms, full scale 1), as the others +- 2 dB
NEEDLE_LEVEL = -28  # dB
DECOY_LEVEL = -20  # dB: the loudest is not the needle
GAP_SECONDS = 0.05  # at least, between two bursts


def swelling_noise(rate, band, n_samples, rng, sample_rate):
    """Make noise of a band that swells at a rate, from a random phase.

    Arguments
    ---------
    rate : float
        In Hz.
    band : tuple of float
        In Hz; where the spectrum is e^(-1/2) of its maximum.
    n_samples : int
        Its length.
    rng : numpy.random.Generator
        Source of the noise, of the phase and of the depth (0.8 to 1).
    sample_rate : int
        In Hz.

    Returns
    -------
    noise : numpy.ndarray
        [n_samples], with a mean square of one.

    Example
    -------
    >>> rng = np.random.default_rng(0)
    >>> noise = swelling_noise(72, (1500, 2200), 6400, rng, 16000)
    >>> noise.shape, round(float(np.mean(noise**2)), 6)
    ((6400,), 1.0)
    """
    time = np.arange(n_samples) / sample_rate
    depth, phase = rng.uniform(0.8, 1), rng.uniform(0, 2 * np.pi)
    envelope = 1 + depth * np.cos(2 * np.pi * rate * time + phase)
    spectrum = np.fft.rfft(envelope * rng.standard_normal(n_samples))
    centre, half_width = sum(band) / 2, (band[1] - band[0]) / 2
    distance = np.fft.rfftfreq(n_samples, 1 / sample_rate) - centre
    spectrum *= np.exp(-0.5 * (distance / half_width) ** 2)
    noise = np.fft.irfft(spectrum, n_samples)
    return noise / np.sqrt(np.mean(noise**2))


def make_clip(bursts, seconds, burst_seconds, rng, sample_rate=16000):
    """Make a clip of bursts at random places in quiet noise.

    Bursts do not overlap.

    Arguments
    ---------
    bursts : list
        (rate, band, level) of each: as for `swelling_noise`, and in dB.
    seconds : float
        Duration of the clip.
    burst_seconds : float
        Duration of a burst.
    rng : numpy.random.Generator
        Source of all that is random.
    sample_rate : int
        In Hz.

    Returns
    -------
    waveform : numpy.ndarray
        [n], between -1 and 1.
    starts : numpy.ndarray
        Where each burst begins, in samples.

    Example
    -------
    >>> rng = np.random.default_rng(0)
    >>> bursts = [(72, NEEDLE_BAND, NEEDLE_LEVEL), *draw_decoys(1, rng)]
    >>> waveform, starts = make_clip(bursts, 2.0, 0.4, rng)
    >>> waveform.shape, len(starts) == len(bursts)
    ((32000,), True)
    """
    size, burst, gap = (
        round(duration * sample_rate)
        for duration in (seconds, burst_seconds, GAP_SECONDS)
    )
    room = size - len(bursts) * burst - (len(bursts) - 1) * gap
    starts = np.sort(rng.integers(0, room + 1, len(bursts)))
    starts += np.arange(len(bursts)) * (burst + gap)
    rng.shuffle(starts)
    waveform = draw_gain(BACKGROUND_LEVEL, rng) * rng.standard_normal(size)
    for start, (rate, band, level) in zip(starts, bursts):
        noise = swelling_noise(rate, band, burst, rng, sample_rate)
        waveform[start : start + burst] += draw_gain(level, rng) * noise
    return np.clip(waveform, -1, 1), starts


def draw_decoys(most, rng, rates=RATES):
    """Draw how many decoys there are, and their rates.

    Arguments
    ---------
    most : int
        Of decoys; fewer, and none, are as frequent.
    rng : numpy.random.Generator
        Source of all that is random.
    rates : sequence of float
        To choose from, in Hz.

    Returns
    -------
    decoys : list
        (rate, band, level) of each.

    Example
    -------
    >>> len(draw_decoys(2, np.random.default_rng(0))) <= 2
    True
    """
    count = rng.integers(most + 1)
    return [
        (rate, DECOY_BAND, DECOY_LEVEL) for rate in rng.choice(rates, count)
    ]


def draw_gain(level, rng):
    """Draw the factor of a sound of a certain level, +- 2 dB.

    Arguments
    ---------
    level : float
        In dB (rms, full scale 1).
    rng : numpy.random.Generator
        Source of all that is random.

    Returns
    -------
    gain : float

    Example
    -------
    >>> 0.08 < draw_gain(-20, np.random.default_rng(0)) < 0.13
    True
    """
    return 10 ** ((level + rng.uniform(-2, 2)) / 20)
