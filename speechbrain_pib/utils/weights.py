"""Weights of other implementations, renamed to ours.

Official MViTv2 checkpoints (trained on ImageNet) and checkpoints of the
published Play It Back code become state dictionaries of ``MViTv2`` and
``LatentDecoder``; every entry has to match.

Authors
 * The speechbrain_pib developers 2026
"""

import re

import torch
from speechbrain.utils.logger import get_logger

from speechbrain_pib.utils.weight_files import below, read_state

logger = get_logger(__name__)

BACKBONE_NAMES = (
    (r"^patch_embed\.proj\.", "patch_embed."),
    (r"\.mlp\.fc1\.", ".mlp.0."),
    (r"\.mlp\.fc2\.", ".mlp.2."),
    (r"^head\.projection\.", "head."),
)

DECODER_NAMES = (
    (r"^layers\.(\d+)\.0\.", r"levels.\1.cross_attention."),
    (r"^layers\.(\d+)\.1\.", r"levels.\1.cross_feed_forward."),
    (r"\.to_out\.0\.", ".to_out."),
    (r"\.fn\.net\.0\.", ".expand."),
    (r"\.fn\.net\.3\.", ".contract."),
    (r"\.fn\.", "."),
    (r"^reduce\.2\.", "norm."),
    (r"^fusion\.2\.", "fusion."),
    (r"^fc\.", "classifier."),
)


def rename(state, names):
    """Renames the entries of a state dictionary.

    Arguments
    ---------
    state : dict
        Name to tensor.
    names : tuple
        Pairs of regular expression and replacement, applied in order.

    Returns
    -------
    state : dict

    Example
    -------
    >>> rename({"head.projection.bias": 1}, BACKBONE_NAMES)
    {'head.bias': 1}
    """
    renamed = {}
    for name, value in state.items():
        for pattern, replacement in names:
            name = re.sub(pattern, replacement, name)
        renamed[name] = value
    return renamed


def convert_backbone(state):
    """Maps an official or published MViTv2 state dictionary onto ``MViTv2``.

    A kernel of patches for RGB images is summed to one channel; relative
    positions are dropped, since ``MViTv2`` has none.

    Arguments
    ---------
    state : dict
        Name to tensor.

    Returns
    -------
    state : dict

    Example
    -------
    >>> state = {"patch_embed.proj.weight": torch.ones(96, 3, 7, 7)}
    >>> convert_backbone(state)["patch_embed.weight"].shape
    torch.Size([96, 1, 7, 7])
    """
    state = {k: v for k, v in state.items() if ".attn.rel_pos_" not in k}
    state = rename(state, BACKBONE_NAMES)
    kernel = state.get("patch_embed.weight")
    if kernel is not None and kernel.ndim == 4:
        state["patch_embed.weight"] = kernel.sum(dim=1, keepdim=True)
    return state


def convert_decoder(state):
    """Maps the decoder of the published code onto ``LatentDecoder``.

    Arguments
    ---------
    state : dict
        Name to tensor.

    Returns
    -------
    state : dict

    Example
    -------
    >>> list(convert_decoder({"layers.0.2.1.0.fn.to_q.weight": torch.ones(1)}))
    ['levels.0.self_blocks.2.to_q.weight']
    """

    def flatten_self_block(match):
        level, block, part = (int(group) for group in match.groups())
        return f"levels.{level}.self_blocks.{2 * block + part}."

    self_blocks = ((r"^layers\.(\d+)\.2\.(\d+)\.([01])\.", flatten_self_block),)
    return rename(state, self_blocks + DECODER_NAMES)


def find_nonfinite(state):
    """Find the tensors that hold NaN or infinity.

    Arguments
    ---------
    state : dict
        Name to tensor.

    Returns
    -------
    names : list of str

    Example
    -------
    >>> find_nonfinite(
    ...     {"weight": torch.ones(2), "bias": torch.tensor([torch.inf])}
    ... )
    ['bias']
    """
    names = [name for name in state if state[name].is_floating_point()]
    flags = [state[name].isfinite().all() for name in names]
    # One copy to the host.
    flags = torch.stack(flags).tolist() if flags else []
    return [name for name, finite in zip(names, flags) if not finite]


def load_weights(module, state, source, replace=()):
    """Loads a state dictionary, every name and shape of which must match.

    Arguments
    ---------
    module : torch.nn.Module
        Where the weights go.
    state : dict
        Name to tensor, in the names of the module.
    source : str
        The file, for error messages.
    replace : tuple
        Prefixes of entries that keep the module's own values when their shape
        differs, such as a head for other classes.

    Returns
    -------
    replaced : list of str
        Entries that kept the module's own values.

    Raises
    ------
    ValueError
        Names each entry that is missing, unknown, of another shape or of
        whole or complex numbers; or if weights are not finite.

    Example
    -------
    >>> load_weights(
    ...     torch.nn.Linear(2, 3), {"weight": torch.ones(3, 2)}, "a.ckpt"
    ... )
    Traceback (most recent call last):
        ...
    ValueError: a.ckpt does not fit Linear: missing bias
    """
    own = module.state_dict()
    replaced = [
        name
        for name in own
        if name.startswith(tuple(replace))
        and (name not in state or state[name].shape != own[name].shape)
    ]
    for name in replaced:
        logger.warning(f"{name} of {source} is replaced by a new one")
    state = {**state, **{name: own[name] for name in replaced}}
    problems = [f"missing {name}" for name in own if name not in state]
    problems += [f"unknown {name}" for name in state if name not in own]
    problems += [
        f"{name} is {list(state[name].shape)}, not {list(own[name].shape)}"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    problems += [
        f"{name} is of {state[name].dtype}, not of {own[name].dtype}"
        for name in own
        if name in state
        and state[name].is_floating_point() != own[name].is_floating_point()
    ]
    if nonfinite := find_nonfinite(state):
        problems.append(
            f"{len(nonfinite)} of {len(state)} entries are not finite, such "
            f"as {nonfinite[0]}"
        )
    if problems:
        raise ValueError(
            f"{source} does not fit {type(module).__name__}: "
            + "; ".join(problems)
        )
    module.load_state_dict(state)
    return replaced


def load_strictly(module, path):
    """Loads the weights of a module from a file that has to match it.

    A hook for SpeechBrain's Pretrainer, which otherwise takes a file of which
    no entry matches for a success.

    Arguments
    ---------
    module : torch.nn.Module
        Where the weights go.
    path : str
        The weight file.

    Raises
    ------
    ValueError
        Names each entry that is missing, unknown or of another shape.

    Example
    -------
    >>> path = str(getfixture("tmpdir").join("model.ckpt"))
    >>> torch.save(torch.nn.Linear(2, 3).state_dict(), path)
    >>> load_strictly(torch.nn.Linear(2, 3), path)
    """
    load_weights(module, read_state(path), path)


def load_playitback(model, path):
    """Loads a checkpoint of the published Play It Back code.

    Encoder and decoder are taken over. Its selectors are not: they were never
    trained, and attend over channels; the model keeps its own.

    Arguments
    ---------
    model : speechbrain_pib.lobes.models.playitback.PlayItBack
        With an MViTv2 and a LatentDecoder of the same sizes and classes.
    path : str
        The checkpoint.

    Raises
    ------
    ValueError
        Names each entry of encoder and decoder that does not match.

    Example
    -------
    >>> load_playitback(model, "vggsound_x3.pyth")  # doctest: +SKIP
    """
    state = read_state(path)
    encoder = convert_backbone(below(state, "encoder."))
    decoder = convert_decoder(below(state, "decoder."))
    left = [n for n in state if not n.startswith(("encoder.", "decoder."))]
    logger.info(
        f"not taken from {path}: {', '.join(sorted(left)) or 'nothing'}"
    )
    load_weights(model.backbone, encoder, path)
    load_weights(model.decoder, decoder, path)


def load_backbone(backbone, path):
    """Loads pretrained backbone weights, whatever code wrote them.

    Takes what `read_state` reads: weights of the backbone's original (of
    MViTv2 an official checkpoint, or one of the published code), a checkpoint
    of a recipe (``model.ckpt``), or plain backbone weights. A classification
    head for other classes is replaced by the new one.

    Arguments
    ---------
    backbone : speechbrain_pib.lobes.models.backbones.Backbone
        Its ``convert_weights`` renames the entries.
    path : str
        The weight file.

    Returns
    -------
    replaced : list of str
        Entries of the head that are new, hence untrained.

    Example
    -------
    >>> from speechbrain_pib.lobes.models.mvitv2 import MViTv2
    >>> path = str(getfixture("tmpdir").join("backbone.ckpt"))
    >>> torch.save(MViTv2(10, "nano").state_dict(), path)
    >>> load_backbone(MViTv2(20, "nano"), path)
    ['head.weight', 'head.bias']
    """
    state = read_state(path)
    state = backbone.convert_weights(below(state, "backbone.") or state)
    return load_weights(backbone, state, path, replace=("head.",))
