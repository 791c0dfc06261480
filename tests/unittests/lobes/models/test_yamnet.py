"""YAMNet, against its definition written out in other words.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d, pad

from speechbrain_pib.lobes.models.yamnet import YAMNet
from speechbrain_pib.utils.weights import load_backbone
from speechbrain_pib.utils.yamnet_weights import EPSILON, convert_yamnet

STRIDES = [2, 1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]  # of layers 1 to 14


def same_convolution(x, weight, stride, groups=1):
    """A convolution padded by TensorFlow's formula for SAME."""
    sides = []
    for size in reversed(x.shape[2:]):
        total = max((-(-size // stride) - 1) * stride + 3 - size, 0)
        sides += [total // 2, total - total // 2]
    return conv2d(pad(x, sides), weight, None, stride, groups=groups)


def keras_weights():
    """Random weights in the names and layouts of yamnet.h5."""
    weights, size = {}, 1

    def part(name, kernel, channels):
        weights[f"{name}/{kernel[0]}:0"] = torch.randn(kernel[1]) / 3
        for kind in ("beta", "moving_mean"):
            weights[f"{name}/bn/{kind}:0"] = 0.1 * torch.randn(channels)
        weights[f"{name}/bn/moving_variance:0"] = torch.rand(channels) + 0.5

    for layer, stride in enumerate(STRIDES, start=1):
        if layer == 1:
            part("layer1/conv", ("kernel", (3, 3, 1, 32)), 32)
            size = 32
            continue
        name = f"layer{layer}"
        wider = 2 if stride == 2 or layer == 2 else 1
        part(
            f"{name}/depthwise_conv",
            ("depthwise_kernel", (3, 3, size, 1)),
            size,
        )
        part(
            f"{name}/pointwise_conv",
            ("kernel", (1, 1, size, wider * size)),
            wider * size,
        )
        weights[f"{name}/pointwise_conv/kernel:0"] /= size**0.5 / 3
        size *= wider
    weights["logits/kernel:0"] = torch.randn(1024, 521) / 32
    weights["logits/bias:0"] = torch.randn(521)
    # Keras puts each below the name of its layer.
    return {
        f"{name.rpartition('/')[0]}/{name}": v for name, v in weights.items()
    }


def forward_as_defined(weights, log_mel):
    """The network of yamnet.py, batch norms and all; logits of each patch."""
    weights = {
        name[len(name.rpartition("/")[0]) // 2 + 1 :]: v
        for name, v in weights.items()
    }

    def normalise(x, name):
        beta, mean, variance = (
            weights[f"{name}/bn/{kind}:0"][:, None, None]
            for kind in ("beta", "moving_mean", "moving_variance")
        )
        return torch.relu((x - mean) / (variance + 1e-4).sqrt() + beta)

    x = log_mel.unsqueeze(1)
    for layer, stride in enumerate(STRIDES, start=1):
        name = f"layer{layer}/conv"
        if layer == 1:
            kernel = weights[f"{name}/kernel:0"].permute(3, 2, 0, 1)
            x = normalise(same_convolution(x, kernel, stride), name)
            continue
        name = f"layer{layer}/depthwise_conv"
        kernel = weights[f"{name}/depthwise_kernel:0"].permute(2, 3, 0, 1)
        x = same_convolution(x, kernel, stride, groups=x.shape[1])
        x = normalise(x, name)
        name = f"layer{layer}/pointwise_conv"
        kernel = weights[f"{name}/kernel:0"].permute(3, 2, 0, 1)
        x = normalise(conv2d(x, kernel), name)
    pooled = x.mean(dim=(2, 3))
    return pooled @ weights["logits/kernel:0"] + weights["logits/bias:0"]


@pytest.mark.parametrize("n_frames", [96, 61])
def test_the_keras_release_gives_its_numbers(n_frames, tmp_path):
    h5py = pytest.importorskip("h5py")
    weights = keras_weights()
    path = tmp_path / "yamnet.h5"
    with h5py.File(path, "w") as file:
        for name, value in weights.items():
            file[name] = value.numpy()
    backbone = YAMNet().eval()
    assert load_backbone(backbone, str(path)) == []
    log_mel = torch.randn(2, n_frames, 64) - 4
    expected = forward_as_defined(weights, log_mel)
    assert expected.std() > 0.1
    with torch.no_grad():
        difference = backbone(log_mel)[1] - expected
    assert difference.abs().max() < 1e-4


@pytest.mark.parametrize(
    "lost, message",
    [
        ("layer2/depthwise_conv/bn/beta:0", "layer2/depthwise .*lacks beta"),
        ("layer3/pointwise_conv/kernel:0", "layer3/pointwise .*lacks kernel"),
        ("logits/bias:0", "logits .*lacks bias"),
    ],
)
def test_a_release_with_weights_lost_is_an_error(lost, message):
    weights = {k: v for k, v in keras_weights().items() if lost not in k}
    with pytest.raises(ValueError, match=message):
        convert_yamnet(weights)


@pytest.mark.parametrize("depth", [1, 15])
def test_layers_that_it_does_not_have_are_an_error(depth):
    with pytest.raises(ValueError, match=f"2 to 14 layers, not {depth}"):
        YAMNet(3, depth=depth)


def test_folded_weights_are_renamed_and_the_front_end_is_left_out():
    state = {
        "layer1.conv.weight": torch.ones(1),
        "layer14.pointwise.bias": torch.ones(2),
        "classifier.weight": torch.ones(3),
        "mel_filters": torch.ones(4),
        "surprise": torch.ones(5),
    }
    assert list(convert_yamnet(state)) == [
        "layers.0.conv.weight",
        "layers.13.pointwise.bias",
        "head.weight",
        "surprise",
    ]
    assert EPSILON == 1e-4


def test_an_entry_that_does_not_match_is_named(tmp_path):
    path = str(tmp_path / "yamnet.npz")
    names = YAMNet().state_dict()
    arrays = {name: value.numpy() for name, value in names.items()}
    arrays["layer15.conv.bias"] = arrays.pop("layers.3.pointwise.bias")
    np.savez(path, **arrays)
    with pytest.raises(ValueError) as error:
        load_backbone(YAMNet(), path)
    assert "missing layers.3.pointwise.bias" in str(error.value)
    assert "unknown layers.14.conv.bias" in str(error.value)


def test_a_head_for_other_classes_is_new(tmp_path):
    path = str(tmp_path / "yamnet.ckpt")
    torch.save(YAMNet().state_dict(), path)
    replaced = load_backbone(YAMNet(10), path)
    assert replaced == ["head.weight", "head.bias"]


def test_the_first_layers_start_from_those_of_the_whole(tmp_path):
    whole, path = YAMNet().eval(), str(tmp_path / "yamnet.pt")
    torch.save(whole.state_dict(), path)
    first = YAMNet(7, depth=6).eval()
    assert load_backbone(first, path) == ["head.weight", "head.bias"]
    log_mel = torch.randn(2, 61, 64) - 4
    with torch.no_grad():
        grid = first.forward_features(log_mel)
        expected = whole.layers[:6](log_mel.unsqueeze(1)).permute(0, 2, 3, 1)
    torch.testing.assert_close(grid, expected)
    state = whole.state_dict()
    state["layers.14.conv.bias"] = torch.ones(1)
    torch.save(state, path)
    with pytest.raises(ValueError, match="unknown layers.14.conv.bias"):
        load_backbone(first, path)
