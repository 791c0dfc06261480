"""Crops of fixed length, read from disk or cut from a waveform in memory.

Authors
 * The speechbrain_pib developers 2026
"""

import functools
import math

import torch
from speechbrain.dataio import audio_io
from speechbrain.dataio.preprocess import AudioNormalizer

from speechbrain_pib.dataio.probe import UnreadableAudioError


@functools.lru_cache(maxsize=8)
def _normalizer(sample_rate):
    """One normalizer per rate, as it caches its resampling filters."""
    return AudioNormalizer(sample_rate=sample_rate, mix="avg-to-mono")


def view_starts(total_seconds, crop_seconds, views):
    """Starts of crops spread uniformly over a clip.

    Arguments
    ---------
    total_seconds : float
        Duration of the clip in seconds.
    crop_seconds : float
        Duration of a crop in seconds.
    views : int
        Number of crops, at least 1.

    Returns
    -------
    starts : list of float
        In seconds. The first crop begins at 0, the last one ends with the
        clip; a single one is in the middle. All 0 if the clip is not longer
        than a crop.

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
    """
    if views < 1:
        raise ValueError(f"views must be at least 1, got {views}")
    if not (total_seconds > 0 and crop_seconds > 0):
        raise ValueError(
            "durations must be positive, got a clip of "
            f"{total_seconds} s and a crop of {crop_seconds} s"
        )
    room = max(total_seconds - crop_seconds, 0.0)
    if views == 1:
        return [room / 2]
    return [room * view / (views - 1) for view in range(views)]


def stack_segments(segments, size):
    """Stacks segments of different length, padded with zeros at the end.

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


def read_segment(path, start, duration, sample_rate):
    """Reads a part of an audio file, as mono at a given rate.

    Only the part is read from disk and decoded.

    Arguments
    ---------
    path : str
        wav, flac, ogg or mp3 of any sample rate and number of channels.
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
        If the file cannot be decoded, has no samples there, or has samples
        that are not finite.

    Example
    -------
    >>> path = getfixture("tmpdir") / "stereo.wav"
    >>> audio_io.save(path, torch.zeros(2, 44100), 44100)
    >>> read_segment(path, 0.25, 0.5, 16000).shape
    torch.Size([8000])
    """
    try:
        native_rate = audio_io.info(path).sample_rate
        audio, _ = audio_io.load(
            path,
            channels_first=False,
            dtype=torch.float32,
            frame_offset=round(start * native_rate),
            num_frames=math.ceil(round(duration * native_rate, 6)),
        )
    except RuntimeError as error:
        raise UnreadableAudioError(
            f"{path} cannot be read at {start:.3f} s: {error.__cause__}"
        ) from error
    if len(audio) == 0:
        raise UnreadableAudioError(
            f"{path} has no samples at {start:.3f} s; it is shorter than its "
            "manifest or header says, or empty"
        )
    if not torch.isfinite(audio).all():
        raise UnreadableAudioError(
            f"{path} has samples that are NaN or infinite between "
            f"{start:.3f} s and {start + duration:.3f} s"
        )
    segment = _normalizer(sample_rate)(audio, native_rate)
    return segment[: round(duration * sample_rate)]


def read_views(path, total_seconds, crop_seconds, views, sample_rate):
    """Reads crops spread uniformly over an audio file, for evaluation.

    Arguments
    ---------
    path : str
        The audio file.
    total_seconds : float
        Its duration in seconds, as the manifest has it.
    crop_seconds : float
        Duration of a crop in seconds.
    views : int
        Number of crops V, placed by `view_starts`.
    sample_rate : int
        Rate of the result in Hz.

    Returns
    -------
    wavs : torch.Tensor
        [V, S], S = round(crop_seconds * sample_rate), padded with zeros at
        the end if the file is shorter.
    lengths : torch.Tensor
        [V], relative to S, in (0, 1].

    Example
    -------
    >>> path = getfixture("tmpdir") / "noise.wav"
    >>> audio_io.save(path, torch.rand(1, 16000), 16000)
    >>> wavs, lengths = read_views(path, 1.0, 0.6, 2, 16000)
    >>> wavs.shape, lengths
    (torch.Size([2, 9600]), tensor([1., 1.]))
    """
    segments = [
        read_segment(path, start, crop_seconds, sample_rate)
        for start in view_starts(total_seconds, crop_seconds, views)
    ]
    return stack_segments(segments, round(crop_seconds * sample_rate))


def read_random_crop(path, total_seconds, crop_seconds, sample_rate):
    """Reads one crop at a random place, for training.

    The place is drawn from torch's global generator.

    Arguments
    ---------
    path : str
        The audio file.
    total_seconds : float
        Its duration in seconds, as the manifest has it.
    crop_seconds : float
        Duration of the crop in seconds.
    sample_rate : int
        Rate of the result in Hz.

    Returns
    -------
    wavs : torch.Tensor
        [1, S], as in `read_views`.
    lengths : torch.Tensor
        [1], relative to S, in (0, 1].

    Example
    -------
    >>> path = getfixture("tmpdir") / "noise.wav"
    >>> audio_io.save(path, torch.rand(1, 8000), 16000)
    >>> wavs, lengths = read_random_crop(path, 0.5, 1.0, 16000)
    >>> wavs.shape, lengths
    (torch.Size([1, 16000]), tensor([0.5000]))
    """
    start = float(torch.rand(())) * max(total_seconds - crop_seconds, 0.0)
    segment = read_segment(path, start, crop_seconds, sample_rate)
    return stack_segments([segment], round(crop_seconds * sample_rate))
