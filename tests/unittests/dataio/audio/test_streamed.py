"""Tests of formats that PyAV decodes, in every reader.

Authors
 * The speechbrain_pib developers 2026
"""

import io
import tarfile

import av
import numpy as np
import pytest
import soundfile
import torch

from speechbrain_pib.dataio.audio.checks import check_audio, probe_audio
from speechbrain_pib.dataio.audio.crops import read_segment, read_views
from speechbrain_pib.dataio.audio.decoding import read_samples
from speechbrain_pib.dataio.audio.locators import UnreadableAudioError

RATE = 48000


def chirp(seconds=4.0):
    """A tone that rises from 200 to 2200 Hz, so that a place is a pitch."""
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 200 * time + 1000 / seconds * time**2
    return 0.5 * np.sin(2 * np.pi * phase)


def encode(path, samples, codec, layout="stereo"):
    """Writes a file with PyAV."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE, layout=layout)
        planes = np.stack([samples] * (2 if layout == "stereo" else 1))
        planes = planes.astype(np.float32)
        frame = av.AudioFrame.from_ndarray(planes, "fltp", layout)
        frame.sample_rate, frame.pts = RATE, 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return str(path)


def pitch(wav, rate):
    """Frequency of the strongest tone in Hz."""
    spectrum = torch.fft.rfft(wav * torch.hann_window(len(wav))).abs()
    return spectrum.argmax().item() * rate / len(wav)


FORMATS = [
    ("a.m4a", "aac"),
    ("a.aac", "aac"),
    ("a.mp4", "aac"),
    ("a.webm", "libopus"),
]


@pytest.mark.parametrize("name, codec", FORMATS)
@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_formats_of_downloaders_are_read(tmp_path, name, codec, layout):
    path = encode(tmp_path / name, chirp(), codec, layout)
    seconds = probe_audio(path)
    assert seconds == check_audio(path) == pytest.approx(4.0, abs=0.06)
    for start in (0.0, 1.3, 3.5):
        heard = read_segment(path, start, 0.4, 16000)
        assert heard.shape == (6400,)
        expected = 200 + 2 * 1000 / 4.0 * (start + 0.2)
        assert pitch(heard, 16000) == pytest.approx(expected, abs=30)
        assert 0.3 < heard.abs().max() < 0.8
    whole, _ = read_samples(path, dtype="float32")
    assert len(whole) == round(seconds * RATE)
    wavs, lengths = read_views(path, seconds, 1.0, 4, RATE)
    starts = np.linspace(0, seconds - 1, 4)
    for wav, start in zip(wavs, starts):
        first = round(start * RATE)
        assert torch.equal(wav, torch.from_numpy(whole)[first : first + RATE])


def test_an_m4a_agrees_with_a_player(tmp_path):
    path = encode(tmp_path / "a.m4a", chirp(), "aac", "mono")
    heard = read_segment(path, 0.0, 9.0, RATE).numpy()
    # Delay of the encoder is not heard: the file begins as the sound did.
    inside = slice(4800, 4 * RATE - 4800)
    assert np.corrcoef(heard[inside], chirp()[inside])[0, 1] > 0.99


def test_a_truncated_m4a_is_unreadable(tmp_path):
    path = encode(tmp_path / "a.m4a", 0.1 * np.random.randn(4 * RATE), "aac")
    # With its index in front, as for streaming, it opens although it is cut.
    fast = str(tmp_path / "fast.m4a")
    with (
        av.open(path) as source,
        av.open(fast, "w", options={"movflags": "faststart"}) as target,
    ):
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    data = (tmp_path / "fast.m4a").read_bytes()
    assert probe_audio(fast) == pytest.approx(4.0, abs=0.1)
    for share in (0.1, 0.5):
        (tmp_path / "cut.m4a").write_bytes(data[: int(len(data) * share)])
        with pytest.raises(UnreadableAudioError, match="cut.m4a"):
            probe_audio(str(tmp_path / "cut.m4a"))


def test_a_truncated_webm_is_unreadable(tmp_path):
    path = encode(tmp_path / "a.webm", chirp(), "libopus")
    data = (tmp_path / "a.webm").read_bytes()
    assert probe_audio(path) == pytest.approx(4.0, abs=0.1)
    (tmp_path / "a.webm").write_bytes(data[: len(data) // 2])
    with pytest.raises(UnreadableAudioError, match="a.webm.*truncated"):
        probe_audio(path)


def test_a_video_without_sound_is_unreadable(tmp_path):
    path = str(tmp_path / "silent.mp4")
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        picture = np.zeros((32, 32, 3), np.uint8)
        frame = av.VideoFrame.from_ndarray(picture, "rgb24")
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    with pytest.raises(UnreadableAudioError, match="silent.mp4.*no sound"):
        probe_audio(path)


@pytest.mark.parametrize("kind", ["MP3", "OGG", "WAV", "FLAC"])
def test_members_of_a_tar_are_read_in_every_format(tmp_path, kind):
    file = io.BytesIO()
    soundfile.write(file, chirp(), RATE, format=kind)
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name in ("first", "second"):
            info = tarfile.TarInfo(f"{name}.{kind.lower()}")
            info.size = len(file.getvalue())
            tar.addfile(info, io.BytesIO(file.getvalue()))
    with tarfile.open(tmp_path / "a.tar") as tar:
        member = tar.getmembers()[1]
    locator = f"{tmp_path / 'a.tar'}::{member.offset_data}+{member.size}"
    assert probe_audio(locator) == check_audio(locator)
    heard = read_segment(locator, 1.3, 0.4, 16000)
    assert pitch(heard, 16000) == pytest.approx(950, abs=30)


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{}'\n",
    ],
)
def test_a_playlist_does_not_lead_to_other_files(tmp_path, playlist):
    secret = tmp_path / "secret.wav"
    soundfile.write(secret, chirp(), RATE)
    for name in ("a.m4a", "a.m3u8", "a.wav"):
        path = tmp_path / name
        path.write_text(playlist.format(secret))
        with pytest.raises(UnreadableAudioError, match="not an audio file"):
            probe_audio(str(path))
