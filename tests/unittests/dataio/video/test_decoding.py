"""Tests of decoding videos that are truncated, damaged or odd.

Authors
 * The speechbrain_pib developers 2026
"""

import os
import re
import struct
import sys

import numpy as np
import pytest
import torch

from speechbrain_pib.dataio.video.containers import UnreadableVideoError
from speechbrain_pib.dataio.video.files import probe_video
from speechbrain_pib.dataio.video.frames import read_frames
from speechbrain_pib.dataio.video.sound import (
    iter_seconds,
    iter_sound,
    read_sound,
)
from tests.videos import (
    FORMATS,
    damage_packets,
    number_of,
    pitch_of,
    tone,
    write_video,
)

av = pytest.importorskip("av", reason="reading videos needs PyAV")


TRUNCATED = [
    ("a.mp4", ("libx264", "aac"), None),
    ("early.mp4", ("libx264", "aac"), {"movflags": "faststart"}),
    ("a.mkv", ("libx264", "flac"), None),
    ("a.webm", ("libvpx-vp9", "libopus"), None),
    ("untagged.webm", ("libvpx-vp9", "libopus"), None),
    ("a.avi", ("mpeg4", "pcm_s16le"), None),
    ("a.flv", ("flv1", "libmp3lame"), None),
]


def read_all_pictures(path):
    """The first and the last picture, with all between decoded."""
    return read_frames(path, [0.0, 5.9])


def read_all_sound(path):
    """All of the sound."""
    return list(iter_sound(path, 16000))


READERS = [probe_video, read_all_pictures, read_all_sound]


def rewrite(path, *changes):
    """Replaces bytes of a file by others of the same number."""
    with open(path, "rb") as file:
        content = file.read()
    for old, new in changes:
        assert old in content and len(old) == len(new)
        content = content.replace(old, new)
    with open(path, "wb") as file:
        file.write(content)


@pytest.mark.parametrize("name, codecs, options", TRUNCATED)
def test_truncated_file_is_an_error(tmp_path, name, codecs, options):
    rng = np.random.default_rng(0)
    noise = 0.1 * rng.standard_normal((1, 48000 * 6)).astype(np.float32)
    rate = 44100 if name.endswith("flv") else 48000
    path = write_video(
        tmp_path / name, 150, noise, codecs, options, sample_rate=rate
    )
    if name == "untagged.webm":  # as YouTube writes it
        rewrite(path, (b"DURATION", b"XURATION"))
    for read in READERS:
        read(path)
    with open(path, "rb") as file:
        content = file.read()
    for share in (0.3, 0.6):
        with open(path, "wb") as file:
            file.write(content[: int(share * len(content))])
        for read in READERS:
            with pytest.raises(UnreadableVideoError, match=name):
                read(path)


@pytest.mark.parametrize("extension", ["ts", "mpg", "live.webm"])
def test_what_states_no_duration_is_read_as_far_as_it_goes(tmp_path, extension):
    codecs = {
        "ts": ("libx264", "aac"),
        "mpg": ("mpeg2video", "mp2"),
        "live.webm": ("libvpx-vp9", "libopus"),
    }[extension]
    options = {"live": "1"} if "live" in extension else None
    path = write_video(
        tmp_path / f"a.{extension}",
        150,
        tone(6.0, 48000)[None],
        codecs,
        options,
        sample_rate=48000,
    )
    assert probe_video(path).duration == pytest.approx(6, abs=0.05)
    with open(path, "rb+") as file:
        file.truncate(os.path.getsize(path) // 2)
    duration = probe_video(path).duration
    assert 2 < duration < 4.5
    last = number_of(read_frames(path, [duration])[0])
    assert last == pytest.approx(25 * duration, abs=3)


def mp4_durations(path, seconds):
    """Lets all headers of an MP4 file state another duration."""
    with open(path, "rb") as file:
        content = bytearray(file.read())
    # Where the time scale and the duration are in a box.
    for box, scale, place in ((b"mvhd", 16, 20), (b"mdhd", 16, 20)):
        start = content.find(box)
        while start >= 0:
            unit = struct.unpack_from(">I", content, start + scale)[0]
            struct.pack_into(">I", content, start + place, seconds * unit)
            start = content.find(box, start + 1)
    with open(path, "wb") as file:
        file.write(content)


def mkv_duration(path, seconds):
    """Lets the header of a Matroska file state another duration."""
    with open(path, "rb") as file:
        content = bytearray(file.read())
    place = content.index(b"\x44\x89\x88") + 3  # Duration, of 8 bytes
    struct.pack_into(">d", content, place, 1000.0 * seconds)
    with open(path, "wb") as file:
        file.write(content)


def avi_frames(path, count):
    """Lets the header of an AVI file state another number of pictures."""
    with open(path, "rb") as file:
        content = bytearray(file.read())
    struct.pack_into("<I", content, content.index(b"avih") + 24, count)
    struct.pack_into("<I", content, content.index(b"strh") + 40, count)
    with open(path, "wb") as file:
        file.write(content)


@pytest.mark.parametrize("seconds", [2, 600, 10**6])
@pytest.mark.parametrize(
    "name, codecs, lie",
    [
        ("a.mp4", ("libx264", "aac"), mp4_durations),
        ("a.mkv", ("libx264", "flac"), mkv_duration),
        ("a.webm", ("libvpx-vp9", "libopus"), mkv_duration),
    ],
)
def test_duration_is_that_of_what_is_there(
    tmp_path, name, codecs, lie, seconds
):
    # Of the MP4 a table of packets, of the others a tag says otherwise.
    path = write_video(
        tmp_path / name, 150, tone(6.0, 48000)[None], codecs, sample_rate=48000
    )
    lie(path, min(seconds, 4000) if name == "a.mp4" else seconds)
    assert probe_video(path).duration == pytest.approx(6, abs=0.05)
    assert number_of(read_frames(path, [5.9])[0]) == 147
    assert pitch_of(read_sound(path, 5, 6, 16000)[0]) == pytest.approx(1300, 5)
    assert sum(map(len, iter_sound(path, 16000))) / 16000 == pytest.approx(
        6, abs=0.05
    )


def test_avi_is_longer_than_its_header_says(tmp_path):
    path = write_video(
        tmp_path / "a.avi", 150, tone(6.0)[None], ("mpeg4", "pcm_s16le")
    )
    avi_frames(path, 50)
    assert probe_video(path).duration == pytest.approx(6)
    assert number_of(read_frames(path, [5.9])[0]) == 147
    # More than is there cannot be told from a truncated file.
    avi_frames(path, 9999)
    for read in (probe_video, read_all_sound):
        with pytest.raises(UnreadableVideoError, match="ends at 399.96 s"):
            read(path)


@pytest.mark.parametrize("name, codecs", FORMATS)
@pytest.mark.parametrize("longer", ["pictures", "sound"])
def test_the_longer_stream_gives_the_duration(tmp_path, name, codecs, longer):
    pictures, sound = (75, 1.0) if longer == "pictures" else (25, 3.0)
    path = write_video(tmp_path / name, pictures, tone(sound)[None], codecs)
    assert probe_video(path).duration == pytest.approx(3, abs=0.08)
    assert len(list(iter_seconds(path, 16000, 3))) == 3
    last = number_of(read_frames(path, [2.99])[0])
    assert last == pictures - 1


def test_times_count_from_the_first_picture(tmp_path):
    untagged = ("untagged.webm", ("libvpx-vp9", "libopus"))
    for name, codecs in (*FORMATS[:2], untagged):
        times = [125 + n for n in range(50)]
        path = write_video(tmp_path / name, 50, None, codecs, times=times)
        if "untagged" in name:
            rewrite(path, (b"DURATION", b"XURATION"))
        assert probe_video(path).duration == pytest.approx(2)
        images = read_frames(path, [0.0, 1.0])
        assert [number_of(image) for image in images] == [0, 25]


def test_pictures_at_irregular_times(tmp_path):
    times = [0, 1, 5, 40, 41, 90]
    for name, codecs in FORMATS[:2]:
        path = write_video(tmp_path / name, 6, None, codecs, times=times)
        asked = [0.0, 0.1, 0.2, 1.59, 1.6, 1.7, 3.59, 3.6]
        numbers = [number_of(image) for image in read_frames(path, asked)]
        assert numbers == [0, 1, 2, 2, 3, 4, 4, 5]


@pytest.mark.parametrize("name, codecs", [FORMATS[4], FORMATS[5]])
def test_recordings_joined_with_two_clocks_are_an_error(tmp_path, name, codecs):
    path = write_video(tmp_path / name, 100, tone(4.0)[None], codecs)
    with open(path, "rb") as file:
        content = file.read()
    with open(path, "wb") as file:
        file.write(2 * content)
    with pytest.raises(UnreadableVideoError, match=r"back from [34]\.\d+ to 0"):
        probe_video(path)
    for read in (lambda p: read_frames(p, [9.0]), read_all_sound):
        with pytest.raises(UnreadableVideoError, match="goes back"):
            read(path)


def test_a_damaged_picture_is_skipped(tmp_path, caplog):
    path = write_video(tmp_path / "a.mp4", 150)
    damage_packets(path, "video", [60])
    times = [0.0, 1.0, 4.0, 5.9]  # Key frames are at 0, 2 and 4 s.
    numbers = [number_of(image) for image in read_frames(path, times)]
    assert numbers == [0, 25, 100, 147]
    assert "a.mp4: 1 of 150 packets of its video are damaged" in caplog.text
    assert re.search(r"the first after 2\.\d\d s; skipped", caplog.text)


@pytest.mark.parametrize(
    "name, codecs",
    [
        ("a.mp4", ("libx264", "aac")),
        ("a.mp4", ("libx265", "aac")),
        ("a.avi", ("mpeg4", "pcm_s16le")),
        ("a.ts", ("libx264", "aac")),
    ],
)
@pytest.mark.parametrize("number", [0, 50, 60, 149])
def test_wherever_the_damage_is_the_rest_is_in_time(
    tmp_path, name, codecs, number
):
    wav = tone(6.0, 48000)[None]
    path = write_video(tmp_path / name, 150, wav, codecs, sample_rate=48000)
    damage_packets(path, "video", [number])
    # Before the first picture that can be decoded there may be nothing.
    lost = 6 - probe_video(path).duration if number == 0 else 0
    assert lost < 2.1
    # All but the pictures up to the next key frame, every 2 s.
    for second in (0.5, 1.9, 2.5, 3.9, 4.5, 5.5):
        if not number <= 25 * second < number // 50 * 50 + 50:
            image = read_frames(path, [second - lost])[0]
            assert number_of(image) == pytest.approx(25 * second, abs=1)
    for second in (2, 5):
        sound, _ = read_sound(path, second - lost, second + 1 - lost, 16000)
        assert pitch_of(sound) == pytest.approx(300 + 200 * second, abs=3)


@pytest.mark.parametrize(
    "name, codec, packet", [("a.mp4", "aac", 1024), ("a.mov", "alac", 4096)]
)
def test_a_damaged_packet_of_sound_is_silence(tmp_path, name, codec, packet):
    wav = tone(6.0)[None]
    path = write_video(tmp_path / name, 150, wav, ("libx264", codec))
    whole = torch.cat(list(iter_sound(path, 44100)))
    damage_packets(path, "audio", [30, 31])
    damaged = torch.cat(list(iter_sound(path, 44100)))
    # AAC's blocks overlap, and begin with one that is not heard.
    first, last = 29 * packet, 33 * packet
    silent = (damaged[first:last].abs() < 1e-4).sum()
    assert packet <= silent <= 2.2 * packet
    # The rest is where it was, to the sample; what FFmpeg fills a band with
    # that is but noise depends on what came before.
    assert len(damaged) == len(whole)
    change = (damaged - whole).abs()
    assert max(change[1000:first].max(), change[last:].max()) < 1e-2


@pytest.mark.parametrize("kind", ["video", "audio"])
@pytest.mark.parametrize("share, readable", [(0.04, True), (0.06, False)])
def test_up_to_a_twentieth_of_the_packets_may_be_damaged(
    tmp_path, kind, share, readable
):
    path = write_video(tmp_path / "a.mp4", 150, tone(6.0)[None])
    count = {"video": 150, "audio": 259}[kind]
    numbers = np.linspace(5, count - 5, round(share * count)).astype(int)
    damage_packets(path, kind, numbers)
    read = {"video": read_all_pictures, "audio": read_all_sound}[kind]
    if readable:
        read(path)
    else:
        wanted = rf"a.mp4: {len(numbers)} of \d+ packets of its {kind} are "
        with pytest.raises(UnreadableVideoError, match=wanted):
            read(path)


def test_a_part_that_is_all_damaged_is_an_error(tmp_path):
    path = write_video(tmp_path / "a.mp4", 150, tone(6.0)[None])
    damage_packets(path, "audio", range(80, 260))
    assert pitch_of(read_sound(path, 0, 1, 16000)[0]) == pytest.approx(300, 5)
    with pytest.raises(UnreadableVideoError, match="audio are damaged"):
        read_sound(path, 3, 4, 16000)


def test_missing_and_foreign_files_are_one_error(tmp_path):
    (tmp_path / "page.mp4").write_text("<html>not found</html>" * 99)
    (tmp_path / "empty.mp4").touch()
    for name in ("gone.mp4", "page.mp4", "empty.mp4"):
        for read in READERS:
            with pytest.raises(UnreadableVideoError, match=name):
                read(str(tmp_path / name))


def test_a_third_that_is_damaged_is_an_error(tmp_path, clip):
    with open(clip, "rb") as file:
        data = bytearray(file.read())
    third = len(data) // 3
    data[third : 2 * third] = b"\x55" * third
    (tmp_path / "damaged.mp4").write_bytes(data)
    with pytest.raises(UnreadableVideoError, match="damaged.mp4"):
        read_frames(str(tmp_path / "damaged.mp4"), [3.9])


def test_times_of_weeks_are_an_error(tmp_path):
    times = [0, 25 * 10**6]
    path = write_video(tmp_path / "a.mkv", 2, None, ("libx264",), times=times)
    with pytest.raises(UnreadableVideoError, match="lasts 1000000 s"):
        probe_video(path)


def test_playlist_does_not_open_other_files(tmp_path, clip):
    playlist = tmp_path / "list.mp4"
    playlist.write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:4.0,\n"
        "http://localhost:9/secret.ts\n#EXT-X-ENDLIST\n"
    )
    with pytest.raises(UnreadableVideoError, match="list.mp4"):
        read_frames(str(playlist), [0.0])


def test_name_with_a_colon(tmp_path):
    path = write_video(tmp_path / "P01: 12.mp4", 5)
    assert number_of(read_frames(path, [0.1])[0]) == 2


def test_without_av_the_error_says_what_to_install(monkeypatch, clip):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ImportError, match=r"speechbrain_pib\[video\]"):
        probe_video(clip)
