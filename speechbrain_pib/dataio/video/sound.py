"""Sound of video files, read with PyAV (the extra "video").

Time is in seconds from the first picture, as in `dataio.video`: what is heard
at t belongs to what is seen at t, however the file stores it.

Authors
 * The speechbrain_pib developers 2026
"""

import itertools
import math

import numpy as np
import torch

from speechbrain_pib.dataio.video.containers import (
    UnreadableVideoError,
    best_stream,
    import_av,
    open_container,
    path_of,
)
from speechbrain_pib.dataio.video.decoding import Decoder
from speechbrain_pib.utils.silence import is_silent

# Shorter holes and overlaps are rounding of timestamps; the samples join.
HOLE_SECONDS = 0.1
# Longer ones are damage.
MAX_HOLE_SECONDS = 3600.0


def _mono(frames, sample_rate):
    """Times, and samples [n] averaged over channels, of decoded frames."""
    resampler, setup = None, None
    for frame in frames:
        key = (frame.format.name, frame.layout.name, frame.sample_rate)
        if key != setup:  # Films change from stereo to 5.1 between scenes.
            setup = key
            resampler = import_av().AudioResampler("fltp", rate=sample_rate)
        for part in resampler.resample(frame):
            yield frame.time, part.to_ndarray().mean(axis=0)


def _in_time(blocks, sample_rate, begin, decoder):
    """Blocks of samples from `begin` on, with zeros where the file has none."""
    position, before = 0, None
    for time, samples in blocks:
        hole = 0
        if time is not None:
            hole = round((time - begin) * sample_rate) - position
        if hole > MAX_HOLE_SECONDS * sample_rate:
            raise UnreadableVideoError(
                f"{path_of(decoder.container)} is damaged: after "
                f"{position / sample_rate:.2f} s its sound jumps by "
                f"{hole / sample_rate:.0f} s"
            )
        # The first samples, and those after a skipped packet, are exact.
        exact = position == 0 or before in decoder.skips
        before = time
        if not exact and abs(hole) <= HOLE_SECONDS * sample_rate:
            hole = 0
        samples = samples[max(-hole, 0) :]
        position += max(hole, 0)
        while hole > 0:
            yield np.zeros(min(hole, sample_rate), np.float32)
            hole -= sample_rate
        if len(samples):
            position += len(samples)
            yield samples


def _resampled(blocks, old_rate, new_rate):
    """Blocks at another rate, the same however the samples are cut."""
    av = import_av()
    resampler = av.AudioResampler("flt", layout="mono", rate=new_rate)
    for samples in blocks:
        samples = np.ascontiguousarray(samples[None])
        frame = av.AudioFrame.from_ndarray(samples, format="flt", layout="mono")
        frame.sample_rate = old_rate
        for part in resampler.resample(frame):
            yield part.to_ndarray()[0]
    for part in resampler.resample(None):
        yield part.to_ndarray()[0]


def _between(blocks, first, last):
    """What lies between two positions, as tensors."""
    position = 0
    for block in blocks:
        stop = None if last is None else max(last - position, 0)
        part = block[max(first - position, 0) : stop]
        position += len(block)
        if len(part):
            yield torch.from_numpy(part)
        if last is not None and position >= last:
            return


def iter_sound(path, sample_rate, start=0.0, stop=None):
    """The sound of a video, in blocks, so that a long one needs no memory.

    Samples where the file has none, before its first or in a hole, are zeros;
    after the last one nothing comes.

    Arguments
    ---------
    path : str
        A video or audio file.
    sample_rate : int
        Rate of the result in Hz.
    start : float
        Where to begin, in seconds.
    stop : float
        Where to end, in seconds (default: with the sound).

    Yields
    ------
    samples : torch.Tensor
        [n], float32, mean of the channels; nothing if there is no sound.

    Raises
    ------
    UnreadableVideoError
        If the file cannot be opened, too many packets before `stop` are
        damaged, or the sound ends before `stop` and earlier than the header
        says.

    Example
    -------
    >>> sum(len(samples) for samples in iter_sound("clip.mp4", 16000))
    ... # doctest: +SKIP
    208896
    """
    with open_container(path) as container:
        stream = best_stream(container, "audio")
        if stream is None:
            return
        # A second earlier, as decoders and filters need to swing in; whole
        # seconds begin with a sample at every rate.
        before = max(math.floor(start) - 1, 0)
        decoder = Decoder(container, stream)
        begin = decoder.start + before
        frames = decoder.frames_from(begin) if before else decoder.frames()
        first = next(frames, None)
        if first is None:
            decoder.check_damage()
            return
        native_rate = first.sample_rate
        frames = itertools.chain([first], frames)
        blocks = _mono(frames, native_rate)
        blocks = _in_time(blocks, native_rate, begin, decoder)
        blocks = _resampled(blocks, native_rate, sample_rate)
        last = None if stop is None else round((stop - before) * sample_rate)
        yield from _between(blocks, round((start - before) * sample_rate), last)
        decoder.check_damage()


def read_sound(path, start, stop, sample_rate):
    """The sound of a part of a video, padded with zeros.

    Arguments
    ---------
    path : str
        A video or audio file.
    start : float
        Where to begin, in seconds.
    stop : float
        Where to end, in seconds.
    sample_rate : int
        Rate of the result in Hz.

    Returns
    -------
    wav : torch.Tensor
        [round((stop - start) * sample_rate)], float32, mean of the channels;
        zeros where the file has no sound.
    has_audio : bool
        Whether it has any there that is not silent.

    Raises
    ------
    UnreadableVideoError
        As `iter_sound`.

    Example
    -------
    >>> read_sound("clip.mp4", 3.0, 4.0, 16000)[0].shape  # doctest: +SKIP
    torch.Size([16000])
    """
    size = round((stop - start) * sample_rate)
    parts = [torch.zeros(0), *iter_sound(path, sample_rate, start, stop)]
    wav = torch.cat(parts)[:size]
    wav = torch.nn.functional.pad(wav, (0, size - len(wav)))
    return wav, not bool(is_silent(wav))


def iter_seconds(path, sample_rate, count):
    """The sound of each second of a video.

    Arguments
    ---------
    path : str
        A video or audio file.
    sample_rate : int
        Rate of the result in Hz.
    count : int
        How many seconds.

    Yields
    ------
    wav : torch.Tensor
        [sample_rate], float32: the sound of [t, t + 1) s for t = 0, 1, ...;
        zeros where the file has none.

    Raises
    ------
    UnreadableVideoError
        As `iter_sound`.

    Example
    -------
    >>> for wav in iter_seconds("clip.mp4", 16000, 13):
    ...     wav.shape  # doctest: +SKIP
    """
    parts, size, done = [], 0, 0
    for samples in iter_sound(path, sample_rate, 0.0, count):
        parts.append(samples)
        size += len(samples)
        if size < sample_rate:
            continue
        seconds = torch.cat(parts)
        while len(seconds) >= sample_rate:
            # A copy, lest a second that is kept keeps its block alive.
            yield seconds[:sample_rate].clone()
            seconds, done = seconds[sample_rate:], done + 1
        parts, size = [seconds], len(seconds)
    if done < count:
        rest = torch.cat([torch.zeros(0), *parts])
        yield torch.nn.functional.pad(rest, (0, sample_rate - len(rest)))
        for _ in range(count - done - 1):
            yield torch.zeros(sample_rate)
