"""Whether the header of an audio file knows how long it is.

libsndfile believes headers. Here they are compared with the size of the file,
which shows most files that were cut, joined or never finished.

Authors
 * The speechbrain_pib developers 2026
"""

import os

# Writers that stream do not know the length yet and put a number near 2^31
# or 2^32 in the RIFF header; it says nothing about the file.
RIFF_UNKNOWN_SIZE = 0x7FFFF000
RIFF_HEADER_SIZE = 44  # of the smallest wav: what claims less was not finished
MAX_TAIL_BYTES = 4096  # of tags and padding behind a wav
MP3_HEAD_BYTES = 4096  # the first frame is among them
MP3_TAIL_BYTES = 1024  # of tags behind an mp3
ID3_HEADER_SIZE = 10
BLOCK_BYTES = 2**20  # searched at a time


def skip_id3(file, start=0):
    """Find where a file goes on behind an ID3 tag.

    Arguments
    ---------
    file : io.RawIOBase
        Open for reading.
    start : int
        Where the tag may be, in bytes.

    Returns
    -------
    position : int
        Behind the tag; `start` if there is none.

    Example
    -------
    >>> import io
    >>> skip_id3(io.BytesIO(b"ID3\\3\\0\\0\\0\\0\\1\\2" + bytes(200)))
    140
    """
    file.seek(start)
    header = file.read(ID3_HEADER_SIZE)
    if len(header) < ID3_HEADER_SIZE or header[:3] != b"ID3":
        return start
    size = 0
    for byte in header[6:]:
        size = size << 7 | byte & 127
    return start + ID3_HEADER_SIZE + size


def find_doubt(file, kind, frames):
    """Tell why the number of samples in a header cannot be believed.

    Arguments
    ---------
    file : io.RawIOBase
        The encoded bytes.
    kind : str
        Format, as libsndfile names it; None if it does not know it.
    frames : int
        Samples per channel, as libsndfile has it from the header, or None.

    Returns
    -------
    doubt : str
        What follows the name of the file in a message; None if there is none.

    Raises
    ------
    ValueError
        If the file is truncated, or holds more than can be decoded; the
        message follows its name as well.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(12)
    if head[:4] == b"RIFF" and head[8:] == b"WAVE":
        expected = int.from_bytes(head[4:8], "little") + 8
        return _doubt_wav(expected, size, frames)
    if kind == "MP3":
        return _doubt_mp3(file, size)
    if kind == "OGG" and _count(file, b"OggS\0\2") > 1:
        return "is several ogg streams, one after another"
    return None


def check_single(file, kind):
    """Refuse several flac files, one after another.

    Reads all of the file, which is decoded as well.

    Arguments
    ---------
    file : io.RawIOBase
        The encoded bytes.
    kind : str
        Format, as libsndfile names it.

    Raises
    ------
    ValueError
        If there are; the message follows the name of the file.
    """
    # What a stream begins with: its marker, and the size of its description.
    starts = (b"fLaC\0\0\0\x22", b"fLaC\x80\0\0\x22")
    if kind == "FLAC" and sum(_count(file, s) for s in starts) > 1:
        raise ValueError(
            "is several flac files, one after another; the header tells of "
            "the first alone: split it, or encode it again"
        )


def _doubt_wav(expected, size, frames):
    """As find_doubt, of a wav of some bytes, whose header expects others."""
    if frames == 0 and size > RIFF_HEADER_SIZE:
        return "has a header that was never finished"
    if expected > RIFF_UNKNOWN_SIZE or expected <= RIFF_HEADER_SIZE:
        return None  # libsndfile takes the size of the file
    # One byte of padding at the end is often left out.
    if size < expected - 1:
        raise ValueError(
            f"is truncated: its header says {expected} bytes, it has {size}"
        )
    if size > expected + MAX_TAIL_BYTES:
        raise ValueError(
            f"holds {size - expected} bytes more than its header says: several "
            "files one after another, or a recording that went on when its "
            "header was written; mend it with sox --ignore-length"
        )
    return None


def _doubt_mp3(file, size):
    """As find_doubt, of an mp3 file of some bytes."""
    start = skip_id3(file)
    file.seek(start)
    head = file.read(MP3_HEAD_BYTES)
    place = max(head.find(b"Xing"), head.find(b"Info"))
    # A bit for each entry: the number of frames, that of bytes, and others.
    if place < 0 or head[place + 7] & 3 != 3:
        return "has a header that does not tell its length (no Xing tag)"
    claimed = int.from_bytes(head[place + 12 : place + 16], "big")
    # Padding and free bytes may lie before the first frame.
    first = max(head.find(b"\xff"), 0)
    left = size - start - first
    if left < claimed * 0.99:
        raise ValueError(
            f"is truncated: its header says {claimed} bytes of mp3, it has "
            f"{left}"
        )
    if left > claimed * 1.01 + MP3_TAIL_BYTES:
        return "holds more than its header says"
    return None


def _count(file, pattern):
    """How often bytes occur in a file."""
    file.seek(0)
    count, before = 0, b""
    while block := file.read(BLOCK_BYTES):
        data = before + block
        count += data.count(pattern)
        before = data[1 - len(pattern) :]
    return count
