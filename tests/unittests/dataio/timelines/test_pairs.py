"""Which reference and estimate belong together.

Authors
 * The speechbrain_pib developers 2026
"""

import pytest

from speechbrain_pib.dataio.timelines.pairs import pair_files


def touch(folder, *names):
    """Make empty files."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_files_of_folders_are_paired_by_name(tmp_path):
    a = touch(tmp_path / "a", "x.csv", "day/x.csv", "y.TextGrid", "notes.md")
    b = touch(tmp_path / "b", "x.rttm", "day/x.selections.txt", "y.jsonl")
    pairs, alone = pair_files(str(a), str(b))
    assert not alone
    assert pairs == {
        "day/x": (f"{a}/day/x.csv", f"{b}/day/x.selections.txt"),
        "x": (f"{a}/x.csv", f"{b}/x.rttm"),
        "y": (f"{a}/y.TextGrid", f"{b}/y.jsonl"),
    }


def test_of_several_formats_the_one_that_says_most_is_taken(tmp_path):
    a = touch(tmp_path / "a", "x.csv")
    b = touch(tmp_path / "b", "x.vtt", "x.selections.txt", "x.jsonl", "x.txt")
    assert pair_files(a, b)[0] == {"x": (f"{a}/x.csv", f"{b}/x.jsonl")}


def test_who_has_no_partner_is_named(tmp_path):
    a = touch(tmp_path / "a", "x.csv", "y.csv")
    b = touch(tmp_path / "b", "x.csv", "z.csv")
    pairs, alone = pair_files(a, b)
    assert list(pairs) == ["x"]
    assert alone == {
        f"{a}/y.csv": f"there is no estimate for {a}/y.csv",
        f"{b}/z.csv": f"there is no reference for {b}/z.csv",
    }


def test_two_files_are_a_pair_whatever_their_names(tmp_path):
    a, b = tmp_path / "truth.csv", tmp_path / "found.vtt"
    touch(tmp_path, a.name, b.name)
    assert pair_files(a, b) == ({"truth": (str(a), str(b))}, {})


def test_a_file_and_a_folder_are_no_pair(tmp_path):
    path = touch(tmp_path, "a.csv") / "a.csv"
    with pytest.raises(ValueError, match="two files or two folders"):
        pair_files(path, tmp_path)


def test_a_folder_without_events_is_named(tmp_path):
    a = touch(tmp_path / "a", "x.csv")
    b = touch(tmp_path / "b", "x.wav")
    with pytest.raises(ValueError, match="b holds no files of events"):
        pair_files(a, b)
