"""Tests of the extraction of sound from folders of videos.

Authors
 * The speechbrain_pib developers 2026
"""

import os
from fractions import Fraction

import numpy as np
import pytest
import soundfile

from speechbrain_pib.dataio.video.containers import UnreadableVideoError
from speechbrain_pib.dataio.video.extract_audio import (
    extract_folder,
    extract_sound,
)
from tests.helpers import read_rows

av = pytest.importorskip("av", reason="reading videos needs PyAV")


def tone(frequency, seconds, sample_rate=24000):
    """A tone of amplitude 0.5."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    return 0.5 * np.sin(2 * np.pi * frequency * time).astype(np.float32)


def write_video(path, sound=None):
    """A second of black pictures, and 24 kHz sound [n] as ALAC, exact."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=5)
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        if sound is not None:
            audio = container.add_stream("alac", rate=24000, layout="mono")
        for number in range(5):
            image = np.zeros((32, 32, 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 5)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if sound is not None:
            frame = av.AudioFrame.from_ndarray(
                np.round(sound[None] * 32768).astype(np.int16),
                format="s16p",
                layout="mono",
            )
            frame.sample_rate, frame.pts = 24000, 0
            frame.time_base = Fraction(1, 24000)
            container.mux(audio.encode(frame))
            container.mux(audio.encode())
    return str(path)


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Two with sound, one in a folder; one without; one damaged."""
    folder = tmp_path_factory.mktemp("videos")
    write_video(folder / "P01/a.mp4", tone(500, 1.0))
    write_video(folder / "b.mkv", tone(900, 1.0))
    write_video(folder / "mute.mp4")
    (folder / "page.mp4").write_text("<html>not found</html>" * 99)
    return folder


@pytest.mark.parametrize("extension", ["flac", "wav"])
def test_lossless_sound_is_extracted_bit_by_bit(tmp_path, videos, extension):
    path = str(tmp_path / f"deep/a.{extension}")
    assert extract_sound(str(videos / "P01/a.mp4"), path, 24000)
    info = soundfile.info(path)
    assert (info.samplerate, info.channels) == (24000, 1)
    assert (info.format, info.subtype) == (extension.upper(), "PCM_16")
    samples, _ = soundfile.read(path, dtype="int16")
    assert np.array_equal(samples, np.round(tone(500, 1.0) * 32768))


def test_resampled_sound_is_the_same_tone(tmp_path, videos):
    path = str(tmp_path / "a.flac")
    extract_sound(str(videos / "P01/a.mp4"), path, 16000)
    samples, sample_rate = soundfile.read(path)
    assert sample_rate == 16000 and len(samples) == 16000
    error = np.abs(samples - tone(500, 1.0, 16000))
    assert error[100:-100].max() < 1e-3


def test_full_scale_does_not_wrap_around(tmp_path):
    video = write_video(tmp_path / "loud.mp4", np.full(24000, 0.99997))
    extract_sound(video, str(tmp_path / "loud.wav"), 44100)
    samples, _ = soundfile.read(tmp_path / "loud.wav")
    assert samples[200:-200].min() > 0.9


@pytest.mark.slow
def test_folder_is_extracted_in_parallel_and_resumed(tmp_path, videos):
    folder = str(videos)
    done = extract_folder(folder, str(tmp_path), 24000, processes=2)
    assert sorted(done.written) == ["P01/a", "b"]
    assert done.without_sound == ["mute"] and list(done.failures) == ["page"]
    assert soundfile.info(tmp_path / "P01/a.flac").frames == 24000
    (row,) = read_rows(tmp_path / "without_sound.csv")
    assert row["ID"] == "mute" and row["path"] == str(videos / "mute.mp4")
    assert row["reason"] == "no audio stream"
    (row,) = read_rows(tmp_path / "failures.csv")
    assert row["ID"] == "page" and "cannot be read" in row["reason"]
    times = os.stat(tmp_path / "b.flac").st_mtime_ns
    (tmp_path / "P01/a.flac").unlink()
    done = extract_folder(folder, str(tmp_path), 24000)
    assert done.written == ["P01/a"] and done.present == ["b"]
    assert done.without_sound == ["mute"]
    assert os.stat(tmp_path / "b.flac").st_mtime_ns == times


def test_a_video_that_was_downloaded_again_is_extracted_anew(tmp_path):
    video = str(tmp_path / "videos/a.mp4")
    audio = str(tmp_path / "audio/a.flac")

    def extract(sample_rate):
        return extract_folder(
            str(tmp_path / "videos"), str(tmp_path / "audio"), sample_rate
        )

    write_video(video, tone(500, 0.5))
    assert extract(24000).written == ["a"]
    assert extract(24000).present == ["a"]
    write_video(video, tone(900, 1.0))
    assert extract(24000).written == ["a"]
    samples, _ = soundfile.read(audio, dtype="int16")
    assert np.array_equal(samples, np.round(tone(900, 1.0) * 32768))
    # Of the same size: its time tells.
    size = os.path.getsize(video)
    with open(video, "rb") as file:
        content = file.read()
    with open(video, "wb") as file:
        file.write(content)
    os.utime(video, (1.5e9, 1.5e9))
    assert os.path.getsize(video) == size and extract(24000).written == ["a"]
    assert extract(24000).present == ["a"]


def test_another_rate_is_extracted_anew(tmp_path, videos):
    for rate in (16000, 24000):
        done = extract_folder(str(videos), str(tmp_path), rate)
        assert sorted(done.written) == ["P01/a", "b"] and not done.present
        assert soundfile.info(tmp_path / "b.flac").samplerate == rate
    (tmp_path / "b.flac").write_bytes(b"not audio")
    assert extract_folder(str(videos), str(tmp_path), 24000).written == ["b"]


def test_sound_of_another_origin_is_left_alone(tmp_path, videos):
    soundfile.write(tmp_path / "b.flac", tone(100, 0.3), 24000)
    done = extract_folder(str(videos), str(tmp_path), 24000)
    assert done.present == ["b"] and done.written == ["P01/a"]
    assert soundfile.info(tmp_path / "b.flac").frames == 7200


def test_failure_leaves_no_file(tmp_path, videos):
    data = (videos / "P01/a.mp4").read_bytes()
    middle = data.find(b"mdat") + 20000
    data = data[:middle] + bytes(4000) + data[middle + 4000 :]
    (tmp_path / "damaged.mp4").write_bytes(data)
    with pytest.raises(UnreadableVideoError, match="damaged.mp4"):
        extract_sound(
            str(tmp_path / "damaged.mp4"), str(tmp_path / "a.flac"), 24000
        )
    assert os.listdir(tmp_path) == ["damaged.mp4"]


def test_a_full_disk_is_said_and_leaves_no_file(tmp_path, videos, monkeypatch):
    def fail(*_):
        raise soundfile.LibsndfileError(2)

    monkeypatch.setattr(soundfile.SoundFile, "write", fail)
    path = tmp_path / "a.flac"
    with pytest.raises(OSError, match="a.flac cannot be written .* disk full"):
        extract_sound(str(videos / "b.mkv"), str(path), 24000)
    assert not os.listdir(tmp_path)


def test_samples_without_and_with_sound(tmp_path, shared):
    folder = str(shared / "data/video_samples")
    done = extract_folder(folder, str(tmp_path), 16000, processes=1)
    assert done.written == ["nasa_13013"] and not done.failures
    assert done.without_sound == ["av1_video", "h265_video"]
    info = soundfile.info(tmp_path / "nasa_13013.flac")
    assert info.duration == pytest.approx(13.056)
