"""Scenes from the command to the table of controls.

Authors
 * The speechbrain_pib developers 2026
"""

import json

import numpy as np
import pytest

from speechbrain_pib.__main__ import main
from tests.helpers import write_esc50

pytestmark = pytest.mark.slow


def test_scenes_are_trained_on_with_all_controls(run_recipe, tmp_path):
    rng = np.random.default_rng(0)
    clips = {}
    for fold in (1, 2):
        for category in ("dog", "cat", "rain", "wind"):
            samples = 0.1 * rng.standard_normal(16000)
            clips[fold, f"{fold}{category}", "A", category] = samples
    write_esc50(tmp_path / "corpus", clips, 16000)
    command = [
        "make-scenes",
        str(tmp_path / "corpus"),
        str(tmp_path / "scenes"),
    ]
    command += "--scenes_per_fold 16 --seconds 1 --event_seconds .1 .3".split()
    assert main(command) == 0
    output = run_recipe(
        "ESC50",
        "hparams/scenes.yaml",
        f"--data_folder={tmp_path / 'scenes'}",
        *("--test_fold=2", "--num_classes=2", "--n_frames=80"),
        *("--number_of_epochs=1", "--batch_size=8", "--num_workers=0"),
        *("--channels=[8,16,32]", "--backbone_size=32"),
    )
    results = json.loads((output / "results.json").read_text())
    controls = ("same_hop", "random", "loudest", "event")
    assert {f"fused_{control}" for control in controls} < set(results["scores"])
    overlap = results["overlap"]["pass_0"]["intersection_over_union"]
    assert 0 <= overlap <= 1
    table = (output / "results.md").read_text()
    assert "event, all passes fused" in table
    assert "intersection over union with the true event" in table
