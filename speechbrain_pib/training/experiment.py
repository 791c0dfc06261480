"""What every recipe's script does: start, load the data, train and test.

Authors
 * The speechbrain_pib developers 2026
"""

import gc
import importlib
import json
import os
import sys
from typing import NamedTuple

import torch
from hyperpyyaml import load_hyperpyyaml
from speechbrain.dataio.encoder import CategoricalEncoder
from speechbrain.utils.distributed import ddp_init_group, run_on_main

from speechbrain_pib.dataio.clip_datasets import (
    clip_datasets,
    load_label_encoder,
)
from speechbrain_pib.training.arguments import parse_recipe_arguments
from speechbrain_pib.training.output_folders import OutputFolder


class RecipeData(NamedTuple):
    """The data of a recipe.

    Arguments
    ---------
    label_encoder : speechbrain.dataio.encoder.CategoricalEncoder
        Index of each label.
    datasets : dict
        Split to data set: "train", "test" and, unless the last epoch is to be
        kept, "valid".
    coverage : dict
        How much of each list was found (see report_coverage).
    """

    label_encoder: CategoricalEncoder
    datasets: dict
    coverage: dict


def start_experiment(script, miniature=None, arguments=None):
    """Read the command line and make the output folder.

    A folder that holds a training is left as it is until the data are known,
    too (see `load_data`). No other run can use it until this process ends.

    Arguments
    ---------
    script : str
        The recipe's train.py.
    miniature : str
        Overrides for a run without data (default: data_folder is needed).
    arguments : list
        The command line without the script (default: sys.argv[1:]).

    Returns
    -------
    hparams : dict
        The loaded hyperparameters.
    run_opts : dict
        SpeechBrain's run options.
    folder : OutputFolder
        The output folder.

    Raises
    ------
    SystemExit
        If the command line is wrong; standard error says why, in one line.
    ValueError
        If the folder holds a training with other settings, or another run is
        in it.

    Example
    -------
    >>> hparams, run_opts, folder = start_experiment(
    ...     "train.py"
    ... )  # doctest: +SKIP
    """
    sys.excepthook = _print_message
    try:
        hparams_file, run_opts, overrides = parse_recipe_arguments(
            script, miniature, arguments
        )
    except (OSError, ValueError) as error:
        print(f"{os.path.basename(script)}: {error}", file=sys.stderr)
        sys.exit(2)
    begin_processes(run_opts)
    folder = OutputFolder(script, hparams_file, overrides, run_opts)
    continued = run_on_main(folder.enter)
    with open(hparams_file, encoding="utf-8") as file:
        hparams = load_hyperpyyaml(file, overrides)
    if not continued:
        folder.begin()
    return hparams, run_opts, folder


def begin_processes(run_opts):
    """Join the process group of a distributed run, if this is one.

    Arguments
    ---------
    run_opts : dict
        SpeechBrain's run options.

    Example
    -------
    >>> begin_processes({})
    """
    if "RANK" not in os.environ or torch.distributed.is_initialized():
        return
    # Its functions have the group as a default, if there is one when it is
    # imported, as DistributedDataParallel does; then it could not be ended.
    importlib.import_module("torch._dynamo")
    ddp_init_group(run_opts)


def end_processes():
    """Leave the process group, if there is one.

    Threads of a group that anything still holds may abort the process at its
    exit.

    Example
    -------
    >>> end_processes()
    """
    if torch.distributed.is_initialized():
        gc.collect()
        torch.distributed.destroy_process_group()


def _print_message(kind, error, traceback):
    """Print an error; a ValueError says itself what to do."""
    if issubclass(kind, ValueError):
        print(f"{kind.__name__}: {error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)


def load_data(prepare, hparams, splits, folder, make_datasets=clip_datasets):
    """Get the data sets of a recipe from raw files, or from a packed folder.

    Arguments
    ---------
    prepare : callable
        Called with hparams on the main process, unless there is a packed
        folder; writes the manifests, classes.txt and coverage.json into
        hparams["output_folder"].
    hparams : dict
        "packed_folder" (see speechbrain_pib.dataio.packing.manifests) where
        there can be one, "output_folder" and what make_datasets needs.
    splits : list
        As for make_datasets.
    folder : OutputFolder
        As from start_experiment.
    make_datasets : callable
        Such as clip_datasets, or one for videos with the same arguments.

    Returns
    -------
    data : RecipeData
        The data sets are those of `splits`.

    Raises
    ------
    ValueError
        If the output folder holds a training on other data.

    Example
    -------
    >>> load_data(prepare, hparams, ("train", "test"), folder)  # doctest: +SKIP
    """
    source = hparams.get("packed_folder")
    if source is None:
        source = hparams["output_folder"]
        run_on_main(folder.prepare, args=[prepare, hparams])
    else:
        run_on_main(folder.check_data, args=[source])
    folder.begin()
    coverage = _read_coverage(os.path.join(source, "coverage.json"))
    label_encoder = load_label_encoder(os.path.join(source, "classes.txt"))
    datasets = make_datasets(source, splits, hparams, label_encoder)
    return RecipeData(label_encoder, datasets, coverage)


def _read_coverage(path):
    """What report_coverage wrote."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); pack again") from error


def load_challenge_data(prepare, hparams, run_opts, folder):
    """As load_data; a list without labels takes the place of the test.

    Arguments
    ---------
    prepare : callable
        As for load_data.
    hparams : dict
        As for load_data, and "submission_list".
    run_opts : dict
        As from start_experiment.
    folder : OutputFolder
        As from start_experiment.

    Returns
    -------
    data : RecipeData
        With the data sets "train", "valid" and "test".

    Raises
    ------
    ValueError
        If such a list is given for a training.

    Example
    -------
    >>> load_challenge_data(
    ...     prepare, hparams, run_opts, folder
    ... )  # doctest: +SKIP
    """
    splits = ["train", "valid", "test"]
    if hparams["submission_list"] is not None:
        if not run_opts["test_only"]:
            raise ValueError(
                "submission_list has no labels to train with; train first, "
                "then give it with --test_only=True"
            )
        splits.append("submission")
    data = load_data(prepare, hparams, splits, folder)
    datasets = data.datasets
    datasets["test"] = datasets.pop("submission", datasets["test"])
    return data


def train_and_test(brain_class, hparams, run_opts, data):
    """Train a classifier, and test its best checkpoint.

    Arguments
    ---------
    brain_class : type
        A subclass of ClassificationBrain.
    hparams : dict
        As from start_experiment.
    run_opts : dict
        As from start_experiment.
    data : RecipeData
        As from load_data.

    Returns
    -------
    results : dict
        Of the test; hparams["model"] is the model that was tested.

    Raises
    ------
    ValueError
        If the data have another number of classes than the model.

    Example
    -------
    >>> train_and_test(
    ...     ClassificationBrain, hparams, run_opts, data
    ... )  # doctest: +SKIP
    """
    classes, datasets = len(data.label_encoder), data.datasets
    if classes != hparams["num_classes"]:
        raise ValueError(
            f"the data have {classes} classes, the model "
            f"{hparams['num_classes']}; give --num_classes={classes}"
        )
    brain = brain_class(
        modules=hparams["modules"],
        opt_class=hparams["opt_class"],
        hparams=hparams,
        run_opts=run_opts,
        checkpointer=hparams["checkpointer"],
        label_encoder=data.label_encoder,
        coverage=data.coverage,
        valid_set=datasets.get("valid"),
    )
    brain.fit(
        hparams["epoch_counter"],
        datasets["train"],
        datasets.get("valid"),
        train_loader_kwargs=hparams["train_dataloader_opts"],
        valid_loader_kwargs=hparams["test_dataloader_opts"],
    )
    brain.evaluate(
        datasets["test"],
        max_key=brain.best if "valid" in datasets else None,
        # Brain.evaluate writes into what it is given.
        test_loader_kwargs=dict(hparams["test_dataloader_opts"]),
    )
    # What was tested stays in the model.
    brain.exchange_average()
    # The checkpointer keeps the brain, and DistributedDataParallel the process
    # group.
    brain.modules.clear()
    return brain.results
