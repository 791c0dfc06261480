"""Recordings that are read block by block.

Authors
 * The speechbrain_pib developers 2026
"""

import io
import os

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_pib.dataio.audio.crops import read_segment
from speechbrain_pib.dataio.audio.readers import UnreadableAudioError
from speechbrain_pib.dataio.timelines.blocks import open_sound, read_pcm


@pytest.mark.parametrize("name", ["noise.flac", "noise.mp3"])
def test_blocks_are_the_whole_file_at_the_rate(tmp_path, name):
    path = str(tmp_path / name)
    noise = 0.1 * np.random.default_rng(0).standard_normal(23 * 22050)
    soundfile.write(path, noise, 22050)
    whole = read_segment(path, 0.0, 23.0, 16000)
    with open_sound(path, 16000) as sound:
        blocks = list(sound.blocks)
        assert sound.duration == pytest.approx(23, abs=0.1)
        part, end = sound.cut(5.0, 2.0), sound.cut(22.0, 2.0)
    assert len(blocks) == 3
    assert (part - whole[80000:112000]).abs().mean() < 2e-4
    assert len(end) == pytest.approx(16000, abs=1600)
    wrong = (torch.cat(blocks)[: len(whole)] - whole).abs() > 1e-6
    # libsndfile finds its way in an mp3 some samples after a seek.
    assert wrong.float().mean() < (0.002 if name.endswith("mp3") else 1e-9)


def test_a_broken_file_is_an_error_before_anything_is_heard(tmp_path):
    path = tmp_path / "broken.wav"
    path.write_bytes(b"RIFF0000WAVE")
    with pytest.raises(UnreadableAudioError), open_sound(path, 16000):
        pass


def test_the_sound_of_a_video_is_read(tmp_path):
    av = pytest.importorskip("av")
    path = str(tmp_path / "clip.mp4")
    samples = (0.1 * np.sin(np.arange(3 * 16000) / 9)).astype(np.float32)
    with av.open(path, "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], "fltp", "mono")
        frame.sample_rate = 16000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    with open_sound(path, 16000) as sound:
        heard = torch.cat(list(sound.blocks))
        part, end = sound.cut(1.5, 1.0), sound.cut(2.5, 1.0)
    assert len(heard) / 16000 == pytest.approx(3, abs=0.1)
    assert (part - heard[24000:40000]).abs().max() < 1e-3
    assert len(end) / 16000 == pytest.approx(0.5, abs=0.1)
    assert heard.std() == pytest.approx(samples.std(), rel=0.1)


def test_samples_of_a_pipe_are_whole_however_they_come():
    samples = np.array([1, -2, 300, -32768, 32767], "<i2")

    class Dribble(io.BytesIO):
        def read1(self, size=-1):
            return super().read1(min(size, 3))

    found = torch.cat(list(read_pcm(Dribble(samples.tobytes() + b"x"))))
    assert (found * 2**15).tolist() == samples.tolist()


def test_a_pipe_is_read_as_soon_as_there_is_something():
    reading, writing = os.pipe()
    with open(reading, "rb") as stream, open(writing, "wb", 0) as pipe:
        blocks = read_pcm(stream)
        pipe.write(bytes(6))
        assert len(next(blocks)) == 3  # Else this would wait for ever.
        pipe.write(bytes(4))
        assert len(next(blocks)) == 2
