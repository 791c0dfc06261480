"""Checks of audio files that do not decode all of them.

Authors
 * The speechbrain_pib developers 2026
"""

import os
from concurrent.futures import ThreadPoolExecutor

from speechbrain.dataio import audio_io
from tqdm.contrib import tqdm

TAIL_SECONDS = 0.05
BLOCK_SECONDS = 60  # decoded at a time
# Writers that stream do not know the length yet and put a number near 2^31
# or 2^32 in the RIFF header; it says nothing about the file.
RIFF_UNKNOWN_SIZE = 0x7FFFF000


class UnreadableAudioError(ValueError):
    """An audio file that is missing, empty, truncated or not audio at all."""


def _check_riff_size(path):
    """Raises if a RIFF (wav) file is shorter than its header says.

    libsndfile corrects the length of such files silently.
    """
    with open(path, "rb") as file:
        header = file.read(8)
    expected = int.from_bytes(header[4:8], "little") + 8
    actual = os.path.getsize(path)
    if header[:4] != b"RIFF" or expected > RIFF_UNKNOWN_SIZE:
        return
    # One byte of padding at the end is often left out.
    if actual < expected - 1:
        raise UnreadableAudioError(
            f"{path} is truncated: its header says {expected} bytes, it has "
            f"{actual}"
        )


def probe_audio(path):
    """Checks an audio file without decoding all of it.

    Reads the header and decodes the last 0.05 s, so that a file shorter than
    its header says is found. An ogg file's header does not say how long it
    is: a truncated one passes with the duration that is left.

    Arguments
    ---------
    path : str
        wav, flac, ogg or mp3.

    Returns
    -------
    duration : float
        In seconds.

    Raises
    ------
    UnreadableAudioError
        If the file is missing, empty, truncated or not audio.

    Example
    -------
    >>> import torch
    >>> path = getfixture("tmpdir") / "silence.wav"
    >>> audio_io.save(path, torch.zeros(1, 8000), 16000)
    >>> probe_audio(path)
    0.5
    """
    if not os.path.isfile(path):
        raise UnreadableAudioError(f"{path}: there is no such file")
    if os.path.getsize(path) == 0:
        raise UnreadableAudioError(f"{path} is empty (0 bytes)")
    try:
        info = audio_io.info(path)
    except RuntimeError as error:
        raise UnreadableAudioError(
            f"{path} is not an audio file that can be read (wav, flac, ogg, "
            f"mp3): {error.__cause__}"
        ) from error
    if info.frames < 1:
        raise UnreadableAudioError(f"{path} holds no samples")
    _check_riff_size(path)
    tail = min(max(round(TAIL_SECONDS * info.sample_rate), 1), info.frames)
    try:
        audio, _ = audio_io.load(path, frame_offset=info.frames - tail)
    except RuntimeError as error:
        raise UnreadableAudioError(
            f"{path} is truncated or damaged: its end cannot be decoded "
            f"({error.__cause__})"
        ) from error
    if audio.shape[1] < tail:
        raise UnreadableAudioError(
            f"{path} is truncated: its header says {info.duration:.3f} s, "
            "but it ends before that"
        )
    return info.duration


def check_audio(path):
    """Decodes all of an audio file, and checks its samples.

    Arguments
    ---------
    path : str
        wav, flac, ogg or mp3.

    Returns
    -------
    duration : float
        In seconds.

    Raises
    ------
    UnreadableAudioError
        If `probe_audio` raises it, or if the file is damaged inside or holds
        samples that are not finite.

    Example
    -------
    >>> import torch
    >>> path = getfixture("tmpdir") / "silence.wav"
    >>> audio_io.save(path, torch.zeros(1, 8000), 16000)
    >>> check_audio(path)
    0.5
    """
    duration = probe_audio(path)
    info = audio_io.info(path)
    for offset in range(0, info.frames, BLOCK_SECONDS * info.sample_rate):
        try:
            audio, _ = audio_io.load(
                path,
                frame_offset=offset,
                num_frames=BLOCK_SECONDS * info.sample_rate,
            )
        except RuntimeError as error:
            raise UnreadableAudioError(
                f"{path} is damaged within {BLOCK_SECONDS} s after "
                f"{offset / info.sample_rate:.0f} s ({error.__cause__})"
            ) from error
        if not audio.isfinite().all():
            raise UnreadableAudioError(
                f"{path} holds samples that are not finite (NaN or infinite)"
            )
    return duration


def _check_or_error(path):
    """`check_audio` that returns its error."""
    try:
        return check_audio(path)
    except UnreadableAudioError as error:
        return error


def check_many(paths, threads=8):
    """Runs `check_audio` on many files, with a progress bar.

    Arguments
    ---------
    paths : list of str
        Audio files.
    threads : int
        Files that are read at the same time.

    Returns
    -------
    results : list
        For each path its duration in seconds, or the UnreadableAudioError.

    Example
    -------
    >>> check_many(["no_such_file.wav"])
    [UnreadableAudioError('no_such_file.wav: there is no such file')]
    """
    with ThreadPoolExecutor(threads) as pool:
        return list(
            tqdm(
                pool.map(_check_or_error, paths),
                total=len(paths),
                desc="checking audio",
                unit="file",
                disable=len(paths) < 100,
            )
        )
