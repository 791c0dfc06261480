"""Tests of the pictures of video files.

Authors
 * The speechbrain_pib developers 2026
"""

import struct

import numpy as np
import pytest
import torch

from speechbrain_pib.dataio.video.containers import UnreadableVideoError
from speechbrain_pib.dataio.video.files import probe_video
from speechbrain_pib.dataio.video.frames import iter_frames, read_frames
from speechbrain_pib.dataio.video.sound import iter_sound
from tests.videos import FORMATS, number_of, tone, write_video

av = pytest.importorskip("av", reason="reading videos needs PyAV")


@pytest.mark.parametrize("name, codecs", FORMATS)
def test_frame_shown_at_a_time_in_all_formats(tmp_path, name, codecs):
    path = write_video(tmp_path / name, 100, tone(4.0)[None], codecs)
    times = [0.0, 0.039, 0.04, 0.5, 0.6, 1.0, 1.9999, 2.0, 3.0, 3.99]
    numbers = [number_of(image) for image in read_frames(path, times)]
    assert numbers == [0, 0, 1, 12, 15, 25, 49, 50, 75, 99]
    assert probe_video(path).duration == pytest.approx(4.0, abs=0.1)


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
