"""Containers of pictures and sound, opened by PyAV, and how long they last.

What is decoded counts, not what a header says. Headers are asked one thing
only: whether more should be there. A file that ends more than a second before
all of them say is truncated, which makes it unreadable; MPEG and Ogg have no
such header and are read as far as they go.

Authors
 * The speechbrain_pib developers 2026
"""

import contextlib
import re

from speechbrain_pib.utils.media import open_media

# By how much a stream may end before the header says so.
MISSING_SECONDS = 1.0
# By how much a clock may go back; more are several recordings in one file.
BACK_SECONDS = 1.0
# Formats whose header states how long they are.
STATING_FORMATS = {"mov", "matroska", "avi", "asf", "flv"}
MATROSKA_DURATION = re.compile(r"(\d+):(\d+):(\d+(?:\.\d*)?)")


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


def describe_error(error):
    """What an error of FFmpeg says, if it has words for it.

    Arguments
    ---------
    error : av.FFmpegError
        The error.

    Returns
    -------
    words : str

    Example
    -------
    >>> describe_error(import_av().FFmpegError(2, "No such file or directory"))
    'No such file or directory'
    """
    words = error.strerror or ""
    return "its data is damaged" if "Error number" in words else words


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
        with open_media(f"file:{path}", options) as container:
            yield container
    except av.FFmpegError as error:
        raise UnreadableVideoError(
            f"{path} cannot be read as a video ({describe_error(error)}); it "
            "is missing, truncated, damaged or something else"
        ) from error


def path_of(container):
    """The path that was given to `open_container`.

    Arguments
    ---------
    container : av.container.InputContainer
        An open file.

    Returns
    -------
    path : str

    Example
    -------
    >>> with open_container("clip.mp4") as container:
    ...     path_of(container)  # doctest: +SKIP
    'clip.mp4'
    """
    return container.name.removeprefix("file:")


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
    return stream


def best_streams(container):
    """The pictures and the sound that a player would choose.

    Arguments
    ---------
    container : av.container.InputContainer
        An open file.

    Returns
    -------
    streams : list of av.stream.Stream
        Video before audio; none, one or both.

    Example
    -------
    >>> with open_container("clip.mp4") as container:
    ...     len(best_streams(container))  # doctest: +SKIP
    2
    """
    streams = (best_stream(container, kind) for kind in ("video", "audio"))
    return [stream for stream in streams if stream is not None]


def stream_start(stream):
    """When a stream begins, on the clock of the file.

    Arguments
    ---------
    stream : av.stream.Stream
        One of an open file.

    Returns
    -------
    seconds : float

    Example
    -------
    >>> with open_container("clip.mp4") as container:
    ...     stream_start(container.streams[0])  # doctest: +SKIP
    0.0
    """
    return float((stream.start_time or 0) * stream.time_base)


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
    return next(map(stream_start, best_streams(container)), 0.0)


def _states_duration(container):
    """Whether the header says how long the file is."""
    names = set(container.format.name.split(","))
    return bool(container.duration and names & STATING_FORMATS)


def _stated_end_of(container, stream):
    """When a stream ends by its header, on the clock of the file, or None."""
    name = container.format.name
    if "mp4" in name and stream.duration:
        # No more than its table of packets has.
        return stream_start(stream) + float(stream.duration * stream.time_base)
    if name == "avi" and stream.type == "video" and stream.average_rate:
        # Its duration was corrected by the size of the file.
        return float(stream.frames / stream.average_rate) or None
    tag = MATROSKA_DURATION.fullmatch(stream.metadata.get("DURATION", ""))
    if tag and container.duration:
        hours, minutes, seconds = map(float, tag.groups())
        end = 3600 * hours + 60 * minutes + seconds
        # Editors forget to correct one or the other.
        return min(end, container.duration / 1e6)
    return None


def _stated_end(container):
    """When the file ends by its header, on its own clock, or None."""
    ends = [_stated_end_of(container, s) for s in best_streams(container)]
    ends = [end for end in ends if end is not None]
    if not ends and _states_duration(container):
        # Counted from 0, wherever the file begins.
        ends = [container.duration / 1e6]
    return max(ends, default=None)


def check_complete(container, stream, end):
    """Raises if a stream ends before the header says.

    Arguments
    ---------
    container : av.container.InputContainer
        An open file.
    stream : av.stream.Stream
        The stream that was read to its end.
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
    what, stated = stream.type, _stated_end_of(container, stream)
    if stated is None:
        what, stated = "file", _stated_end(container)
        if stated is not None and end < stated - MISSING_SECONDS:
            # Other streams may go on.
            with open_container(path_of(container)) as whole:
                end = max([end, *find_ends(whole).values()])
    if stated is not None and end < stated - MISSING_SECONDS:
        raise UnreadableVideoError(
            f"{path_of(container)} is truncated: by its header the {what} "
            f"ends at {stated:.2f} s, but it ends at {end:.2f} s"
        )


def find_ends(container):
    """When streams end, by their last packets.

    Only the end of the file is read, or all of it where nothing says where
    that is; nothing is decoded.

    Arguments
    ---------
    container : av.container.InputContainer
        An open file, at its beginning.

    Returns
    -------
    ends : dict
        Index of a stream to seconds on the clock of the file. Streams that
        have nothing near the end may be left out.

    Raises
    ------
    UnreadableVideoError
        If its clock goes back.

    Example
    -------
    >>> with open_container("clip.mp4") as container:
    ...     find_ends(container)  # doctest: +SKIP
    {0: 13.013, 1: 13.056}
    """
    if not _states_duration(container):
        return _read_ends(container)
    with contextlib.suppress(import_av().FFmpegError):
        container.seek((container.start_time or 0) + container.duration)
        if ends := _read_ends(container):
            return ends
    # Truncated, or without an index.
    with open_container(path_of(container)) as container:
        return _read_ends(container)


def _read_ends(container):
    """When streams end, from where the container is."""
    before, ends = {}, {}
    # What cannot be read any more is no part of a stream.
    with contextlib.suppress(import_av().FFmpegError):
        for packet in demux(container):
            index, time = packet.stream_index, packet.dts
            last = time if packet.pts is None else packet.pts
            if last is None:
                continue
            if time is not None:
                if time < before.get(index, time):
                    times = (before[index], time)
                    times = (float(t * packet.time_base) for t in times)
                    check_order(packet.stream, *times)
                before[index] = time
            end = last + (packet.duration or 0)
            ends[index] = max(ends.get(index, end), end)
    bases = [stream.time_base for stream in container.streams]
    return {index: float(end * bases[index]) for index, end in ends.items()}


def demux(container, *streams):
    """The packets of some or all streams.

    Arguments
    ---------
    container : av.container.InputContainer
        An open file.
    *streams : tuple of av.stream.Stream
        Some of its streams (default: all).

    Yields
    ------
    packet : av.packet.Packet
        From where the container is, in the order of the file.

    Example
    -------
    >>> with open_container("clip.mp4") as container:
    ...     sum(packet.size for packet in demux(container))  # doctest: +SKIP
    """
    # PyAV 18 raises it behind the last packet if streams were found meanwhile.
    with contextlib.suppress(IndexError):
        yield from container.demux(*streams)


def check_order(stream, before, time):
    """Raises if a clock goes back, which must not mix up the pictures.

    Arguments
    ---------
    stream : av.stream.Stream
        One of an open file.
    before : float
        The time of one of its packets or frames, in seconds.
    time : float
        That of the next one.

    Raises
    ------
    UnreadableVideoError
        If it is more than a second before.

    Example
    -------
    >>> with open_container("clip.mp4") as container:
    ...     check_order(container.streams[0], 1.0, 1.04)  # doctest: +SKIP
    """
    if stream.type in ("video", "audio") and time < before - BACK_SECONDS:
        raise UnreadableVideoError(
            f"{path_of(stream.container)}: the clock of its {stream.type} goes "
            f"back from {before:.2f} to {time:.2f} s; several recordings may "
            "have been joined without correcting the times"
        )
