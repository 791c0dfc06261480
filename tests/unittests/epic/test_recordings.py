"""Tests of manifests of segments of long recordings.

Authors
 * The speechbrain_pib developers 2026
"""

import json

import h5py
import numpy as np
import pytest
import soundfile

from speechbrain_pib.dataio.audio.crops import read_segment
from speechbrain_pib.dataio.audio.hdf5 import _open_once
from speechbrain_pib.dataio.audio.locators import UnreadableAudioError
from speechbrain_pib.epic.annotations import (
    read_segments,
    read_video_durations,
)
from speechbrain_pib.epic.recordings import (
    check_durations,
    find_recordings,
    match_segments,
    prepare_segments,
    read_recordings,
)
from tests.helpers import read_rows

RATE = 8000


def noise(seconds, rate=RATE):
    """Float noise, as published scripts store it."""
    size = round(seconds * rate)
    return np.random.default_rng(0).uniform(-0.1, 0.1, size).astype("f4")


def segment(name, start, stop, label="tap"):
    """A segment of the video that its ID begins with."""
    video = name.rsplit("_", 1)[0]
    return dict(ID=name, video=video, start=start, stop=stop, label=label)


@pytest.fixture
def hdf5(tmp_path):
    """Recordings of 4 and 6 s, the second in a group, without rates."""
    path = str(tmp_path / "audio.hdf5")
    with h5py.File(path, "w") as file:
        file["P01_01"] = noise(4)
        file["P02/P02_01"] = noise(6)
    return path


def test_published_hdf5_needs_a_rate(hdf5):
    with pytest.raises(ValueError, match="2 datasets.*--hdf5_sample_rate"):
        find_recordings(hdf5)
    found = find_recordings(hdf5, sample_rate=RATE)
    assert found == {
        "P01_01": f"{hdf5}::P01_01@8000",
        "P02_01": f"{hdf5}::P02/P02_01@8000",
    }
    assert len(read_segment(found["P02_01"], 5.5, 2.0, RATE)) == RATE // 2


def test_stored_rate_is_used(hdf5):
    with h5py.File(hdf5, "a") as file:
        file["P01_01"].attrs["sample_rate"] = RATE
    found = find_recordings(hdf5, sample_rate=4000)
    assert found["P01_01"] == f"{hdf5}::P01_01"
    assert found["P02_01"].endswith("@4000")


def test_folder_is_searched_and_wav_preferred(tmp_path):
    (tmp_path / "P01").mkdir()
    for name in ("P01/P01_01.wav", "P01/P01_01.flac", "P02_01.wav"):
        soundfile.write(tmp_path / name, noise(1), RATE)
    (tmp_path / "notes.txt").write_text("no audio")
    found = find_recordings(str(tmp_path))
    assert found == {
        "P01_01": str(tmp_path / "P01/P01_01.wav"),
        "P02_01": str(tmp_path / "P02_01.wav"),
    }


def test_keys_may_have_the_extension_of_a_file(tmp_path):
    path = str(tmp_path / "audio.hdf5")
    with h5py.File(path, "w") as file:
        file["P01_01.wav"] = noise(1)
        file["P01_02.5"] = noise(1)
    found = find_recordings(path, sample_rate=RATE)
    assert found == {
        "P01_01": f"{path}::P01_01.wav@8000",
        "P01_02.5": f"{path}::P01_02.5@8000",
    }


@pytest.mark.parametrize("other", ["old/P01_01", "P01_01.flac"])
def test_a_recording_under_two_keys_is_an_error(hdf5, other):
    with h5py.File(hdf5, "a") as file:
        file[other] = noise(1)
    with pytest.raises(ValueError) as error:
        find_recordings(hdf5, sample_rate=RATE)
    assert hdf5 in str(error.value)
    assert "'P01_01'" in str(error.value) and f"'{other}'" in str(error.value)


def test_what_is_no_hdf5_file_is_an_error_with_its_name(hdf5, tmp_path):
    damaged = tmp_path / "damaged.hdf5"
    whole = (tmp_path / "audio.hdf5").read_bytes()
    for content in (whole[: len(whole) // 2], b""):
        damaged.write_bytes(content)
        with pytest.raises(UnreadableAudioError, match="damaged.hdf5 is not"):
            find_recordings(str(damaged), sample_rate=RATE)


def test_nothing_to_hear_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no recordings"):
        find_recordings(str(tmp_path))
    with pytest.raises(ValueError, match="no folder and no HDF5 file"):
        find_recordings(str(tmp_path / "gone.hdf5"))


@pytest.mark.parametrize(
    "supposed, true", [(16000, 24000), (24000, 16000), (22050, 44100)]
)
def test_wrong_rate_is_caught_and_the_right_one_named(tmp_path, supposed, true):
    path = str(tmp_path / "audio.hdf5")
    with h5py.File(path, "w") as file:
        for seconds in (3, 4, 5):
            file[f"v{seconds}"] = noise(seconds, true)
    recordings = find_recordings(path, sample_rate=supposed)
    lasts = {name: int(name[1]) * true / supposed for name in recordings}
    expected = {name: int(name[1]) + 0.01 for name in recordings}
    with pytest.raises(ValueError, match=f"{true} Hz would fit"):
        check_durations(recordings, lasts, expected)
    recordings = find_recordings(path, sample_rate=true)
    lasts = {name: float(name[1]) for name in recordings}
    assert check_durations(recordings, lasts, expected) == lasts


def test_single_recordings_at_another_rate_are_left_out(hdf5):
    recordings = find_recordings(hdf5, sample_rate=RATE)
    recordings["short"] = recordings["P01_01"]
    durations = {"P01_01": 4.0, "P02_01": 12.0, "short": 3.1}
    expected = {"P01_01": 4.0, "P02_01": 6.0, "short": 4.0}
    checked = check_durations(recordings, durations, expected)
    assert isinstance(checked.pop("P02_01"), UnreadableAudioError)
    assert checked == {"P01_01": 4.0, "short": 3.1}


def test_odd_segments_are_mended_or_left_out():
    broken = UnreadableAudioError("broken.wav is truncated")
    durations = {"a": 10.0, "b": broken}
    found, missing, mended = match_segments(
        [
            segment("a_0", 1.0, 3.0),
            segment("a_1", 9.0, 10.5),
            segment("a_2", 5.0, 5.0),
            segment("a_3", 6.0, 4.0),
            segment("a_4", 10.0, 11.0),
            segment("a_5", -1.0, 2.0),
            segment("a_6", -5.0, -1.0),
            segment("b_0", 1.0, 2.0),
            segment("c_0", 1.0, 2.0),
        ],
        {"a": "a.wav", "b": "broken.wav"},
        durations,
    )
    times = {row["ID"]: (row["start"], row["stop"]) for row in found}
    assert times == {
        "a_0": (1.0, 3.0),
        "a_1": (9.0, 10.0),
        "a_2": (5.0, 5.01),
        "a_3": (4.0, 6.0),
        "a_5": (0.0, 2.0),
    }
    assert [row["ID"] for row in mended] == ["a_1", "a_2", "a_3", "a_5"]
    reasons = {row["ID"]: row["reason"] for row in missing}
    assert set(reasons) == {"a_4", "a_6", "b_0", "c_0"}
    assert "from 10.000 s to 11.000 s" in reasons["a_4"]
    assert "truncated" in reasons["b_0"]
    assert reasons["c_0"] == "there is no recording c"


def prepare(audio, save, **options):
    """Prepares a split of five segments, of which three can be heard."""
    splits = {
        "test": [
            segment("P01_01_0", 0.5, 1.5, "verb:take|noun:tap"),
            segment("P01_01_1", 3.5, 4.5, "verb:put|noun:tap"),
            segment("P01_01_2", 4.5, 5.0, "verb:put|noun:tap"),
            segment("P02_01_0", 1.0, 5.0, "verb:put|noun:tap"),
            segment("P03_01_0", 1.0, 2.0, "verb:put|noun:tap"),
        ]
    }
    classes = ["verb:take", "verb:put", "noun:tap"]
    prepare_segments(
        splits, classes, audio, str(save), sample_rate=RATE, **options
    )


def test_manifest_and_reports(hdf5, tmp_path):
    save = tmp_path / "save"
    prepare(hdf5, save)
    rows = read_rows(save / "test.csv")
    assert [row["ID"] for row in rows] == ["P01_01_0", "P01_01_1", "P02_01_0"]
    assert float(rows[1]["duration"]) == float(rows[1]["stop"]) == 4.0
    assert rows[0]["label"] == "verb:take|noun:tap"
    missing = {
        row["ID"]: row["reason"] for row in read_rows(save / "missing.csv")
    }
    assert set(missing) == {"P01_01_2", "P03_01_0"}
    assert [row["ID"] for row in read_rows(save / "mended.csv")] == ["P01_01_1"]
    coverage = json.loads((save / "coverage.json").read_text())["test"]
    assert (coverage["expected"], coverage["found"]) == (5, 3)
    classes = (save / "classes.txt").read_text().splitlines()
    assert classes == ["verb:take", "verb:put", "noun:tap"]


def test_preparation_is_redone_when_the_audio_changes(hdf5, tmp_path):
    save = tmp_path / "save"
    prepare(hdf5, save)
    before = (save / "test.csv").stat().st_mtime_ns
    prepare(hdf5, save)
    assert (save / "test.csv").stat().st_mtime_ns == before
    # Else this process would still have it open for reading.
    _open_once.cache_clear()
    with h5py.File(hdf5, "a") as file:
        file["P03_01"] = noise(3)
    prepare(hdf5, save)
    assert len(read_rows(save / "test.csv")) == 4


def test_preparation_is_redone_when_a_file_is_repaired(tmp_path):
    audio, save = tmp_path / "audio", tmp_path / "save"
    audio.mkdir()
    for seconds, found in ((2, ["P01_01_0"]), (4, ["P01_01_0", "P01_01_1"])):
        soundfile.write(audio / "P01_01.wav", noise(seconds), RATE)
        soundfile.write(audio / "P02_01.wav", noise(6), RATE)
        (audio / "P03_01.wav").unlink(missing_ok=True)
        (audio / "P03_01.wav").symlink_to(tmp_path / "gone.wav")
        prepare(str(audio), save)
        rows = read_rows(save / "test.csv")
        assert [row["ID"] for row in rows] == [*found, "P02_01_0"]


def test_wrong_rate_stops_the_preparation(hdf5, tmp_path):
    expected = {"P01_01": 2.0, "P02_01": 3.0}
    with pytest.raises(ValueError, match="16000 Hz would fit"):
        prepare(hdf5, tmp_path / "save", expected=expected)


def test_a_rate_that_nothing_checks_is_warned_of(hdf5, tmp_path, caplog):
    prepare(hdf5, tmp_path / "checked", expected={"P01_01": 4.0})
    assert "Nothing tells" not in caplog.text
    prepare(hdf5, tmp_path / "save")
    assert f"whether {RATE} Hz is the rate of {hdf5}" in caplog.text


def test_split_that_cannot_be_heard_says_why(hdf5, tmp_path):
    splits = {"test": [segment("P09_01_0", 1.0, 2.0)]}
    arguments = ["tap"], hdf5, str(tmp_path / "save")
    with pytest.raises(
        ValueError, match="none of the 1.*no recording P09_01.*P01_01, P02_01"
    ):
        prepare_segments(splits, *arguments, sample_rate=RATE)
    with pytest.raises(ValueError, match="no valid clips"):
        prepare_segments({"valid": []}, *arguments, sample_rate=RATE)


@pytest.mark.parametrize("wav", ["test.tar::512+900", "/audio/P01_01.wav"])
def test_recordings_of_a_manifest_are_found_from_anywhere(tmp_path, wav):
    """Packed ones have locators from where the manifest is."""
    path = tmp_path / "test.csv"
    path.write_text(f"ID,label,wav,start,stop\nP01_01_0,tap,{wav},1.5,2.0\n")
    found, _ = read_recordings(path)["P01_01"]
    assert found == str(tmp_path / wav)


@pytest.mark.parametrize(
    "path, rows, mended",
    [
        ("epic_kitchens_100/EPIC_100_validation.csv", 9668, 1),
        ("epic_kitchens_100/EPIC_100_test_timestamps.csv", 13092, 0),
        ("epic_sounds/EPIC_Sounds_validation.csv", 8035, 21),
        ("epic_sounds/EPIC_Sounds_recognition_test_timestamps.csv", 5131, 19),
    ],
)
def test_real_segments_lie_in_their_videos(shared, path, rows, mended):
    folder = shared / "data/annotations"
    durations = read_video_durations(
        folder / "epic_kitchens_100/EPIC_100_video_info.csv"
    )
    segments = read_segments(folder / path)
    found, missing, changed = match_segments(
        [{**s, "label": ""} for s in segments], durations, durations
    )
    assert (len(found), len(missing), len(changed)) == (rows, 0, mended)
