"""Tests of the search for audio files.

Authors
 * The speechbrain_pib developers 2026
"""

import logging
import os

import pytest

from speechbrain_pib.dataio.audio.files import (
    CLIP_EXTENSIONS,
    find_copies,
    hash_files,
    walk_audio,
)


def test_links_are_followed_and_circles_end(tmp_path):
    inside, linked = tmp_path / "audio" / "a", tmp_path / "elsewhere"
    for folder in (inside, linked):
        folder.mkdir(parents=True)
    for path in (inside / "1.wav", inside / "2.Flac", linked / "3.mp3"):
        path.touch()
    (inside / "notes.txt").touch()
    (inside / "link").symlink_to(linked)
    (linked / "back").symlink_to(tmp_path / "audio")
    (linked / "itself").symlink_to(linked)
    found = list(walk_audio(tmp_path / "audio"))
    assert found == [
        ("1", str(inside / "1.wav")),
        ("2", str(inside / "2.Flac")),
        ("3", str(inside / "link" / "3.mp3")),
    ]


@pytest.mark.parametrize(
    "name, shown",
    [
        (b"caf\xe9.wav", "caf\\udce9.wav"),
        (b"two\nlines.wav", "two\\nlines.wav"),
        (b"\x1b[2Jcleared.wav", "\\x1b[2Jcleared.wav"),
        (b"f\xf6lder/a.wav", "f\\udcf6lder/a.wav"),
    ],
)
def test_names_that_no_manifest_holds_are_left_out(
    tmp_path, caplog, name, shown
):
    path = os.path.join(os.fsencode(tmp_path), name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, "wb").close()
    (tmp_path / "good.wav").touch()
    with caplog.at_level(logging.WARNING):
        assert [name for name, _ in walk_audio(tmp_path)] == ["good"]
    assert shown in caplog.text and caplog.text.isascii()
    assert caplog.text.count("\n") == 1


@pytest.mark.parametrize(
    "name", ["-dash", "--help", "a::b", "x.tar::1+2", "caf\u00e9", "a b", "$1"]
)
def test_other_names_are_found_as_they_are(tmp_path, name):
    (tmp_path / f"{name}.wav").touch()
    path = str(tmp_path / f"{name}.wav")
    assert list(walk_audio(tmp_path)) == [(name, path)]


def test_hidden_files_are_passed_over(tmp_path):
    (tmp_path / "._a.wav").touch()
    assert list(walk_audio(tmp_path)) == []


def test_the_sound_of_videos_counts_only_where_clips_are_looked_for(tmp_path):
    for name in ("a.wav", "b.MP4", "c.webm"):
        (tmp_path / name).touch()
    assert [name for name, _ in walk_audio(tmp_path)] == ["a"]
    assert list(find_copies(tmp_path)) == ["a"]
    assert list(find_copies(tmp_path, CLIP_EXTENSIONS)) == ["a", "b", "c"]


def test_copies_are_ordered_by_their_format(tmp_path):
    for extension in ("webm", "m4a", "mp3", "opus", "ogg", "flac", "WAV"):
        (tmp_path / f"a.{extension}").touch()
    (paths,) = find_copies(tmp_path, CLIP_EXTENSIONS).values()
    assert [os.path.splitext(path)[1] for path in paths] == (
        ".WAV .flac .ogg .opus .mp3 .m4a .webm".split()
    )


def test_a_hash_of_files_tells_each_change(tmp_path):
    paths = [str(tmp_path / name) for name in ("a.wav", "b.wav")]
    seen = [hash_files(paths)]

    def changed():
        seen.append(hash_files(paths))
        return len(set(seen)) == len(seen)

    (tmp_path / "a.wav").write_bytes(b"12")
    assert changed()
    (tmp_path / "a.wav").write_bytes(b"123")
    assert changed()
    os.utime(tmp_path / "a.wav", ns=(0, 1))
    assert changed()
    paths.reverse()
    assert changed()
    (tmp_path / "a.wav").rename(tmp_path / "b.wav")
    assert changed()
    assert hash_files(paths) == seen[-1]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match="there is no folder .*nothing"):
        find_copies(tmp_path / "nothing")
