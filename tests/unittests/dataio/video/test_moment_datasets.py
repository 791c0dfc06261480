"""Single moments of videos, and what a student learns from them.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
import pytest
import speechbrain as sb
import torch
from speechbrain.dataio.batch import PaddedBatch
from speechbrain.dataio.encoder import CategoricalEncoder

from speechbrain_pib.dataio.manifest import write_manifest
from speechbrain_pib.dataio.video.moment_datasets import moment_dataset
from speechbrain_pib.lobes.models.imgaud2vid import (
    ImgAud2Vid,
    ImgAud2VidOutput,
)
from speechbrain_pib.nnet.distillation import DistillationLoss
from speechbrain_pib.training.distillation import DistillationBrain

av = pytest.importorskip("av", reason="reading videos needs PyAV")
RATE, FRAME_RATE = 16000, 10


@pytest.fixture(scope="module")
def dataset_of(tmp_path_factory):
    """Makes data sets of a video that gets lighter, and of one that is none.

    Frame n, at n / 10 s, has the grey 40 + 3 n; a click is heard at 3.5 s.
    """
    folder = tmp_path_factory.mktemp("moments")
    wav = np.zeros((1, 6 * RATE), np.float32)
    wav[:, round(3.5 * RATE) : round(3.52 * RATE)] = 0.5
    with av.open(str(folder / "a.mp4"), "w") as container:
        video = container.add_stream("libx264", rate=FRAME_RATE)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = container.add_stream("aac", rate=RATE, layout="mono")
        for number in range(60):
            array = np.full((48, 64, 3), 40 + 3 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(array, format="rgb24")
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        sound = av.AudioFrame.from_ndarray(wav, "fltp", "mono")
        sound.sample_rate, sound.pts = RATE, 0
        container.mux(audio.encode(sound))
        container.mux(audio.encode(None))
    (folder / "b.mp4").write_text("no video")
    row = {"ID": "a_0", "path": folder / "a.mp4", "start": 2, "stop": 4.5}
    rows = [{**row, "label": "run", "gaps": "0 0.75|4.5 6"}]
    rows.append({**rows[0], "ID": "b_0", "path": folder / "b.mp4"})
    rows.append({**rows[0], "ID": "a_1", "gaps": ""})
    write_manifest(folder / "test.csv", rows)
    labels = CategoricalEncoder()
    labels.update_from_iterable(["jump", "run"])
    labels.expect_len(2)

    def make(**options):
        options = {"image_size": 32, "sample_rate": RATE, **options}
        return moment_dataset(folder / "test.csv", labels, **options)

    return make


def time_of(image):
    """When a frame is shown, in seconds."""
    return (image.float().mean().item() - 40) / 3 / FRAME_RATE


def test_a_test_moment_is_in_the_middle(dataset_of):
    item = dataset_of()[0]
    assert item["image"].shape == (3, 32, 32)
    assert time_of(item["image"]) == pytest.approx(3.0, abs=0.1)
    click = item["wav"].abs().argmax() / RATE
    assert click.item() == pytest.approx(0.5, abs=0.05)
    assert item["has_audio"].item() and item["readable"].item()
    assert item["target"].tolist() == [0, 1]


def test_training_moments_are_anywhere_in_the_segment(dataset_of):
    dataset = dataset_of(training=True)
    times = [time_of(dataset[0]["image"]) for _ in range(40)]
    assert 1.9 < min(times) < 2.5
    assert 3.5 < max(times) < 4.1


def test_a_share_of_the_items_is_of_no_class_and_from_a_gap(dataset_of):
    dataset = dataset_of(training=True, background=0.4)
    items = [dataset[0] for _ in range(200)]
    times = {"none": [], "run": []}
    for item in items:
        name = "run" if item["target"].tolist() == [0, 1] else "none"
        assert name == "run" or not item["target"].any()
        times[name].append(time_of(item["image"]))
    assert 1.9 < min(times["run"]) and max(times["run"]) < 4.1
    assert 50 < len(times["none"]) < 110
    first = [time for time in times["none"] if time < 0.4]
    second = [time for time in times["none"] if 4.4 < time < 5.6]
    assert len(first) + len(second) == len(times["none"])
    # The second gap is twice as long.
    assert len(first) / len(times["none"]) == pytest.approx(1 / 3, abs=0.17)
    assert min(second) < 4.7 and max(second) > 5.2


def test_a_video_without_gaps_has_no_background(dataset_of):
    dataset = dataset_of(training=True, background=0.9)
    assert all(dataset[2]["target"].any() for _ in range(10))


def test_a_clip_is_the_second_that_follows(dataset_of):
    clip = dataset_of(clips=True)[0]["clip"]
    assert clip.shape == (16, 3, 112, 112)
    assert time_of(clip[0]) == pytest.approx(3.0, abs=0.1)
    assert time_of(clip[-1]) == pytest.approx(3.9, abs=0.15)


def test_what_cannot_be_read_is_marked(dataset_of):
    item = dataset_of(clips=True)[1]
    assert not item["readable"].item() and not item["has_audio"].item()
    assert item["image"].sum() == 0 and item["clip"].shape[0] == 16
    item = dataset_of(training=True)[1]
    assert not item["readable"].item()
    assert item["image"].sum() > 0


class Teacher(torch.nn.Module):
    """Knows a clip by its brightness."""

    def forward(self, clips):
        """Features and logits."""
        light = clips.float().mean(dim=(1, 2, 3, 4)).unsqueeze(1) / 255
        return ImgAud2VidOutput(light.expand(-1, 32), light.expand(-1, 2))


def make_brain(teacher, label_weight):
    """A brain for a tiny student."""
    model = ImgAud2Vid(2, width=4)
    hparams = {
        "model": model,
        "ema_decay": None,
        "teacher": teacher,
        "distillation": DistillationLoss(kl_weight=0.5),
        "label_weight": label_weight,
    }
    return DistillationBrain(
        modules={"model": model}, hparams=hparams, run_opts={"device": "cpu"}
    )


def test_a_student_learns_from_teacher_and_labels(dataset_of):
    brain = make_brain(Teacher(), label_weight=2.0)
    item = dataset_of(clips=True)[0]
    batch = PaddedBatch([item, item])
    brain.on_stage_start(sb.Stage.VALID, 1)
    predictions = brain.compute_forward(batch, sb.Stage.VALID)
    loss = brain.compute_objectives(predictions, batch, sb.Stage.VALID)
    output, teacher = predictions
    absolute = (output.features - teacher.features).abs().mean()
    students, teachers = (
        one.logits.log_softmax(dim=-1) for one in (output, teacher)
    )
    divergence = (teachers.exp() * (teachers - students)).sum(-1).mean()
    expected = absolute + 0.5 * divergence - 2 * students[:, 1].mean()
    torch.testing.assert_close(loss, expected)
    loss.backward()
    kernel = brain.hparams.model.audio_net.conv1.weight
    assert kernel.grad.abs().max() > 0
    brain.scores.gather()
    assert set(brain.scores.scores) == {"student", "teacher"}


def test_nothing_to_learn_from_is_an_error():
    with pytest.raises(ValueError, match="nothing to learn from"):
        make_brain(None, label_weight=0.0)
    make_brain(None, label_weight=1.0)
