"""Checks of audio: a quick one, and one that decodes all.

Authors
 * The speechbrain_pib developers 2026
"""

from concurrent.futures import ThreadPoolExecutor

from tqdm.contrib import tqdm

from speechbrain_pib.dataio.audio.locators import (
    UnreadableAudioError,
    open_audio,
)

TAIL_SECONDS = 0.05
BLOCK_SECONDS = 60  # decoded at a time
FILES_AT_A_TIME = 10000


def _check_end(audio):
    """Raises if audio is empty, or shorter than its header says."""
    if audio.frames < 1:
        raise UnreadableAudioError(f"{audio.locator} holds no samples")
    audio.check_size()
    tail = min(max(round(TAIL_SECONDS * audio.sample_rate), 1), audio.frames)
    try:
        samples = audio.read(audio.frames - tail)
    except UnreadableAudioError as error:
        raise UnreadableAudioError(
            f"{audio.locator} is truncated or damaged at its end: {error}"
        ) from error
    if len(samples) < tail:
        raise UnreadableAudioError(
            f"{audio.locator} is truncated: its header says "
            f"{audio.duration:.3f} s, but it ends before that"
        )


def probe_audio(locator):
    """Checks audio without decoding all of it.

    Reads the header and decodes the last 0.05 s, so that a file shorter than
    its header says is found. An ogg file's header does not say how long it
    is: a truncated one passes with the duration that is left.

    Arguments
    ---------
    locator : str
        A file, or see `speechbrain_pib.dataio.audio.locators`.

    Returns
    -------
    duration : float
        In seconds.

    Raises
    ------
    UnreadableAudioError
        If the audio is missing, empty, truncated or not audio.

    Example
    -------
    >>> import torch
    >>> from speechbrain.dataio import audio_io
    >>> path = getfixture("tmpdir") / "silence.wav"
    >>> audio_io.save(path, torch.zeros(1, 8000), 16000)
    >>> probe_audio(path)
    0.5
    """
    with open_audio(locator) as audio:
        _check_end(audio)
        return audio.duration


def check_audio(locator):
    """Decodes all of an audio file, and checks its samples.

    Arguments
    ---------
    locator : str
        A file, or see `speechbrain_pib.dataio.audio.locators`.

    Returns
    -------
    duration : float
        In seconds.

    Raises
    ------
    UnreadableAudioError
        If `probe_audio` raises it, or if the audio is damaged inside, holds
        samples that are not finite, or is silent: all samples are 0.

    Example
    -------
    >>> import torch
    >>> from speechbrain.dataio import audio_io
    >>> path = getfixture("tmpdir") / "noise.wav"
    >>> audio_io.save(path, torch.rand(1, 8000), 16000)
    >>> check_audio(path)
    0.5
    """
    with open_audio(locator) as audio:
        _check_end(audio)
        silent, block = True, BLOCK_SECONDS * audio.sample_rate
        for start in range(0, audio.frames, block):
            samples = audio.read(start, block)
            if len(samples) < min(block, audio.frames - start):
                raise UnreadableAudioError(
                    f"{locator} is damaged: it ends within {BLOCK_SECONDS} s "
                    f"after {start / audio.sample_rate:.0f} s"
                )
            silent = silent and not samples.any()
        if silent:
            raise UnreadableAudioError(
                f"{locator} is silent: all its samples are 0"
            )
        return audio.duration


def _result_of(check, locator):
    """What a check returns, or its error without the frames it passed."""
    try:
        return check(locator)
    except UnreadableAudioError as error:
        return UnreadableAudioError(str(error))


def check_many(paths, threads=8, *, decode=False):
    """Checks many files, with a progress bar.

    Arguments
    ---------
    paths : list of str
        Audio files or other locators.
    threads : int
        Files that are read at the same time.
    decode : bool
        Whether to decode all of each file (`check_audio`) or its header and
        end alone (`probe_audio`).

    Returns
    -------
    results : list
        For each path its duration in seconds, or the UnreadableAudioError.

    Example
    -------
    >>> check_many(["no_such_file.wav"])
    [UnreadableAudioError('no_such_file.wav: there is no such file')]
    """
    check = check_audio if decode else probe_audio
    results = []
    with (
        ThreadPoolExecutor(threads) as pool,
        tqdm(
            total=len(paths),
            desc="checking audio",
            unit="file",
            disable=len(paths) < 100,
        ) as progress,
    ):
        # A waiting task costs a kilobyte; there may be millions.
        for first in range(0, len(paths), FILES_AT_A_TIME):
            some = paths[first : first + FILES_AT_A_TIME]
            for result in pool.map(_result_of, [check] * len(some), some):
                results.append(result)
                progress.update()
    return results
