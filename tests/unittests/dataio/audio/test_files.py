"""Tests of the search for audio files.

Authors
 * The speechbrain_pib developers 2026
"""

import pytest

from speechbrain_pib.dataio.audio.files import audio_by_name, walk_audio


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


def test_the_best_format_of_a_name_is_taken(tmp_path):
    for name in ("z/a.mp3", "z/a.flac", "b/a.ogg", "b/c.WAV", "c.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = audio_by_name(tmp_path)
    assert list(found) == ["a", "c"]
    assert found["a"] == str(tmp_path / "z/a.flac")
    assert found["c"] == str(tmp_path / "b/c.WAV")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match="there is no folder .*nothing"):
        audio_by_name(tmp_path / "nothing")
