"""What must hold of whole trainings: any number of processes, any kill.

Authors
 * The speechbrain_pib developers 2026
"""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from tests.helpers import ROOT

pytestmark = pytest.mark.slow
ONCE = ("--number_of_epochs=1", "--controls=[random]")
HELD_OUT = ("--valid_fraction=0.3",)
SMALL = ("--miniature_clips=96", "--number_of_epochs=2", "--controls=[random]")


def read_scores(output):
    """The scores of a test as a dictionary of arrays."""
    with np.load(output / "scores.npz") as file:
        return dict(file)


def last_weights(output):
    """The model of the newest checkpoint."""
    newest = max((output / "save").glob("CKPT+*"))
    return torch.load(newest / "model.ckpt", weights_only=True)


@pytest.mark.parametrize(
    "recipe, arguments",
    [
        ("VGGSound", (*SMALL, "--replays=0")),
        ("VGGSound", (*SMALL, "--replays=2")),
        ("AudioSet", ("--miniature_clips=128", *ONCE)),
        ("EPIC-KITCHENS-100", ("--miniature_clips=120", *HELD_OUT, *ONCE)),
        ("EPIC-SOUNDS", ("--miniature_clips=120", *HELD_OUT, *ONCE)),
    ],
)
def test_two_processes_train_and_one_of_them_measures_the_same(
    run_recipe, recipe, arguments
):
    """The checkpoint of two ranks, tested on one and on two, has equal
    scores, each clip once."""
    run = (recipe, "hparams/pib.yaml", *arguments)
    both = run_recipe(*run, ranks=2)
    pair = read_scores(both)
    results = json.loads((both / "results.json").read_text())
    run_recipe(*run, "--test_only", "True")
    alone = read_scores(both)
    assert results["clips"] == len(set(alone["ids"])) == len(alone["ids"])
    assert pair["ids"].tolist() == alone["ids"].tolist()
    assert pair.keys() == alone.keys()
    for name in results["scores"]:
        assert np.abs(pair[name] - alone[name]).max() < 1e-5
    tested = json.loads((both / "results.json").read_text())
    assert tested["id_sha256"] == results["id_sha256"]
    threshold = results["event_threshold"]
    assert tested["event_threshold"] == pytest.approx(threshold, abs=1e-4)
    inference = (both / "inference/hyperparams.yaml").read_text()
    assert f"event_threshold: {threshold} #" in inference
    for name, metrics in results["scores"].items():
        assert metrics == pytest.approx(tested["scores"][name], abs=1e-4)


def test_a_killed_training_resumes_to_the_same_weights(run_recipe, tmp_path):
    arguments = [*SMALL, "--ckpt_interval_steps=1", "--ckpt_interval_minutes=0"]
    whole = run_recipe("VGGSound", "hparams/pib.yaml", *arguments)
    command = [
        sys.executable,
        str(ROOT / "recipes/VGGSound/train.py"),
        "hparams/pib.yaml",
        f"--output_folder={tmp_path / 'killed'}",
        *arguments,
    ]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.time() + 120
    while not list(tmp_path.glob("killed/save/CKPT+*/CKPT.yaml")):
        assert process.poll() is None and time.time() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed" / "results.json").exists()
    killed = run_recipe(
        "VGGSound", "hparams/pib.yaml", *arguments, output="killed"
    )
    expected = last_weights(whole)
    for name, value in last_weights(killed).items():
        assert torch.equal(value, expected[name]), name


def test_bfloat16_trains(run_recipe):
    output = run_recipe(
        "VGGSound",
        "hparams/pib.yaml",
        "--miniature_clips=96",
        "--number_of_epochs=1",
        "--precision=bf16",
        "--eval_precision=bf16",
        "--controls=[]",
    )
    results = json.loads((output / "results.json").read_text())
    assert np.isfinite(results["losses"]["loss"])


@pytest.mark.parametrize("selection", ["same_hop", "random", "event"])
def test_controls_train_in_the_place_of_the_selection(run_recipe, selection):
    output = run_recipe(
        "VGGSound",
        "hparams/pib.yaml",
        "--miniature_clips=96",
        "--number_of_epochs=1",
        f"--selection={selection}",
    )
    results = json.loads((output / "results.json").read_text())
    assert results["selection"] == selection
    assert not any(name.startswith("fused_") for name in results["scores"])


def test_stage_two_starts_from_stage_one_and_keeps_it(run_recipe, tmp_path):
    few = ("--miniature_clips=96", "--number_of_epochs=1")
    first = run_recipe("VGGSound", "hparams/backbone.yaml", *few)
    second = run_recipe(
        "VGGSound",
        "hparams/pib.yaml",
        *few,
        "--controls=[]",
        "--freeze_backbone=True",
        f"--pretrained_backbone={first / 'inference/model.ckpt'}",
        output="second",
    )
    before = torch.load(first / "inference/model.ckpt", weights_only=True)
    after = torch.load(second / "inference/model.ckpt", weights_only=True)
    assert before
    for name, value in before.items():
        assert torch.equal(after[name], value), name


def test_wrong_number_of_classes_is_an_error(run_recipe):
    with pytest.raises(AssertionError, match="give --num_classes=4"):
        run_recipe(
            "VGGSound",
            "hparams/pib.yaml",
            "--miniature_clips=96",
            "--num_classes=5",
        )


def test_a_frozen_backbone_has_to_be_trained(run_recipe):
    with pytest.raises(AssertionError, match="nobody trained it"):
        run_recipe(
            "VGGSound",
            "hparams/pib.yaml",
            "--miniature_clips=96",
            "--freeze_backbone=True",
        )
