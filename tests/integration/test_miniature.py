"""The main job: the miniature shows that replaying pays.

Authors
 * The speechbrain_pib developers 2026
"""

import json

import pytest

from speechbrain_pib.inference.classifiers import PlayItBackClassifier

pytestmark = pytest.mark.slow


def test_replay_beats_the_single_pass_and_random_segments(run_recipe):
    output = run_recipe("VGGSound", "hparams/pib.yaml")
    results = json.loads((output / "results.json").read_text())
    accuracy = {
        name: metrics["top1"] for name, metrics in results["scores"].items()
    }
    assert accuracy["fused"] >= 0.90
    assert accuracy["pass_0"] <= 0.55
    # Elsewhere the classes cannot be told apart, at no hop.
    differences = results["comparison"]["differences"]
    for control in ("random", "same_hop"):
        assert differences[f"fused_{control}"]["top1"]["low"] > 0.2
    # Where there is no decoy, the needle is the loudest.
    assert differences["fused_loudest"]["top1"]["low"] > 0.1
    first = results["overlap"]["pass_0"]
    assert first["intersection_over_union"] >= 0.5
    assert list((output / "replays").glob("*.png"))

    classifier = PlayItBackClassifier.from_hparams(str(output / "inference"))
    clips = sorted((output / "../miniature_2400/audio").glob("*.wav"))[-20:]
    labels = {
        line.split(",")[0]: line.split(",")[2]
        for line in (output / "../miniature_2400/vggsound.csv")
        .read_text()
        .splitlines()
    }
    correct = [
        classifier.classify_file(str(clip))[3][0] == labels[clip.stem[:11]]
        for clip in clips
    ]
    assert sum(correct) >= 15
