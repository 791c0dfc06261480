"""Checks of audio: a quick one, and one that decodes all.

Authors
 * The speechbrain_pib developers 2026
"""

from concurrent.futures import ThreadPoolExecutor

from tqdm.contrib import tqdm

from speechbrain_pib.dataio.audio.levels import SILENT_PEAK, find_peak
from speechbrain_pib.dataio.audio.locators import (
    UnreadableAudioError,
    open_audio,
)

FILES_AT_A_TIME = 10000


def probe_audio(locator):
    """Check audio without decoding all of it.

    Reads the header, compares it with the size of the file, and decodes the
    last 0.05 s, so that a file shorter than its header says is found. What
    does not say how long it is, is decoded to know. An ogg file's header does
    not: a truncated one passes with the duration that is left.

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
        If the audio is missing, empty, truncated or not audio, or if its end
        is no sound, see `speechbrain_pib.dataio.audio.levels`.

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
        audio.check_end()
        return audio.duration


def check_audio(locator):
    """Decode all of an audio file, and check its samples.

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
        samples that are no sound, or is silent: none reaches half a step of
        16 bits (-96 dB).

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
        audio.check_end()
        audio.check_whole()
        peak = max(map(find_peak, audio.read_blocks()))
        if peak <= SILENT_PEAK:
            raise UnreadableAudioError(
                f"{locator} is silent: its largest sample is {peak:.2g} of full "
                "scale"
            )
        return audio.duration


def _result_of(check, locator):
    """What a check returns, or its error without the frames it passed."""
    try:
        return check(locator)
    except UnreadableAudioError as error:
        return UnreadableAudioError(str(error))


def check_many(paths, threads=8, *, decode=False):
    """Check many files, with a progress bar.

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


def check_copies(copies, threads=8, *, decode=False, longest=float("inf")):
    """Check the files of many clips, and choose one of each clip's.

    Arguments
    ---------
    copies : list of list of str
        Files of each clip, at least one; the best first.
    threads : int
        As for `check_many`.
    decode : bool
        As for `check_many`.
    longest : float
        In seconds; what is longer was not cut to its clip.

    Returns
    -------
    chosen : list of tuple
        Of each clip the first file that passes, and its duration in seconds;
        or its first file, and the UnreadableAudioError of that.

    Example
    -------
    >>> check_copies([["no_such_file.wav", "no_such_file.mp3"]])
    [('no_such_file.wav', UnreadableAudioError('no_such_file.wav: there is no
    such file'))]
    """
    chosen = [None] * len(copies)
    waiting, place = range(len(copies)), 0
    while waiting:
        paths = [copies[clip][place] for clip in waiting]
        results = check_many(paths, threads, decode=decode)
        for clip, path, result in zip(waiting, paths, results):
            result = _refuse_longer(path, result, longest)
            if place == 0 or not isinstance(result, UnreadableAudioError):
                chosen[clip] = path, result
        place += 1
        waiting = [
            clip
            for clip in waiting
            if isinstance(chosen[clip][1], UnreadableAudioError)
            and place < len(copies[clip])
        ]
    return chosen


def _refuse_longer(path, duration, longest):
    """A duration, or an error if it is too long."""
    if isinstance(duration, UnreadableAudioError) or duration <= longest:
        return duration
    return UnreadableAudioError(
        f"{path} has {duration:.1f} s: not cut to its clip"
    )
