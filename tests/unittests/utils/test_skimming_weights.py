"""Weights of the published skimming are renamed, none silently left out."""

from argparse import Namespace

import pytest
import torch

from speechbrain_pib.lobes.models.skimming import Skimmer
from speechbrain_pib.utils.skimming_weights import (
    convert_skimmer,
    load_fusion,
    load_skimmer,
)

QUERY = {"expand": "0", "norm": "1", "project": "3"}
KEY = {"project": "0", "norm": "1"}


def tiny_skimmer(streams=("image", "audio")):
    """A small skimmer."""
    return Skimmer(7, streams, input_size=6, hidden_size=8, key_size=4)


def published_name(name, single):
    """The name that the published code gives to a parameter of ours."""
    parts = name.split(".")
    stream = "" if single else f"{parts[1]}_"
    if parts[0] == "queries":
        return f"{stream}queryfeature_mlp.{QUERY[parts[2]]}.{parts[3]}"
    if parts[0] == "keys":
        return f"{stream}key_conv1x1.{KEY[parts[2]]}.{parts[3]}"
    if "parametrizations" in parts:
        return f"rnn.{parts[2]}_{'gv'[int(parts[3][-1])]}"
    return {
        "cell": f"rnn.{parts[1]}",
        "fusion": "net_imageAudio.imageAudio_fc"
        f"{1 if parts[1] == 'expand' else 2}.{parts[-1]}",
        "classifier": f"net_classifier.classifier.{parts[-1]}",
        "step_classifier": f"prediction_fc.{parts[-1]}",
        "modality_attention": name,
    }[parts[0]]


def published_state(skimmer):
    """The state dictionary that the published code would have."""
    single = len(skimmer.streams) == 1
    return {
        published_name(name, single): (
            value[..., None, None]
            if name.startswith("keys.") and value.ndim == 2
            else value
        )
        for name, value in skimmer.state_dict().items()
    }


@pytest.mark.parametrize("streams", [["image", "audio"], ["sound"]])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_published_checkpoint_becomes_the_same_model(
    tmp_path, streams, prefix
):
    source, target = tiny_skimmer(streams), tiny_skimmer(streams)
    state = published_state(source)
    state = {prefix + name: value for name, value in state.items()}
    path = tmp_path / "skimming.pth"
    torch.save({"model": state, "args": Namespace(rate=0.1)}, path)
    load_skimmer(target, str(path))
    for name, value in target.state_dict().items():
        assert torch.equal(value, source.state_dict()[name]), name


def test_weight_normalisation_gives_the_same_weights():
    with pytest.warns(FutureWarning):
        cell = torch.nn.utils.weight_norm(torch.nn.LSTMCell(6, 8), "weight_ih")
        cell = torch.nn.utils.weight_norm(cell, "weight_hh")
    with torch.no_grad():
        cell.weight_ih_g.mul_(torch.rand_like(cell.weight_ih_g) + 0.5)
    skimmer = tiny_skimmer()
    state = skimmer.state_dict()
    named = {f"rnn.{name}": value for name, value in cell.state_dict().items()}
    skimmer.load_state_dict({**state, **convert_skimmer(named)})
    inputs, hidden = torch.randn(3, 6), torch.randn(3, 8)
    ours = skimmer.cell(inputs, (hidden, hidden))
    theirs = cell(inputs, (hidden, hidden))
    assert torch.allclose(ours[0], theirs[0], atol=1e-6)


def test_each_entry_that_does_not_match_is_named(tmp_path):
    skimmer = tiny_skimmer()
    state = published_state(skimmer)
    state["surprise"] = state.pop("rnn.weight_hh_g")
    state["prediction_fc.bias"] = torch.zeros(9)
    torch.save({"model": state}, tmp_path / "bad.pth")
    with pytest.raises(ValueError) as error:
        load_skimmer(skimmer, str(tmp_path / "bad.pth"))
    message = str(error.value)
    assert "missing cell.parametrizations.weight_hh.original0" in message
    assert "unknown surprise" in message
    assert "step_classifier.bias is [9], not [7]" in message


def test_fusion_and_classifier_come_from_a_larger_network(tmp_path):
    source, target = tiny_skimmer(), tiny_skimmer()
    state = {
        f"module.{name}": value
        for name, value in published_state(source).items()
        if name.startswith("net_")
    }
    state["module.net_image.conv1.weight"] = torch.zeros(2)
    path = str(tmp_path / "ImageAudioNet.pth")
    torch.save({"model": state}, path)
    before = {k: v.clone() for k, v in target.state_dict().items()}
    load_fusion(target, path)
    for name, value in target.state_dict().items():
        taken = name.startswith(("fusion.", "classifier."))
        expected = source.state_dict() if taken else before
        assert torch.equal(value, expected[name]), name
    del state["module.net_classifier.classifier.bias"]
    torch.save({"model": state}, path)
    with pytest.raises(ValueError, match="missing classifier.bias"):
        load_fusion(target, path)


def test_no_code_is_executed(tmp_path):
    path = tmp_path / "code.pth"
    torch.save({"model": {}, "loss": torch.nn.Linear(1, 1)}, path)
    with pytest.raises(ValueError, match="not a file of plain weights"):
        load_skimmer(tiny_skimmer(), str(path))
