"""AST, against transformers' own forward.

Authors
 * The speechbrain_pib developers 2026
"""

import os
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from speechbrain_pib.lobes.models.spectrogram_transformer import AST
from speechbrain_pib.lobes.pretrained_features import PretrainedFbank
from speechbrain_pib.utils.weights import load_backbone
from tests.helpers import sweep

SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_length": 98,
    "num_labels": 7,
}


@pytest.fixture
def original():
    """transformers' network with weights that all count."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.ASTConfig(**SMALL)
    network = transformers.ASTForAudioClassification(config).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return network


@pytest.fixture
def folder(original, tmp_path):
    original.save_pretrained(tmp_path)
    return str(tmp_path)


def test_a_folder_gives_the_features_and_scores_of_the_original(
    original, folder
):
    transformers = pytest.importorskip("transformers")
    wav = sweep(16000, 1.0).astype(np.float32)
    extract = transformers.ASTFeatureExtractor(max_length=98)
    given = extract(wav, sampling_rate=16000, return_tensors="pt")
    backbone = AST.from_pretrained(folder).eval()
    centres = 200 + 160 * torch.arange(98)
    wavs = torch.from_numpy(wav).unsqueeze(0)
    with torch.no_grad():
        expected = original(**given).logits
        tokens = original.audio_spectrogram_transformer(**given)[0]
        grid, logits = backbone(PretrainedFbank("ast")(wavs, centres))
    assert expected.std() > 0.1
    assert (logits - expected).abs().max() < 1e-4
    # Cell by cell, but for the shift that is the same for all.
    patches = tokens[:, 2:].unflatten(1, (12, 9)).transpose(1, 2)
    shift = tokens[:, :2].mean(dim=1) - tokens[:, 2:].mean(dim=1)
    assert (grid - shift[:, None, None] - patches).abs().max() < 1e-4


def test_names_of_files_and_of_modules_are_ours(original, folder):
    """Files keep the names that transformers had at first."""
    saved = load_file(os.path.join(folder, "model.safetensors"))
    known = original.state_dict()
    prefix = "audio_spectrogram_transformer.encoder.layer.1.attention."
    assert f"{prefix}attention.query.weight" in saved
    assert f"{prefix}attention.query.weight" not in known
    expected = AST(7, **SMALL).state_dict().keys()
    assert AST.convert_weights(saved).keys() == expected
    assert AST.convert_weights(known).keys() == expected


def test_weights_without_a_classifier_leave_the_head_new(original, tmp_path):
    path = str(tmp_path / "ast.ckpt")
    torch.save(original.audio_spectrogram_transformer.state_dict(), path)
    replaced = load_backbone(AST(3, **SMALL), path)
    assert {name.split(".")[0] for name in replaced} == {"head"}


def test_an_entry_that_does_not_match_is_named(folder):
    path = os.path.join(folder, "model.safetensors")
    state = load_file(path)
    state["encoder.layer.2.output.dense.bias"] = state.pop(
        "audio_spectrogram_transformer.layernorm.bias"
    )
    save_file(state, path)
    with pytest.raises(ValueError) as error:
        AST.from_pretrained(folder)
    assert "missing layernorm.bias" in str(error.value)
    assert "unknown layers.2.mlp.fc2.bias" in str(error.value)


def test_other_classes_get_a_new_head(folder):
    assert AST.from_pretrained(folder, 3).head.out_features == 3


def test_position_embeddings_of_other_lengths():
    pytest.importorskip("transformers")
    backbone = AST(7, **SMALL)
    embeddings = backbone.embeddings.position_embeddings
    # Each holds its frequency and its time.
    places = torch.cartesian_prod(torch.arange(12.0), torch.arange(9.0))
    with torch.no_grad():
        embeddings[0, 2:, :2] = places
        tokens, same = backbone._position_embeddings(9)
        _, fewer = backbone._position_embeddings(4)
        _, more = backbone._position_embeddings(18)
    assert torch.equal(tokens, embeddings[:, :2])
    assert torch.equal(same.flatten(2), embeddings[:, 2:].transpose(1, 2))
    assert torch.equal(fewer, same[..., :4])
    assert torch.equal(more[0, 0], same[0, 0, :, :1].expand(-1, 18))
    inside = (torch.arange(18.0) - 0.5).div(2).clamp(0, 8)
    torch.testing.assert_close(more[0, 1], inside.expand(12, -1))


def test_without_transformers_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=r"speechbrain-pib\[transformers\]"):
        AST(7)
