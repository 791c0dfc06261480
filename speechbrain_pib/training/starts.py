"""What must be right before Play It Back is trained: budget and weights.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np

from speechbrain_pib.evaluation.budgets import BudgetTable, parse_budget
from speechbrain_pib.evaluation.costs import measure_gmacs
from speechbrain_pib.utils.weights import load_backbone


def is_control(hparams):
    """Tell whether a training replays anything but its selection.

    Arguments
    ---------
    hparams : dict
        As from start_experiment.

    Returns
    -------
    control : bool

    Example
    -------
    >>> from types import SimpleNamespace
    >>> model = SimpleNamespace(replays=1)
    >>> is_control({"model": model, "selection": "random"})
    True
    >>> is_control({"model": SimpleNamespace(replays=0)})
    False
    """
    selection = hparams.get("selection", "learned")
    return hparams["model"].replays > 0 and selection != "learned"


def check_budget(hparams, data):
    """Raise where a budget is none, or cannot be solved.

    Arguments
    ---------
    hparams : dict
        As from start_experiment.
    data : RecipeData
        As from load_data.

    Raises
    ------
    ValueError
        If it is no budget, less than the first pass costs, or nothing tells
        how sure clips must be.

    Example
    -------
    >>> check_budget({"budget": "all"}, None)
    Traceback (most recent call last):
        ...
    ValueError: 'all' is no budget; give a share of the full cost above 0 and
    at most 1, such as 0.5, or GMAC, such as 1.5GMAC
    """
    parse_budget(hparams["budget"], full=1.0)
    learned = hparams["model"].replays > 0 and not is_control(hparams)
    if not learned or "valid" not in data.datasets:
        raise ValueError(
            "a budget needs replays of a learned selection, and a validation "
            "set to find on it how sure clips must be"
        )
    gmacs = measure_gmacs(hparams["model"])
    # Of whatever confidences: raises where the first pass costs more.
    BudgetTable.solve(np.zeros((1, len(gmacs))), gmacs).threshold(
        hparams["budget"]
    )


def start_backbones(hparams):
    """Load pretrained weights, without which nothing may be frozen.

    Arguments
    ---------
    hparams : dict
        As from start_experiment.

    Raises
    ------
    ValueError
        If a backbone is frozen, and it or its head is not trained.

    Example
    -------
    >>> start_backbones(hparams)  # doctest: +SKIP
    """
    model = hparams["model"]
    for backbone, option in (
        (model.backbone, "pretrained_backbone"),
        (model.replay_backbone, "pretrained_replay_backbone"),
    ):
        if backbone is not None:
            path = hparams.get(option)
            _start_backbone(backbone, path, option, model.freeze_backbone)


def _start_backbone(backbone, path, option, frozen):
    """Load the weights of one backbone, where there are any."""
    if path is None and frozen:
        raise ValueError(
            "the backbone is frozen and nobody trained it: give "
            f"--{option}=/path/to/weights (from backbone.yaml), or "
            "--freeze_backbone=False"
        )
    if path is not None and load_backbone(backbone, path) and frozen:
        raise ValueError(
            f"the backbone is frozen and the head of {path} is for other "
            "classes: train a backbone on this data set first "
            "(backbone.yaml), or give --freeze_backbone=False"
        )
