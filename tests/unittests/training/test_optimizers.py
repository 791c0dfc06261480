"""Parameter groups by name and shape."""

import pytest
import torch

from speechbrain_pib.lobes.models.latent_decoder import LatentDecoder
from speechbrain_pib.lobes.models.mvitv2 import MViTv2
from speechbrain_pib.lobes.models.slot_attention import SlotSelector
from speechbrain_pib.training.optimizers import (
    build_optimizer,
    parameter_groups,
)


def test_vectors_and_learned_starts_are_not_decayed():
    model = torch.nn.ModuleDict(
        {
            "selector": SlotSelector(8, slot_size=4),
            "decoder": LatentDecoder(8, 3, 1, num_latents=2, latent_size=8),
        }
    )
    names = {id(p): name for name, p in model.named_parameters()}
    decayed, undecayed = parameter_groups(model)
    spared = {names[id(p)] for p in undecayed["params"]}
    assert undecayed["weight_decay"] == 0.0
    assert "decoder.latents" in spared
    assert "selector.slot_attention.slots_mu" in spared
    assert "selector.slot_attention.norm_input.weight" in spared
    assert "decoder.classifier.bias" in spared
    assert all(p.ndim > 1 for p in decayed["params"])
    together = decayed["params"] + undecayed["params"]
    assert len(together) == len(names)


def test_a_part_of_the_model_says_what_is_not_decayed():
    """As timm's vision transformers do, whatever they stand in."""

    class Embedding(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.pos_embed = torch.nn.Parameter(torch.zeros(1, 4, 2))
            self.latents = torch.nn.Parameter(torch.zeros(4, 2))

        def no_weight_decay(self):
            return {"pos_embed"}

    model = torch.nn.ModuleDict({"backbone": Embedding()})
    decayed, undecayed = parameter_groups(model)
    assert undecayed["params"] == [model["backbone"].pos_embed]
    assert decayed["params"] == [model["backbone"].latents]


def test_frozen_parameters_are_left_out():
    model = torch.nn.Linear(2, 2)
    model.weight.requires_grad_(False)
    (group,) = parameter_groups(model)
    assert group["params"] == [model.bias] and group["weight_decay"] == 0.0


def test_lower_layers_of_the_backbone_learn_more_slowly():
    backbone = MViTv2(3, "nano", embed_dim=8, depths=[1, 2])
    model = torch.nn.ModuleDict(
        {"backbone": backbone, "decoder": torch.nn.Linear(2, 2)}
    )
    groups = parameter_groups(model, layer_decay=0.5)
    optimizer = build_optimizer(groups, "AdamW", lr=0.8, weight_decay=0.1)
    rates = {
        parameter: group["lr"]
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    assert len(rates) == len(list(model.parameters()))
    assert rates[backbone.patch_embed.weight] == pytest.approx(0.05)
    assert rates[backbone.blocks[0].mlp[0].weight] == pytest.approx(0.1)
    assert rates[backbone.blocks[2].norm1.bias] == pytest.approx(0.4)
    assert rates[backbone.norm.weight] == pytest.approx(0.8)
    assert rates[backbone.head.weight] == pytest.approx(0.8)
    assert rates[model["decoder"].weight] == pytest.approx(0.8)


@pytest.mark.parametrize(
    "name, kind", [("SGD", torch.optim.SGD), ("AdamW", torch.optim.AdamW)]
)
def test_matrices_are_decayed_by_either_optimizer(name, kind):
    groups = parameter_groups(torch.nn.Linear(2, 3))
    optimizer = build_optimizer(groups, name, lr=0.1, weight_decay=0.25)
    assert type(optimizer) is kind
    decays = [group["weight_decay"] for group in optimizer.param_groups]
    assert decays == [0.25, 0.0]


def test_sgd_looks_ahead_as_published():
    """Nesterov's first step is 1 + 0.9 times that of plain momentum."""
    weight = torch.nn.Parameter(torch.tensor([1.0]))
    optimizer = build_optimizer(
        [{"params": [weight]}], "SGD", lr=0.1, weight_decay=0.0
    )
    weight.grad = torch.tensor([1.0])
    optimizer.step()
    assert weight.item() == pytest.approx(1.0 - 0.1 * 1.9)


def test_unknown_optimizer_is_named():
    with pytest.raises(ValueError, match="'Adamax'"):
        build_optimizer([], "Adamax", 0.1, 0.0)
