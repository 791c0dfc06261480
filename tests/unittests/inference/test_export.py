"""The inference folder: self-contained, whole, nothing of the training.

Authors
 * The speechbrain_pib developers 2026
"""

import json
import os
import shutil

import pytest
import torch
import yaml
from hyperpyyaml import load_hyperpyyaml

from speechbrain_pib.inference import folders
from speechbrain_pib.inference.export import export_inference

FILES = {
    "README.md",
    "config.json",
    "hyperparams.yaml",
    "label_encoder.ckpt",
    "model.ckpt",
}


@pytest.fixture
def hyperparams(exported):
    """Text of the exported YAML file."""
    return (exported.folder / "hyperparams.yaml").read_text("utf-8")


def test_folder_holds_what_inference_needs(exported):
    assert set(os.listdir(exported.folder)) == FILES
    config = json.loads((exported.folder / "config.json").read_text())
    assert config == {"speechbrain_interface": "PlayItBackClassifier"}


def test_hyperparams_build_the_same_model(exported, hyperparams):
    hparams = load_hyperpyyaml(hyperparams)
    model = hparams["modules"]["model"]
    assert model.replays == 2
    assert model.fbank.log_offset == 1e-6
    assert hparams["sample_rate"] == 8000
    assert hparams["views"] == 2
    assert hparams["multi_label"] is False
    assert hparams["tasks"] is None
    assert hparams["audio_normalizer"].sample_rate == 8000
    assert str(model.backbone) == str(exported.model.backbone)


def test_nothing_of_the_training_comes_along(hyperparams):
    keys = list(yaml.compose(hyperparams).value)
    assert {key.value for key, _ in keys} == {
        "sample_rate",
        "views",
        "multi_label",
        "tasks",
        "event_threshold",
        "model",
        "label_encoder",
        "modules",
        "audio_normalizer",
        "pretrainer",
    }
    for word in ("secret_place", "SpecAugment", "freeze", "SGD", "!apply"):
        assert word not in hyperparams


def test_nothing_is_constructed(exported, tmp_path):
    path = tmp_path / "train.yaml"
    path.write_text(
        open(exported.arguments[0]).read()
        + f"harm: !apply:os.mkdir ['{tmp_path}/harm']\n"
        + "unknown: !new:no.such.Class\n"
    )
    arguments = (path, *exported.arguments[1:])
    export_inference(tmp_path / "inference", *arguments, **exported.card)
    assert set(os.listdir(tmp_path / "inference")) == FILES
    assert not (tmp_path / "harm").exists()


def test_weights_and_labels_are_those_of_the_training(exported):
    state = torch.load(exported.folder / "model.ckpt", weights_only=True)
    own = exported.model.state_dict()
    assert state.keys() == own.keys()
    assert all(torch.equal(state[name], own[name]) for name in own)
    text = (exported.folder / "label_encoder.ckpt").read_text("utf-8")
    assert "'bark' => 0" in text


def test_an_earlier_export_is_replaced(exported, tmp_path):
    folder = tmp_path / "inference"
    shutil.copytree(exported.folder, folder)
    (folder / "model.ckpt").write_bytes(b"old")
    (folder / "left over").touch()
    export_inference(folder, *exported.arguments, **exported.card)
    assert set(os.listdir(folder)) == FILES
    assert torch.load(folder / "model.ckpt", weights_only=True)
    assert os.listdir(tmp_path) == ["inference"]


def test_other_files_are_not_replaced(exported, tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(FileExistsError, match="something else"):
        export_inference(tmp_path, *exported.arguments, **exported.card)
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_a_failure_leaves_the_earlier_export(exported, tmp_path, monkeypatch):
    folder = tmp_path / "inference"
    shutil.copytree(exported.folder, folder)
    before = (folder / "model.ckpt").read_bytes()

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(folders.torch, "save", fail)
    with pytest.raises(OSError, match="no space left"):
        export_inference(folder, *exported.arguments, **exported.card)
    assert os.listdir(tmp_path) == ["inference"]
    assert (folder / "model.ckpt").read_bytes() == before


def test_a_missing_key_is_an_error_that_names_it(exported, tmp_path):
    path = tmp_path / "train.yaml"
    path.write_text("sample_rate: 8000\nmodel: !new:torch.nn.Identity\n")
    arguments = (path, {}, *exported.arguments[2:])
    with pytest.raises(ValueError, match="train.yaml .* test_views"):
        export_inference(tmp_path / "inference", *arguments, **exported.card)
    assert os.listdir(tmp_path) == ["train.yaml"]
