"""Tests of what the scripts of recipes share.

Authors
 * The speechbrain_pib developers 2026
"""

import functools
import os
import subprocess
import sys

import pytest
import speechbrain as sb
import torch
from speechbrain.dataio.batch import PaddedBatch
from speechbrain.dataio.encoder import CategoricalEncoder
from speechbrain.utils.checkpoints import Checkpointer
from speechbrain.utils.epoch_loop import EpochCounter
from torch.nn.functional import cross_entropy

from speechbrain_pib.training.classification import ClassificationBrain
from speechbrain_pib.training.experiment import (
    RecipeData,
    load_challenge_data,
    train_and_test,
)
from speechbrain_pib.training.loggers import TrainLoggers
from speechbrain_pib.training.optimizers import build_optimizer


def test_a_list_without_labels_is_refused_for_a_training():
    prepared = []
    with pytest.raises(ValueError, match="--test_only=True"):
        load_challenge_data(
            prepared.append,
            {"submission_list": "test.csv"},
            {"test_only": False},
            folder=None,
        )
    assert not prepared


class CornerBrain(ClassificationBrain):
    """Classifies points at corners; keeps the weights of each epoch."""

    def compute_forward(self, batch, stage):
        """Logits."""
        return self.modules.model(batch.to(self.device).point.data)

    def compute_objectives(self, predictions, batch, stage):
        """Cross-entropy."""
        targets = batch.target.data
        if stage != sb.Stage.TRAIN:
            self.scores.append(batch.id, targets, {"fused": predictions})
        return cross_entropy(predictions, targets)

    def on_stage_start(self, stage, epoch=None):
        """Keep the weights of the training before a validation."""
        if stage == sb.Stage.VALID:
            self.hparams.epochs.append(self.hparams.model.weight.clone())
        super().on_stage_start(stage, epoch)


def make_clips(shift=0):
    """Each corner of three, with the label of one of the next ones."""
    return [
        {
            "id": f"clip{index}",
            "point": corner,
            "target": torch.eye(3)[(index + shift) % 3],
        }
        for index, corner in enumerate(torch.eye(3))
    ]


def train(folder, *, valid=True, ema_decay=None):
    """Trains a model that knows the corners on wrong labels, so that it gets
    worse from epoch to epoch; the hyperparameters and the results."""
    model = torch.nn.Linear(3, 3, bias=False)
    torch.nn.init.eye_(model.weight)
    counter = EpochCounter(4)
    options = {"batch_size": 3, "collate_fn": PaddedBatch}
    labels = CategoricalEncoder()
    labels.update_from_iterable("abc")
    hparams = {
        "modules": {"model": model},
        "model": model,
        "num_classes": 3,
        "opt_class": functools.partial(
            build_optimizer, name="SGD", lr=0.8, weight_decay=0.0
        ),
        "schedule": lambda epoch: 1.0,
        "layer_decay": 1.0,
        "ema_decay": ema_decay,
        "seed": 1,
        "epoch_counter": counter,
        "checkpointer": Checkpointer(
            folder / "save", {"model": model, "counter": counter}
        ),
        "train_logger": TrainLoggers(str(folder / "train_log.txt")),
        "output_folder": str(folder),
        "train_dataloader_opts": options,
        "test_dataloader_opts": options,
        "epochs": [],
    }
    datasets = {"train": make_clips(shift=1), "test": make_clips()}
    if valid:
        datasets["valid"] = make_clips()
    results = train_and_test(
        CornerBrain,
        hparams,
        {"device": "cpu", "noprogressbar": True},
        RecipeData(labels, datasets, {}),
    )
    return hparams, results


def test_the_best_epoch_is_tested_not_the_last(tmp_path):
    hparams, results = train(tmp_path)
    assert results["epoch"] == 1
    assert results["scores"]["fused"]["top1"] == 1.0
    assert torch.equal(hparams["model"].weight, hparams["epochs"][0])
    log = (tmp_path / "train_log.txt").read_text()
    assert "epoch: 4" in log and "top1: 0.00" in log


def test_without_a_validation_the_last_epoch_is_tested(tmp_path):
    _, results = train(tmp_path, valid=False)
    assert results["epoch"] == 4
    assert results["scores"]["fused"]["top1"] == 0.0


def test_a_validation_leaves_the_training_as_it_is(tmp_path):
    """It is of the average of the weights, the training is not."""
    raw, _ = train(tmp_path / "raw")
    averaged, results = train(tmp_path / "averaged", ema_decay=0.9)
    assert len(raw["epochs"]) == 4
    for one, other in zip(raw["epochs"], averaged["epochs"]):
        assert torch.equal(one, other)
    # The average lags behind: it is still right when the weights are not.
    assert results["epoch"] == 3
    assert results["scores"]["fused"]["top1"] == 1.0


# A brain as SpeechBrain's checkpointer holds it, after its training.
TRAINED_SIDE_BY_SIDE = """
import sys
from pathlib import Path
import torch
from speechbrain_pib.training.experiment import begin_processes, end_processes

def threads():
    return [p.read_text() for p in Path("/proc/self/task").glob("*/comm")]

begin_processes({"distributed_backend": "gloo"})
wrapped = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(2, 2))
wrapped(torch.ones(1, 2)).sum().backward()
modules = torch.nn.ModuleDict({"model": wrapped})
assert any("gloo" in name for name in threads())
del wrapped
modules.clear()
end_processes()
print([name for name in threads() if "gloo" in name])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")
def test_no_thread_of_a_process_group_outlives_it(tmp_path):
    """Such a thread may abort the process at its exit."""
    rank = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1"}
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
    finished = subprocess.run(
        [sys.executable, "-c", TRAINED_SIDE_BY_SIDE],
        env={**os.environ, **rank, **address},
        capture_output=True,
        text=True,
    )
    assert finished.stdout.strip().splitlines()[-1:] == ["[]"], finished.stderr
