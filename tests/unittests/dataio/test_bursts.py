"""Bursts whose class nothing tells but how they swell, heard finely enough."""

import numpy as np
import pytest
import torch

from speechbrain_pib.dataio.bursts import (
    BACKGROUND_LEVEL,
    DECOY_BAND,
    DECOY_LEVEL,
    GAP_SECONDS,
    NEEDLE_BAND,
    NEEDLE_LEVEL,
    RATES,
    draw_decoys,
    make_clip,
    swelling_noise,
)
from speechbrain_pib.lobes.features import MultiHopFbank
from tests.helpers import power_of_band, strongest_rate

SAMPLE_RATE = 16000
BURST = 6400  # samples
HOP, WIN_HOPS = 200, 4  # of the miniatures' first pass
# A replay of the miniature of VGG-Sound: a fifth of the clip at 16 times the
# density of the rest has 4 frames for each frame of the first pass.
REPLAY_HOP = HOP / 4


def hann_modulation(frequency, seconds):
    """How much of a modulation of power a Hann window lets through: the
    Fourier transform of its square, by a sum over a fine grid."""
    time = (np.arange(20000) + 0.5) / 20000 - 0.5
    window = np.cos(np.pi * time) ** 2
    turns = np.exp(-2j * np.pi * frequency * seconds * time)
    return abs(np.sum(window**2 * turns)) / np.sum(window**2)


def test_the_first_hop_blurs_every_rate_and_the_replay_does_not():
    first, replay = (WIN_HOPS * hop / 16000 for hop in (HOP, REPLAY_HOP))
    for rate in RATES:
        # The square of 1 + cos has lines at the rate and at twice the rate.
        assert hann_modulation(rate, first) < 0.02
        assert hann_modulation(2 * rate, first) < 0.02
        assert hann_modulation(rate, replay) > 0.25


def heard_rate(burst, hop):
    """The rate that the frames of the front end at a hop tell of a burst."""
    fbank = MultiHopFbank(
        HOP, win_length=800, win_hops=WIN_HOPS, n_fft=1024, n_mels=32
    )
    centres = torch.arange(400, BURST - 400, hop)
    wavs = torch.tensor(burst, dtype=torch.float32)[None]
    log_mel = fbank(wavs, centres, torch.full_like(centres, hop))[0]
    # The bands of the needle alone.
    bins = torch.arange(513) * 16000 / 1024
    inside = (NEEDLE_BAND[0] < bins) & (bins < NEEDLE_BAND[1])
    bands = fbank.filters[inside].any(dim=0)
    power = log_mel[:, bands].exp().square().sum(dim=1).numpy()
    return strongest_rate(power, centres.numpy() / 16000, RATES)


def test_needles_are_told_apart_at_the_hop_of_a_replay_alone():
    rng = np.random.default_rng(0)
    correct = {HOP: 0, REPLAY_HOP: 0}
    for rate in 30 * RATES:
        burst = swelling_noise(rate, NEEDLE_BAND, BURST, rng, SAMPLE_RATE)
        burst += 0.1 * rng.standard_normal(BURST)
        for hop in correct:
            correct[hop] += heard_rate(burst, hop) == rate
    assert correct[HOP] / 120 < 0.4  # chance is 0.25
    assert correct[REPLAY_HOP] / 120 > 0.95


@pytest.mark.parametrize("rate", [RATES[0], RATES[-1]])
def test_the_spectrum_of_a_band_is_the_same_at_every_rate(rate):
    """Noise that is filtered first spills over the edges of its band, and the
    further the faster it swells: at three half widths there would be 1.7 times
    as much at 118 Hz."""
    rng = np.random.default_rng(1)
    centre, half_width = np.mean(NEEDLE_BAND), np.ptp(NEEDLE_BAND) / 2
    power = np.mean(
        [
            np.abs(
                np.fft.rfft(
                    swelling_noise(rate, NEEDLE_BAND, BURST, rng, 16000)
                )
            )
            ** 2
            for _ in range(200)
        ],
        axis=0,
    )
    distance = (np.fft.rfftfreq(BURST, 1 / 16000) - centre) / half_width
    for low in (-3.5, -3, -2, -1, 0, 1, 2, 3):
        stripe = (low <= distance) & (distance < low + 0.5)
        expected = np.exp(-(distance[stripe] ** 2)).sum()
        expected /= np.exp(-(distance**2)).sum()
        found = power[stripe].sum() / power.sum()
        assert found == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("rate", RATES)
def test_noise_swells_at_its_rate_by_its_depth(rate):
    rng = np.random.default_rng(2)
    time = np.arange(BURST) / 16000
    found, strengths = [], []
    for _ in range(40):
        noise = swelling_noise(rate, DECOY_BAND, BURST, rng, SAMPLE_RATE)
        assert np.mean(noise**2) == pytest.approx(1)
        found.append(strongest_rate(noise**2, time, range(20, 200)))
        turns = np.exp(-2j * np.pi * rate * time)
        strengths.append(2 * abs(np.mean(noise**2 * turns)))
    # Two lines in a spectrum of 0.4 s lie 2.5 Hz apart.
    assert np.abs(np.array(found) - rate).max() < 3
    # (1 + d cos)^2: a line of 2 d beside a mean of 1 + d^2 / 2, d of 0.8 to 1.
    assert 1.6 / 1.32 - 0.15 < np.mean(strengths) < 2 / 1.5 + 0.15


def test_phases_are_random():
    rng = np.random.default_rng(3)
    turns = np.exp(-2j * np.pi * RATES[1] * np.arange(BURST) / 16000)
    phases = [
        np.angle(
            np.mean(
                swelling_noise(RATES[1], DECOY_BAND, BURST, rng, 16000) ** 2
                * turns
            )
        )
        for _ in range(200)
    ]
    assert abs(np.mean(np.exp(1j * np.array(phases)))) < 0.2


@pytest.fixture(scope="module")
def clips():
    """Waveforms and starts of 60 clips of a needle and two decoys."""
    rng = np.random.default_rng(4)
    needle = (RATES[1], NEEDLE_BAND, NEEDLE_LEVEL)
    decoy = (RATES[2], DECOY_BAND, DECOY_LEVEL)
    bursts = [needle, decoy, decoy]
    return [make_clip(bursts, 2.0, 0.4, rng) for _ in range(60)]


def decibels(samples):
    """Level of full scale 1."""
    return 10 * np.log10(np.mean(samples**2))


def burst_energy(waveform, band):
    """Energy of a band in 0.4 s, by where they begin."""
    energy = np.cumsum(np.append(0, power_of_band(waveform, band, 16000)))
    return energy[BURST:] - energy[:-BURST]


def test_each_burst_sounds_where_it_begins_and_in_its_band(clips):
    errors = []
    for waveform, starts in clips:
        needle = burst_energy(waveform, NEEDLE_BAND)
        errors.append(needle.argmax() - starts[0])
        decoys = burst_energy(waveform, DECOY_BAND)
        for start in starts[1:]:
            # Nothing of another burst comes in within the gap.
            around = slice(max(start - 800, 0), start + 800)
            errors.append(decoys[around].argmax() + around.start - start)
    # A burst may begin in the trough of a swell: 160 samples are 10 ms.
    assert np.median(np.abs(errors)) < 80
    assert np.abs(errors).max() < 320


def test_bursts_do_not_overlap_and_lie_anywhere(clips):
    starts = np.array([starts for _, starts in clips])
    apart = np.diff(np.sort(starts, axis=1), axis=1)
    assert apart.min() >= BURST + GAP_SECONDS * SAMPLE_RATE
    assert starts.min() >= 0 and starts.max() + BURST <= 32000
    # The order is random: the needle is first, second and third.
    assert set(np.argsort(starts, axis=1)[:, 0]) == {0, 1, 2}
    assert starts.min() < 800 and starts.max() > 32000 - BURST - 800


def test_levels_are_those_that_are_named_give_or_take_two_decibels(clips):
    levels = {BACKGROUND_LEVEL: [], NEEDLE_LEVEL: [], DECOY_LEVEL: []}
    for waveform, starts in clips:
        quiet = np.ones(len(waveform), bool)
        for start in starts:
            quiet[start : start + BURST] = False
        sounds = [waveform[start : start + BURST] for start in starts]
        levels[BACKGROUND_LEVEL].append(decibels(waveform[quiet]))
        levels[NEEDLE_LEVEL].append(decibels(sounds[0]))
        levels[DECOY_LEVEL] += map(decibels, sounds[1:])
        assert decibels(sounds[0]) < min(map(decibels, sounds[1:]))
    for level, found in levels.items():
        # The background adds a tenth of a dB or so.
        assert level - 2.3 < min(found) < level - 1.5
        assert level + 1.5 < max(found) < level + 2.3


def test_as_many_bursts_as_there_is_room_for_fit():
    bursts = 4 * [(RATES[0], NEEDLE_BAND, NEEDLE_LEVEL)]
    rng = np.random.default_rng(0)
    _, starts = make_clip(bursts, 4 * 0.4 + 3 * GAP_SECONDS, 0.4, rng)
    assert sorted(starts) == [0, 7200, 14400, 21600]


def test_decoys_are_as_many_as_any_number_and_of_any_rate_given():
    rng = np.random.default_rng(5)
    drawn = [draw_decoys(2, rng, RATES[1:]) for _ in range(600)]
    for count in range(3):
        found = sum(len(decoys) == count for decoys in drawn)
        assert found == pytest.approx(200, abs=50)
    decoys = [decoy for some in drawn for decoy in some]
    assert {decoy[1:] for decoy in decoys} == {(DECOY_BAND, DECOY_LEVEL)}
    rates = [rate for rate, *_ in decoys]
    assert set(rates) == set(RATES[1:])
    assert min(map(rates.count, RATES[1:])) > len(rates) / 3 - 60


def test_the_same_seed_makes_the_same_clip():
    bursts = [
        (RATES[0], NEEDLE_BAND, NEEDLE_LEVEL),
        (RATES[1], DECOY_BAND, DECOY_LEVEL),
    ]
    one, same, other = (
        make_clip(bursts, 2.0, 0.4, np.random.default_rng(seed))[0]
        for seed in (0, 0, 1)
    )
    assert np.array_equal(one, same) and not np.array_equal(one, other)
