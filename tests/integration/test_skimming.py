"""The miniature of ActivityNet shows that it pays to choose where to look.

Authors
 * The speechbrain_pib developers 2026
"""

import json

import pytest

from speechbrain_pib.inference.skimming import SkimmingClassifier

pytestmark = pytest.mark.slow
pytest.importorskip("av", reason="the miniature is made of video files")


def test_three_looks_beat_three_uniform_moments(run_recipe):
    output = run_recipe("ActivityNet", "hparams/skim.yaml", "--pictures=1")
    results = json.loads((output / "results.json").read_text())
    accuracy = {
        name: metrics["top1"] for name, metrics in results["scores"].items()
    }
    for control in ("uniform", "random", "image_only", "audio_only"):
        assert accuracy["average"] > accuracy[control] + 0.2, control
    # Three of 20 s, of which 1.4 s matter.
    assert max(results["inside_segments"]["uniform"]) < 0.2
    assert results["inside_segments"]["learned"][0] > 0.5
    assert len(list((output / "videos").glob("*.png"))) == 1

    classifier = SkimmingClassifier.from_hparams(str(output / "inference"))
    folder = output / "../miniature_300"
    database = json.loads((folder / "activity_net.v1-3.min.json").read_text())
    correct = 0
    for key, entry in list(database["database"].items())[-20:]:
        seen = classifier.classify_video(folder / f"videos/v_{key}.mp4")
        correct += seen.label == entry["annotations"][0]["label"]
        assert seen.decoded_frames <= 4
    assert correct >= 12
