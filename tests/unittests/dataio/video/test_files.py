"""Tests of finding videos in a folder, and of probing them.

Authors
 * The speechbrain_pib developers 2026
"""

import os

import pytest

from speechbrain_pib.dataio.video.files import (
    EXTENSIONS,
    find_videos,
    write_video_list,
)
from tests.videos import write_video


def make(folder, *names):
    """Empty files."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_folder_of_videos(tmp_path):
    make(tmp_path, "P01/b.MP4", "P01/a.webm", "c.mkv", "d.txt", ".e.mp4")
    videos = find_videos(str(tmp_path))
    assert list(videos) == ["P01/a", "P01/b", "c"]
    assert videos["P01/b"] == str(tmp_path / "P01/b.MP4")
    for empty in ("nowhere", "P01/b.MP4"):
        with pytest.raises(ValueError, match="holds no videos"):
            find_videos(str(tmp_path / empty))


def test_videos_of_all_kinds_are_found(tmp_path):
    make(tmp_path, *(f"{e[1:]}{e}" for e in EXTENSIONS))
    assert sorted(find_videos(str(tmp_path))) == sorted(
        extension[1:] for extension in EXTENSIONS
    )
    assert {".mts", ".m2ts", ".ogv", ".vob", ".asf"} < set(EXTENSIONS)


def test_linked_folders_are_followed_once(tmp_path):
    make(tmp_path, "data/train/a.mp4", "disk/b.mp4", "disk/deep/c.mp4")
    data = tmp_path / "data"
    os.symlink(tmp_path / "disk", data / "linked")
    os.symlink(data, tmp_path / "disk/back")  # a circle
    os.symlink(data / "train", data / "zz_again")
    videos = find_videos(str(data))
    assert list(videos) == ["linked/b", "linked/deep/c", "train/a"]


@pytest.mark.parametrize(
    "name",
    [
        "v_1.mp4.part",
        "v_1.mp4.ytdl",
        "v_1.mp4.part-Frag7",
        "v_1.mp4.crdownload",
        "v_1.temp.mp4",
        "v_1.f137.mp4",
        "v_1.f251.webm",
        "v_1.f140-drc.mp4",
    ],
)
def test_parts_of_downloads_are_no_videos(tmp_path, name):
    make(tmp_path, name, "v_2.fly.mp4", "v_3.f1.mp4")
    assert list(find_videos(str(tmp_path))) == ["v_2.fly", "v_3.f1"]


def test_of_several_files_a_whole_one_is_taken(tmp_path):
    pytest.importorskip("av", reason="reading videos needs PyAV")
    whole = {
        extension: write_video(tmp_path / f"v_1.{extension}", 50)
        for extension in ("mkv", "mp4", "avi")
    }
    find = lambda: find_videos(str(tmp_path))["v_1"]  # noqa: E731
    assert find() == whole["mp4"]
    with open(whole["mp4"], "rb+") as file:
        file.truncate(os.path.getsize(whole["mp4"]) // 2)
    assert find() == whole["mkv"]
    with open(whole["mkv"], "rb+") as file:
        file.truncate(os.path.getsize(whole["mkv"]) // 2)
    assert find() == whole["avi"]
    os.remove(whole["avi"])
    assert find() in (whole["mp4"], whole["mkv"])


def test_odd_names_work_or_are_refused_by_name(tmp_path, caplog):
    works = ["-rf.mp4", "a b'c\"d.mp4", "caf\u00e9\u3000\u00a0.mp4", "x::y.mp4"]
    make(tmp_path, *works)
    for name in (b"new\nline.mp4", b"caf\xe9.mp4", b"\x1b[2J.mp4"):
        open(os.path.join(os.fsencode(tmp_path), name), "w").close()
    videos = find_videos(str(tmp_path))
    assert sorted(videos) == sorted(name[:-4] for name in works)
    write_video_list(tmp_path / "list.csv", videos, dict.fromkeys(videos, ""))
    for escaped in (r"new\nline.mp4", r"caf\udce9.mp4", r"\x1b[2J.mp4"):
        assert escaped in caplog.text
