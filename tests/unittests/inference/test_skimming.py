"""Classification of video files, with a tiny untrained model.

Authors
 * The speechbrain_pib developers 2026
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hyperpyyaml import load_hyperpyyaml
from speechbrain.dataio.encoder import CategoricalEncoder

from speechbrain_pib.dataio.video.containers import UnreadableVideoError
from speechbrain_pib.dataio.video.steps import VideoSteps
from speechbrain_pib.inference.export_skimming import export_skimming
from speechbrain_pib.inference.features import Encoder
from speechbrain_pib.inference.skimming import SkimmingClassifier
from speechbrain_pib.lobes.models.imgaud2vid import ImgAud2Vid
from tests.helpers import load_recipe_module
from tests.videos import write_video

av = pytest.importorskip("av", reason="reading videos needs PyAV")
LABELS = ["run", "jump", "swim"]
HPARAMS = """\
seed: !PLACEHOLDER
__set_seed: !apply:torch.manual_seed [!ref <seed>]
image_size: 32
num_classes: 3
model: !new:speechbrain_pib.lobes.models.skimming.Skimmer
    num_classes: !ref <num_classes>
    input_size: 32
    hidden_size: 24
    key_size: 12
    looks: 3
    subsample: [8, 1]
"""


def shaken(module):
    """The module with other weights: an untrained one says the same of all."""
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return module.eval()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """An inference folder, and a video of 19.6 s."""
    folder = tmp_path_factory.mktemp("skimming")
    text = HPARAMS.replace("!PLACEHOLDER", "7")
    (folder / "train.yaml").write_text(text)
    model = shaken(load_hyperpyyaml(text)["model"])
    with torch.no_grad():
        # Else it is sure of its answer, whatever it sees.
        model.classifier.weight.mul_(0.1)
    student = shaken(ImgAud2Vid(5, width=4))
    labels = CategoricalEncoder()
    labels.update_from_iterable(LABELS)
    export_skimming(
        folder / "inference",
        str(folder / "train.yaml"),
        model,
        student,
        labels,
        dataset="Noise",
        metrics={"top1": 0.5},
        command="python train.py",
    )
    miniature = load_recipe_module("ActivityNet", "miniature")
    frames, wav, _ = miniature.make_video(1, np.random.default_rng(0))
    miniature.write_video(str(folder / "video.mp4"), frames, wav)
    return SimpleNamespace(
        folder=folder / "inference",
        model=model,
        student=student,
        video=folder / "video.mp4",
    )


@pytest.fixture(scope="module")
def classifier(exported):
    """The classifier that the folder holds, on the CPU."""
    run_opts = {"device": "cpu"}
    return SkimmingClassifier.from_hparams(exported.folder, run_opts=run_opts)


def write_silent(path, seconds=3):
    """A video without sound."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(5 * seconds):
            array = np.full((48, 64, 3), 10 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(array, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def features_of(student, path):
    """Features [1, T, size] of all seconds of a video."""
    encoder, parts = Encoder(student, image_size=32), []
    for chunk in VideoSteps({"a": str(path)}, image_size=32):
        if "images" in chunk:
            parts.append(encoder(chunk))
    return {
        name: torch.cat([torch.from_numpy(part[name]) for part in parts])[None]
        for name in ("image", "audio")
    }


def test_it_says_what_all_features_would_say(exported, classifier):
    features = features_of(exported.student, exported.video)
    with torch.no_grad():
        output = exported.model(features, attention="hard")
    seen = classifier.classify_video(exported.video)
    torch.testing.assert_close(
        seen.probabilities,
        output.logits[0].softmax(dim=-1),
        rtol=1e-4,
        atol=1e-5,
    )
    moments = [look.seconds for look in seen.looks if look.stream == "image"]
    assert moments == output.looked_at[0, 1:, 0].tolist()
    # The weights that chose a step are of the state before it was seen.
    weights = output.modality_weights[0, :-1].flatten().tolist()
    assert [look.weight for look in seen.looks] == pytest.approx(weights)
    assert seen.label == LABELS[seen.probabilities.argmax()]
    assert seen.score == seen.probabilities.max().item()


def test_it_decodes_what_it_looks_at(exported, classifier, monkeypatch):
    from speechbrain_pib.inference import skimming

    asked = []

    def read_frames(path, times, size):
        asked.extend(times)
        return original(path, times, size)

    original = skimming.read_frames
    monkeypatch.setattr(skimming, "read_frames", read_frames)
    seen = classifier.classify_video(exported.video)
    looked = {look.seconds for look in seen.looks}
    assert len(looked) == 3
    assert set(asked) == looked - {0.0, 8.0, 16.0}
    assert seen.decoded_frames == 3 + len(asked)


def test_weights_of_the_streams_add_up(exported, classifier):
    looks = classifier.classify_video(exported.video).looks
    assert [look.stream for look in looks] == ["image", "audio"] * 3
    for image, audio in zip(looks[::2], looks[1::2]):
        assert image.seconds == audio.seconds
        assert image.weight + audio.weight == pytest.approx(1)


def test_a_video_without_sound_has_features_of_zeros(tmp_path, classifier):
    write_silent(tmp_path / "silent.mp4")
    seen = classifier.classify_video(tmp_path / "silent.mp4")
    assert not seen.has_audio
    assert {look.seconds for look in seen.looks} == {0.0, 1.0, 2.0}


def test_a_silent_preview_does_not_silence_what_is_heard_later(
    tmp_path, exported, classifier, monkeypatch
):
    # The preview hears the first and the third of three seconds.
    wav = np.zeros((1, 3 * 16000), np.float32)
    wav[0, 16000:32000] = 0.3 * np.sin(np.arange(16000) / 5)
    codecs = ("libx264", "pcm_s16le")
    path = tmp_path / "late.mov"
    write_video(path, 75, wav, codecs, sample_rate=16000)
    models = [exported.model, classifier.mods.model]
    for model in models:
        monkeypatch.setattr(model, "subsample", [4, 2])
    features = features_of(exported.student, path)
    heard = features["audio"][0].any(dim=1).tolist()
    assert heard == [False, True, False]
    with torch.no_grad():
        expected = exported.model(features, attention="hard")
    seen = classifier.classify_video(path)
    assert {look.seconds for look in seen.looks} == {0.0, 1.0, 2.0}
    assert seen.has_audio
    torch.testing.assert_close(
        seen.probabilities,
        expected.logits[0].softmax(dim=-1),
        rtol=1e-4,
        atol=1e-5,
    )


def test_a_second_call_says_the_same(exported, classifier):
    first, second = (
        classifier.classify_video(exported.video) for _ in range(2)
    )
    assert first.looks == second.looks
    assert torch.equal(first.probabilities, second.probabilities)


def test_there_are_no_more_looks_than_seconds(tmp_path, classifier):
    write_silent(tmp_path / "short.mp4", seconds=2)
    looks = classifier.classify_video(tmp_path / "short.mp4").looks
    seconds = [look.seconds for look in looks if look.stream == "image"]
    assert sorted(seconds) == [0.0, 1.0]


def test_a_silent_look_does_not_silence_the_preview(
    tmp_path, exported, classifier, monkeypatch
):
    # Only the first of three seconds is heard; the second one is looked at.
    wav = np.zeros(3 * 16000, np.float32)
    wav[:8000] = 0.3 * np.sin(np.arange(8000) / 5)
    miniature = load_recipe_module("ActivityNet", "miniature")
    frames = np.zeros((15, 64, 64, 3), np.uint8)
    miniature.write_video(str(tmp_path / "early.mp4"), frames, wav)
    monkeypatch.setattr(classifier.mods.model, "subsample", [4, 2])
    seen = classifier.classify_video(tmp_path / "early.mp4")
    assert {look.seconds for look in seen.looks} == {0.0, 1.0, 2.0}
    assert seen.has_audio


@pytest.mark.parametrize(
    ("name", "has_audio"),
    [
        ("nasa_13013.mp4", True),
        ("h265_video.mp4", False),
        ("av1_video.mkv", False),
    ],
)
def test_real_files_are_classified(shared, classifier, name, has_audio):
    path = shared / "data/video_samples" / name
    seen = classifier.classify_video(path)
    assert seen.has_audio == has_audio
    assert seen.label in LABELS
    assert all(0 <= look.seconds < seen.duration for look in seen.looks)


def test_what_is_no_video_is_an_error(tmp_path, classifier):
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(UnreadableVideoError, match="text.mp4"):
        classifier.classify_video(tmp_path / "text.mp4")


def test_weights_that_do_not_fit_are_named(exported, tmp_path):
    folder = tmp_path / "inference"
    folder.mkdir()
    for path in exported.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    state = torch.load(folder / "student.ckpt", weights_only=True)
    del state["fusion.expand.bias"]
    torch.save(state, folder / "student.ckpt")
    with pytest.raises(ValueError, match="missing fusion.expand.bias"):
        SkimmingClassifier.from_hparams(folder, run_opts={"device": "cpu"})


def test_a_folder_that_is_not_there_is_not_searched_on_the_hub(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        SkimmingClassifier.from_hparams(tmp_path / "nothing")


def test_other_features_cannot_be_exported(exported):
    with pytest.raises(ValueError, match="64 features, the skimming takes 32"):
        export_skimming(
            exported.folder,
            None,
            exported.model,
            ImgAud2Vid(5, width=8),
            None,
            dataset="",
            metrics={},
            command="",
        )
