"""Checkpoints that a kill left half written.

Authors
 * The speechbrain_pib developers 2026
"""

import zipfile

from speechbrain.utils.logger import get_logger

logger = get_logger(__name__)


def put_interrupted_aside(checkpointer):
    """Rename checkpoints that a kill left half written, which SpeechBrain
    would take for the newest, or stumble over.

    In distributed training only the main process may call this.

    Arguments
    ---------
    checkpointer : speechbrain.utils.checkpoints.Checkpointer
        Its recoverables are what a checkpoint has to hold.

    Example
    -------
    >>> import torch
    >>> from speechbrain.utils.checkpoints import Checkpointer
    >>> folder = getfixture("tmpdir")
    >>> checkpointer = Checkpointer(folder, {"model": torch.nn.Linear(1, 1)})
    >>> checkpoint = checkpointer.save_checkpoint(name="first")
    >>> (checkpoint.path / "model.ckpt").unlink()
    >>> put_interrupted_aside(checkpointer)
    >>> [path.basename for path in folder.listdir()]
    ['interrupted-CKPT+first']
    """
    needed = {
        name
        for name in checkpointer.recoverables
        if name != "dataloader-TRAIN"
        and not checkpointer.optional_recoverables.get(name)
    }
    for checkpoint in checkpointer.list_checkpoints():
        files = checkpoint.paramfiles
        broken = {name for name in files if not _is_complete(files[name])}
        broken |= needed - set(files)
        if broken or checkpoint.meta is None:
            aside = checkpoint.path.with_name(
                f"interrupted-{checkpoint.path.name}"
            )
            checkpoint.path.rename(aside)
            logger.warning(
                f"{checkpoint.path} is incomplete and now called "
                f"{aside.name}; it lacks "
                + ", ".join(sorted(broken) or ["its description"])
            )


def _is_complete(path):
    """Tell whether a checkpoint's file has its end; torch.save writes zip
    files, which keep their directory there."""
    with open(path, "rb") as file:
        head = file.read(2)
    return zipfile.is_zipfile(path) if head == b"PK" else bool(head)
