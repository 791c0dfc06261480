"""Extracts the sound of a folder of videos.

> python -m speechbrain_pib extract-audio VIDEO_FOLDER AUDIO_FOLDER

With PyAV (the extra "video"), without any program of the system.

Authors
 * The speechbrain_pib developers 2026
"""

import functools
import itertools
import os
from dataclasses import dataclass, field

import soundfile
from speechbrain.utils.logger import get_logger
from tqdm.contrib import tqdm

from speechbrain_pib.dataio.video.containers import (
    UnreadableVideoError,
    import_av,
)
from speechbrain_pib.dataio.video.files import (
    find_videos,
    probe_video,
    write_video_list,
)
from speechbrain_pib.dataio.video.sound import iter_sound
from speechbrain_pib.utils.files import atomic_path, file_state
from speechbrain_pib.utils.processes import map_processes

logger = get_logger(__name__)

# In the comment of an audio file, before `file_state` of its video.
SOURCE = "By speechbrain_pib from a file of (bytes, nanoseconds)"


def extract_sound(video, audio, sample_rate):
    """Writes the sound of one video to a file, block by block.

    The file begins with the first picture, appears under its name when it is
    complete, and has a comment that tells of which content it was made, see
    `is_current`.

    Arguments
    ---------
    video : str
        A video file.
    audio : str
        The file to write, mono and 16 bits; its extension, flac or wav, is
        the format. Its folder is created if needed.
    sample_rate : int
        Of the file that is written, in Hz.

    Returns
    -------
    has_audio : bool
        False if the video has no sound; then nothing is written.

    Raises
    ------
    UnreadableVideoError
        If the video cannot be decoded to its end; then nothing is written.
    OSError
        If the audio file cannot be written.

    Example
    -------
    >>> extract_sound("P01_01.MP4", "P01_01.flac", 24000)  # doctest: +SKIP
    True
    """
    # Before it is read: it may be replaced meanwhile.
    source = file_state(video)
    if not probe_video(video).has_audio:
        return False
    blocks = iter_sound(video, sample_rate)
    first = next(blocks, None)
    if first is None:  # There are empty streams.
        return False
    form = os.path.splitext(audio)[1][1:].upper()
    try:
        with (
            atomic_path(audio) as temporary,
            soundfile.SoundFile(
                temporary, "w", sample_rate, 1, "PCM_16", format=form
            ) as file,
        ):
            file.comment = f"{SOURCE} {source}"
            for samples in itertools.chain([first], blocks):
                # 1.0 is one step more than 16 bits can hold.
                file.write(samples.clamp(-1.0, 1.0 - 2**-15).numpy())
    except soundfile.LibsndfileError as error:
        raise OSError(
            f"{audio} cannot be written ({error}); is the disk full?"
        ) from error
    return True


def is_current(audio, video, sample_rate):
    """Tell whether the sound of a video need not be extracted again.

    Arguments
    ---------
    audio : str
        A file that `extract_sound` may have written.
    video : str
        The video file.
    sample_rate : int
        The rate that is wanted, in Hz.

    Returns
    -------
    current : bool
        False if there is no such file, its rate is another, or the video has
        another size or time of modification than the one it was made of. Of
        a file that does not say of what it was made, nothing is held against
        it but its rate.

    Example
    -------
    >>> is_current("no_such.flac", "P01_01.MP4", 24000)
    False
    """
    try:
        with soundfile.SoundFile(audio) as file:
            rate, comment = file.samplerate, file.comment
    except soundfile.LibsndfileError:
        return False
    source = f"{SOURCE} {file_state(video)}"
    return rate == sample_rate and (
        comment == source or not comment.startswith(SOURCE)
    )


@dataclass
class Extraction:
    """What `extract_folder` did with each video.

    Arguments
    ---------
    written : list of str
        IDs of videos whose sound was written.
    present : list of str
        IDs of those whose sound was there before.
    without_sound : list of str
        IDs of those that have no audio stream.
    failures : dict
        ID to reason of those that cannot be read.

    Example
    -------
    >>> Extraction(written=["P01_01"]).failures
    {}
    """

    written: list = field(default_factory=list)
    present: list = field(default_factory=list)
    without_sound: list = field(default_factory=list)
    failures: dict = field(default_factory=dict)


def _extract_or_error(job, sample_rate):
    """ID of a job (ID, video, audio), and what `extract_sound` said."""
    key, video, audio = job
    try:
        return key, extract_sound(video, audio, sample_rate)
    except UnreadableVideoError as error:
        return key, str(error)


def extract_folder(
    video_folder, audio_folder, sample_rate, *, extension="flac", processes=1
):
    """Writes the sound of all videos in a folder, in parallel.

    The sound of `P01/P01_01.MP4` becomes `P01/P01_01.flac`. Files that are
    there already, of the same videos and rate, are left alone, so that a call
    continues the one before.
    `without_sound.csv` and `failures.csv` in the audio folder list the videos
    (ID, path, reason) from which nothing was written.

    Arguments
    ---------
    video_folder : str
        Where the videos are, in folders or not.
    audio_folder : str
        Where the audio files go.
    sample_rate : int
        Of the audio files, in Hz.
    extension : str
        "flac" or "wav".
    processes : int
        Videos that are decoded at the same time.

    Returns
    -------
    extraction : Extraction
        What was done.

    Example
    -------
    >>> extract_folder("videos", "audio", 24000)  # doctest: +SKIP
    """
    import_av()
    videos = find_videos(video_folder)
    done, jobs = Extraction(), []
    for key, video in videos.items():
        audio = os.path.join(audio_folder, f"{key}.{extension}")
        if is_current(audio, video, sample_rate):
            done.present.append(key)
        else:
            jobs.append((key, video, audio))
    work = functools.partial(_extract_or_error, sample_rate=sample_rate)
    results = map_processes(work, jobs, max(min(processes, len(jobs)), 1))
    for key, result in tqdm(
        results,
        total=len(jobs),
        desc="extracting",
        unit="video",
        disable=None,
    ):
        if result is True:
            done.written.append(key)
        elif result is False:
            done.without_sound.append(key)
        else:
            done.failures[key] = result
    write_video_list(
        os.path.join(audio_folder, "without_sound.csv"),
        videos,
        dict.fromkeys(done.without_sound, "no audio stream"),
    )
    write_video_list(
        os.path.join(audio_folder, "failures.csv"), videos, done.failures
    )
    logger.info(
        "%d videos: %d written, %d there before, %d without sound, %d failed",
        len(videos),
        len(done.written),
        len(done.present),
        len(done.without_sound),
        len(done.failures),
    )
    return done
