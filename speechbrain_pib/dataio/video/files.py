"""Video files: finding, opening and probing them with PyAV (extra "video").

Authors
 * The speechbrain_pib developers 2026
"""

import contextlib
import csv
import os
from dataclasses import dataclass

import torch

from speechbrain_pib.utils.files import atomic_writer

EXTENSIONS = (
    ".3gp .avi .flv .m4v .mkv .mov .mp4 .mpeg .mpg .ts .webm .wmv".split()
)
# By how much a stream may end before the header says so.
MISSING_SECONDS = 1.0
# A header that says more is damaged; it would be believed second by second.
MAX_SECONDS = 7 * 24 * 3600.0


class UnreadableVideoError(ValueError):
    """A video file that is missing, damaged, truncated or not video at all."""


def import_av():
    """Imports PyAV, which only those need who read videos.

    Returns
    -------
    av : module

    Raises
    ------
    ImportError
        Says how to install it.

    Example
    -------
    >>> import_av().__name__
    'av'
    """
    try:
        import av
    except ImportError as error:
        raise ImportError(
            "reading videos needs PyAV: pip install speechbrain_pib[video]"
        ) from error
    return av


@contextlib.contextmanager
def open_container(path):
    """Opens a video file, and turns the errors of reading it into one class.

    Arguments
    ---------
    path : str
        The file.

    Yields
    ------
    container : av.container.InputContainer

    Raises
    ------
    UnreadableVideoError
        If the file cannot be opened, or not be decoded inside the block.

    Example
    -------
    >>> with open_container("clip.mp4") as container:
    ...     container.duration  # doctest: +SKIP
    """
    av = import_av()
    # As a URL, lest a colon in the name is taken for a protocol; and a file
    # that is a playlist must not make us open others from the network.
    options = {"protocol_whitelist": "file"}
    try:
        with av.open(
            f"file:{path}", options=options, metadata_errors="ignore"
        ) as container:
            yield container
    except av.FFmpegError as error:
        raise UnreadableVideoError(
            f"{path} cannot be read as a video ({error.strerror}); it is "
            "missing, truncated, damaged or something else"
        ) from error


def best_stream(container, kind):
    """The stream that a player would choose.

    Files with several exist: the first one need not be the best.

    Arguments
    ---------
    container : av.container.InputContainer
        An open file.
    kind : str
        "video" or "audio".

    Returns
    -------
    stream : av.stream.Stream
        None if there is none; the cover of an album is not a video.

    Example
    -------
    >>> with open_container("clip.mp4") as container:
    ...     best_stream(container, "audio")  # doctest: +SKIP
    """
    stream = container.streams.best(kind)
    cover = import_av().stream.Disposition.attached_pic
    if stream is None or cover in stream.disposition:
        return None
    # Processes that work side by side have one thread each, by torch's
    # settings; decoding respects them.
    stream.codec_context.thread_count = torch.get_num_threads()
    stream.codec_context.thread_type = "AUTO"
    return stream


def start_time(container):
    """When the first picture is shown, on the clock of the file.

    Arguments
    ---------
    container : av.container.InputContainer
        An open file.

    Returns
    -------
    seconds : float
        That of the first sound if there are no pictures.

    Example
    -------
    >>> with open_container("clip.mp4") as container:
    ...     start_time(container)  # doctest: +SKIP
    """
    for kind in ("video", "audio"):
        stream = best_stream(container, kind)
        if stream is not None:
            return float((stream.start_time or 0) * stream.time_base)
    return 0.0


def declared_end(container, stream):
    """When a stream ends, if the header of the file can be trusted to know.

    Arguments
    ---------
    container : av.container.InputContainer
        An open file.
    stream : av.stream.Stream
        One of its streams.

    Returns
    -------
    seconds : float
        On the clock of the file, or None.

    Example
    -------
    >>> with open_container("clip.mp4") as container:
    ...     declared_end(container, container.streams[0])  # doctest: +SKIP
    """
    start = float((stream.start_time or 0) * stream.time_base)
    if "mp4" in container.format.name and stream.duration:
        return start + float(stream.duration * stream.time_base)
    if "matroska" in container.format.name and "DURATION" in stream.metadata:
        hours, minutes, seconds = stream.metadata["DURATION"].split(":")
        return start + 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    return None


def check_complete(container, stream, end):
    """Raises if a stream ended before its header says.

    Arguments
    ---------
    container : av.container.InputContainer
        An open file.
    stream : av.stream.Stream
        The stream that was decoded to its end.
    end : float
        When that was, in seconds on the clock of the file.

    Raises
    ------
    UnreadableVideoError
        If more than a second is missing.

    Example
    -------
    >>> with open_container("clip.mp4") as container:
    ...     check_complete(container, stream, 9.96)  # doctest: +SKIP
    """
    declared = declared_end(container, stream)
    if declared is not None and end < declared - MISSING_SECONDS:
        path = container.name.removeprefix("file:")
        raise UnreadableVideoError(
            f"{path} is truncated: by its header the {stream.type} ends at "
            f"{declared:.2f} s, but it ends at {end:.2f} s"
        )


@dataclass
class VideoInfo:
    """What the header of a video file says.

    Arguments
    ---------
    duration : float
        In seconds from the first picture to the end of the file, as a player
        shows it.
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


def _duration(container):
    """Seconds from the first picture to the end of the file."""
    if container.duration is not None:
        end = ((container.start_time or 0) + container.duration) / 1e6
        return end - start_time(container)
    # Recorders that stream do not know it when they write the header.
    end = 0.0
    for packet in container.demux():
        if packet.pts is not None:
            last = packet.pts + (packet.duration or 0)
            end = max(end, float(last * packet.time_base))
    return end - start_time(container)


def probe_video(path):
    """Reads the header of a video file.

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
        If it cannot be opened, has neither pictures nor sound, or says that
        it lasts for more than a week.

    Example
    -------
    >>> probe_video("clip.mp4").duration  # doctest: +SKIP
    13.056
    """
    with open_container(path) as container:
        video = best_stream(container, "video")
        audio = best_stream(container, "audio")
        if video is None and audio is None:
            raise UnreadableVideoError(f"{path} has no pictures and no sound")
        rate = video.average_rate if video else None
        duration = _duration(container)
        if duration > MAX_SECONDS:
            raise UnreadableVideoError(
                f"{path} is damaged: by its header it lasts {duration:.0f} s"
            )
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
        If there is no such folder, it has no videos, or two have one ID.

    Example
    -------
    >>> folder = getfixture("tmpdir")
    >>> (folder / "P01_01.MP4").write("")
    >>> list(find_videos(folder))
    ['P01_01']
    """
    videos = {}
    for parent, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            stem, extension = os.path.splitext(name)
            if extension.lower() not in EXTENSIONS or name.startswith("."):
                continue
            path = os.path.join(parent, name)
            key = os.path.relpath(os.path.join(parent, stem), folder)
            if key in videos:
                raise ValueError(
                    f"{videos[key]} and {path} would have the same ID {key}"
                )
            videos[key] = path
    if not videos:
        raise ValueError(f"{folder} holds no videos ({', '.join(EXTENSIONS)})")
    return dict(sorted(videos.items()))


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
