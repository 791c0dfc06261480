"""Tests of the search for audio files.

Authors
 * The speechbrain_pib developers 2026
"""

from speechbrain_pib.dataio.audio.files import walk_audio


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
