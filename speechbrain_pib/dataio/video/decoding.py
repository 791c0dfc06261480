"""Decoding of the streams of a container, past single damaged packets, which
are skipped, as players do.

Authors
 * The speechbrain_pib developers 2026
"""

import contextlib
import itertools

import torch
from speechbrain.utils.logger import get_logger

from speechbrain_pib.dataio.video.containers import (
    BACK_SECONDS,
    UnreadableVideoError,
    check_complete,
    check_order,
    demux,
    describe_error,
    import_av,
    path_of,
    start_time,
    stream_start,
)

logger = get_logger(__name__)

# Of the packets read, as many may be damaged; a single one always may.
DAMAGED_SHARE = 0.05
# How far to go back where seeking leads behind the time that is wanted.
SEEK_BACK_SECONDS = 20.0


class Decoder:
    """Decodes a stream, and skips and counts packets that are damaged.

    Arguments
    ---------
    container : av.container.InputContainer
        An open file, at its beginning.
    stream : av.stream.Stream
        One of its streams.

    Example
    -------
    >>> with open_container("clip.mp4") as container:
    ...     decoder = Decoder(container, best_stream(container, "video"))
    ...     sum(1 for frame in decoder.frames())  # doctest: +SKIP
    390
    """

    def __init__(self, container, stream):
        self.container, self.stream = container, stream
        # Processes that work side by side have one thread each, by torch's
        # settings; decoding respects them.
        stream.codec_context.thread_count = torch.get_num_threads()
        stream.codec_context.thread_type = "AUTO"
        self.start = start_time(container)
        self.packets = self.damaged = 0
        # When the last frame began, and those after which packets were
        # skipped, on the clock of the file.
        self.position, self.skips = stream_start(stream), set()

    def frames(self, sought=False):
        """Decodes from where the container is to the end of the stream.

        Arguments
        ---------
        sought : bool
            Whether it was sought, so that it may be within a packet.

        Yields
        ------
        frame : av.frame.Frame
            In the order in which they are shown.

        Raises
        ------
        UnreadableVideoError
            If the stream ends before its header says, or its clock goes back.
        """
        before = held = None
        for frame in itertools.chain(self._decoded(sought), [None]):
            # A frame waits for the next one, which tells if its time is right.
            if held is not None and not self._is_misdated(before, held, frame):
                before = before if held.pts is None else held
                yield held
            held = frame
        self._check_share()
        if before is not None:
            end = before.time + _length(before)
            check_complete(self.container, self.stream, end)

    def _decoded(self, sought):
        """What can be decoded of the packets."""
        settled = not sought
        for packet in self._packets():
            try:
                frames = packet.decode()
            except import_av().FFmpegError:
                if settled:
                    self.damaged += 1
                    self.skips.add(self.position)
                continue
            for frame in frames:
                settled = True
                if frame.pts is not None:
                    self.position = frame.time
                yield frame

    def _is_misdated(self, before, held, frame):
        """Whether a frame claims to come long after the next one, which does
        follow the one before it; beside damaged packets there are such."""
        if frame is None or None in (frame.pts, held.pts):
            return False
        if held.time <= frame.time + BACK_SECONDS:
            return False
        if before is not None:
            check_order(self.stream, before.time, frame.time)
        return True

    def _packets(self):
        """The packets of the stream."""
        try:
            for packet in demux(self.container, self.stream):
                self.packets += packet.size > 0
                yield packet
        except import_av().FFmpegError as error:
            raise UnreadableVideoError(
                f"{path_of(self.container)}: its {self.stream.type} cannot be "
                f"read after {self.position:.2f} s ({describe_error(error)})"
            ) from error

    def frames_from(self, time):
        """As `frames`, from the last place before a time where one can begin.

        Arguments
        ---------
        time : float
            In seconds on the clock of the file.

        Returns
        -------
        frames : iterator of av.frame.Frame
            The first one begins at that time or before, unless there is none.
        """
        back = 0.0
        while time - back > self.start:
            with contextlib.suppress(import_av().FFmpegError):
                frames = self._seek(time - back)
                first = next(frames, None)
                if first and (first.time is None or first.time <= time):
                    return itertools.chain([first], frames)
            # Without a good index one may land behind the target.
            back = 2 * back + SEEK_BACK_SECONDS
        return self._seek(min(stream_start(self.stream), 0.0))

    def _seek(self, time):
        """Decodes from a key frame; nothing, behind the end of the file."""
        offset = round(time / self.stream.time_base)
        self.container.seek(offset, stream=self.stream)
        return self.frames(sought=True)

    def _describe_damage(self):
        """How many packets were skipped."""
        return (
            f"{path_of(self.container)}: {self.damaged} of {self.packets} "
            f"packets of its {self.stream.type} are damaged, the first after "
            f"{min(self.skips) - self.start:.2f} s"
        )

    def _check_share(self):
        """Raises if too many packets were skipped."""
        if self.damaged > max(1, DAMAGED_SHARE * self.packets):
            raise UnreadableVideoError(self._describe_damage())

    def check_damage(self):
        """Reports skipped packets; called when all that was wanted is read.

        Raises
        ------
        UnreadableVideoError
            If they are more than a twentieth of the packets read.
        """
        self._check_share()
        if self.damaged:
            text = self._describe_damage()
            logger.warning("%s; skipped", text, main_process_only=False)


def _length(frame):
    """Seconds for which a picture is shown, or a block of sound is heard."""
    if hasattr(frame, "samples"):
        return frame.samples / frame.sample_rate
    return float((frame.duration or 0) * frame.time_base)
