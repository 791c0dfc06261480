"""Loaders of a training: what they must give, and what to do if they hang.

Authors
 * The speechbrain_pib developers 2026
"""

import contextlib

from speechbrain.utils.logger import get_logger

logger = get_logger(__name__)


def check_training_loader(loader, accumulated):
    """Raise where a loader cannot train a model.

    Arguments
    ---------
    loader : torch.utils.data.DataLoader
        Of the training clips.
    accumulated : int
        Batches whose gradients make one step.

    Raises
    ------
    ValueError
        If there is no batch, or no step, in an epoch; or if the workers
        outlive it.

    Example
    -------
    >>> from torch.utils.data import DataLoader
    >>> check_training_loader(DataLoader(range(6), batch_size=2), 4)
    Traceback (most recent call last):
        ...
    ValueError: 3 batches in an epoch, on each process, do not make one step
    of 4; lower grad_accumulation_factor or batch_size
    """
    if len(loader) == 0:
        raise ValueError(
            f"{len(loader.dataset)} training clips do not fill one batch of "
            f"{loader.batch_size} on each process; lower batch_size"
        )
    if len(loader) < accumulated:
        raise ValueError(
            f"{len(loader)} batches in an epoch, on each process, do not make "
            f"one step of {accumulated}; lower grad_accumulation_factor or "
            "batch_size"
        )
    if loader.persistent_workers:
        raise ValueError(
            "persistent_workers do not hear of a new epoch and would repeat "
            "the crops of the first one; leave them out of the training"
        )
    if rest := len(loader) % accumulated:
        logger.info(
            f"The last {rest} of {len(loader)} batches of an epoch do not make "
            f"a step of {accumulated}, and are not learned from"
        )


@contextlib.contextmanager
def explain_timeout():
    """Say what to do where the workers of a loader give no batch in time.

    Raises
    ------
    RuntimeError
        In place of that of the DataLoader.

    Example
    -------
    >>> with explain_timeout():
    ...     raise RuntimeError("DataLoader timed out after 600 seconds")
    Traceback (most recent call last):
        ...
    RuntimeError: DataLoader timed out after 600 seconds: ...
    """
    try:
        yield
    except RuntimeError as error:
        if "DataLoader timed out" not in str(error):
            raise
        raise RuntimeError(
            f"{error}: a worker hangs, or /dev/shm is too small for the "
            "batches (in Docker, give --shm-size). Lower num_workers, 0 needs "
            "no /dev/shm; if the disk is slow, raise loader_timeout"
        ) from error
