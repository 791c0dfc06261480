"""Pictures of video files, read with PyAV (the extra "video").

Time is in seconds from the first picture of the best video stream. The frame
at time t is the one that a player shows then: the last one that begins at t
or before.

Authors
 * The speechbrain_pib developers 2026
"""

import math

import torch

from speechbrain_pib.dataio.video.containers import (
    UnreadableVideoError,
    best_stream,
    open_container,
)
from speechbrain_pib.dataio.video.decoding import Decoder

# Decoding is faster than seeking when the next frame is nearer than this.
SEEK_SECONDS = 20.0
# Timestamps are rounded by containers, and times by arithmetic.
ROUNDING_SECONDS = 1e-6


class _Screen:
    """What a player shows, for times that do not go back."""

    def __init__(self, decoder):
        self.decoder = decoder
        self._begin(decoder.frames())

    def _begin(self, frames):
        """Shows frames from the first one on."""
        self.frames = (frame for frame in frames if frame.time is not None)
        self.shown, self.upcoming = None, next(self.frames, None)

    def at(self, time):
        """The frame at a time."""
        time += self.decoder.start
        if self.upcoming and time - self.upcoming.time > SEEK_SECONDS:
            self._begin(self.decoder.frames_from(time))
        while self.upcoming and self.upcoming.time <= time + ROUNDING_SECONDS:
            self.shown, self.upcoming = self.upcoming, next(self.frames, None)
        return self.shown or self.upcoming


def _to_image(frame, size):
    """RGB picture [3, height, width], upright, scaled and cut to a square."""
    width, height = frame.width, frame.height
    if size is not None:
        scale = size * 8 / 7 / min(width, height)
        width, height = round(width * scale), round(height * scale)
    array = frame.to_ndarray(format="rgb24", width=width, height=height)
    image = torch.from_numpy(array).permute(2, 0, 1)
    if size is not None:
        top, left = (height - size) // 2, (width - size) // 2
        image = image[:, top : top + size, left : left + size]
    return torch.rot90(image, round(frame.rotation / 90), (1, 2)).contiguous()


def iter_frames(path, times, size=None):
    """The frames at many times, decoded in one pass.

    One frame is in memory at a time, however long the video. Gaps of more
    than 20 s between times are jumped over by seeking.

    Arguments
    ---------
    path : str
        A video file.
    times : iterable of float
        In seconds, not decreasing. The first and the last frame stand for
        what is before and after them.
    size : int
        Side in pixels of a square cut from the middle of the picture, after
        its shorter side was scaled to 8/7 of that (256 for 224, as is usual
        for ImageNet); default: the whole picture as it is coded.

    Yields
    ------
    image : torch.Tensor
        [3, height, width], RGB, uint8, turned upright; one for each time.

    Raises
    ------
    UnreadableVideoError
        If the file has no pictures, too many packets before the last time are
        damaged, or it ends before the last time and earlier than its header
        says.
    ValueError
        If times decrease.

    Example
    -------
    >>> for image in iter_frames("clip.mp4", [0.0, 1.0, 2.0], size=224):
    ...     image.shape  # doctest: +SKIP
    """
    with open_container(path) as container:
        stream = best_stream(container, "video")
        if stream is None:
            raise UnreadableVideoError(f"{path} has no pictures")
        decoder = Decoder(container, stream)
        screen = _Screen(decoder)
        before, frame, image = -math.inf, None, None
        for time in times:
            if time < before:
                raise ValueError(f"times decrease from {before} to {time} s")
            before, last, frame = time, frame, screen.at(time)
            if frame is None:
                raise UnreadableVideoError(f"{path}: no picture can be decoded")
            if frame is not last:
                image = _to_image(frame, size)
            yield image
        decoder.check_damage()


def read_frames(path, times, size=None):
    """The frames at some times, in any order.

    Arguments
    ---------
    path : str
        A video file.
    times : sequence of float
        N times in seconds, at least one.
    size : int
        As for `iter_frames`.

    Returns
    -------
    images : torch.Tensor
        [N, 3, height, width], RGB, uint8.

    Raises
    ------
    UnreadableVideoError
        As `iter_frames`.

    Example
    -------
    >>> read_frames("clip.mp4", [7.0, 2.0], size=224).shape  # doctest: +SKIP
    torch.Size([2, 3, 224, 224])
    """
    order = sorted(range(len(times)), key=times.__getitem__)
    images = [None] * len(times)
    in_order = iter_frames(path, [times[place] for place in order], size)
    for place, image in zip(order, in_order, strict=True):
        images[place] = image
    return torch.stack(images)
