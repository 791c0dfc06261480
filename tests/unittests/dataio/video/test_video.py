"""Tests of the reading of pictures and sound of video files.

Authors
 * The speechbrain_pib developers 2026
"""

import struct
import sys
from fractions import Fraction

import numpy as np
import pytest
import torch

from speechbrain_pib.dataio.video.files import (
    UnreadableVideoError,
    find_videos,
    probe_video,
)
from speechbrain_pib.dataio.video.frames import iter_frames, read_frames
from speechbrain_pib.dataio.video.sound import (
    is_silent,
    iter_seconds,
    iter_sound,
    read_sound,
)

av = pytest.importorskip("av", reason="reading videos needs PyAV")
RATE = 25  # pictures per second


def tone(seconds, sample_rate=44100):
    """A tone that rises by 200 Hz each second, so that its place is heard."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    rate = 300 + 200 * np.floor(time)
    return 0.5 * np.sin(2 * np.pi * rate * time).astype(np.float32)


def write_video(
    path,
    n_frames=100,
    channels=None,
    codecs=("libx264", "aac"),
    options=None,
    first=0,
):
    """Frame n shows the bits of `first` + n, white or black, high bit left.

    `channels` [C, samples] at 44.1 kHz is the sound; none if None.
    """
    with av.open(str(path), "w", options=options or {}) as container:
        video = container.add_stream(codecs[0], rate=RATE)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.gop_size = 50
        if channels is not None:
            layout = "mono" if len(channels) == 1 else "stereo"
            rate = 44100
            audio = container.add_stream(codecs[1], rate=rate, layout=layout)
        for number in range(n_frames):
            bits = np.unpackbits(np.uint8([(first + number) % 256]))
            image = np.tile(255 * bits.repeat(8)[:, None], (48, 1, 3))
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if channels is not None:
            for start in range(0, channels.shape[1], 1024):
                block = np.ascontiguousarray(channels[:, start : start + 1024])
                frame = av.AudioFrame.from_ndarray(
                    block, format="fltp", layout=layout
                )
                frame.sample_rate, frame.pts = 44100, start
                frame.time_base = Fraction(1, 44100)
                container.mux(audio.encode(frame))
            container.mux(audio.encode())
    return str(path)


def number_of(image):
    """Which frame of `write_video` an image is."""
    bits = image[:, 8:-8].float().mean((0, 1)).unflatten(0, (8, 8))[:, 2:6]
    return int(np.packbits(bits.mean(1).numpy() > 128)[0])


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Four seconds with sound in one channel of two."""
    sound = np.stack([tone(4.0), np.zeros(4 * 44100, np.float32)])
    return write_video(
        tmp_path_factory.mktemp("video") / "clip.mp4", 100, sound
    )


FORMATS = [
    ("clip.mp4", ("libx264", "aac")),
    ("clip.mkv", ("libx264", "flac")),
    ("clip.avi", ("mpeg4", "pcm_s16le")),
    ("clip.mov", ("libx264", "pcm_s16le")),
    ("clip.mpg", ("mpeg2video", "mp2")),
    ("clip.ts", ("libx264", "aac")),
]


@pytest.mark.parametrize("name, codecs", FORMATS)
def test_frame_shown_at_a_time_in_all_formats(tmp_path, name, codecs):
    path = write_video(tmp_path / name, 100, tone(4.0)[None], codecs)
    times = [0.0, 0.039, 0.04, 0.5, 0.6, 1.0, 1.9999, 2.0, 3.0, 3.99]
    numbers = [number_of(image) for image in read_frames(path, times)]
    assert numbers == [0, 0, 1, 12, 15, 25, 49, 50, 75, 99]
    assert probe_video(path).duration == pytest.approx(4.0, abs=0.1)


@pytest.mark.parametrize("name, codecs", FORMATS)
def test_sound_belongs_to_the_picture_in_all_formats(tmp_path, name, codecs):
    path = write_video(tmp_path / name, 100, tone(4.0)[None], codecs)
    for second in range(4):
        wav, has_audio = read_sound(path, second, second + 1, 16000)
        spectrum = np.abs(np.fft.rfft(wav.numpy()[1600:-1600]))
        frequency = spectrum.argmax() * 16000 / 12800
        assert has_audio and wav.shape == (16000,)
        assert frequency == pytest.approx(300 + 200 * second, abs=3)


@pytest.mark.parametrize("name, codecs", FORMATS)
def test_times_outside_hold_the_first_and_the_last_frame(
    tmp_path, name, codecs
):
    path = write_video(tmp_path / name, 100, None, codecs)
    first, last = iter_frames(path, [-1.0, 9.0])
    assert (number_of(first), number_of(last)) == (0, 99)
    # By seeking, too.
    assert number_of(read_frames(path, [0.0, 500.0])[1]) == 99


def test_times_in_any_order_and_repeated(clip):
    images = read_frames(clip, [3.0, 0.0, 3.0, 1.0])
    assert [number_of(image) for image in images] == [75, 0, 75, 25]
    with pytest.raises(ValueError, match="decrease from 3.0 to 0.0"):
        list(iter_frames(clip, [3.0, 0.0]))


@pytest.mark.parametrize("extension", ["mp4", "mkv", "ts", "mpg", "avi"])
def test_seeking_finds_what_decoding_through_finds(
    tmp_path, monkeypatch, extension
):
    codec = {"mpg": "mpeg2video", "avi": "mpeg4"}.get(extension, "libx264")
    path = write_video(tmp_path / f"clip.{extension}", 120, None, (codec,))
    times = [0.1, 1.3, 1.35, 2.99, 4.79]
    through = read_frames(path, times)
    monkeypatch.setattr("speechbrain_pib.dataio.video.frames.SEEK_SECONDS", 0.2)
    assert torch.equal(read_frames(path, times), through)
    assert torch.equal(read_frames(path, times[3:]), through[3:])


def test_square_is_cut_from_the_middle(tmp_path):
    path = write_video(tmp_path / "clip.mp4", 1, first=0b11110011)
    (image,) = read_frames(path, [0.1], size=42)
    assert image.shape == (3, 42, 42) and image.dtype == torch.uint8
    # The left half is white; 11 of 64 columns are cut off on either side.
    columns = image.float().mean((0, 1))
    assert (columns[:20] > 200).all() and (columns[22:36] < 55).all()
    assert (columns[38:] > 200).all()


def test_pictures_of_a_turned_telephone_are_upright(tmp_path):
    path = write_video(tmp_path / "clip.mp4", 1, first=0b11110000)
    with open(path, "rb") as file:
        data = bytearray(file.read())
    matrix = data.find(b"tkhd") + 44
    turned = struct.pack(">6i", 0, 65536, 0, -65536, 0, 0)  # 90 clockwise
    data[matrix : matrix + 24] = turned
    with open(path, "wb") as file:
        file.write(data)
    (image,) = read_frames(path, [0.0])
    assert image.shape == (3, 64, 48)
    assert image[:, :30].min() > 200 and image[:, 34:].max() < 55


def test_channels_are_averaged(clip):
    wav, _ = read_sound(clip, 0.0, 4.0, 44100)
    expected = torch.from_numpy(tone(4.0)) / 2
    inside = slice(2000, 44000)
    assert (wav - expected)[inside].abs().max() < 0.02


@pytest.mark.parametrize("extension", ["mp4", "avi", "ts"])
def test_part_of_the_sound_equals_that_part_of_the_whole(tmp_path, extension):
    codecs = ("mpeg4", "pcm_s16le" if extension == "avi" else "aac")
    path = tmp_path / f"clip.{extension}"
    path = write_video(path, 200, tone(8.0)[None], codecs)
    whole = torch.cat(list(iter_sound(path, 16000)))
    for start, stop in [(0.0, 1.0), (3.25, 4.75), (5.0, 6.0)]:
        wav, _ = read_sound(path, start, stop, 16000)
        part = whole[round(start * 16000) : round(stop * 16000)]
        # AAC's decoder adds noise of its own, another one after seeking.
        assert (wav - part).abs().max() < (1e-4 if extension == "avi" else 2e-3)


def test_part_of_the_sound_where_timestamps_are_whole_milliseconds(tmp_path):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 44100 * 8))
    noise = noise.astype(np.float32)
    path = write_video(tmp_path / "a.mkv", 200, noise, ("mpeg4", "flac"))
    wav, _ = read_sound(path, 3.25, 4.75, 44100)
    start = round(3.25 * 44100)
    errors = [
        np.abs(wav.numpy() - noise[0, start + lag :][: len(wav)]).max()
        for lag in range(-23, 24)
    ]
    assert min(errors) < 1e-4


def test_sound_ends_in_zeros_where_the_file_has_none(tmp_path):
    path = write_video(
        tmp_path / "clip.mkv", 100, tone(2.5)[None], ("libx264", "flac")
    )
    seconds = list(iter_seconds(path, 16000, 4))
    assert [len(wav) for wav in seconds] == [16000] * 4
    assert not is_silent(seconds[2][:7900])
    assert is_silent(seconds[2][8200:]) and is_silent(seconds[3])
    together = torch.cat(seconds)
    assert torch.allclose(read_sound(path, 0, 4, 16000)[0], together)


def test_hole_in_the_sound_keeps_the_rest_in_time(tmp_path):
    path = str(tmp_path / "clip.mkv")
    with av.open(path, "w") as container:
        audio = container.add_stream("flac", rate=16000, layout="mono")
        for second in (1, 2, 5):  # the clock of the file begins at 1 s
            block = np.full((1, 16000), 1000 * second, np.int16)
            frame = av.AudioFrame.from_ndarray(block, "s16", "mono")
            frame.sample_rate, frame.pts = 16000, 16000 * second
            frame.time_base = Fraction(1, 16000)
            container.mux(audio.encode(frame))
        container.mux(audio.encode())
    levels = [float(w[8000]) * 32768 for w in iter_seconds(path, 16000, 6)]
    assert levels == pytest.approx([1000, 2000, 0, 0, 5000, 0], abs=0.1)
    # Read from within the hole, where there is nothing to seek to.
    wav, _ = read_sound(path, 3.5, 4.5, 16000)
    assert is_silent(wav[:7000]) and not is_silent(wav[8500:])


def test_sound_that_jumps_by_hours_is_an_error(tmp_path):
    path = str(tmp_path / "jump.mkv")
    with av.open(path, "w") as container:
        audio = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        for second in (0, 999999):
            block = np.ones((1, 16000), np.int16)
            frame = av.AudioFrame.from_ndarray(block, "s16", "mono")
            frame.sample_rate, frame.pts = 16000, 16000 * second
            frame.time_base = Fraction(1, 16000)
            container.mux(audio.encode(frame))
    with pytest.raises(UnreadableVideoError, match="jump.mkv .*99999. s"):
        list(iter_sound(path, 16000))


def test_missing_and_silent_sound(tmp_path):
    mute = write_video(tmp_path / "mute.mp4", 25)
    assert not probe_video(mute).has_audio
    wav, has_audio = read_sound(mute, 0.0, 1.0, 16000)
    assert torch.equal(wav, torch.zeros(16000)) and not has_audio
    assert list(iter_sound(mute, 16000)) == []
    silence = np.zeros((1, 44100), np.float32)
    silent = write_video(tmp_path / "silent.mp4", 25, silence)
    assert probe_video(silent).has_audio
    assert not read_sound(silent, 0.0, 1.0, 16000)[1]


def test_file_without_pictures(tmp_path):
    path = str(tmp_path / "tone.m4a")
    with av.open(path, "w", format="mp4") as container:
        audio = container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 16000), np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = 16000
        container.mux(audio.encode(frame))
        container.mux(audio.encode())
    assert probe_video(path).video_stream is None
    with pytest.raises(UnreadableVideoError, match="no pictures"):
        read_frames(path, [0.0])


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("name", ["cut.mp4", "early.mp4", "cut.mkv"])
def test_truncated_file_is_an_error(tmp_path, name, share):
    options = {"movflags": "faststart"} if name == "early.mp4" else None
    rng = np.random.default_rng(0)
    noise = 0.1 * rng.standard_normal((1, 44100 * 12)).astype(np.float32)
    path = write_video(tmp_path / name, 300, noise, options=options)
    with open(path, "rb+") as file:
        file.truncate(int(share * len(file.read())))
    with pytest.raises(UnreadableVideoError, match=name):
        read_frames(path, [0.0, 11.9])
    with pytest.raises(UnreadableVideoError, match=name):
        list(iter_sound(path, 16000))


def test_damage_missing_and_foreign_files_are_one_error(tmp_path, clip):
    (tmp_path / "page.mp4").write_text("<html>not found</html>" * 99)
    (tmp_path / "empty.mp4").touch()
    for name in ("gone.mp4", "page.mp4", "empty.mp4"):
        for read in (probe_video, lambda p: read_sound(p, 0.0, 1.0, 16000)):
            with pytest.raises(UnreadableVideoError, match=name):
                read(str(tmp_path / name))
    with open(clip, "rb") as file:
        data = bytearray(file.read())
    third = len(data) // 3
    data[third : 2 * third] = b"\x55" * third
    (tmp_path / "damaged.mp4").write_bytes(data)
    with pytest.raises(UnreadableVideoError, match="damaged.mp4"):
        read_frames(str(tmp_path / "damaged.mp4"), [3.9])


def test_header_that_claims_centuries_is_an_error(tmp_path):
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        image = np.zeros((48, 64, 3), np.uint8)
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    content = bytearray(path.read_bytes())
    place = content.index(b"\x44\x89\x88") + 3  # Duration, of 8 bytes
    content[place : place + 8] = struct.pack(">d", 1e13)  # milliseconds
    path.write_bytes(content)
    with pytest.raises(UnreadableVideoError, match="lasts 10000000000 s"):
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


def test_folder_of_videos(tmp_path):
    (tmp_path / "P01").mkdir()
    for name in ("P01/b.MP4", "P01/a.webm", "c.mkv", "d.txt", ".e.mp4"):
        (tmp_path / name).touch()
    videos = find_videos(str(tmp_path))
    assert list(videos) == ["P01/a", "P01/b", "c"]
    assert videos["P01/b"] == str(tmp_path / "P01/b.MP4")
    (tmp_path / "c.mp4").touch()
    with pytest.raises(ValueError, match="c.mkv and .*c.mp4"):
        find_videos(str(tmp_path))
    with pytest.raises(ValueError, match="holds no videos"):
        find_videos(str(tmp_path / "nowhere"))


def test_best_of_two_video_and_two_audio_streams(shared):
    path = str(shared / "data/video_samples/nasa_13013.mp4")
    info = probe_video(path)
    assert (info.width, info.height, info.sample_rate) == (480, 270, 16000)
    assert (info.video_stream, info.audio_stream) == (3, 4)
    assert info.duration == pytest.approx(13.013, abs=0.05)
    # Against a plain loop: the last of 390 frames that begins by then.
    with av.open(path) as container:
        frames = list(container.decode(video=1))
    assert len(frames) == 390
    times = [0.0, 1.0, 6.5, 12.0, 12.99]
    for image, time in zip(read_frames(path, times), times):
        frame = [frame for frame in frames if frame.time <= time][-1]
        expected = frame.to_ndarray(format="rgb24")
        assert np.array_equal(image.permute(1, 2, 0).numpy(), expected)
    sound = torch.cat(list(iter_sound(path, 16000)))
    with av.open(path) as container:
        stereo = [f.to_ndarray() for f in container.decode(audio=1)]
    expected = np.concatenate(stereo, axis=1).mean(axis=0)
    assert np.allclose(sound.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize(
    "name, duration, size",
    [("h265_video.mp4", 1.0, (128, 128)), ("av1_video.mkv", 5.0, (640, 360))],
)
def test_other_codecs_without_sound(shared, name, duration, size):
    path = str(shared / "data/video_samples" / name)
    info = probe_video(path)
    assert info.duration == pytest.approx(duration)
    assert (info.width, info.height) == size and not info.has_audio
    images = read_frames(path, [0.0, duration / 2], size=112)
    assert images.shape == (2, 3, 112, 112)
