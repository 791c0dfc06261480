"""Crops of fixed length, read from disk or cut from a waveform in memory.

Authors
 * The speechbrain_pib developers 2026
"""

import math

import torch

from speechbrain_pib.dataio.audio.locators import (
    UnreadableAudioError,
    open_audio,
)
from speechbrain_pib.dataio.audio.resampling import read_resampled


def view_starts(total_seconds, crop_seconds, views, segment=None):
    """Spread crops uniformly over a clip, or a segment of it.

    Arguments
    ---------
    total_seconds : float
        Duration of the clip in seconds.
    crop_seconds : float
        Duration of a crop in seconds.
    views : int
        Number of crops, at least 1.
    segment : tuple of float
        Start and stop, in seconds, of what the crops are to hear (default:
        all of the clip).

    Returns
    -------
    starts : list of float
        In seconds. The first crop begins with the segment, the last one ends
        with it; a single one is in its middle. All the same if the segment is
        not longer than a crop: it is in their middle, as far as the clip has
        sound around it.

    Raises
    ------
    ValueError
        If a duration is not positive, or there are no views.

    Example
    -------
    >>> view_starts(10.0, 5.0, 3)
    [0.0, 2.5, 5.0]
    >>> view_starts(10.0, 5.0, 1)
    [2.5]
    >>> view_starts(4.0, 5.0, 2)
    [0.0, 0.0]
    >>> view_starts(10.0, 2.0, 2, segment=(3.0, 7.0))
    [3.0, 5.0]
    >>> view_starts(10.0, 2.0, 1, segment=(9.0, 9.5))
    [8.0]
    """
    if views < 1:
        raise ValueError(f"views must be at least 1, got {views}")
    first, room = _place(total_seconds, crop_seconds, segment)
    if views == 1:
        return [first + room / 2]
    return [first + room * view / (views - 1) for view in range(views)]


def _place(total_seconds, crop_seconds, segment):
    """Where the first crop begins, and how much later the last one may."""
    start, stop = (0.0, total_seconds) if segment is None else segment
    if not (total_seconds > 0 and crop_seconds > 0 and stop > start):
        raise ValueError(
            "durations must be positive, got a clip of "
            f"{total_seconds} s, a segment from {start} s to {stop} s and a "
            f"crop of {crop_seconds} s"
        )
    room = min(stop, total_seconds) - start - crop_seconds
    if room < 0:
        start, room = start + room / 2, 0.0
    last = max(total_seconds - crop_seconds, 0.0)
    return min(max(start, 0.0), last), room


def stack_segments(segments, size):
    """Stack segments of different length, padded with zeros at the end.

    Arguments
    ---------
    segments : list of torch.Tensor
        V waveforms [n], each with at least one sample; what exceeds `size` is
        dropped.
    size : int
        Samples S of a row of the result.

    Returns
    -------
    wavs : torch.Tensor
        [V, S]
    lengths : torch.Tensor
        [V], relative to S, in (0, 1].

    Example
    -------
    >>> stack_segments([torch.ones(2), torch.ones(5)], 4)
    (tensor([[1., 1., 0., 0.],
            [1., 1., 1., 1.]]), tensor([0.5000, 1.0000]))
    """
    wavs = segments[0].new_zeros(len(segments), size)
    for row, segment in zip(wavs, segments):
        row[: len(segment)] = segment[:size]
    lengths = [min(len(segment), size) / size for segment in segments]
    return wavs, torch.tensor(lengths, device=wavs.device)


def read_segment(locator, start, duration, sample_rate):
    """Read a part of an audio file, as mono at a given rate.

    Only the part is read from disk and decoded, with the few samples around
    it that its resampled values depend on.

    Arguments
    ---------
    locator : str
        A file of any sample rate and number of channels, or see
        `speechbrain_pib.dataio.audio.locators`.
    start : float
        Where to begin, in seconds.
    duration : float
        How much to read, in seconds.
    sample_rate : int
        Rate of the result in Hz.

    Returns
    -------
    segment : torch.Tensor
        [n], float32, n = round(duration * sample_rate) or less if the file
        ends before.

    Raises
    ------
    UnreadableAudioError
        If the file cannot be decoded, has no samples there, or samples that
        are no sound, see `speechbrain_pib.dataio.audio.levels`.

    Example
    -------
    >>> from speechbrain.dataio import audio_io
    >>> path = getfixture("tmpdir") / "stereo.wav"
    >>> audio_io.save(path, torch.zeros(2, 44100), 44100)
    >>> read_segment(path, 0.25, 0.5, 16000).shape
    torch.Size([8000])
    """
    with open_audio(locator) as audio:
        return cut_segment(audio, start, duration, sample_rate)


def cut_segment(audio, start, duration, sample_rate):
    """Read a part of opened audio, see `read_segment`.

    Arguments
    ---------
    audio : speechbrain_pib.dataio.audio.readers.AudioReader
        From `open_audio`.
    start : float
        Where to begin, in seconds.
    duration : float
        How much to read, in seconds.
    sample_rate : int
        Rate of the result in Hz.

    Returns
    -------
    segment : torch.Tensor
        [n], as `read_segment` returns it.

    Example
    -------
    >>> with open_audio("clip.wav") as audio:  # doctest: +SKIP
    ...     cut_segment(audio, 0.25, 0.5, 16000).shape
    torch.Size([8000])
    """
    first = round(start * audio.sample_rate)
    if first >= audio.frames:
        raise UnreadableAudioError(
            f"{audio.locator} has no samples at {start:.3f} s; it is shorter "
            "than its manifest or header says, or empty"
        )
    size = math.ceil(round(duration * audio.sample_rate, 6))
    segment = read_resampled(audio, first, first + size, sample_rate)
    return segment[: round(duration * sample_rate)]


def read_views(
    locator, total_seconds, crop_seconds, views, sample_rate, segment=None
):
    """Read crops spread uniformly over an audio file, for evaluation.

    Arguments
    ---------
    locator : str
        As for `read_segment`.
    total_seconds : float
        Duration of the file in seconds, as the manifest has it; a file that
        has another one is unreadable.
    crop_seconds : float
        Duration of a crop in seconds.
    views : int
        Number of crops V, placed by `view_starts`.
    sample_rate : int
        Rate of the result in Hz.
    segment : tuple of float
        Start and stop, in seconds, of what the crops are to hear (default:
        all of the file).

    Returns
    -------
    wavs : torch.Tensor
        [V, S], S = round(crop_seconds * sample_rate), padded with zeros at
        the end if the file is shorter.
    lengths : torch.Tensor
        [V], relative to S, in (0, 1].

    Example
    -------
    >>> from speechbrain.dataio import audio_io
    >>> path = getfixture("tmpdir") / "noise.wav"
    >>> audio_io.save(path, torch.rand(1, 16000), 16000)
    >>> wavs, lengths = read_views(path, 1.0, 0.6, 2, 16000)
    >>> wavs.shape, lengths
    (torch.Size([2, 9600]), tensor([1., 1.]))
    """
    starts = view_starts(total_seconds, crop_seconds, views, segment)
    with open_audio(locator, total_seconds) as audio:
        segments = [
            cut_segment(audio, start, crop_seconds, sample_rate)
            for start in starts
        ]
    return stack_segments(segments, round(crop_seconds * sample_rate))


def read_random_crop(
    locator, total_seconds, crop_seconds, sample_rate, segment=None
):
    """Read one crop at a random place, for training.

    The place is drawn from torch's global generator.

    Arguments
    ---------
    locator : str
        As for `read_segment`.
    total_seconds : float
        Duration of the file in seconds, as the manifest has it; a file that
        has another one is unreadable.
    crop_seconds : float
        Duration of the crop in seconds.
    sample_rate : int
        Rate of the result in Hz.
    segment : tuple of float
        Start and stop in seconds: the crop lies inside, or around its middle
        where it is shorter than the crop (default: all of the file).

    Returns
    -------
    wavs : torch.Tensor
        [1, S], as in `read_views`.
    lengths : torch.Tensor
        [1], relative to S, in (0, 1].

    Example
    -------
    >>> from speechbrain.dataio import audio_io
    >>> path = getfixture("tmpdir") / "noise.wav"
    >>> audio_io.save(path, torch.rand(1, 8000), 16000)
    >>> wavs, lengths = read_random_crop(path, 0.5, 1.0, 16000)
    >>> wavs.shape, lengths
    (torch.Size([1, 16000]), tensor([0.5000]))
    """
    first, room = _place(total_seconds, crop_seconds, segment)
    start = first + float(torch.rand(())) * room
    with open_audio(locator, total_seconds) as audio:
        crop = cut_segment(audio, start, crop_seconds, sample_rate)
    return stack_segments([crop], round(crop_seconds * sample_rate))
