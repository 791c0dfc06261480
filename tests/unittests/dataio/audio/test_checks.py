"""Tests of the checks of audio files.

Authors
 * The speechbrain_pib developers 2026
"""

import pytest
import torch
from speechbrain.dataio import audio_io

from speechbrain_pib.dataio.audio import checks
from speechbrain_pib.dataio.audio.checks import (
    UnreadableAudioError,
    check_audio,
    check_copies,
    check_many,
    probe_audio,
)


def write_noise(path, seconds=2.0, sample_rate=16000):
    """Writes noise, deterministic, in the format of the extension."""
    generator = torch.Generator().manual_seed(0)
    size = round(seconds * sample_rate)
    noise = torch.randn(1, size, generator=generator) * 0.1
    audio_io.save(str(path), noise, sample_rate)
    return str(path)


@pytest.mark.parametrize("extension", ["wav", "flac", "ogg", "mp3"])
def test_duration_is_that_of_the_decoded_file(tmp_path, extension):
    path = write_noise(tmp_path / f"noise.{extension}", 1.7)
    audio, sample_rate = audio_io.load(path)
    assert probe_audio(path) == pytest.approx(audio.shape[1] / sample_rate)


def test_clip_shorter_than_the_checked_tail_passes(tmp_path):
    path = write_noise(tmp_path / "short.wav", 1 / 16000)
    assert probe_audio(path) == pytest.approx(1 / 16000)


@pytest.mark.parametrize("extension", ["wav", "flac", "mp3"])
@pytest.mark.parametrize("share", [0.4, 0.95])
def test_truncated_file_is_an_error(tmp_path, extension, share):
    path = write_noise(tmp_path / f"cut.{extension}")
    data = open(path, "rb").read()
    with open(path, "wb") as file:
        file.write(data[: int(len(data) * share)])
    with pytest.raises(UnreadableAudioError, match="cut.*truncated"):
        probe_audio(path)


def test_wav_of_a_streaming_writer_passes(tmp_path):
    path = write_noise(tmp_path / "stream.wav")
    with open(path, "r+b") as file:
        file.seek(4)
        file.write(b"\xff\xff\xff\xff")
        file.seek(40)
        file.write(b"\xff\xff\xff\xff")
    assert probe_audio(path) == pytest.approx(2.0)


def test_missing_empty_and_foreign_files_are_named(tmp_path):
    with pytest.raises(UnreadableAudioError, match="gone.wav.*no such file"):
        probe_audio(str(tmp_path / "gone.wav"))
    (tmp_path / "empty.wav").touch()
    with pytest.raises(UnreadableAudioError, match="empty.wav is empty"):
        probe_audio(str(tmp_path / "empty.wav"))
    (tmp_path / "page.wav").write_text("<html>not found</html>" * 99)
    with pytest.raises(UnreadableAudioError, match="page.wav is not an audio"):
        probe_audio(str(tmp_path / "page.wav"))
    write_noise(tmp_path / "nothing.wav", 0)
    with pytest.raises(UnreadableAudioError, match="holds no samples"):
        probe_audio(str(tmp_path / "nothing.wav"))


def test_many_files_keep_their_order(tmp_path, monkeypatch):
    paths = [
        write_noise(tmp_path / f"{n}.wav", 0.1 * (n + 1)) for n in range(12)
    ]
    paths[5] = str(tmp_path / "gone.wav")
    monkeypatch.setattr(checks, "FILES_AT_A_TIME", 5)
    results = check_many(paths, threads=4)
    assert isinstance(results.pop(5), UnreadableAudioError)
    expected = [0.1 * (n + 1) for n in range(12) if n != 5]
    assert results == pytest.approx(expected)


def test_real_samples_pass(shared):
    folder = shared / "data/audio_samples"
    durations = check_many([str(path) for path in folder.glob("*.wav")])
    assert len(durations) == 6
    assert all(isinstance(duration, float) for duration in durations)


def test_damage_and_nan_inside_a_file_are_found(tmp_path):
    audio = 0.1 * torch.randn(1, 160000)
    audio_io.save(str(tmp_path / "good.flac"), audio, 16000)
    data = bytearray((tmp_path / "good.flac").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 200] = bytes(200)
    (tmp_path / "damaged.flac").write_bytes(data)
    audio[0, 80000] = float("nan")
    audio_io.save(str(tmp_path / "nan.wav"), audio, 16000, subtype="FLOAT")
    assert check_audio(str(tmp_path / "good.flac")) == pytest.approx(10.0)
    with pytest.raises(UnreadableAudioError, match="damaged.flac is damaged"):
        check_audio(str(tmp_path / "damaged.flac"))
    with pytest.raises(UnreadableAudioError, match="nan.wav .*not finite"):
        check_audio(str(tmp_path / "nan.wav"))


def test_all_is_decoded_where_it_is_asked_for(tmp_path):
    audio_io.save(str(tmp_path / "silent.wav"), torch.zeros(1, 9000), 16000)
    audio = 0.1 * torch.randn(1, 160000)
    audio[0, 80000] = float("nan")
    audio_io.save(str(tmp_path / "nan.wav"), audio, 16000, subtype="FLOAT")
    paths = [str(tmp_path / name) for name in ("silent.wav", "nan.wav")]
    assert check_many(paths) == pytest.approx([9000 / 16000, 10.0])
    silent, nan = check_many(paths, decode=True)
    assert "silent.wav is silent" in str(silent)
    assert "not finite" in str(nan)
    assert silent.__traceback__ is None


def test_the_first_copy_that_passes_is_chosen(tmp_path):
    good = [write_noise(tmp_path / f"{n}.wav", n) for n in (1, 2, 20)]
    bad = [str(tmp_path / f"gone{n}.wav") for n in range(3)]
    chosen = check_copies(
        [
            [good[0], good[1]],
            [bad[0], bad[1], good[1]],
            [good[2], good[0]],
            [bad[2], bad[1]],
            [good[2]],
        ],
        longest=12.0,
    )
    assert chosen[:3] == [(good[0], 1.0), (good[1], 2.0), (good[0], 1.0)]
    for (path, error), expected in zip(chosen[3:], (bad[2], good[2])):
        assert path == expected and path in str(error)
        assert isinstance(error, UnreadableAudioError)
    assert check_copies([]) == []
