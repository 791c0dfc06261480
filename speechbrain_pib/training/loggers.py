"""One training logger for text, TensorBoard and Weights & Biases.

Authors
 * The speechbrain_pib developers 2026
"""

import os
import re

from speechbrain.utils.train_logger import (
    FileTrainLogger,
    TensorboardLogger,
    TrainLogger,
    WandBLogger,
)


class TrainLoggers(TrainLogger):
    """Write every statistic to a text file, and elsewhere where asked.

    Arguments
    ---------
    save_file : str
        The text file.
    tensorboard : bool
        Also write TensorBoard events, in "tensorboard" beside the text file.
    wandb_project : str
        Also log to this project of Weights & Biases. The run is known by the
        folder of the text file, and resumed.

    Raises
    ------
    ImportError
        If a logger's package is not installed.

    Example
    -------
    >>> path = getfixture("tmpdir").join("train_log.txt")
    >>> logger = TrainLoggers(str(path))
    >>> logger.log_stats({"epoch": 1}, train_stats={"loss": 0.5})
    >>> path.read()
    'epoch: 1 - train loss: 5.0000e-01\\n'
    """

    def __init__(self, save_file, tensorboard=False, wandb_project=None):
        self.loggers = [FileTrainLogger(save_file, precision=4)]
        folder = os.path.dirname(save_file)
        if tensorboard:
            events = os.path.join(folder, "tensorboard")
            try:
                self.loggers.append(TensorboardLogger(events))
            except ImportError as error:
                raise _missing("tensorboard") from error
        if wandb_project is not None:
            try:
                import wandb
            except ImportError as error:
                raise _missing("wandb") from error
            self.loggers.append(
                WandBLogger(
                    wandb.init,
                    project=wandb_project,
                    id=re.sub(r"[^\w-]+", "-", folder.strip("/.")),
                    resume="allow",
                )
            )

    def log_stats(self, stats_meta, **stats):
        """Write statistics; see speechbrain.utils.train_logger.TrainLogger.

        Arguments
        ---------
        stats_meta : dict
            What the statistics are of, such as the epoch.
        **stats : dict
            train_stats, valid_stats, test_stats: name to number.
        """
        for logger in self.loggers:
            logger.log_stats(stats_meta, **stats)


def _missing(package):
    return ImportError(
        f"{package} is not installed; run: "
        'pip install "speechbrain-pib[logging]"'
    )
