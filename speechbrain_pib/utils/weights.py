"""Weights of other implementations, renamed to ours.

Official MViTv2 checkpoints (trained on ImageNet) and checkpoints of the
published Play It Back code become state dictionaries of ``MViTv2`` and
``LatentDecoder``. Files are read as data, never unpickled as code.

Authors
 * The speechbrain_pib developers 2026
"""

import re
import zipfile

import numpy as np
import torch
from speechbrain.utils.logger import get_logger

logger = get_logger(__name__)

# Entries that hold weights beside other things, in files of others.
WRAPPERS = ("model_state", "model_state_dict", "state_dict", "model")

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


def check_integrity(path):
    """Compare a file of torch.save with the checksums that it holds.

    torch.load does not: it takes flipped bytes for weights.

    Arguments
    ---------
    path : str
        The file. Older formats than zip have no checksums, and pass.

    Raises
    ------
    ValueError
        If the file is damaged.

    Example
    -------
    >>> path = getfixture("tmpdir") / "weights.ckpt"
    >>> torch.save(torch.ones(1000), str(path))
    >>> check_integrity(path)
    >>> path.write_binary(
    ...     path.read_binary().replace(b"\\x80\\x3f", b"\\x80\\x40")
    ... )
    >>> check_integrity(path)
    Traceback (most recent call last):
        ...
    ValueError: ...weights.ckpt is damaged: the checksum of ... is wrong; ...
    """
    with open(path, "rb") as file:
        if file.read(2) != b"PK":
            return
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except Exception as error:
        # Whatever damaged headers make zipfile do.
        raise ValueError(
            f"{path} is damaged or incomplete ({error}); copy, download or "
            "train it again"
        ) from error
    if damaged is not None:
        raise ValueError(
            f"{path} is damaged: the checksum of {damaged} is wrong; copy, "
            "download or train it again"
        )


def read_state(path):
    """Read a state dictionary from a file without executing anything in it.

    Prefixes that DistributedDataParallel ("module.") and torch.compile
    ("_orig_mod.") put before names are left out.

    Arguments
    ---------
    path : str
        A file of torch.save: a state dictionary, or a dictionary that holds
        one under a usual name, such as "state_dict".

    Returns
    -------
    state : dict
        Name to tensor.

    Raises
    ------
    ValueError
        If the file is damaged, or holds anything but plain weights.

    Example
    -------
    >>> path = getfixture("tmpdir").join("weights.ckpt")
    >>> torch.save({"state_dict": {"module.bias": torch.ones(2)}}, str(path))
    >>> read_state(str(path))
    {'bias': tensor([1., 1.])}
    """
    state = load_data(path)
    for wrapper in WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if not isinstance(state, dict) or not all(
        isinstance(value, torch.Tensor) for value in state.values()
    ):
        raise ValueError(f"{path} holds no dictionary of tensors")
    return _unwrap_names(state)


def load_data(path):
    """Load a file of torch.save as data: tensors, containers and numbers.

    Arguments
    ---------
    path : str
        The file.

    Returns
    -------
    data : object
        What was saved, on the CPU.

    Raises
    ------
    ValueError
        If the file is damaged, or holds anything else.

    Example
    -------
    >>> path = getfixture("tmpdir").join("data.ckpt")
    >>> torch.save({"top1": np.float64(0.5)}, str(path))
    >>> float(load_data(str(path))["top1"])
    0.5
    """
    try:
        check_integrity(path)
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no weight file {path}") from None
    try:
        with torch.serialization.safe_globals(_numpy_scalars()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # torch's own words advise to run whatever the file holds.
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        reason = f"it names {named[1]}" if named else type(error).__name__
        raise ValueError(
            f"{path} is not a file of plain weights ({reason}); nothing in it "
            "was run. Save a state_dict() of tensors alone"
        ) from None


def _numpy_scalars():
    """List what unpickles NumPy's numbers, which files hold as metrics."""
    scalar = np.float64(0).__reduce__()[0]
    dtypes = {type(np.dtype(kind)) for kind in "?bhilqBHILQefd"}
    # Under both names that its module has had.
    old, new = (f"numpy.{core}.multiarray.scalar" for core in ("core", "_core"))
    return [(scalar, old), (scalar, new), np.dtype, *dtypes]


def _unwrap_names(state):
    """Leave out what wrappers of a module put before the names in it."""
    state = {name.replace("_orig_mod.", ""): v for name, v in state.items()}
    while state and all(name.startswith("module.") for name in state):
        state = _below(state, "module.")
    return state


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
    ...     {"weight": torch.ones(2), "bias": torch.tensor([np.inf])}
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
        Names each entry that is missing, unknown or of another shape; or if
        weights are not finite.

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
    encoder = convert_backbone(_below(state, "encoder."))
    decoder = convert_decoder(_below(state, "decoder."))
    left = [n for n in state if not n.startswith(("encoder.", "decoder."))]
    logger.info(
        f"not taken from {path}: {', '.join(sorted(left)) or 'nothing'}"
    )
    load_weights(model.backbone, encoder, path)
    load_weights(model.decoder, decoder, path)


def _below(state, prefix):
    """The entries below a prefix, without it."""
    return {
        name.removeprefix(prefix): value
        for name, value in state.items()
        if name.startswith(prefix)
    }


def load_backbone(backbone, path):
    """Loads pretrained backbone weights, whatever code wrote them.

    Takes an official MViTv2 checkpoint, a checkpoint of the published code, a
    checkpoint of a recipe (``model.ckpt``), or plain backbone weights. A
    classification head for other classes is replaced by the new one.

    Arguments
    ---------
    backbone : torch.nn.Module
        As MViTv2.
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
    for prefix in ("backbone.", "encoder."):
        state = _below(state, prefix) or state
    state = convert_backbone(state)
    return load_weights(backbone, state, path, replace=("head.",))
