"""Long recordings, and manifests of labelled segments of them.

The recordings are datasets of one HDF5 file, or files in a folder; their
durations tell whether they are at the rate that is supposed.

Authors
 * The speechbrain_pib developers 2026
"""

import hashlib
import os
from statistics import median

import h5py
from speechbrain.utils.logger import get_logger

from speechbrain_pib.dataio.audio.checks import check_many
from speechbrain_pib.dataio.audio.files import (
    AUDIO_EXTENSIONS,
    preference,
    walk_audio,
)
from speechbrain_pib.dataio.audio.locators import (
    UnreadableAudioError,
    open_audio,
)
from speechbrain_pib.dataio.preparation import is_prepared, write_manifests
from speechbrain_pib.dataio.segments import mend_segment, report_mended
from speechbrain_pib.dataio.timelines.events import Event
from speechbrain_pib.utils.tables import read_rows

logger = get_logger(__name__)

HDF5_EXTENSIONS = (".hdf5", ".h5")
COMMON_RATES = (8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000)  # Hz
RATE_TOLERANCE = 0.02  # of a duration


def find_recordings(audio, sample_rate=None):
    """Find the recordings in an HDF5 file, or in a folder.

    Arguments
    ---------
    audio : str
        HDF5 file with one dataset for each recording (groups in it are
        searched too), or folder that is searched for wav, flac, ogg and mp3
        files; names without such an extension name the recordings.
    sample_rate : int
        Rate in Hz of those datasets that have no attribute `sample_rate`.

    Returns
    -------
    recordings : dict
        Name to locator, sorted; see `speechbrain_pib.dataio.audio.locators`, and
        `speechbrain_pib.dataio.audio.files.preference` for which of several
        files of one name is taken.

    Raises
    ------
    ValueError
        If there is nothing, two datasets are the same recording, or one has
        no rate and none is given.

    Example
    -------
    >>> folder = getfixture("tmpdir")
    >>> path = str(folder / "audio.hdf5")
    >>> with h5py.File(path, "w") as file:
    ...     file["P01_01"] = [0.0] * 24000
    >>> locator = find_recordings(path, sample_rate=24000)["P01_01"]
    >>> os.path.basename(locator)
    'audio.hdf5::P01_01@24000'
    """
    audio = os.path.abspath(audio)
    if audio.endswith(HDF5_EXTENSIONS) and os.path.isfile(audio):
        recordings = _find_in_hdf5(audio, sample_rate)
    elif os.path.isdir(audio):
        recordings = _find_in_folder(audio)
    else:
        raise ValueError(f"audio: there is no folder and no HDF5 file {audio}")
    if not recordings:
        raise ValueError(f"audio: there are no recordings in {audio}")
    return dict(sorted(recordings.items()))


def _find_in_hdf5(path, sample_rate):
    """Locators of all datasets."""
    try:
        with h5py.File(path, "r") as file:
            has_rate = _list_datasets(file)
    except OSError as error:
        raise UnreadableAudioError(
            f"{path} is not an HDF5 file that can be read: {error}"
        ) from error
    without = [key for key, stored in has_rate.items() if not stored]
    if without and sample_rate is None:
        raise ValueError(
            f"{path}: {len(without)} datasets (first {without[0]}) "
            "have no attribute sample_rate; give --hdf5_sample_rate=24000 if "
            "the published scripts of EPIC-KITCHENS made the file, which "
            "extract at 24000 Hz unless told otherwise"
        )
    keys = {}
    for key in has_rate:
        name = _name_recording(key)
        if name in keys:
            raise ValueError(
                f"{path}: {keys[name]!r} and {key!r} are both the recording "
                f"{name!r}; leave one out, or name each dataset after its video"
            )
        keys[name] = key
    return {
        name: f"{path}::{key}" + ("" if has_rate[key] else f"@{sample_rate}")
        for name, key in keys.items()
    }


def _list_datasets(file):
    """Key of each dataset to whether it has a sampling rate."""
    has_rate = {}

    def visit(key, item):
        if isinstance(item, h5py.Dataset):
            has_rate[key] = "sample_rate" in item.attrs

    file.visititems(visit)
    return has_rate


def _name_recording(key):
    """Last part of a key, without the extension of an audio file."""
    name, extension = os.path.splitext(key.rsplit("/", 1)[-1])
    return name if extension.lower() in AUDIO_EXTENSIONS else name + extension


def _find_in_folder(folder):
    """Paths of all audio files."""
    recordings = {}
    for name, path in walk_audio(folder):
        recordings.setdefault(name, []).append(path)
    return {n: min(found, key=preference) for n, found in recordings.items()}


def fitting_rate(sample_rate, seconds, expected):
    """Return the rate at which a recording would last as long as it should.

    Arguments
    ---------
    sample_rate : int
        The rate that is supposed, in Hz.
    seconds : float
        How long the recording lasts at this rate.
    expected : float
        How long it should last, in seconds.

    Returns
    -------
    rate : int
        The supposed rate if it fits within 2 %, else a common one that does,
        else None.

    Example
    -------
    >>> fitting_rate(16000, 90.0, 60.0)
    24000
    >>> fitting_rate(16000, 59.9, 60.0)
    16000
    """
    for rate in (sample_rate, *COMMON_RATES):
        if abs(sample_rate * seconds / (rate * expected) - 1) < RATE_TOLERANCE:
            return rate
    return None


def check_durations(recordings, durations, expected):
    """Find recordings at another rate than supposed, by their durations.

    Arguments
    ---------
    recordings : dict
        Name to locator.
    durations : dict
        Name to seconds, or to the error that it cannot be read.
    expected : dict
        Name to seconds as they should be; those of other names are not
        checked.

    Returns
    -------
    durations : dict
        The same, with an error where another common rate fits and the
        supposed one does not.

    Raises
    ------
    ValueError
        If this is so for most recordings.

    Example
    -------
    >>> check_durations({"a": "a.wav"}, {"a": 60.0}, {"a": 60.1})
    {'a': 60.0}
    """
    wrong, other, checked = {}, [], 0
    for name, seconds in durations.items():
        if isinstance(seconds, UnreadableAudioError) or name not in expected:
            continue
        checked += 1
        if abs(seconds / expected[name] - 1) < RATE_TOLERANCE:
            continue
        with open_audio(recordings[name]) as audio:
            supposed = audio.sample_rate
        rate = fitting_rate(supposed, seconds, expected[name])
        if rate is None:
            other.append(name)
        else:
            wrong[name] = UnreadableAudioError(
                f"{recordings[name]} lasts {seconds:.1f} s at {supposed} Hz, "
                f"its video {expected[name]:.1f} s: {rate} Hz would fit"
            )
    if 2 * len(wrong) > checked:
        factor = median(durations[name] / expected[name] for name in wrong)
        raise ValueError(
            f"{len(wrong)} of {checked} recordings last {factor:.3f} times as "
            "long as their videos: the sampling rate is wrong. For example, "
            f"{next(iter(wrong.values()))}. Give the right --hdf5_sample_rate "
            "for an HDF5 file without rates, or extract the audio again"
        )
    if wrong or other:
        logger.warning(
            "Of %d recordings, %d have a wrong sampling rate by their "
            "durations and are left out, %d are shorter or longer than their "
            "videos (first: %s)",
            checked,
            len(wrong),
            len(other),
            [*wrong, *other][0],
        )
    return {**durations, **wrong}


def match_segments(segments, recordings, durations):
    """Join segments and recordings; what is odd is mended or left out, see
    `speechbrain_pib.dataio.segments.mend_segment`.

    Arguments
    ---------
    segments : list of dict
        ID, video (name of the recording), start, stop (seconds) and label.
    recordings : dict
        Name to locator.
    durations : dict
        Name to seconds, or to the error that it cannot be read.

    Returns
    -------
    found : list of dict
        Rows of the manifest.
    missing : list of dict
        ID, label and reason of the segments that are left out.
    mended : list of dict
        ID and reason of those in `found` that were changed.

    Example
    -------
    >>> segment = {"ID": "a_0", "video": "a", "start": 3.0, "stop": 9.0}
    >>> found, missing, mended = match_segments(
    ...     [{**segment, "label": "tap"}], {"a": "a.wav"}, {"a": 8.0}
    ... )
    >>> found[0]["stop"], mended[0]["reason"]
    (8.0, 'from 3.000 s to 9.000 s, the recording lasts 8.000 s')
    """
    found, missing, mended = [], [], []
    for segment in segments:
        row = {"ID": segment["ID"], "label": segment["label"]}
        video = segment["video"]
        try:
            if video not in durations:
                raise ValueError(f"there is no recording {video}")
            if isinstance(durations[video], UnreadableAudioError):
                raise ValueError(durations[video])
            start, stop, odd = mend_segment(
                segment["start"], segment["stop"], durations[video]
            )
        except ValueError as reason:
            missing.append({**row, "reason": str(reason)})
            continue
        if odd is not None:
            mended.append({"ID": segment["ID"], "reason": odd})
        row.update(duration=durations[video], wav=recordings[video])
        row.update(start=start, stop=stop)
        found.append(row)
    return found, missing, mended


def prepare_segments(
    splits,
    classes,
    audio,
    save_folder,
    *,
    sample_rate=None,
    expected=None,
    check_audio=False,
    inputs=(),
):
    """Write `<split>.csv` for each split, and reports of what is missing.

    The columns are ID, label, duration (of the recording), wav, start, stop
    (seconds). `mended.csv` lists odd segments that were changed; see
    `match_segments`, and `report_coverage` for the other reports. Nothing is
    done if it was done before with the same arguments and files.

    Arguments
    ---------
    splits : dict
        Split to its segments, see `match_segments`.
    classes : list of str
        All class names.
    audio : str
        See `find_recordings`.
    save_folder : str
        Where the manifests go.
    sample_rate : int
        See `find_recordings`.
    expected : dict
        See `check_durations` (default: nothing is known).
    check_audio : bool
        Decode all recordings instead of their ends alone.
    inputs : list of str
        Annotation files on which all this depends.

    Raises
    ------
    ValueError
        If none of the segments of a split can be heard.

    Example
    -------
    >>> prepare_segments(
    ...     {"test": segments}, ["tap"], "audio.hdf5", "results"
    ... )  # doctest: +SKIP
    """
    recordings = find_recordings(audio, sample_rate)
    wanted = {s["video"] for part in splits.values() for s in part}
    here = {n: r for n, r in recordings.items() if n in wanted}
    listed = "\n".join([*here.values(), *classes, repr(splits)])
    options = {
        "check_audio": check_audio,
        "listed": hashlib.sha256(listed.encode()).hexdigest(),
    }
    files = [audio] if os.path.isfile(audio) else here.values()
    # A link to nothing is a recording that is missing.
    inputs = [*inputs, *filter(os.path.exists, files)]
    if is_prepared(save_folder, options, inputs):
        return
    if sample_rate is not None and expected is None:
        logger.warning(
            "Nothing tells whether %d Hz is the rate of %s; with the durations "
            "of the videos (video_info) it would be checked",
            sample_rate,
            audio,
        )
    checks = check_many(list(here.values()), decode=check_audio)
    durations = check_durations(here, dict(zip(here, checks)), expected or {})
    rows, mended = [], []
    for split, segments in splits.items():
        found, lost, changed = match_segments(segments, here, durations)
        rows += [{**row, "split": split} for row in found + lost]
        mended += [{**row, "split": split} for row in changed]
    report_mended(mended, save_folder)
    write_manifests(
        save_folder,
        rows,
        splits,
        classes,
        options,
        inputs,
        hint=f"{audio} holds {_name_some(recordings)}",
    )


def read_recordings(manifest):
    """Read the recordings of a manifest, each with its sounds.

    Arguments
    ---------
    manifest : str
        As from `prepare_segments`; the ID of a segment is that of its video
        and a number.

    Returns
    -------
    recordings : dict
        Name of each video to the absolute locator of its recording, and the
        list of Event in it.

    Example
    -------
    >>> path = getfixture("tmpdir") / "test.csv"
    >>> path.write_text(
    ...     "ID,label,duration,wav,start,stop\\n"
    ...     "P01_01_0,tap,8.0,P01_01.wav,1.5,2.0\\n",
    ...     encoding="utf-8",
    ... )
    >>> (wav, (event,)) = read_recordings(path)["P01_01"]
    >>> os.path.basename(wav), event.label, event.start
    ('P01_01.wav', 'tap', 1.5)
    """
    folder, recordings = os.path.dirname(os.path.abspath(manifest)), {}
    for _, row in read_rows(manifest, ("ID", "label", "wav", "start", "stop")):
        video, _, _ = row["ID"].rpartition("_")
        wav = os.path.join(folder, row["wav"])
        _, events = recordings.setdefault(video, (wav, []))
        times = float(row["start"]), float(row["stop"])
        events.append(Event(row["label"], *times, 1.0))
    return recordings


def _name_some(recordings, count=3):
    """The first of many names."""
    names = ", ".join(list(recordings)[:count])
    more = len(recordings) - count
    return names if more < 1 else f"{names} and {more} more"
