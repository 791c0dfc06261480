"""Tests of the sound of video files.

Authors
 * The speechbrain_pib developers 2026
"""

from fractions import Fraction

import numpy as np
import pytest
import torch

from speechbrain_pib.dataio.video.containers import UnreadableVideoError
from speechbrain_pib.dataio.video.files import probe_video
from speechbrain_pib.dataio.video.sound import (
    iter_seconds,
    iter_sound,
    read_sound,
)
from speechbrain_pib.utils.silence import is_silent
from tests.videos import FORMATS, pitch_of, tone, write_video

av = pytest.importorskip("av", reason="reading videos needs PyAV")


@pytest.mark.parametrize("name, codecs", FORMATS)
def test_sound_belongs_to_the_picture_in_all_formats(tmp_path, name, codecs):
    path = write_video(tmp_path / name, 100, tone(4.0)[None], codecs)
    for second in range(4):
        wav, has_audio = read_sound(path, second, second + 1, 16000)
        assert has_audio and wav.shape == (16000,)
        assert pitch_of(wav) == pytest.approx(300 + 200 * second, abs=3)


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


def test_a_block_at_a_wrong_time_does_not_delay_the_rest(tmp_path):
    path = str(tmp_path / "clip.mkv")
    with av.open(path, "w") as container:
        audio = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        for number, second in enumerate((0, 1, 2.5, 3, 4)):
            block = np.full((1, 16000), 1000 * (number + 1), np.int16)
            frame = av.AudioFrame.from_ndarray(block, "s16", "mono")
            frame.sample_rate, frame.pts = 16000, round(16000 * second)
            frame.time_base = Fraction(1, 16000)
            container.mux(audio.encode(frame))
        container.mux(audio.encode())
    wav = torch.cat(list(iter_sound(path, 16000)))
    levels = (wav * 32768).view(10, 8000)[:, 4000].tolist()
    expected = [1000, 1000, 2000, 2000, 0, 3000, 3000, 4000, 5000, 5000]
    assert levels == pytest.approx(expected, abs=0.1)


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
