"""Which recordings there are, how results are named, and when they began.

Authors
 * The speechbrain_pib developers 2026
"""

import os
from datetime import datetime

import pytest

from speechbrain_pib.dataio.timelines.recordings import (
    find_begin,
    find_recordings,
)

PATTERN = "%Y%m%d_%H%M%S"


def touch(folder, *names):
    """Make empty files."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def names(*paths):
    """Names of the results of recordings."""
    return [recording.name for recording in find_recordings(paths)]


def test_folders_are_searched_with_links_followed_once(tmp_path):
    touch(tmp_path, "a/b/c.WAV", "a/d.mkv", "a/.hidden.wav", "a/e.csv")
    touch(tmp_path, "other/f.flac")
    os.symlink(tmp_path / "other", tmp_path / "a/linked")
    os.symlink(tmp_path / "a", tmp_path / "a/b/circle")
    assert names(tmp_path / "a") == ["d", "b/c", "linked/f"]


def test_files_with_the_same_stem_keep_their_extensions(tmp_path):
    touch(tmp_path, "a.wav", "a.mp3", "b.wav", "c/a.wav")
    assert names(tmp_path) == ["a.mp3", "a.wav", "b", "c/a"]
    assert names(tmp_path / "a.wav", tmp_path / "missing.wav") == [
        "a",
        "missing",
    ]
    with pytest.raises(ValueError, match=r"a\.wav and .*c/a\.wav would have"):
        names(tmp_path / "a.wav", tmp_path / "c")
    assert names(tmp_path / "a.wav", tmp_path / "a.wav") == ["a"]
    assert names(tmp_path / "c", f"{tmp_path}/./c/../c/a.wav") == ["a"]


@pytest.mark.parametrize(
    "files, found",
    [
        (["Owl.wav", "owl.flac"], ["Owl.wav", "owl.flac"]),
        # Both had "a.selections.txt", of Raven and of Audacity.
        (["a.selections.wav", "a.wav"], ["a.selections.wav", "a.wav"]),
    ],
)
def test_no_two_recordings_have_a_result_in_common(tmp_path, files, found):
    touch(tmp_path, *files)
    assert names(tmp_path) == found


def test_a_folder_without_sound_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="holds no sound and no videos"):
        find_recordings([tmp_path])


@pytest.mark.parametrize(
    "name, pattern, begin",
    [
        ("A_20260501_043000_x.wav", PATTERN, datetime(2026, 5, 1, 4, 30)),
        (
            "20261301_043000-20260501_043001.wav",
            PATTERN,
            (2026, 5, 1, 4, 30, 1),
        ),
        ("120260501_043000.wav", PATTERN, None),
        ("20260230_043000.wav", PATTERN, None),
        ("owl (2026.05.01).wav", "(%Y.%m.%d)", (2026, 5, 1)),
        ("x_26121.wav", "%y%j", (2026, 5, 1)),
        ("x.wav", "2026-05-01T04:30:00", (2026, 5, 1, 4, 30)),
    ],
)
def test_names_tell_when_a_recording_was_begun(name, pattern, begin):
    begin = datetime(*begin) if isinstance(begin, tuple) else begin
    # Not the folder.
    path = f"/20200101_000000/{name}"
    assert find_begin(path, pattern) == begin


def test_wrong_patterns_are_errors():
    with pytest.raises(ValueError, match="not %Q"):
        find_begin("a.wav", "%Q")
    with pytest.raises(ValueError, match="not %$"):
        find_begin("a.wav", "20%")
    with pytest.raises(ValueError, match="%M can stand in it only once"):
        find_begin("", "%Y%M%d_%H%M%S")
    with pytest.raises(ValueError, match="monday"):
        find_begin("a.wav", "monday")
