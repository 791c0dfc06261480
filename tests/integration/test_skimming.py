"""The miniature of ActivityNet shows that it pays to choose where to look, and
published weights are tested in the published way.

Authors
 * The speechbrain_pib developers 2026
"""

import json
import pickle
from argparse import Namespace

import numpy as np
import pytest
import torch

from speechbrain_pib.inference.skimming import SkimmingClassifier
from speechbrain_pib.lobes.models.skimming_published import PublishedSkimmer
from speechbrain_pib.utils.skimming_weights import load_skimmer
from tests.helpers import read_published

pytestmark = pytest.mark.slow
pytest.importorskip("av", reason="the miniature is made of video files")


def test_three_looks_beat_three_uniform_ones(run_recipe):
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


def write_published(folder):
    """Lists, classes and features in the published layout; those of the test
    videos [2, T, 16] by ID."""
    rng, features = np.random.default_rng(0), {}
    for part, count in (("train", 24), ("val", 8)):
        names = [f"{part}/v{number}.npy" for number in range(count)]
        for name in names:
            both = rng.standard_normal((2, rng.integers(5, 15), 16), "f")
            features[name.removesuffix(".npy")] = both
            for stream, array in zip(("image", "audio"), both):
                path = folder / f"{stream}_features" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                np.save(path, array)
        paths = [f"imageAudio_features/{name}" for name in names]
        with open(folder / f"{part}.pkl", "wb") as file:
            pickle.dump((paths, [n % 7 for n in range(count)]), file)
    (folder / "classes.txt").write_text("\n".join("abcdefg"))
    return features


def test_published_weights_are_tested_as_published(run_recipe, tmp_path):
    folder = tmp_path / "published"
    features = write_published(folder)
    state = read_published("listen_to_look", "av_tiny_state_dict")
    weights = str(folder / "skimming.pth")
    torch.save({"model": state, "args": Namespace(rate=0.1)}, weights)
    output = run_recipe(
        "ActivityNet",
        "hparams/skim.yaml",
        f"--data_folder={folder}",
        f"--published_lists=[{folder}/train.pkl, {folder}/val.pkl]",
        f"--class_list={folder}/classes.txt",
        f"--skimmer_weights={weights}",
        "--test_only",
        *("--num_classes=7", "--input_size=16", "--hidden_size=24"),
        *("--key_size=12", "--looks=3", "--valid_fraction=0.3"),
        *("--num_workers=0", "--test_batch_size=3"),
    )
    sizes = {"input_size": 16, "hidden_size": 24, "key_size": 12, "looks": 3}
    skimmer = PublishedSkimmer(7, **sizes)
    load_skimmer(skimmer.eval(), weights)
    scores = np.load(output / "scores.npz")
    for key, row in zip(scores["ids"], scores["published"]):
        streams = torch.from_numpy(features[str(key)])[:, None]
        with torch.no_grad():
            logits = skimmer(dict(zip(skimmer.streams, streams))).logits[0]
        np.testing.assert_allclose(row, logits.softmax(-1), atol=1e-6)
    assert len(scores["ids"]) == 8
    assert "skimming, 3 mixtures, as published" in (
        output / "results.md"
    ).read_text("utf-8")
