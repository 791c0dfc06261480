"""Weights of the published Listen to Look code, renamed to ours.

Authors
 * The speechbrain_pib developers 2026
"""

from argparse import Namespace

import torch
from speechbrain.utils.logger import get_logger

from speechbrain_pib.utils.weight_files import read_state
from speechbrain_pib.utils.weights import load_weights, rename

logger = get_logger(__name__)

SKIMMER_NAMES = (
    (r"^module\.", ""),
    (r"^net_imageAudio\.", ""),
    (r"^net_classifier\.", ""),
    (r"^imageAudio_fc1\.", "fusion.expand."),
    (r"^imageAudio_fc2\.", "fusion.contract."),
    (r"^prediction_fc\.", "step_classifier."),
    (r"^rnn\.(weight_[ih]h)_g$", r"cell.parametrizations.\1.original0"),
    (r"^rnn\.(weight_[ih]h)_v$", r"cell.parametrizations.\1.original1"),
    (r"^rnn\.", "cell."),
    (r"^(image|audio)_queryfeature_mlp\.", r"queries.\1."),
    (r"^(image|audio)_key_conv1x1\.", r"keys.\1."),
    (r"^queryfeature_mlp\.", "queries.{stream}."),
    (r"^key_conv1x1\.", "keys.{stream}."),
    (r"^(queries\..+)\.0\.", r"\1.expand."),
    (r"^(keys\..+)\.0\.", r"\1.project."),
    (r"^((queries|keys)\..+)\.1\.", r"\1.norm."),
    (r"^(queries\..+)\.3\.", r"\1.project."),
)


def convert_skimmer(state, stream="image"):
    """Maps the published skimming model onto ``Skimmer``.

    Arguments
    ---------
    state : dict
        Name to tensor, of the model for images and sound or of that for a
        single stream, as it is or wrapped by DataParallel.
    stream : str
        Our name of the single stream.

    Returns
    -------
    state : dict

    Example
    -------
    >>> kernel = torch.ones(512, 512, 1, 1)
    >>> state = convert_skimmer({"module.audio_key_conv1x1.0.weight": kernel})
    >>> [(name, list(value.shape)) for name, value in state.items()]
    [('keys.audio.project.weight', [512, 512])]
    """
    state = {
        name.replace("{stream}", stream): value
        for name, value in rename(state, SKIMMER_NAMES).items()
    }
    for name, value in state.items():
        if name.startswith("keys.") and value.ndim == 4:
            state[name] = value.flatten(1)
    return state


def load_skimmer(model, path):
    """Loads a skimming model trained by the published code.

    Arguments
    ---------
    model : speechbrain_pib.lobes.models.skimming.Skimmer
        Of the same sizes, classes and number of streams.
    path : str
        The checkpoint; it may hold the options of its training.

    Raises
    ------
    ValueError
        Names each entry that is missing, unknown or of another shape.

    Example
    -------
    >>> load_skimmer(model, "skimming_activitynet.pth")  # doctest: +SKIP
    """
    state = convert_skimmer(_read_published(path), model.streams[0])
    load_weights(model, state, path)


def load_fusion(model, path):
    """Loads what skimming starts from: fusion and classifier of single moments.

    The file may hold other parts, such as the networks of images and sound,
    and any prefix before the names; all of fusion and classifier must be in
    it, once.

    Arguments
    ---------
    model : speechbrain_pib.lobes.models.skimming.Skimmer
        For images and sound, of the same sizes and classes.
    path : str
        Such as the published ImageAudioNet_ActivityNet.pth, or the weights of
        an ImgAud2Vid.

    Raises
    ------
    ValueError
        Names each entry that is missing, there twice, or of another shape.

    Example
    -------
    >>> load_fusion(model, "ImageAudioNet_ActivityNet.pth")  # doctest: +SKIP
    """
    state, taken, left = model.state_dict(), {}, set()
    for name, value in _read_published(path).items():
        last = ".".join(name.split(".")[-2:])
        ours = (
            name
            if name in state
            else next(iter(convert_skimmer({last: value})))
        )
        if not ours.startswith(("fusion.", "classifier.")):
            left.add(name.split(".")[0])
        elif ours in taken:
            raise ValueError(f"{path} holds {last} more than once: {name}")
        else:
            taken[ours] = value
    logger.info(
        f"not taken from {path}: {', '.join(sorted(left)) or 'nothing'}"
    )
    kept = {
        name: value
        for name, value in state.items()
        if not name.startswith(("fusion.", "classifier."))
    }
    load_weights(model, {**kept, **taken}, path)


def _read_published(path):
    """Reads weights beside which the published code saved its options."""
    with torch.serialization.safe_globals([Namespace]):
        return read_state(path)
