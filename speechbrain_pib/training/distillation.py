"""DistillationBrain and train_student: train IMGAUD2VID on moments of videos.

Authors
 * The speechbrain_pib developers 2026
"""

import os

import speechbrain as sb
import torch
from speechbrain.utils.distributed import run_on_main
from torch.nn.functional import cross_entropy

from speechbrain_pib.lobes.models.imgaud2vid import start_student
from speechbrain_pib.nnet.losses import share_among_classes
from speechbrain_pib.training.classification import (
    ClassificationBrain,
)
from speechbrain_pib.training.experiment import train_and_test
from speechbrain_pib.utils.files import atomic_writer

STUDENT = "imgaud2vid.ckpt"


class DistillationBrain(ClassificationBrain):
    """Trains an image net and an audio net to know what a clip shows.

    Batches hold what moment_dataset gives: "id", "image", "wav", "has_audio",
    "target", "readable" and, with a teacher, "clip". A target of zeros, a
    moment that is of no class, makes all classes equally likely.

    Beside what ClassificationBrain expects, it expects in hparams: "teacher"
    (a module from clips to features and logits, or None), "distillation"
    (DistillationLoss), "label_weight" (of the cross-entropy of the labels)
    and "output_folder".

    Example
    -------
    >>> DistillationBrain.__mro__[1].__name__
    'ClassificationBrain'
    """

    output = "student"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.hparams.teacher is not None:
            self.hparams.teacher.to(self.device)
        elif not self.hparams.label_weight:
            raise ValueError(
                "there is nothing to learn from: give the teacher's weights "
                "(--teacher_weights) or a --label_weight"
            )

    def compute_forward(self, batch, stage):
        """Compute what student and teacher make of a batch of moments.

        Arguments
        ---------
        batch : PaddedBatch
            As described for the class.
        stage : sb.Stage
            TRAIN, VALID or TEST.

        Returns
        -------
        output : ImgAud2VidOutput
            Of the student.
        teacher : ImgAud2VidOutput
            None without a teacher.
        """
        batch = batch.to(self.device, non_blocking=True)
        output = self.modules.model(
            batch.image.data, batch.wav.data, batch.has_audio.data.squeeze(-1)
        )
        teacher = None
        if self.hparams.teacher is not None:
            teacher = self.hparams.teacher(batch.clip.data)
            for own, wanted in zip(output, teacher):
                if own.shape != wanted.shape:
                    raise ValueError(
                        f"the teacher has {wanted.shape[1]} features or "
                        f"classes where the student has {own.shape[1]}; it "
                        "must have been trained for the same"
                    )
        return output, teacher

    def compute_objectives(self, predictions, batch, stage):
        """Sum the losses and, in evaluation, keep the scores.

        Arguments
        ---------
        predictions : tuple
            What `compute_forward` returned.
        batch : PaddedBatch
            The same batch.
        stage : sb.Stage
            TRAIN, VALID or TEST.

        Returns
        -------
        loss : torch.Tensor
        """
        output, teacher = predictions
        targets = batch.target.data.float()
        shares = share_among_classes(targets)
        losses = {"labels": cross_entropy(output.logits.float(), shares)}
        loss = self.hparams.label_weight * losses["labels"]
        if teacher is not None:
            distilled = self.hparams.distillation(*output, *teacher)
            loss = loss + distilled.pop("loss")
            losses |= distilled
        losses["loss"] = loss
        readable = batch.readable.data.squeeze(1)
        self.statistics.append({**losses, "unreadable": (~readable).sum()})
        if stage != sb.Stage.TRAIN:
            scores = {"student": output.logits}
            if teacher is not None:
                scores["teacher"] = teacher.logits
            scores = {k: v.float().softmax(dim=-1) for k, v in scores.items()}
            self.scores.append(batch.id, targets, scores, readable)
        return loss


def train_student(hparams, run_opts, data):
    """Train and test IMGAUD2VID, and write its weights for extract_features.

    They are imgaud2vid.ckpt in the output folder.

    Arguments
    ---------
    hparams : dict
        As from start_experiment.
    run_opts : dict
        As from start_experiment.
    data : RecipeData
        As from load_data.

    Raises
    ------
    ValueError
        If there is a teacher without weights.

    Example
    -------
    >>> train_student(hparams, run_opts, data)  # doctest: +SKIP
    """
    if hparams["teacher"] is not None and hparams["teacher_weights"] is None:
        raise ValueError(
            "nobody trained the teacher: give --teacher_weights=/path/to/"
            "r2plus1d_18.pth, or --teacher=null --label_weight=1 to learn "
            "from the labels"
        )
    if hparams["start_weights"] is not None:
        start_student(hparams["model"], hparams["start_weights"])
    train_and_test(DistillationBrain, hparams, run_opts, data)
    path = os.path.join(hparams["output_folder"], STUDENT)
    run_on_main(_save_weights, args=[hparams["model"], path])


def _save_weights(model, path):
    """Write the weights of a model, whole or not at all."""
    state = {name: value.cpu() for name, value in model.state_dict().items()}
    with atomic_writer(path, "wb") as file:
        torch.save(state, file)
