"""Video files: finding them in a folder, and probing them.

Authors
 * The speechbrain_pib developers 2026
"""

import csv
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from speechbrain.utils.logger import get_logger
from tqdm.contrib import tqdm

from speechbrain_pib.dataio.video.containers import (
    UnreadableVideoError,
    best_streams,
    check_complete,
    find_ends,
    open_container,
    start_time,
)
from speechbrain_pib.utils.files import (
    ODD_CHARACTERS,
    atomic_writer,
    walk_files,
)

logger = get_logger(__name__)

# Of several files of one name the first that is whole is taken.
EXTENSIONS = (
    ".mp4 .mkv .webm .mov .m4v .avi .wmv .asf .flv .mpg .mpeg .vob .ts .mts "
    ".m2ts .ogv .3gp"
).split()
# What downloaders leave when they are stopped: one stream (v.f137.mp4), or a
# file that is being written (v.temp.mp4); v.mp4.part has another extension.
UNFINISHED = re.compile(r".*\.(?:f\d{2,3}(?:-\w+)*|temp|tmp|part)")
# A file that lasts longer is damaged.
MAX_SECONDS = 7 * 24 * 3600.0


@dataclass
class VideoInfo:
    """What a video file holds.

    Arguments
    ---------
    duration : float
        In seconds from the first picture to the end of the last packet of
        pictures or sound.
    width : int
        Of the pictures as they are coded, None without pictures.
    height : int
        Of the pictures as they are coded, None without pictures.
    frame_rate : float
        Mean number of pictures per second, None if unknown.
    sample_rate : int
        Of the sound in Hz, None without sound.
    video_stream : int
        Index of the best video stream, None without pictures.
    audio_stream : int
        Index of the best audio stream, None without sound.

    Example
    -------
    >>> VideoInfo(13.1, 480, 270, 29.97, None, 3, None).has_audio
    False
    """

    duration: float
    width: int
    height: int
    frame_rate: float
    sample_rate: int
    video_stream: int
    audio_stream: int

    @property
    def has_audio(self):
        """Whether there is an audio stream; it may be silent."""
        return self.audio_stream is not None


def probe_video(path):
    """Reads what a video file holds, without decoding it.

    What its header says of the duration is not believed: its last packets
    are read.

    Arguments
    ---------
    path : str
        The file, which may also hold sound only.

    Returns
    -------
    info : VideoInfo

    Raises
    ------
    UnreadableVideoError
        If it cannot be opened, has neither pictures nor sound, is truncated,
        or lasts for more than a week.

    Example
    -------
    >>> probe_video("clip.mp4").duration  # doctest: +SKIP
    13.056
    """
    with open_container(path) as container:
        streams = {stream.type: stream for stream in best_streams(container)}
        ends = find_ends(container) if streams else {}
        ends = {s: ends[s.index] for s in streams.values() if s.index in ends}
        if not ends:
            raise UnreadableVideoError(f"{path} has no pictures and no sound")
        for stream, end in ends.items():
            check_complete(container, stream, end)
        duration = max(ends.values()) - start_time(container)
        if duration > MAX_SECONDS:
            raise UnreadableVideoError(
                f"{path} is damaged: by its times it lasts {duration:.0f} s"
            )
        video, audio = streams.get("video"), streams.get("audio")
        rate = video.average_rate if video else None
        return VideoInfo(
            duration=duration,
            width=video.width if video else None,
            height=video.height if video else None,
            frame_rate=float(rate) if rate else None,
            sample_rate=audio.sample_rate if audio else None,
            video_stream=video.index if video else None,
            audio_stream=audio.index if audio else None,
        )


def find_videos(folder):
    """Finds the video files in a folder and those below it.

    Links to folders are followed. Of files that differ in their extension
    only, a whole one is taken. Parts of unfinished downloads, and names that
    are not UTF-8 or have line breaks, are left out with a warning.

    Arguments
    ---------
    folder : str
        Where to look.

    Returns
    -------
    videos : dict
        ID, the path from the folder without its extension, to path; sorted.

    Raises
    ------
    ValueError
        If there is no such folder, or it has no videos.

    Example
    -------
    >>> folder = getfixture("tmpdir")
    >>> (folder / "P01_01.MP4").write("")
    >>> list(find_videos(folder))
    ['P01_01']
    """
    videos = {}
    for path in walk_files(folder):
        stem, extension = os.path.splitext(path)
        key, name = os.path.relpath(stem, folder), os.path.basename(stem)
        if extension.lower() not in EXTENSIONS or name.startswith("."):
            continue
        if UNFINISHED.fullmatch(name):
            logger.warning("Left out: %r is part of a download", path)
        elif ODD_CHARACTERS.search(key):
            logger.warning("Left out: %r has an odd name; rename it", path)
        else:
            videos.setdefault(key, []).append(path)
    if not videos:
        raise ValueError(f"{folder} holds no videos ({', '.join(EXTENSIONS)})")
    return {key: _first_whole(videos[key]) for key in sorted(videos)}


def _first_whole(paths):
    """The best of several files that is whole, or one that is not."""
    paths.sort(key=lambda p: EXTENSIONS.index(os.path.splitext(p)[1].lower()))
    return next(filter(_is_whole, paths[:-1]), paths[-1])


def _is_whole(path):
    """Whether a video can be read and is not truncated."""
    try:
        probe_video(path)
    except UnreadableVideoError:
        return False
    return True


def find_durations(paths, threads=8):
    """Probes many videos, with a progress bar.

    Arguments
    ---------
    paths : list of str
        Video files.
    threads : int
        Files that are read at the same time.

    Returns
    -------
    durations : dict
        Path to seconds, or to the UnreadableVideoError.

    Example
    -------
    >>> find_durations(["no_such_file.mp4"])
    {'no_such_file.mp4': UnreadableVideoError('no_such_file.mp4 cannot be...
    """
    with (
        ThreadPoolExecutor(threads) as pool,
        tqdm(
            pool.map(_duration_or_error, paths),
            total=len(paths),
            desc="probing videos",
            unit="file",
            disable=len(paths) < 100,
        ) as results,
    ):
        return dict(zip(paths, results))


def _duration_or_error(path):
    """Seconds that a video lasts, or its error without the frames it passed."""
    try:
        return probe_video(path).duration
    except UnreadableVideoError as error:
        return UnreadableVideoError(str(error))


def write_video_list(path, videos, reasons):
    """Lists videos with what is the matter with them.

    Arguments
    ---------
    path : str
        The CSV file to write, atomically: ID, path, reason.
    videos : dict
        ID to path, as of `find_videos`.
    reasons : dict
        ID to reason of those to be listed.

    Example
    -------
    >>> path = getfixture("tmpdir") / "failures.csv"
    >>> write_video_list(path, {"a": "a.mp4", "b": "b.mp4"}, {"b": "damaged"})
    >>> print(path.read().strip())
    ID,path,reason
    b,b.mp4,damaged
    """
    with atomic_writer(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("ID", "path", "reason"))
        writer.writerows((k, videos[k], reasons[k]) for k in sorted(reasons))
