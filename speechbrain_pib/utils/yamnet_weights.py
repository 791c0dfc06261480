"""Weights of YAMNet's releases, renamed to ours.

Authors
 * The speechbrain_pib developers 2026
"""

import re

import torch

# Keras: "layer2/depthwise_conv/bn/.../beta:0", below the names of its groups.
KERAS = re.compile(
    r"(?:^|/)(?P<layer>layer\d+|logits)/"
    r"(?:(?P<part>conv|depthwise_conv|pointwise_conv)/)?(?P<norm>bn/)?"
    r"(?P<kind>kernel|depthwise_kernel|bias|beta|moving_mean|moving_variance)"
    r"(?::0)?$"
)
EPSILON = 1e-4  # of its batch norms, which have no gain


def convert_yamnet(state):
    """Maps weights of YAMNet onto ``YAMNet``.

    Batch norms of the Keras release (yamnet.h5) are folded into the
    convolutions before them.

    Arguments
    ---------
    state : dict
        Name to tensor: of yamnet.h5, or already folded, as
        "layer1.conv.weight" in PyTorch's layout.

    Returns
    -------
    state : dict

    Raises
    ------
    ValueError
        If the Keras release lacks weights that belong to others.

    Example
    -------
    >>> list(convert_yamnet({"layer14.pointwise.bias": torch.ones(1024)}))
    ['layers.13.pointwise.bias']
    """
    # Of the front end, not of the network.
    state = {k: v for k, v in state.items() if k != "mel_filters"}
    if any(KERAS.search(name) for name in state):
        state = _fold(state)
    renamed = {}
    for name, value in state.items():
        if found := re.match(r"layer(\d+)\.", name):
            name = f"layers.{int(found[1]) - 1}.{name[found.end() :]}"
        renamed[re.sub(r"^classifier\.", "head.", name)] = value
    return renamed


def _check_kinds(layer, part, kinds):
    """Raise if some of a layer's weights are missing."""
    norm = ("beta", "moving_mean", "moving_variance")
    kernel = "depthwise_kernel" if part == "depthwise" else "kernel"
    needed = (kernel, *(("bias",) if layer == "logits" else norm))
    if missing := [kind for kind in needed if kind not in kinds]:
        name = "/".join(filter(None, (layer, part)))
        raise ValueError(f"{name} of YAMNet lacks {', '.join(missing)}")


def _fold(state):
    """Fold the batch norms of the Keras release."""
    parts, folded = {}, {}
    for name, value in state.items():
        found = KERAS.search(name)
        if found is None:
            folded[name] = value
            continue
        part = (found["part"] or "").removesuffix("_conv")
        parts.setdefault((found["layer"], part), {})[found["kind"]] = value
    for (layer, part), kinds in parts.items():
        _check_kinds(layer, part, kinds)
        if layer == "logits":
            folded["head.weight"] = kinds["kernel"].T
            folded["head.bias"] = kinds["bias"]
            continue
        gain = torch.rsqrt(kinds["moving_variance"] + EPSILON)
        bias = kinds["beta"] - kinds["moving_mean"] * gain
        if part == "depthwise":  # [3, 3, channels, 1]
            kernel = kinds["depthwise_kernel"].permute(2, 3, 0, 1)
        else:  # [height, width, input, output]
            kernel = kinds["kernel"].permute(3, 2, 0, 1)
        folded[f"{layer}.{part}.weight"] = kernel * gain[:, None, None, None]
        folded[f"{layer}.{part}.bias"] = bias
    return folded
