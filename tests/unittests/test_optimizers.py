"""Parameter groups by name and shape."""

import pytest
import torch

from speechbrain_pib.lobes.models.latent_decoder import LatentDecoder
from speechbrain_pib.lobes.models.slot_attention import SlotSelector
from speechbrain_pib.utils.optimizers import (
    build_optimizer,
    weight_decay_groups,
)


def test_vectors_and_learned_starts_are_not_decayed():
    model = torch.nn.ModuleDict(
        {
            "selector": SlotSelector(8, slot_size=4),
            "decoder": LatentDecoder(8, 3, 1, num_latents=2, latent_size=8),
        }
    )
    names = {id(p): name for name, p in model.named_parameters()}
    decayed, undecayed = weight_decay_groups(model)
    spared = {names[id(p)] for p in undecayed["params"]}
    assert undecayed["weight_decay"] == 0.0
    assert "decoder.latents" in spared
    assert "selector.slot_attention.slots_mu" in spared
    assert "selector.slot_attention.norm_input.weight" in spared
    assert "decoder.classifier.bias" in spared
    assert all(p.ndim > 1 for p in decayed["params"])
    together = decayed["params"] + undecayed["params"]
    assert len(together) == len(names)


def test_frozen_parameters_are_left_out():
    model = torch.nn.Linear(2, 2)
    model.weight.requires_grad_(False)
    decayed, undecayed = weight_decay_groups(model)
    assert decayed["params"] == [] and len(undecayed["params"]) == 1


def test_unknown_optimizer_is_named():
    with pytest.raises(ValueError, match="'Adamax'"):
        build_optimizer([torch.zeros(1)], "Adamax", 0.1, 0.0)
