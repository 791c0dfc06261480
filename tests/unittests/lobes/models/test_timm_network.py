"""timm's networks as backbones, against their own forward.

Authors
 * The speechbrain_pib developers 2026
"""

import sys

import pytest
import torch

from speechbrain_pib.lobes.models.timm_network import TimmNetwork
from speechbrain_pib.utils.weights import load_backbone


def original(name, classes=7):
    """A network of colour pictures, in which every weight counts."""
    torch.manual_seed(0)
    timm = pytest.importorskip("timm")
    network = timm.create_model(name, num_classes=classes).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean)
            torch.nn.init.uniform_(module.running_var, 1, 2)
    for parameter in network.parameters():
        if parameter.ndim == 1:
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
    return network


def difference(backbone, network):
    """The largest of the logits of a grey picture, at their scale."""
    log_mel = torch.randn(2, 128, 64)
    picture = log_mel.unsqueeze(1).expand(-1, 3, -1, -1)
    with torch.no_grad():
        expected = network(picture)
        seen = backbone.eval()(log_mel)[1]
    return (seen - expected).abs().max() / expected.std()


@pytest.mark.parametrize("name", ["test_efficientnet", "test_convnext"])
def test_a_file_gives_the_scores_of_the_original(name, tmp_path):
    network = original(name)
    path = str(tmp_path / "network.ckpt")
    torch.save(network.state_dict(), path)
    backbone = TimmNetwork(7, name)
    assert load_backbone(backbone, path) == []
    assert difference(backbone, network) < 1e-4
    assert len(load_backbone(TimmNetwork(3, name), path)) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["resnet18", "resnext50_32x4d", "regnety_002", "efficientnet_b0"]
    + ["convnext_atto", "convnextv2_atto"],
)
def test_families_give_scores_of_the_original_and_their_places(name, tmp_path):
    network = original(name)
    path = str(tmp_path / "network.ckpt")
    torch.save(network.state_dict(), path)
    backbone = TimmNetwork(7, name)
    load_backbone(backbone, path)
    assert difference(backbone, network) < 1e-4
    for n_frames in (32, 33, 64, 95, 96):
        with torch.no_grad():
            grid = backbone.forward_features(torch.randn(1, n_frames, 64))
        assert grid.shape[1] == len(backbone.token_positions(n_frames))


@pytest.mark.parametrize(
    "name", ["vit_tiny_patch16_224", "tf_efficientnet_b0", "resnet50d"]
)
def test_a_network_whose_places_are_not_known_is_refused(name):
    with pytest.raises(ValueError, match=f"'{name}' listen is not known"):
        TimmNetwork(7, name)


def test_without_timm_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ImportError, match=r"speechbrain-pib\[timm\]"):
        TimmNetwork(7, "resnet18")
