"""Training statistics reach every logger."""

import sys
from types import SimpleNamespace

import pytest

from speechbrain_pib.training.loggers import TrainLoggers

STATS = {"train_stats": {"loss": 0.5}, "valid_stats": {"top1": 0.25}}


def test_text_has_the_numbers(tmp_path):
    logger = TrainLoggers(str(tmp_path / "log.txt"))
    logger.log_stats({"epoch": 3}, **STATS)
    assert (tmp_path / "log.txt").read_text() == (
        "epoch: 3 - train loss: 5.0000e-01 - valid top1: 2.5000e-01\n"
    )


def test_tensorboard_writes_events(tmp_path):
    pytest.importorskip("tensorboard")
    logger = TrainLoggers(str(tmp_path / "log.txt"), tensorboard=True)
    logger.log_stats({"epoch": 3}, **STATS)
    assert list((tmp_path / "tensorboard").rglob("events*"))


def test_wandb_gets_the_numbers_of_one_run_per_folder(tmp_path, monkeypatch):
    runs = []

    def init(**settings):
        logged = []
        runs.append((settings, logged))
        return SimpleNamespace(
            log=lambda values, step: logged.append((step, values))
        )

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        (tmp_path / "results" / name).mkdir(parents=True)
        logger = TrainLoggers(f"results/{name}/log.txt", wandb_project="pib")
        logger.log_stats({"epoch": 3}, train_stats={"loss": 0.5})
    assert [run[0]["id"] for run in runs] == ["results-one", "results-two"]
    assert runs[0][1][0][0] == 3
    assert runs[0][1][0][1]["train"] == {"loss": 0.5}


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(
        ImportError, match=r"wandb .*speechbrain-pib\[logging\]"
    ):
        TrainLoggers(str(tmp_path / "log.txt"), wandb_project="pib")
