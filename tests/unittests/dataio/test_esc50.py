"""Tests of reading ESC-50's layout.

Authors
 * The speechbrain_pib developers 2026
"""

import pytest

from speechbrain_pib.dataio.esc50 import find_esc50, read_meta

HEADER = "filename,fold,category"


def read(tmp_path, *lines):
    """Read a table with these lines."""
    path = tmp_path / "esc50.csv"
    path.write_text("".join(f"{line}\n" for line in lines))
    return read_meta(str(path))


def test_the_folder_in_an_unpacked_archive_is_found(tmp_path):
    (tmp_path / "ESC-50-master/meta").mkdir(parents=True)
    (tmp_path / "ESC-50-master/meta/esc50.csv").touch()
    inner = str(tmp_path / "ESC-50-master")
    assert find_esc50(str(tmp_path)) == find_esc50(inner) == inner


def test_recordings_and_events_are_read_where_they_are(tmp_path):
    (clip,) = read(
        tmp_path,
        f"{HEADER},src_file,event_start,event_stop",
        "1-7-A-0.wav,1,dog,7,0.5,1.25",
    )
    assert clip == {
        "ID": "1-7-A-0",
        "fold": 1,
        "label": "dog",
        "recording": "7",
        "event_start": 0.5,
        "event_stop": 1.25,
    }


def test_a_clip_may_have_no_event(tmp_path):
    header = f"{HEADER},event_start,event_stop"
    quiet, loud = read(tmp_path, header, "a.wav,1,none,,", "b.wav,1,dog,0,1")
    assert quiet == {"ID": "a", "fold": 1, "label": "none"}
    assert loud["event_stop"] == 1.0


@pytest.mark.parametrize(
    "times", ["1.0,1.0", "-1,1", "0,inf", "nan,1", "0,", "0,soon", "0"]
)
def test_an_event_that_cannot_be_is_named_with_its_line(tmp_path, times):
    lines = (f"{HEADER},event_start,event_stop", f"a.wav,1,dog,{times}")
    with pytest.raises(ValueError, match="esc50.csv, line 2.*event_start"):
        read(tmp_path, *lines)


def test_half_of_the_columns_of_events_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="line 2.*event_stop"):
        read(tmp_path, f"{HEADER},event_start", "a.wav,1,dog,0.5")


def test_a_clip_that_is_listed_twice_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="line 3: a appears twice"):
        read(tmp_path, HEADER, "a.wav,1,dog", "a.ogg,2,dog")
