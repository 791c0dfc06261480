"""Folders of published networks, made of their weights alone."""

import csv
import functools
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from speechbrain_pib.__main__ import main
from speechbrain_pib.inference.classifiers import PlayItBackClassifier
from speechbrain_pib.inference.pretrained import read_classes, write_pretrained
from speechbrain_pib.lobes.models import spectrogram_transformer
from speechbrain_pib.lobes.models.yamnet import YAMNet
from speechbrain_pib.utils import weight_files


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """Random weights of YAMNet for three classes, and the list of these."""
    folder = tmp_path_factory.mktemp("release")
    torch.manual_seed(0)
    backbone = YAMNet(3)
    for name, weight in backbone.named_parameters():
        if name.startswith("layers") and weight.ndim > 1:
            weight.data *= 3  # else everything dies away
    state = backbone.state_dict()
    np.savez(folder / "yamnet.npz", **{k: v.numpy() for k, v in state.items()})
    with open(folder / "yamnet_class_map.csv", "w", newline="") as file:
        rows = [["index", "mid", "display_name"]]
        rows += [[0, "/m/a", "Speech"], [1, "/m/b", "Dog, bark"], [2, "c", "C"]]
        csv.writer(file).writerows(rows)
    return folder, backbone.eval()


def test_the_command_makes_a_folder_that_classifies(release, tmp_path, capsys):
    folder, backbone = release
    out = str(tmp_path / "hears")
    command = ["pretrained", "yamnet", str(folder / "yamnet.npz"), out]
    assert main([*command, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == {"folder": out, "classes": 3, "failed": {}}
    assert main(command) == 0  # a second time
    classifier = PlayItBackClassifier.from_hparams(out)
    wavs = 0.1 * torch.randn(1, 2 * 15360)
    heard = classifier.listen_batch(wavs)[0]
    assert heard.windows == [(0.0, 0.96), (0.96, 1.92)]
    frames = classifier.fbank(wavs.reshape(2, 15360))
    with torch.no_grad():
        expected = backbone(frames)[1].sigmoid().mean(dim=0)
    torch.testing.assert_close(heard.probabilities, expected)
    assert classifier.hparams.label_encoder.lab2ind["Dog, bark"] == 1


def test_classes_of_another_number_than_the_weights_are_refused(
    release, tmp_path
):
    path = tmp_path / "classes.csv"
    path.write_text("index,display_name\n0,Speech\n")
    with pytest.raises(ValueError, match=r"head.weight is \[3, 1024\], not"):
        write_pretrained(
            str(tmp_path / "out"),
            "yamnet",
            str(release[0] / "yamnet.npz"),
            str(path),
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "no column index, display_name"),
        ("index,name\n0,Speech\n", "no column display_name"),
        ("index,display_name\n", "lists no classes"),
        ("index,display_name\n1,Speech\n", "number its classes 0, 1"),
        ("index,display_name\n0,A\n1,A\n", "lists 'A' twice"),
        ("index,display_name\n0,A\n1\n", "line 3: expected the columns"),
        ('index,display_name\n0,A\n1,"B\n', "line 3: not CSV"),
    ],
)
def test_a_wrong_list_of_classes_is_refused(tmp_path, text, message):
    path = tmp_path / "classes.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_classes(str(path))


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "is no config.json with the classes as id2label"),
        ('{"id2label": []}', "is no config.json with the classes"),
        ('{"id2label": {"one": "A"}}', "is no config.json with the classes"),
        ('{"id2label": {}}', "lists no classes"),
        ('{"id2label": {"0": "A", "2": "B"}}', "does not number its"),
    ],
)
def test_a_config_without_classes_is_refused(tmp_path, text, message):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"config.json {message}"):
        read_classes(str(path))


def test_a_model_of_transformers_gives_its_probabilities(tmp_path, monkeypatch):
    transformers = pytest.importorskip("transformers")
    config = functools.partial(
        transformers.ASTConfig,
        hidden_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_length=1000,
    )
    monkeypatch.setattr(
        spectrogram_transformer,
        "_transformers",
        lambda: SimpleNamespace(
            ASTConfig=config, ASTModel=transformers.ASTModel
        ),
    )
    torch.manual_seed(0)
    names = {n: f"sound {n}" for n in range(12)}  # 10 comes after 9
    original = transformers.ASTForAudioClassification(config(id2label=names))
    original.eval().save_pretrained(tmp_path)
    out = str(tmp_path / "hears")
    path = str(tmp_path / "model.safetensors")
    assert main(["pretrained", "ast", path, out]) == 0
    classifier = PlayItBackClassifier.from_hparams(out)
    wavs = 0.1 * torch.randn(1, classifier.n_samples)
    (heard,) = classifier.listen_batch(wavs)
    with torch.no_grad():
        expected = original(classifier.fbank(wavs)).logits.sigmoid()
    torch.testing.assert_close(heard.probabilities, expected[0])
    assert classifier.labels[10] == "sound 10"


def test_a_list_of_classes_may_come_from_a_spreadsheet_or_the_hub(
    release, tmp_path, monkeypatch
):
    folder, _ = release
    text = (folder / "yamnet_class_map.csv").read_text()
    (tmp_path / "yamnet_class_map.csv").write_text(text, "utf-8-sig")
    shutil.copy(folder / "yamnet.npz", tmp_path)
    monkeypatch.setattr(
        weight_files, "hf_hub_download", lambda _, file: str(tmp_path / file)
    )
    out = str(tmp_path / "out")
    assert write_pretrained(out, "yamnet", "hf://owner/name/yamnet.npz") == 3


def test_a_missing_list_of_classes_is_a_line(release, tmp_path, capsys):
    weights = tmp_path / "yamnet.npz"
    weights.write_bytes((release[0] / "yamnet.npz").read_bytes())
    assert (
        main(["pretrained", "yamnet", str(weights), str(tmp_path / "x")]) == 1
    )
    (line,) = capsys.readouterr().err.splitlines()
    assert "yamnet_class_map.csv: No such file" in line


@pytest.mark.slow
def test_real_sounds_are_heard(shared, tmp_path):
    models = shared / "data/models"
    out = str(tmp_path / "hears")
    path = str(models / "yamnet_audioset.npz")
    assert write_pretrained(out, "yamnet", path) == 521
    classifier = PlayItBackClassifier.from_hparams(out)
    samples = shared / "data/audio_samples"
    for name, label, at_least in (
        ("FwVYUHKoLtQ_000034", "Violin, fiddle", 0.3),
        ("5B29CwNwULU_000030", "Water", 0.5),
        ("metro_station-paris", "Vehicle", 0.3),
    ):
        heard = classifier.listen_file(samples / f"{name}.wav")
        index = classifier.hparams.label_encoder.lab2ind[label]
        assert heard.probabilities[index] > at_least
