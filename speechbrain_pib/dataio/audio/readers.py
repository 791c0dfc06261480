"""What all opened audio has in common, wherever it is stored.

Authors
 * The speechbrain_pib developers 2026
"""

import torch

from speechbrain_pib.dataio.audio.levels import (
    SILENT_PEAK,
    find_fault,
    find_peak,
)
from speechbrain_pib.utils.files import printable

TAIL_SECONDS = 0.05
BLOCK_SECONDS = 60  # decoded at a time, where all is
# A header that says more is damaged; it would be believed sample by sample.
MAX_SECONDS = 7 * 24 * 3600.0
MAX_RATE = 1_000_000  # Hz
# Manifests of others are rounded; decoders differ by a frame of mp3.
DURATION_TOLERANCE = 0.1  # seconds


class UnreadableAudioError(ValueError):
    """Audio that is missing, empty, truncated, damaged or no audio at all."""

    def __init__(self, message):
        super().__init__(printable(str(message)))


def is_same_duration(seconds, others):
    """Compare a duration with one that was measured before.

    Arguments
    ---------
    seconds : float
        A duration.
    others : float
        The other one.

    Returns
    -------
    same : bool
        Whether they differ by 0.1 s at most.

    Example
    -------
    >>> is_same_duration(9.98, 10.0), is_same_duration(4.6, 10.0)
    (True, False)
    """
    return abs(seconds - others) <= DURATION_TOLERANCE


class AudioReader:
    """Opened audio, for a `with` statement; nothing is decoded yet.

    A reader of a format sets the attributes, and has `_decode`.

    Arguments
    ---------
    locator : str
        Names it in messages.
    sample_rate : int
        In Hz.
    frames : int
        Samples per channel.
    integer_bits : int
        Size of the stored samples (default: they are not whole numbers).

    Raises
    ------
    UnreadableAudioError
        If rate or duration are none that audio can have.
    """

    def __init__(self, locator, sample_rate, frames, integer_bits=None):
        self.locator = locator
        self.sample_rate, self.frames = sample_rate, frames
        self.integer_bits = integer_bits
        if not 1 <= sample_rate <= MAX_RATE:
            raise UnreadableAudioError(
                f"{locator}: the sampling rate is {sample_rate}, which is none"
            )
        if self.duration > MAX_SECONDS:
            raise UnreadableAudioError(
                f"{locator} is damaged: its header claims {frames} samples, "
                f"{self.duration / 86400:.0f} days"
            )

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        """Close what is open."""

    def _decode(self, start, stop):
        """Samples [n, channels] as a float32 array; fewer at the end."""
        raise NotImplementedError

    @property
    def duration(self):
        """In seconds."""
        return self.frames / self.sample_rate

    def read(self, start=0, frames=None):
        """Read and decode a part, as the mean of the channels.

        Arguments
        ---------
        start : int
            First sample.
        frames : int
            How many samples (default: all that follow).

        Returns
        -------
        samples : torch.Tensor
            [n], float32, full scale 1; fewer where it ends before.

        Raises
        ------
        UnreadableAudioError
            If it cannot be decoded, ends before its header says, or is no
            sound at full scale 1, see `speechbrain_pib.dataio.audio.levels`.
        """
        stop = self.frames if frames is None else start + frames
        stop = min(stop, self.frames)
        start = min(start, stop)
        channels = self._decode_or_raise(start, stop)
        mono = channels[:, 0]
        if channels.shape[1] > 1:
            # Three times as fast as the mean of each sample by itself.
            mono = sum(channels.unbind(dim=1)) / channels.shape[1]
        fault = find_fault(mono, channels) or self._find_narrow(mono)
        if fault is not None:
            raise UnreadableAudioError(
                f"{self.locator} {fault}, {self._place(start, stop)}"
            )
        return mono

    def read_blocks(self):
        """Read and decode all of it, a minute at a time.

        Yields
        ------
        samples : torch.Tensor
            [n], as `read` returns them.
        """
        block = BLOCK_SECONDS * self.sample_rate
        for start in range(0, self.frames, block):
            yield self.read(start, block)

    def check_whole(self):
        """Refuse audio with more than can be decoded.

        This may read all of a file, unlike what is checked at its opening.
        """

    def check_end(self):
        """Refuse audio that is empty, or shorter than its header says: read
        the last 0.05 s."""
        if self.frames < 1:
            raise UnreadableAudioError(f"{self.locator} holds no samples")
        tail = max(round(TAIL_SECONDS * self.sample_rate), 1)
        self.read(max(self.frames - tail, 0))

    def _place(self, start, stop):
        """Where samples are, in words."""
        return (
            f"between {start / self.sample_rate:.3f} s and "
            f"{stop / self.sample_rate:.3f} s"
        )

    def _decode_or_raise(self, start, stop):
        """As _decode, a tensor, and all samples that are asked for."""
        try:
            samples = self._decode(start, stop)
        except (OSError, RuntimeError) as error:
            raise UnreadableAudioError(
                f"{self.locator} is damaged or truncated: it cannot be decoded "
                f"{self._place(start, stop)} ({error})"
            ) from error
        if len(samples) < stop - start:
            raise UnreadableAudioError(
                f"{self.locator} is damaged or truncated: by its header it "
                f"has {self.duration:.3f} s, but it ends "
                f"{self._place(start, stop)}"
            )
        return torch.from_numpy(samples)

    def _find_narrow(self, mono):
        """The fault of samples of 16 bits that are stored as 32 or 64: at
        full scale of those, all of the audio would be silence."""
        if (self.integer_bits or 0) <= 16 or not mono.numel():
            return None
        if not 0 < find_peak(mono) <= SILENT_PEAK or self._is_loud():
            return None
        return (
            f"holds {self.integer_bits}-bit samples that are silence at full "
            "scale of their type (2^"
            f"{self.integer_bits - 1}): are they 16-bit samples in a wider "
            "type? Store them as int16"
        )

    def _is_loud(self):
        """Whether any sample is louder than silence."""
        size = BLOCK_SECONDS * self.sample_rate
        blocks = (
            self._decode_or_raise(start, min(start + size, self.frames))
            for start in range(0, self.frames, size)
        )
        return any(find_peak(block) > SILENT_PEAK for block in blocks)
