"""Tests of files whose header does not know how long they are.

Authors
 * The speechbrain_pib developers 2026
"""

import io
import struct
import sys

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_pib.dataio.audio.checks import check_audio, probe_audio
from speechbrain_pib.dataio.audio.crops import (
    cut_segment,
    read_random_crop,
    read_segment,
    read_views,
)
from speechbrain_pib.dataio.audio.decoding import read_samples
from speechbrain_pib.dataio.audio.locators import (
    UnreadableAudioError,
    open_audio,
)

RATE = 16000
RNG = np.random.default_rng(0)
# Loud and quiet halves, whose bit rates differ: what is estimated from the
# first frame of an mp3 is too little for one order, and too much for the other.
QUIET, LOUD = (
    1e-4 * RNG.normal(size=5 * 44100),
    0.3 * RNG.normal(size=5 * 44100),
)


def encode(samples, rate, **options):
    """The bytes of a file."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, **options)
    return file.getvalue()


def encode_mp3(*parts):
    """An mp3 of varying bit rate without its Xing frame, which is first."""
    data = encode(
        np.concatenate(parts),
        44100,
        format="MP3",
        bitrate_mode="VARIABLE",
        compression_level=0.2,
    )
    kilobits = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256]
    size = 144000 * kilobits[data[2] >> 4] // 44100
    return data[size + (data[2] >> 1 & 1) :]


def tone(seconds, rate=RATE, frequency=440):
    """A sine."""
    time = np.arange(round(seconds * rate)) / rate
    return 0.5 * np.sin(2 * np.pi * frequency * time)


def noise(seconds, rate=RATE):
    """Noise, always the same."""
    size = round(seconds * rate)
    return 0.1 * np.random.default_rng(1).normal(size=size)


def put(folder, name, data):
    """Writes bytes; returns the path."""
    (folder / name).write_bytes(data)
    return str(folder / name)


@pytest.mark.parametrize("parts", [(QUIET, LOUD), (LOUD, QUIET)])
def test_vbr_mp3_without_xing_is_heard_whole(tmp_path, parts):
    path = put(tmp_path, "vbr.mp3", encode_mp3(*parts))
    assert soundfile.info(path).duration < 6  # what the header seems to say
    for check in (probe_audio, check_audio):
        assert check(path) == pytest.approx(10, abs=0.1)
    seconds = probe_audio(path)
    wavs, _ = read_views(path, seconds, 4.0, 2, RATE)
    levels = wavs.pow(2).mean(dim=1).sqrt()
    quiet_first = parts[0] is QUIET
    assert levels.argmax() == int(quiet_first)
    assert levels.max() > 0.05 and levels.min() < 0.01


@pytest.mark.parametrize(
    "name, options",
    [
        ("a.mp3", {"format": "MP3"}),
        ("a.ogg", {"format": "OGG"}),
        ("a.opus", {"format": "OGG", "subtype": "OPUS"}),
    ],
)
def test_joined_files_are_heard_whole(tmp_path, name, options):
    first = encode(tone(3, frequency=300), RATE, **options)
    second = encode(tone(3, frequency=3000), RATE, **options)
    path = put(tmp_path, name, first + second)
    assert soundfile.info(path).duration == pytest.approx(3, abs=0.1)
    seconds = probe_audio(path)
    assert seconds == check_audio(path) == pytest.approx(6, abs=0.2)
    for start, expected in ((1.0, 300), (4.5, 3000)):
        heard = read_segment(path, start, 1.0, RATE)
        peak = torch.fft.rfft(heard * torch.hann_window(RATE)).abs().argmax()
        assert abs(peak.item() - expected) <= 2
    assert len(read_samples(path, RATE)[0]) == pytest.approx(
        seconds * RATE, abs=1
    )


@pytest.mark.parametrize("kind", ["FLAC", "WAV"])
def test_joined_files_that_cannot_be_decoded_are_unreadable(tmp_path, kind):
    data = encode(noise(3), RATE, format=kind)
    path = put(tmp_path, f"joined.{kind.lower()}", data + data)
    for read in (check_audio, read_samples):
        with pytest.raises(UnreadableAudioError, match="joined.*one after"):
            read(path)


def test_a_header_of_before_the_end_of_the_recording_is_refused(tmp_path):
    data = bytearray(encode(noise(3), RATE, format="WAV"))
    data[4:8] = struct.pack("<I", 36 + 2 * RATE)
    data[40:44] = struct.pack("<I", 2 * RATE)
    path = put(tmp_path, "early.wav", bytes(data))
    with pytest.raises(UnreadableAudioError, match="64000 bytes more than"):
        probe_audio(path)


def test_a_tag_behind_a_wav_is_no_sound(tmp_path):
    data = encode(noise(1), RATE, format="WAV") + b"TAG" + bytes(125)
    assert check_audio(put(tmp_path, "tagged.wav", data)) == 1.0


@pytest.mark.parametrize("riff, data", [(0, 0), (36, 0), (2**32 - 1, 0)])
def test_a_wav_whose_recorder_was_killed_is_read(tmp_path, riff, data):
    expected = noise(2)
    encoded = bytearray(encode(expected, RATE, format="WAV"))
    encoded[4:8] = struct.pack("<I", riff)
    encoded[40:44] = struct.pack("<I", data)
    path = put(tmp_path, "killed.wav", bytes(encoded))
    assert probe_audio(path) == check_audio(path) == 2.0
    heard = read_segment(path, 0.5, 1.0, RATE).numpy()
    assert np.abs(heard - expected[8000:24000]).max() < 2**-15


def test_a_flac_from_a_pipe_is_read(tmp_path):
    expected = noise(7)
    data = bytearray(encode(expected, RATE, format="FLAC"))
    # 36 bits of the description are the number of samples; 0 is unknown.
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    path = put(tmp_path, "pipe.flac", bytes(data))
    assert probe_audio(path) == check_audio(path) == 7.0
    for start in (6.0, 0.25, 3.0):  # forth and back
        heard = read_segment(path, start, 1.0, RATE).numpy()
        first = round(start * RATE)
        assert np.abs(heard - expected[first : first + RATE]).max() < 2**-15


@pytest.mark.parametrize("size", [100, 20000, 300000])
@pytest.mark.parametrize("kind", ["FLAC", "OGG", "WAV"])
def test_files_behind_id3_tags_are_read(tmp_path, kind, size):
    data = encode(noise(2), RATE, format=kind)
    expected, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    digits = bytes(size >> shift & 127 for shift in (21, 14, 7, 0))
    path = put(
        tmp_path,
        f"tagged.{kind.lower()}",
        b"ID3\3\0\0" + digits + bytes(size) + data,
    )
    assert probe_audio(path) == check_audio(path) == 2.0
    assert read_segment(path, 0.0, 9.0, RATE).tolist() == expected.tolist()


@pytest.mark.parametrize(
    "name, options",
    [
        ("a.wav", {"format": "WAV", "subtype": "GSM610"}),
        ("a.wav", {"format": "WAV", "subtype": "G721_32"}),
        ("a.wav", {"format": "WAV", "subtype": "NMS_ADPCM_32"}),
        ("a.au", {"format": "AU", "subtype": "G723_40"}),
    ],
)
def test_what_cannot_be_sought_is_read_from_its_beginning(
    tmp_path, name, options
):
    path = put(tmp_path, name, encode(tone(5, 8000), 8000, **options))
    seconds = probe_audio(path)
    assert seconds == check_audio(path) == pytest.approx(5, abs=0.05)
    whole = read_segment(path, 0.0, 9.0, 8000)
    assert (whole[:40000].numpy() - tone(5, 8000)).std() < 0.1
    wavs, _ = read_views(path, seconds, 2.0, 3, 8000)
    for wav, start in zip(wavs, np.linspace(0, seconds - 2, 3)):
        first = round(start * 8000)
        assert torch.equal(wav, whole[first : first + 16000])


def test_parts_in_order_are_decoded_once(tmp_path, monkeypatch):
    from speechbrain_pib.dataio.audio import streamed

    path = put(tmp_path, "long.mp3", encode_mp3(LOUD, QUIET))
    seconds, begun = probe_audio(path), []
    real = streamed.StreamedAudio._rewind
    monkeypatch.setattr(
        streamed.StreamedAudio,
        "_rewind",
        lambda self: begun.append(1) or real(self),
    )
    with open_audio(path) as audio:
        for start in np.arange(0, seconds - 1, 0.3):
            cut_segment(audio, start, 1.0, RATE)
    assert len(begun) == 1


def test_a_length_is_counted_once_while_the_file_is_the_same(
    tmp_path, monkeypatch
):
    from speechbrain_pib.dataio.audio import streamed

    counted = []
    real = streamed.decode_with_av

    def count(locator):
        counted.append(locator)
        return real(locator)

    monkeypatch.setattr(
        "speechbrain_pib.dataio.audio.encoded.decode_with_av", count
    )
    path = put(tmp_path, "a.mp3", encode_mp3(LOUD))
    for _ in range(3):
        with open_audio(path) as audio:
            seconds = audio.duration
    # Each time once to read it, which begins when a part is asked for.
    assert len(counted) == 1 + 3
    put(tmp_path, "a.mp3", encode_mp3(LOUD, QUIET))
    assert probe_audio(path) > seconds + 4


def test_without_pyav_the_error_says_what_is_needed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    path = put(tmp_path, "vbr.mp3", encode_mp3(LOUD))
    with pytest.raises(UnreadableAudioError, match="Xing.*pip install av"):
        probe_audio(path)
    path = put(tmp_path, "clip.m4a", b"\0\0\0\x20ftypM4A " + bytes(99))
    with pytest.raises(UnreadableAudioError, match="m4a.*pip install av"):
        probe_audio(path)


TRUNCATED = {
    "wav": {"format": "WAV"},
    "mp3": {"format": "MP3"},
    "flac": {"format": "FLAC"},
    "ogg": {"format": "OGG"},
}


@pytest.mark.parametrize("kind", TRUNCATED)
@pytest.mark.parametrize("share", [0.4, 0.9])
def test_what_is_truncated_after_the_preparation_is_unreadable(
    tmp_path, kind, share
):
    data = encode(noise(4), RATE, **TRUNCATED[kind])
    path = put(tmp_path, f"cut.{kind}", data)
    seconds = probe_audio(path)
    put(tmp_path, f"cut.{kind}", data[: int(len(data) * share)])
    for read in (
        lambda: read_views(path, seconds, 1.0, 3, RATE),
        lambda: read_random_crop(path, seconds, seconds, RATE),
        lambda: read_samples(path, duration=seconds),
    ):
        with pytest.raises(UnreadableAudioError, match="cut.*truncated"):
            read()


def test_what_was_replaced_after_the_preparation_is_unreadable(tmp_path):
    path = put(tmp_path, "a.wav", encode(noise(200), RATE, format="WAV"))
    with pytest.raises(UnreadableAudioError, match="200.000 s, .* 10.000 s"):
        read_random_crop(path, 10.0, 5.0, RATE)


def test_rounded_manifests_are_read(tmp_path):
    path = put(tmp_path, "a.wav", encode(noise(9.98), RATE, format="WAV"))
    assert read_views(path, 10.0, 5.0, 2, RATE)[0].shape == (2, 80000)
