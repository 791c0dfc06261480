"""A small ClassificationBrain that several tests train, and its data.

Authors
 * The speechbrain_pib developers 2026
"""

import functools

import speechbrain as sb
import torch
from speechbrain.dataio.encoder import CategoricalEncoder
from speechbrain.utils.checkpoints import Checkpointer
from speechbrain.utils.epoch_loop import EpochCounter
from torch.nn.functional import cross_entropy

from speechbrain_pib.dataio.manifest import write_manifest
from speechbrain_pib.dataio.manifest_dataset import ManifestDataset
from speechbrain_pib.nnet.schedulers import WarmupCosine
from speechbrain_pib.training.classification import ClassificationBrain
from speechbrain_pib.training.loggers import TrainLoggers
from speechbrain_pib.training.optimizers import build_optimizer

CLASSES = 3


class Interrupted(Exception):
    """Stands for a kill."""


class PointBrain(ClassificationBrain):
    """Classifies noisy points; may be killed, and meet an absurd one."""

    kill_at = None  # the batch of the training before which it is killed
    absurd = {}  # ID to what its loss is
    controls = {}  # name of the scores to a function of the logits

    def compute_forward(self, batch, stage):
        """Logits."""
        batch = batch.to(self.device)
        return self.modules.model(batch.point.data)

    def compute_objectives(self, predictions, batch, stage):
        """Cross-entropy."""
        targets = batch.target.data
        loss = cross_entropy(predictions, targets)
        for clip in set(batch.id) & set(self.absurd):
            loss = loss + self.absurd[clip]
        self.statistics.append({"loss": loss})
        if stage == sb.Stage.TRAIN:
            self.drawn.append(torch.rand(()).item())
            if len(self.drawn) == self.kill_at:
                raise Interrupted
        else:
            scores = {k: v(predictions) for k, v in self.controls.items()}
            scores["fused"] = predictions
            self.scores.append(batch.id, targets, scores)
        return loss


def noisy_point(number):
    """A point near the corner of its class."""
    corner = torch.eye(CLASSES, 8)[int(number) % CLASSES]
    return corner + 0.3 * torch.randn(8)


def one_hot(number):
    """Its class."""
    return torch.eye(CLASSES)[int(number) % CLASSES]


def read_number(name):
    """The number in an ID."""
    return name.removeprefix("clip")


def make_dataset(folder, count=20):
    """Points in the form of every recipe's clips."""
    path = folder / f"{count}.csv"
    if not path.exists():
        write_manifest(path, [{"ID": f"clip{n}"} for n in range(count)])
    dataset = ManifestDataset(path)
    dataset.add_dynamic_item(read_number, "id", "number")
    dataset.add_dynamic_item(noisy_point, "number", "point")
    dataset.add_dynamic_item(one_hot, "number", "target")
    dataset.set_output_keys(["id", "point", "target"])
    return dataset


def make_brain(
    folder,
    *,
    epochs=2,
    ema_decay=None,
    checkpoints=True,
    norm=torch.nn.BatchNorm1d,
    **opts,
):
    """A brain with normalization, dropout and momentum."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(8, 16),
        norm(16),
        torch.nn.ReLU(),
        torch.nn.Dropout(0.2),
        torch.nn.Linear(16, CLASSES),
    )
    counter = EpochCounter(epochs)
    checkpointer = None
    if checkpoints:
        checkpointer = Checkpointer(
            folder / "save", {"model": model, "counter": counter}
        )
    labels = CategoricalEncoder()
    labels.update_from_iterable("abc")
    brain = PointBrain(
        {"model": model},
        functools.partial(
            build_optimizer, name="SGD", lr=0.1, weight_decay=0.0
        ),
        {
            "model": model,
            "schedule": WarmupCosine(0, epochs),
            "layer_decay": 1.0,
            "ema_decay": ema_decay,
            "seed": 7,
            "epoch_counter": counter,
            "train_logger": TrainLoggers(str(folder / "train_log.txt")),
            "output_folder": str(folder),
        },
        {"device": "cpu", "noprogressbar": True, **opts},
        checkpointer,
        label_encoder=labels,
        coverage={},
    )
    brain.drawn = []
    return brain


def fit(brain, folder, valid=False, kill_at=None, count=20, **loader):
    """Trains, as far as the kill."""
    brain.kill_at = kill_at
    options = {"batch_size": 4, "drop_last": True, **loader}
    dataset = make_dataset(folder, count)
    try:
        brain.fit(
            brain.hparams.epoch_counter,
            dataset,
            make_dataset(folder, 12) if valid else None,
            train_loader_kwargs=options,
            valid_loader_kwargs={"batch_size": 4},
        )
    except Interrupted:
        return
    assert kill_at is None


def state_of(brain):
    """All tensors that a training leaves."""
    state = dict(brain.hparams.model.state_dict())
    for index, moments in brain.optimizer.state_dict()["state"].items():
        state[f"momentum {index}"] = moments["momentum_buffer"]
    if brain.average is not None:
        state.update(brain.average.state_dict())
    return state


def assert_equal_states(one, other):
    """The same entries, bit for bit."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name
