"""Tests of the extraction of features from videos.

Authors
 * The speechbrain_pib developers 2026
"""

import os
from fractions import Fraction

import h5py
import numpy as np
import pytest
import torch

from speechbrain_pib.dataio.video.features import (
    FeatureStore,
    read_video_features,
)
from speechbrain_pib.dataio.video.files import probe_video
from speechbrain_pib.dataio.video.frames import read_frames
from speechbrain_pib.dataio.video.sound import read_sound
from speechbrain_pib.dataio.video.steps import VideoSteps, count_steps
from speechbrain_pib.inference.features import (
    Encoder,
    extract_features,
    read_annotations,
)
from speechbrain_pib.lobes.models.imgaud2vid import ImgAud2Vid
from speechbrain_pib.utils.files import locked_folder
from tests.helpers import read_rows

av = pytest.importorskip("av", reason="reading videos needs PyAV")


class MeanNet(torch.nn.Module):
    """Features that can be computed by hand: means of colours and of |wav|."""

    sample_rate = 16000

    def __init__(self, scale=1.0):
        super().__init__()
        self.register_buffer("scale", torch.tensor(scale))

    def image_features(self, images):
        """[batch, 3]"""
        return self.scale * images.float().mean((2, 3))

    def audio_features(self, wavs):
        """[batch, 1], not 0 for silence"""
        return self.scale * wavs.abs().mean(1, keepdim=True) + 1


def write_video(path, seconds, levels=None, sound=None):
    """Grey of value 20 t in second t; a tone with a level for each second, of
    as many seconds of sound (default: all)."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        if levels is not None:
            audio = container.add_stream("alac", rate=16000, layout="mono")
        for number in range(round(10 * seconds)):
            image = np.full((48, 64, 3), 20 * (number // 10), np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if levels is not None:
            time = np.arange(round((sound or seconds) * 16000)) / 16000
            level = np.repeat(levels, 16000)[: len(time)]
            wav = level * np.sin(2 * np.pi * 500 * time) * 32767
            frame = av.AudioFrame.from_ndarray(
                np.round(wav[None]).astype(np.int16), "s16p", "mono"
            )
            frame.sample_rate, frame.pts = 16000, 0
            frame.time_base = Fraction(1, 16000)
            container.mux(audio.encode(frame))
            container.mux(audio.encode())
    return str(path)


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Loud and quiet seconds; no sound; silence; not a video."""
    folder = tmp_path_factory.mktemp("videos")
    write_video(folder / "deep/a.mp4", 3.6, [0.2, 0.0, 0.4, 0.8])
    write_video(folder / "mute.mp4", 1.3)
    write_video(folder / "silent.mp4", 2, [0.0, 0.0])
    (folder / "page.mp4").write_text("<html>not found</html>" * 99)
    return folder


def read_table(path):
    """Rows of a CSV file by ID."""
    return {row["ID"]: row for row in read_rows(path)}


@pytest.mark.parametrize("processes", [1, 2])
def test_features_are_those_of_the_frame_and_the_sound(
    tmp_path, videos, processes
):
    output = str(tmp_path / "features.hdf5")
    rows, failures = extract_features(
        str(videos), output, Encoder(MeanNet()), processes=processes
    )
    assert [row["ID"] for row in rows] == ["deep/a", "mute", "silent"]
    assert list(failures) == ["page"]
    features = read_video_features(rows[0]["features"], str(tmp_path))
    assert features["image"].dtype == torch.float32
    levels = features["image"].mean(1)
    assert levels.tolist() == pytest.approx([0, 20, 40, 60], abs=2)
    # The mean of |sine| is 2 / pi; the last second has 0.6 of one.
    expected = np.array([0.2, 0.0, 0.4, 0.8 * 0.6]) * 2 / np.pi + 1
    heard = features["audio"][:, 0].tolist()
    assert heard == pytest.approx(expected.tolist(), abs=1e-3)
    assert [row["has_audio"] for row in rows] == [True, False, False]


def test_features_of_silent_seconds_are_those_of_training(tmp_path, videos):
    torch.manual_seed(0)
    student = ImgAud2Vid(3, width=4).eval()
    # As its sound ends before its pictures.
    short = write_video(tmp_path / "videos/short.mp4", 3, [0.3], 1.0)
    for folder in (videos, tmp_path / "videos"):
        output = str(tmp_path / f"{folder.name}.hdf5")
        rows, _ = extract_features(
            str(folder), output, Encoder(student, image_size=32)
        )
        for row in rows:
            features = read_video_features(row["features"], str(tmp_path))
            for second, audio in enumerate(features["audio"]):
                path, rate = row["path"], student.sample_rate
                image = read_frames(path, [second], 32)
                wav, has_audio = read_sound(path, second, second + 1, rate)
                # What a moment of training is, and what it is to the model.
                with torch.no_grad():
                    heard = torch.tensor([has_audio])
                    expected = student.audio_features(wav[None], heard)[0]
                    fused = student(image, wav[None], heard).features[0]
                    whole = student(image, wav[None]).features[0]
                assert torch.allclose(audio, expected, atol=1e-5)
                assert torch.equal(fused, whole)
                assert bool(audio.any()) == has_audio
    sound = read_video_features(f"{output}::short", names=["audio"])["audio"]
    assert short and sound.any(dim=1).tolist() == [True, False, False]


def test_manifest_and_list_of_failures(tmp_path, videos):
    output = str(tmp_path / "features.hdf5")
    annotations = {
        "mute": {"label": "Archery"},
        # What is measured is not what somebody wrote.
        "deep/a": {"label": "Bowling", "duration": "9", "features": "x.npy"},
        "lost": {"label": "Archery"},
    }
    extract_features(
        str(videos), output, Encoder(MeanNet()), annotations=annotations
    )
    table = read_table(tmp_path / "features.csv")
    assert table["deep/a"] == {
        "ID": "deep/a",
        "path": str(videos / "deep/a.mp4"),
        "features": "features.hdf5::deep/a",
        "duration": "3.6",
        "n_steps": "4",
        "has_audio": "True",
        "label": "Bowling",
    }
    assert table["mute"]["has_audio"] == "False"
    assert table["mute"]["n_steps"] == "1" and len(table) == 2
    failures = read_table(tmp_path / "features_failures.csv")
    assert failures["lost"]["reason"] == "no such video" and len(failures) == 1


class Killed(Exception):
    """Stands for the end of the process."""


class MortalNet(MeanNet):
    """Dies when it has seen a number of chunks."""

    def __init__(self, chunks):
        super().__init__()
        self.chunks = chunks

    def image_features(self, images):
        if self.chunks == 0:
            raise Killed
        self.chunks -= 1
        return super().image_features(images)


def test_killed_extraction_is_continued(tmp_path, videos, monkeypatch):
    monkeypatch.setattr("speechbrain_pib.dataio.video.steps.CHUNK", 2)
    output = str(tmp_path / "features.hdf5")
    with pytest.raises(Killed):  # in the middle of the second video
        extract_features(str(videos), output, Encoder(MortalNet(3)))
    left = FeatureStore(output, Encoder(MeanNet()).settings())
    assert sorted(left.videos) == ["deep/a", "mute"]
    seen = []

    class WatchedNet(MeanNet):
        def image_features(self, images):
            seen.append(len(images))
            return super().image_features(images)

    rows, _ = extract_features(str(videos), output, Encoder(WatchedNet()))
    assert seen == [2]  # the video of two seconds only
    assert len(rows) == 3 and not os.path.exists(f"{output}.parts")
    whole = str(tmp_path / "whole.hdf5")
    expected, _ = extract_features(str(videos), whole, Encoder(MeanNet()))
    for row, other in zip(rows, expected):
        features = read_video_features(row["features"], str(tmp_path))
        others = read_video_features(other["features"], str(tmp_path))
        assert all(torch.equal(features[n], others[n]) for n in others)
        assert row["has_audio"] == other["has_audio"]


def test_other_weights_do_not_mix(tmp_path, videos):
    output = str(tmp_path / "features.hdf5")
    extract_features(str(videos), output, Encoder(MeanNet()))
    with pytest.raises(ValueError) as error:
        extract_features(str(videos), output, Encoder(MeanNet(2.0)))
    assert "(student " in str(error.value)
    assert "image_size" not in str(error.value)
    with pytest.raises(ValueError) as error:
        encoder = Encoder(MeanNet(), image_size=112)
        extract_features(str(videos), output, encoder)
    assert "(image_size 224 there, 112 now)" in str(error.value)


@pytest.mark.parametrize(
    "text, message",
    [
        (None, "image_size None there, 224 now"),
        ("{", "holds no features of ours"),
        ("[3]", "holds no features of ours"),
    ],
)
def test_a_file_of_another_origin_is_refused(tmp_path, text, message):
    path = str(tmp_path / "other.hdf5")
    with h5py.File(path, "w") as file:
        file["v"] = np.zeros(3)
        if text is not None:
            file.attrs["settings"] = text
    with pytest.raises(ValueError, match=f"other.hdf5 .*{message}"):
        FeatureStore(path, Encoder(MeanNet()).settings())


def test_a_video_that_was_downloaded_again_is_taken_anew(tmp_path):
    folder = tmp_path / "videos"
    output = str(tmp_path / "features.hdf5")
    write_video(folder / "a.mp4", 1)
    whole = write_video(folder / "b.mp4", 3, [0.2, 0.2, 0.2])
    with open(whole, "rb") as file:
        content = file.read()
    with open(whole, "wb") as file:
        file.write(content[: len(content) // 2])
    seen = []

    class WatchedNet(MeanNet):
        def image_features(self, images):
            seen.append(len(images))
            return super().image_features(images)

    def extract():
        seen.clear()
        rows, failures = extract_features(
            str(folder), output, Encoder(WatchedNet())
        )
        steps = {row["ID"]: row["n_steps"] for row in rows}
        for key, count in steps.items():
            features = read_video_features(f"{output}::{key}")
            assert len(features["image"]) == count
        return steps, list(failures), sum(seen)

    assert extract() == ({"a": 1}, ["b"], 1)
    with open(whole, "wb") as file:
        file.write(content)
    assert extract() == ({"a": 1, "b": 3}, [], 3)
    write_video(folder / "a.mp4", 2)
    assert extract() == ({"a": 2, "b": 3}, [], 2)
    assert extract() == ({"a": 2, "b": 3}, [], 0)
    # One that is damaged now has no features, but is not forgotten.
    with open(whole, "wb") as file:
        file.write(content[: len(content) // 2])
    assert extract() == ({"a": 2}, ["b"], 0)


def test_a_folder_may_have_the_name_of_a_video(tmp_path):
    path = str(tmp_path / "features.hdf5")
    for number, keys in enumerate([["v", "v/w"], ["v/w"], []]):
        store = FeatureStore(path, {})
        for key in keys:
            store.add(key, {"image": np.full((2, 3), number)}, {"n_steps": 2})
        store.merge()
    for key, number in (("v", 0.0), ("v/w", 1.0)):
        features = read_video_features(f"{path}::{key}", names=["image"])
        assert torch.equal(features["image"], torch.full((2, 3), number))
    assert set(FeatureStore(path, {}).videos) == {"v", "v/w"}


def test_output_needs_a_name_that_locators_know(tmp_path, videos):
    with pytest.raises(ValueError, match="named .hdf5 or .h5"):
        extract_features(str(videos), str(tmp_path / "a"), Encoder(MeanNet()))


def test_last_part_of_a_second_counts_from_half_on():
    durations = [0.1, 0.99, 1.49, 1.5, 7200.0]
    assert [count_steps(d) for d in durations] == [1, 1, 1, 2, 7200]


def test_clips_are_sixteen_frames_of_each_second(tmp_path):
    path = write_video(tmp_path / "a.mp4", 2.0)
    first, last = VideoSteps({"a": path}, clips=True)
    assert first["clips"].shape == (2, 16, 3, 112, 112)
    times = [t / 16 for t in range(32)]
    expected = read_frames(path, times, size=112)
    assert torch.equal(first["clips"].flatten(0, 1), expected)
    assert last == {"ID": "a", "duration": 2.0}


def test_features_of_a_teacher(tmp_path, videos):
    class Teacher(torch.nn.Module):
        def forward(self, clips):
            mean = clips.float().mean((1, 3, 4))
            return type("Output", (), {"features": mean, "logits": mean[:, :2]})

    annotations = {"mute": {}}
    output = str(tmp_path / "features.hdf5")
    encoder = Encoder(MeanNet(), Teacher())
    (row,), _ = extract_features(
        str(videos), output, encoder, annotations=annotations
    )
    names = ["teacher", "teacher_logits"]
    features = read_video_features(row["features"], str(tmp_path), names)
    assert features["teacher"].shape == (1, 3)
    assert features["teacher_logits"].shape == (1, 2)


def test_features_of_the_samples(tmp_path, shared):
    torch.manual_seed(0)
    model = ImgAud2Vid(4).eval()
    folder = str(shared / "data/video_samples")
    output = str(tmp_path / "features.hdf5")
    rows, failures = extract_features(folder, output, Encoder(model))
    assert len(rows) == 3 and not failures
    table = read_table(tmp_path / "features.csv")
    steps = {key: row["n_steps"] for key, row in table.items()}
    assert steps == {"nasa_13013": "13", "av1_video": "5", "h265_video": "1"}
    features = read_video_features(f"{output}::nasa_13013")
    path = os.path.join(folder, "nasa_13013.mp4")
    wav, _ = read_sound(path, 7.0, 8.0, 16000)
    with torch.no_grad():
        image = model.image_features(read_frames(path, [7.0], size=224))[0]
        audio = model.audio_features(wav[None])[0]
    assert torch.allclose(features["image"][7], image, atol=1e-4)
    assert torch.allclose(features["audio"][7], audio, atol=1e-3)
    assert probe_video(path).duration == float(table["nasa_13013"]["duration"])


def test_annotations_are_checked(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("video,label\na,b\n")
    with pytest.raises(ValueError, match="labels.csv has no column ID"):
        read_annotations(path)
    path.write_text("ID,label\na,b\na,c\n")
    with pytest.raises(ValueError, match="a appears twice"):
        read_annotations(path)
    path.write_bytes(b"ID,label\na,caf\xe9\n")
    with pytest.raises(ValueError, match="labels.csv is not UTF-8"):
        read_annotations(path)
    path.write_bytes(b"\xef\xbb\xbfID,label\na,b\n")
    assert read_annotations(path) == {"a": {"label": "b"}}


def test_one_process_at_a_time_extracts(tmp_path, videos):
    output = str(tmp_path / "features.hdf5")
    with locked_folder(f"{output}.parts"):
        with pytest.raises(ValueError, match="another process writes"):
            extract_features(str(videos), output, Encoder(MeanNet()))
