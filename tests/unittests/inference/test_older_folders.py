"""Inference folders that earlier versions wrote still load, and still say the
same.

Authors
 * The speechbrain_pib developers 2026
"""

import json
import math
from pathlib import Path

import pytest
import torch

from speechbrain_pib.inference.classifiers import PlayItBackClassifier
from speechbrain_pib.inference.skimming import SkimmingClassifier

# As written by version 0.1.0, before its modules were moved.
FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "inference_0.1"


@pytest.fixture
def expected(request):
    """What the version that wrote the folder computed."""
    return json.loads((FOLDER / f"{request.param}_expected.json").read_text())


@pytest.mark.parametrize("expected", ["playitback"], indirect=True)
def test_a_classifier_of_sound_says_the_same(expected):
    classifier = PlayItBackClassifier.from_hparams(
        str(FOLDER / "playitback"), run_opts={"device": "cpu"}
    )
    seconds = torch.arange(16000) / 8000
    chirp = torch.sin(2 * math.pi * (200 + 300 * seconds) * seconds)
    probabilities, *_ = classifier.classify_batch(
        (chirp * (seconds - 1).abs())[None]
    )
    torch.testing.assert_close(
        probabilities[0], torch.tensor(expected["probabilities"])
    )


@pytest.mark.parametrize("expected", ["skimming"], indirect=True)
def test_a_classifier_of_videos_says_the_same(expected):
    classifier = SkimmingClassifier.from_hparams(
        str(FOLDER / "skimming"), run_opts={"device": "cpu"}
    )
    angles = torch.arange(20.0)[:, None] * torch.arange(1.0, 9.0)
    features = {"image": angles.sin()[None], "audio": angles.cos()[None]}
    with torch.no_grad():
        output = classifier.mods.model(features)
    torch.testing.assert_close(
        output.logits[0], torch.tensor(expected["logits"])
    )
    assert output.looked_at[0].tolist() == expected["looked_at"]
