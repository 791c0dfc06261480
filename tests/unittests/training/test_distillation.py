"""What DistillationBrain learns from, and what it scores.

Authors
 * The speechbrain_pib developers 2026
"""

import pytest
import speechbrain as sb
import torch
from speechbrain.dataio.batch import PaddedBatch
from torch.nn.functional import cross_entropy

from speechbrain_pib.lobes.models.imgaud2vid import (
    ImgAud2Vid,
    ImgAud2VidOutput,
)
from speechbrain_pib.nnet.distillation import DistillationLoss
from speechbrain_pib.training.distillation import DistillationBrain

CLASSES = 3


class Teacher(torch.nn.Module):
    """Knows clips by the mean of their pixels."""

    def __init__(self, num_classes=CLASSES):
        super().__init__()
        self.num_classes = num_classes

    def forward(self, clips):
        """Features and logits."""
        mean = clips.float().mean(dim=(1, 2, 3, 4)).unsqueeze(1)
        return ImgAud2VidOutput(
            mean * torch.ones(32), mean * torch.arange(self.num_classes)
        )


def make_brain(**hparams):
    """A brain for a tiny student."""
    torch.manual_seed(0)
    model = ImgAud2Vid(CLASSES, width=4)
    hparams = {
        "model": model,
        "ema_decay": None,
        "teacher": Teacher(),
        "distillation": DistillationLoss(kl_weight=0.5, temperature=2.0),
        "label_weight": 0.25,
        **hparams,
    }
    brain = DistillationBrain(
        modules={"model": model}, hparams=hparams, run_opts={"device": "cpu"}
    )
    brain.modules.eval()
    return brain


def make_batch():
    """Two moments, the second without sound."""
    torch.manual_seed(1)
    return PaddedBatch(
        [
            {
                "id": name,
                "image": torch.rand(3, 32, 32),
                "wav": torch.randn(16000),
                "has_audio": torch.tensor([has_audio]),
                "target": torch.eye(CLASSES)[index],
                "readable": torch.tensor([True]),
                "clip": torch.rand(2, 3, 8, 8),
            }
            for index, (name, has_audio) in enumerate(
                {"loud": True, "mute": False}.items()
            )
        ]
    )


def evaluate(brain):
    """Passes the batch through a validation; the loss."""
    brain.on_stage_start(sb.Stage.VALID, 1)
    batch = make_batch()
    with torch.no_grad():
        predictions = brain.compute_forward(batch, sb.Stage.VALID)
        loss = brain.compute_objectives(predictions, batch, sb.Stage.VALID)
    brain.scores.gather()
    return loss


def outputs(brain):
    """What student and teacher say of the batch."""
    batch = make_batch()
    with torch.no_grad():
        student = brain.hparams.model(
            batch.image.data, batch.wav.data, torch.tensor([True, False])
        )
    return student, Teacher()(batch.clip.data)


def test_the_loss_is_that_of_the_labels_and_that_of_the_teacher():
    brain = make_brain()
    student, teacher = outputs(brain)
    labels = cross_entropy(student.logits, torch.tensor([0, 1]))
    features = (student.features - teacher.features).abs().mean()
    known = (teacher.logits / 2).softmax(-1)
    found = (student.logits / 2).softmax(-1)
    divergence = 4 * (known * (known / found).log()).sum(dim=1).mean()
    expected = 0.25 * labels + features + 0.5 * divergence
    torch.testing.assert_close(evaluate(brain), expected)


def test_student_and_teacher_are_scored():
    brain = make_brain()
    evaluate(brain)
    for name, output in zip(("student", "teacher"), outputs(brain)):
        scores = torch.from_numpy(brain.scores.scores[name])
        torch.testing.assert_close(scores, output.logits.softmax(dim=-1))


def test_without_a_teacher_there_are_the_labels():
    brain = make_brain(teacher=None)
    student, _ = outputs(brain)
    labels = cross_entropy(student.logits, torch.tensor([0, 1]))
    torch.testing.assert_close(evaluate(brain), 0.25 * labels)
    assert set(brain.scores.scores) == {"student"}
    with pytest.raises(ValueError, match="nothing to learn from"):
        make_brain(teacher=None, label_weight=0.0)


def test_a_moment_of_no_class_makes_all_classes_equally_likely():
    brain = make_brain(teacher=None, label_weight=1.0)
    student, _ = outputs(brain)
    logs = student.logits.log_softmax(dim=-1)
    expected = -(logs[0, 0] + logs[1].mean()) / 2
    batch = make_batch()
    batch.target.data[1] = 0.0
    predictions = student, None
    brain.on_stage_start(sb.Stage.VALID, 1)
    loss = brain.compute_objectives(predictions, batch, sb.Stage.VALID)
    torch.testing.assert_close(loss, expected)


def test_a_teacher_of_other_classes_is_refused():
    with pytest.raises(ValueError, match="5 features or classes .* has 3"):
        evaluate(make_brain(teacher=Teacher(5)))
