"""Checkpoints that must not be resumed: half written, damaged, not finite.

Authors
 * The speechbrain_pib developers 2026
"""

import torch
import yaml
from speechbrain.utils.checkpoints import CKPT_PREFIX, METAFNAME, PARAMFILE_EXT
from speechbrain.utils.logger import get_logger

from speechbrain_pib.utils.weight_files import load_data
from speechbrain_pib.utils.weights import find_nonfinite

logger = get_logger(__name__)


def put_damaged_aside(checkpointer):
    """Rename checkpoints that a kill left half written, a disk damaged or a
    training that broke down filled with NaN; the one before is resumed then.

    SpeechBrain would take them for the newest, or stumble over them. In
    distributed training only the main process may call this.

    Arguments
    ---------
    checkpointer : speechbrain.utils.checkpoints.Checkpointer
        Its recoverables are what a checkpoint has to hold.

    Example
    -------
    >>> from speechbrain.utils.checkpoints import Checkpointer
    >>> folder = getfixture("tmpdir")
    >>> checkpointer = Checkpointer(folder, {"model": torch.nn.Linear(1, 1)})
    >>> checkpoint = checkpointer.save_checkpoint(name="first")
    >>> (checkpoint.path / "model.ckpt").unlink()
    >>> put_damaged_aside(checkpointer)
    >>> [path.basename for path in folder.listdir()]
    ['damaged-CKPT+first']
    """
    needed = {
        name
        for name in checkpointer.recoverables
        if name != "dataloader-TRAIN"
        and not checkpointer.optional_recoverables.get(name)
    }
    for folder in sorted(checkpointer.checkpoints_dir.glob(f"{CKPT_PREFIX}+*")):
        problems = list(_find_problems(folder, needed))
        if problems:
            aside = folder.with_name(f"damaged-{folder.name}")
            folder.rename(aside)
            logger.warning(
                f"{folder} cannot be used and is now called {aside.name}: "
                + "; ".join(problems)
            )


def _find_problems(folder, needed):
    """Yield why a checkpoint cannot be resumed."""
    if not _has_description(folder):
        yield f"it lacks {METAFNAME}, or what belongs into it"
    files = {path.stem: path for path in folder.glob(f"*{PARAMFILE_EXT}")}
    for name in sorted(needed - set(files)):
        yield f"it lacks {name}"
    for path in files.values():
        try:
            _check_file(path)
        except ValueError as error:
            yield str(error)


def _has_description(folder):
    """Tell whether there is what SpeechBrain chooses a checkpoint by."""
    try:
        with open(folder / METAFNAME, encoding="utf-8") as file:
            meta = yaml.safe_load(file)
    except (FileNotFoundError, UnicodeDecodeError, yaml.YAMLError):
        return False
    return isinstance(meta, dict) and {"unixtime", "end-of-epoch"} <= set(meta)


def _check_file(path):
    """Raise a ValueError where a file is not what was saved, or not finite."""
    with open(path, "rb") as file:
        head = file.read(2)
    if not head:
        raise ValueError(f"{path.name} is empty")
    if head == b"PK":
        nonfinite = find_nonfinite(dict(_tensors(load_data(path))))
        if nonfinite:
            raise ValueError(f"{nonfinite[0]} of {path.name} is not finite")


def _tensors(data, name=""):
    """Yield the tensors in nested containers, with names."""
    if isinstance(data, torch.Tensor):
        yield name, data
    elif isinstance(data, (dict, list, tuple)):
        items = data.items() if isinstance(data, dict) else enumerate(data)
        for key, value in items:
            yield from _tensors(value, f"{name}.{key}".removeprefix("."))


def require_finite(module):
    """Raise where weights or buffers are not finite, which nothing mends.

    Arguments
    ---------
    module : torch.nn.Module
        What is about to be saved.

    Raises
    ------
    ValueError
        Names an entry.

    Example
    -------
    >>> linear = torch.nn.Linear(1, 1)
    >>> require_finite(linear)
    >>> _ = torch.nn.init.constant_(linear.bias, torch.inf)
    >>> require_finite(linear)
    Traceback (most recent call last):
        ...
    ValueError: the training broke down: bias is not finite; ...
    """
    nonfinite = find_nonfinite(module.state_dict())
    if nonfinite:
        raise ValueError(
            f"the training broke down: {nonfinite[0]} is not finite; nothing "
            "is saved, the checkpoint before is kept. Lower lr, and look for "
            "clips with absurd samples"
        )
