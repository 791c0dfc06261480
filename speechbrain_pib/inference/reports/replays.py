"""What a replay heard: its spectrogram beside that of the first listen.

Authors
 * The speechbrain_pib developers 2026
"""

import math
from typing import NamedTuple

import numpy as np
import torch

from speechbrain_pib.dataio.audio.crops import stack_segments
from speechbrain_pib.inference.reports.pictures import to_levels
from speechbrain_pib.lobes.models.replay import (
    frame_hops,
    frame_positions,
    replay_density,
)

MOST_BANDS = 64  # of a picture; more are averaged
MOST_LABELS = 3  # of which the scores are told


class Replay(NamedTuple):
    """What a report says of a window that was replayed, in plain values.

    Arguments
    ---------
    start : float
        Where it begins, in seconds of the recording.
    stop : float
        Where it ends.
    segments : list
        What each replay heard more finely: per replay (start, stop) in
        seconds of the recording.
    scores : dict
        For each label that matters here, its probability after each pass: the
        first listen and the replays.

    Example
    -------
    >>> replay = Replay(8.0, 13.0, [[(8.5, 9.0)]], {"dog": [0.3, 0.9]})
    >>> replay.segments[-1]
    [(8.5, 9.0)]
    """

    start: float
    stop: float
    segments: list
    scores: dict


def summarize_replay(replayed, labels):
    """Tell what a report says of a replayed window.

    Arguments
    ---------
    replayed : speechbrain_pib.inference.window_evidence.ReplayedWindow
        The window.
    labels : list of str
        Label of each class.

    Returns
    -------
    replay : Replay
        With the scores of the classes that any pass gave the most to, times to
        a microsecond.

    Example
    -------
    >>> from speechbrain_pib.inference.window_evidence import ReplayedWindow
    >>> probabilities = torch.tensor([[0.7, 0.3], [0.1, 0.9]])
    >>> replayed = ReplayedWindow(0.0, 2.0, [[(0.5, 1.0)]], probabilities)
    >>> summarize_replay(replayed, ["cat", "dog"]).scores
    {'dog': [0.3, 0.9], 'cat': [0.7, 0.1]}
    """
    probabilities = replayed.probabilities.double().numpy()
    order = np.argsort(-probabilities.max(axis=0), kind="stable")
    return Replay(
        round(replayed.start, 6),
        round(replayed.stop, 6),
        [
            [(round(start, 6), round(stop, 6)) for start, stop in segments]
            for segments in replayed.segments
        ],
        {
            labels[index]: probabilities[:, index].round(4).tolist()
            for index in order[:MOST_LABELS]
        },
    )


class PassPicture(NamedTuple):
    """What a pass heard.

    Arguments
    ---------
    levels : numpy.ndarray
        Grey levels of its frames [bands, frames], uint8, lowest band first.
    knots : list
        Its time map: (frame, seconds of the recording), increasing. Frame j
        lies between j and j + 1; between two knots the map is linear.

    Example
    -------
    >>> picture = PassPicture(np.zeros((64, 400), np.uint8), [(0, 1), (400, 6)])
    >>> float(np.interp(200, *zip(*picture.knots)))
    3.5
    """

    levels: np.ndarray
    knots: list


def draw_passes(window, sound, fbanks, refinement):
    """Compute what the first listen and the last replay heard in a window.

    Arguments
    ---------
    window : Replay
        The window.
    sound : speechbrain_pib.dataio.timelines.blocks.Sound
        The recording, opened at the rate of the model.
    fbanks : tuple of torch.nn.Module
        The front ends of the model: that of the first pass, such as
        `speechbrain_pib.lobes.features.MultiHopFbank`, and that of replays,
        often the same.
    refinement : float
        Of the model, see `speechbrain_pib.lobes.models.playitback.PlayItBack`.

    Returns
    -------
    first : PassPicture
    replay : PassPicture
        In the same grey levels.

    Example
    -------
    >>> from speechbrain.dataio import audio_io
    >>> from speechbrain_pib.dataio.timelines.blocks import open_sound
    >>> from speechbrain_pib.lobes.features import MultiHopFbank
    >>> path = getfixture("tmpdir") / "noise.wav"
    >>> audio_io.save(path, 0.1 * torch.randn(1, 16000 * 8), 16000)
    >>> fbank = MultiHopFbank(hop_length=200, n_frames=400)
    >>> window = Replay(2.0, 7.0, [[(3.0, 4.0)]], {})
    >>> with open_sound(path, 16000) as sound:
    ...     first, replay = draw_passes(
    ...         window, sound, [fbank] * 2, refinement=1
    ...     )
    >>> first.levels.shape, replay.levels.shape
    ((64, 400), (64, 400))
    """
    first = fbanks[0]
    segment = sound.cut(window.start, first.n_samples / first.sample_rate)
    wavs, _ = stack_segments([segment], first.n_samples)
    replay = replay_density(
        _selected(window, first), 1 + len(window.segments) * refinement
    )
    densities = torch.ones_like(replay), replay  # [1, T]
    log_mels = [
        _hear(wavs, fbank, density, first.hop_length)
        for fbank, density in zip(fbanks, densities)
    ]
    limits = np.percentile(np.concatenate(log_mels, axis=None), [2, 99.8])
    hop_seconds = first.hop_length / first.sample_rate
    return [
        PassPicture(
            to_levels(_fewer_bands(log_mel), *limits),
            _knots(density[0], log_mel.shape[1], window.start, hop_seconds),
        )
        for log_mel, density in zip(log_mels, densities)
    ]


def _hear(wavs, fbank, density, hop):
    """Compute the frames of a pass over one clip [bands, frames]; the hop is
    that of base frames, in samples."""
    positions = frame_positions(density, fbank.n_frames)
    hops = frame_hops(density, positions) * hop
    device = fbank.uniform_centres().device
    log_mel = fbank(
        wavs.to(device), ((positions - 0.5) * hop).to(device), hops.to(device)
    )
    return log_mel[0].T.cpu().numpy()


def _selected(window, fbank):
    """Base frames that the last replay heard more finely, boolean [1, T]; the
    inverse of `mask_to_segments`."""
    mask = torch.zeros(1, fbank.n_frames, dtype=torch.bool)
    hop_seconds = fbank.hop_length / fbank.sample_rate
    for segment in window.segments[-1]:
        # Edges lie between frames, but that of the very first one.
        start, stop = (
            math.floor((edge - window.start) / hop_seconds + 0.51)
            for edge in segment
        )
        mask[:, max(start, 0) : max(stop, 0)] = True
    return mask


def _knots(density, n_frames, start, hop_seconds):
    """Where the density [T] of a pass changes, and both ends, as `PassPicture`
    has it."""
    changes = (density.diff() != 0).nonzero().squeeze(1) + 1
    edges = [0, *changes.tolist(), len(density)]
    passed = torch.nn.functional.pad(density.double().cumsum(0), (1, 0))
    frames = passed / passed[-1] * n_frames
    return [
        (frames[edge].item(), start + (edge - 0.5) * hop_seconds)
        for edge in edges
    ]


def _fewer_bands(log_mel):
    """Mean of neighbouring bands [at most `MOST_BANDS`, frames]."""
    bands = len(log_mel)
    if bands <= MOST_BANDS:
        return log_mel
    edges = np.arange(0, bands, -(-bands // MOST_BANDS))
    sums = np.add.reduceat(log_mel, edges, axis=0)
    return sums / np.diff(np.append(edges, bands))[:, None]
