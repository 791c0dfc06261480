"""Foreign weights are renamed, and nothing is loaded silently wrong."""

import json
from types import SimpleNamespace

import pytest
import torch

from speechbrain_pib.lobes.features import MultiHopFbank
from speechbrain_pib.lobes.models.latent_decoder import LatentDecoder
from speechbrain_pib.lobes.models.mvitv2 import MViTv2
from speechbrain_pib.lobes.models.playitback import PlayItBack
from speechbrain_pib.lobes.models.slot_attention import SlotSelector
from speechbrain_pib.training.starts import start_backbones
from speechbrain_pib.utils.weights import (
    convert_backbone,
    load_backbone,
    load_playitback,
    load_strictly,
    load_weights,
)
from tests.helpers import FIXTURES, read_published


@pytest.mark.parametrize("variant", ["T", "S", "B"])
def test_official_imagenet_names_cover_every_parameter(variant, tmp_path):
    shapes_file = FIXTURES / "published/mvitv2_imagenet_shapes.json"
    shapes = json.loads(shapes_file.read_text())[variant]
    state = {name: torch.randn(shape) for name, shape in shapes.items()}
    path = tmp_path / "mvitv2.pyth"
    torch.save({"model_state": state}, path)
    backbone = MViTv2(309, variant)
    head = backbone.head.weight.clone()
    load_backbone(backbone, str(path))
    kernel = state["patch_embed.proj.weight"].sum(1, keepdim=True)
    assert torch.equal(backbone.patch_embed.weight, kernel)
    first = state["blocks.1.mlp.fc1.weight"]
    assert torch.equal(backbone.blocks[1].mlp[0].weight, first)
    assert torch.equal(backbone.head.weight, head)


def test_backbone_comes_out_of_a_whole_model(tmp_path):
    source, target = MViTv2(5, "nano"), MViTv2(5, "nano")
    for prefix in ("backbone.", "encoder."):
        state = {prefix + k: v for k, v in source.state_dict().items()}
        state["decoder.latents"] = torch.zeros(1)
        torch.save(state, tmp_path / "model.ckpt")
        load_backbone(target, str(tmp_path / "model.ckpt"))
        for name, value in target.state_dict().items():
            assert torch.equal(value, source.state_dict()[name])


def test_each_entry_that_does_not_match_is_named():
    backbone = MViTv2(5, "nano")
    state = convert_backbone(backbone.state_dict())
    state["surprise"] = state.pop("norm.bias")
    state["head.weight"] = torch.zeros(6, backbone.output_size)
    with pytest.raises(ValueError) as error:
        load_weights(backbone, state, "some.ckpt")
    message = str(error.value)
    assert "some.ckpt" in message
    assert "missing norm.bias" in message
    assert "unknown surprise" in message
    assert "head.weight is [6, 256], not [5, 256]" in message


@pytest.mark.parametrize("dtype", [torch.int8, torch.complex64])
def test_weights_of_other_numbers_are_refused(dtype):
    state = {"weight": torch.ones(2, 3), "bias": torch.ones(2, dtype=dtype)}
    with pytest.raises(ValueError, match=f"bias is of {dtype}, not of"):
        load_weights(torch.nn.Linear(3, 2), state, "some.ckpt")


def test_a_checkpoint_of_the_published_code_gives_its_numbers(tmp_path):
    state, fixture = {}, {}
    for part in ("encoder", "decoder"):
        weights = read_published(f"playitback_{part}", "weights")
        state |= {f"{part}.{name}": value for name, value in weights.items()}
        fixture |= read_published(f"playitback_{part}", "run")
    state["saliency_slots.0.slots_mu"] = torch.zeros(1, 1, 400)
    torch.save({"model_state": state}, tmp_path / "x2.pyth")
    model = PlayItBack(
        MultiHopFbank(200, 96, n_mels=32),
        MViTv2(7, embed_dim=16, depths=[1, 2, 2]),
        SlotSelector(64),
        LatentDecoder(
            64,
            7,
            3,
            num_latents=12,
            latent_size=32,
            latent_heads=2,
            head_size=16,
        ),
        replays=2,
    ).eval()
    load_playitback(model, str(tmp_path / "x2.pyth"))
    logits = model.backbone(fixture["log_mel"][:, 0])[1]
    assert (logits - fixture["encoder_logits"]).abs().max() < 1e-5
    grids = fixture["decoder_input"].permute(0, 1, 3, 4, 2)
    logits = model.decoder(grids)[0]
    assert (logits - fixture["decoder_logits"]).abs().max() < 1e-5

    del state["decoder.fc.bias"]
    torch.save({"model_state": state}, tmp_path / "x2.pyth")
    with pytest.raises(ValueError, match="missing classifier.bias"):
        load_playitback(model, str(tmp_path / "x2.pyth"))


def test_weights_of_another_network_are_refused(tmp_path):
    path = tmp_path / "other.ckpt"
    torch.save(torch.nn.Linear(2, 2).state_dict(), path)
    with pytest.raises(ValueError, match="missing patch_embed.weight"):
        load_backbone(MViTv2(5, "nano"), str(path))


@pytest.mark.parametrize("load", [load_backbone, load_strictly])
@pytest.mark.parametrize("share, flipped", [(0.5, 1), (0.5, 2000), (0.999, 9)])
def test_flipped_bytes_are_noticed(tmp_path, load, share, flipped):
    """Of weights, and of the directory at the end of the file."""
    path = tmp_path / "weights.ckpt"
    torch.save(MViTv2(5, "nano").state_dict(), path)
    load(MViTv2(5, "nano"), str(path))
    data = bytearray(path.read_bytes())
    first = int(share * len(data))
    for place in range(first, first + flipped):
        data[place] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(ValueError, match="weights.ckpt is damaged"):
        load(MViTv2(5, "nano"), str(path))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(tmp_path, value):
    path = tmp_path / "weights.ckpt"
    state = MViTv2(5, "nano").state_dict()
    state["norm.bias"][3] = value
    torch.save(state, path)
    with pytest.raises(ValueError, match="not finite, such as norm.bias"):
        load_backbone(MViTv2(5, "nano"), str(path))


def test_a_patch_embedding_of_another_kind_is_named(tmp_path):
    path = str(tmp_path / "weights.ckpt")
    state = MViTv2(5, "nano").state_dict()
    state["patch_embed.weight"] = torch.zeros(32)
    torch.save(state, path)
    with pytest.raises(ValueError, match=r"patch_embed.weight is \[32\], not"):
        load_backbone(MViTv2(5, "nano"), path)


def test_a_head_for_other_classes_cannot_stay_frozen(tmp_path):
    path = str(tmp_path / "backbone.ckpt")
    torch.save(MViTv2(5, "nano").state_dict(), path)

    def start(num_classes, freeze, replay_backbone=None):
        model = SimpleNamespace(
            backbone=MViTv2(num_classes, "nano"),
            replay_backbone=replay_backbone,
            freeze_backbone=freeze,
        )
        start_backbones({"model": model, "pretrained_backbone": path})

    start(5, freeze=True)
    start(7, freeze=False)
    with pytest.raises(ValueError, match="other classes: train a backbone"):
        start(7, freeze=True)
    with pytest.raises(ValueError, match="give --pretrained_replay_backbone="):
        start(5, freeze=True, replay_backbone=MViTv2(5, "nano"))


def test_the_backbone_of_the_replays_starts_from_weights_of_its_own(tmp_path):
    model = SimpleNamespace(freeze_backbone=True)
    hparams, trained = {"model": model}, {}
    for part, variant in (("backbone", "nano"), ("replay_backbone", "T")):
        trained[part] = MViTv2(5, variant).state_dict()
        torch.save(trained[part], tmp_path / f"{part}.ckpt")
        setattr(model, part, MViTv2(5, variant))
        hparams[f"pretrained_{part}"] = str(tmp_path / f"{part}.ckpt")
    start_backbones(hparams)
    for part, state in trained.items():
        loaded = getattr(model, part).state_dict()
        assert all(torch.equal(loaded[name], state[name]) for name in state)
