"""Videos as steps of a second.

Step t is the frame shown at t s and the sound of [t, t + 1). The last part of
a second is a step if it is at least half of one, its sound padded with zeros;
every video has at least one step.

Authors
 * The speechbrain_pib developers 2026
"""

import itertools
import math

import torch

from speechbrain_pib.dataio.video.containers import UnreadableVideoError
from speechbrain_pib.dataio.video.files import probe_video
from speechbrain_pib.dataio.video.frames import iter_frames
from speechbrain_pib.dataio.video.sound import iter_seconds

IMAGE_SIZE = 224  # pixels
CLIP_SIZE = 112  # pixels
CLIP_FRAMES = 16  # of a second
CHUNK = 32  # steps that are decoded before they are handed on


def count_steps(duration):
    """How many steps a video has.

    Arguments
    ---------
    duration : float
        In seconds.

    Returns
    -------
    steps : int
        Whole seconds, and one more if half a second or more is left; at
        least 1.

    Example
    -------
    >>> [count_steps(duration) for duration in (0.2, 13.01, 13.5)]
    [1, 13, 14]
    """
    return max(math.floor(duration + 0.5), 1)


class VideoSteps(torch.utils.data.IterableDataset):
    """Decoded steps of videos, in chunks; loader workers share the videos.

    Of each video come dicts with "ID", "images" [n, 3, image_size,
    image_size] uint8, "wavs" [n, sample_rate] and, if wanted, "clips" [n, 16, 3, 112, 112]
    uint8, of up to 32 steps n; then one with "ID" and "duration" in seconds.
    If it cannot be read, the last one has "ID" and "error" instead.

    Arguments
    ---------
    videos : dict
        ID to path.
    sample_rate : int
        Rate of the sound in Hz.
    clips : bool
        Whether to read clips.
    image_size : int
        Side of the images in pixels.

    Example
    -------
    >>> next(iter(VideoSteps({"a": "no_such_file.mp4"})))["error"]
    'no_such_file.mp4 cannot be read as a video (No such file or directory)...'
    """

    def __init__(
        self, videos, sample_rate=16000, clips=False, image_size=IMAGE_SIZE
    ):
        super().__init__()
        self.videos = list(videos.items())
        self.sample_rate = sample_rate
        self.clips = clips
        self.image_size = image_size

    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        for key, path in self.videos[first::step]:
            try:
                duration = probe_video(path).duration
                for chunk in self._chunks(path, count_steps(duration)):
                    yield {"ID": key, **chunk}
                yield {"ID": key, "duration": duration}
            except UnreadableVideoError as error:
                yield {"ID": key, "error": str(error)}

    def _chunks(self, path, steps):
        """Dicts of the tensors of some steps each."""
        sources = {
            "images": iter_frames(path, range(steps), self.image_size),
            "wavs": iter_seconds(path, self.sample_rate, steps),
        }
        if self.clips:
            sources["clips"] = _iter_clips(path, steps)
        # Strict: each source is asked to its end, where it counts damage.
        together = zip(*sources.values(), strict=True)
        while chunk := list(itertools.islice(together, CHUNK)):
            yield {n: torch.stack(x) for n, x in zip(sources, zip(*chunk))}


def _iter_clips(path, steps):
    """The frames of each second [16, 3, 112, 112]."""
    times = (frame / CLIP_FRAMES for frame in range(steps * CLIP_FRAMES))
    frames = iter_frames(path, times, CLIP_SIZE)
    while clip := list(itertools.islice(frames, CLIP_FRAMES)):
        yield torch.stack(clip)
