"""What every recipe's script does: start, train, test, export.

Authors
 * The speechbrain_pib developers 2026
"""

import json
import os
import shlex
import sys

import speechbrain as sb
import torch
from hyperpyyaml import load_hyperpyyaml
from speechbrain.utils.distributed import ddp_init_group, run_on_main

from speechbrain_pib.dataio.clip_datasets import (
    clip_datasets,
    load_label_encoder,
)
from speechbrain_pib.inference.export import export_inference
from speechbrain_pib.training.arguments import parse_recipe_arguments
from speechbrain_pib.utils.weights import load_backbone


def start_experiment(script, miniature=None, arguments=None):
    """Reads the command line and makes the output folder.

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

    Example
    -------
    >>> hparams, run_opts = start_experiment("train.py")  # doctest: +SKIP
    """
    hparams_file, run_opts, overrides = parse_recipe_arguments(
        script, miniature, arguments
    )
    if not torch.distributed.is_initialized():
        ddp_init_group(run_opts)
    with open(hparams_file) as file:
        hparams = load_hyperpyyaml(file, overrides)
    sb.create_experiment_directory(
        experiment_directory=hparams["output_folder"],
        hyperparams_to_save=hparams_file,
        overrides=overrides,
    )
    return hparams, run_opts


def load_data(prepare, hparams, splits, make_datasets=clip_datasets):
    """Gets the data sets of a recipe from raw files, or from a packed folder.

    Arguments
    ---------
    prepare : callable
        Called with hparams on the main process, unless there is a packed
        folder; writes the manifests, classes.txt and coverage.json into the
        output folder.
    hparams : dict
        "packed_folder" (see speechbrain_pib.dataio.packing.manifests) where there can be
        one, "output_folder" and what make_datasets needs; gets "coverage".
    splits : list
        As for make_datasets.
    make_datasets : callable
        Such as clip_datasets, or one for videos with the same arguments.

    Returns
    -------
    label_encoder : speechbrain.dataio.encoder.CategoricalEncoder
        Index of each label.
    datasets : dict
        Split to data set.

    Example
    -------
    >>> load_data(prepare, hparams, ("train", "test"))  # doctest: +SKIP
    """
    folder = hparams.get("packed_folder")
    if folder is None:
        folder = hparams["output_folder"]
        run_on_main(prepare, args=[hparams])
    with open(os.path.join(folder, "coverage.json"), encoding="utf-8") as file:
        hparams["coverage"] = json.load(file)
    label_encoder = load_label_encoder(os.path.join(folder, "classes.txt"))
    datasets = make_datasets(folder, splits, hparams, label_encoder)
    return label_encoder, datasets


def load_challenge_data(prepare, hparams, run_opts):
    """As load_data; a list without labels takes the place of the test.

    Arguments
    ---------
    prepare : callable
        As for load_data.
    hparams : dict
        As for load_data, and "submission_list".
    run_opts : dict
        As from start_experiment.

    Returns
    -------
    label_encoder : speechbrain.dataio.encoder.CategoricalEncoder
        Index of each label.
    datasets : dict
        "train", "valid" and "test".

    Raises
    ------
    ValueError
        If such a list is given for a training.

    Example
    -------
    >>> load_challenge_data(prepare, hparams, run_opts)  # doctest: +SKIP
    """
    splits = ["train", "valid", "test"]
    if hparams["submission_list"] is not None:
        if not run_opts["test_only"]:
            raise ValueError(
                "submission_list has no labels to train with; train first, "
                "then give it with --test_only=True"
            )
        splits.append("submission")
    label_encoder, datasets = load_data(prepare, hparams, splits)
    datasets["test"] = datasets.pop("submission", datasets["test"])
    return label_encoder, datasets


def run_experiment(brain_class, hparams, run_opts, label_encoder, datasets):
    """Trains and tests Play It Back, and writes the inference folder.

    Arguments
    ---------
    brain_class : type
        PlayItBackBrain or a subclass of it.
    hparams : dict
        As from start_experiment.
    run_opts : dict
        As from start_experiment.
    label_encoder : speechbrain.dataio.encoder.CategoricalEncoder
        Index of each label.
    datasets : dict
        "train", "test" and, unless the last epoch is to be kept, "valid".

    Example
    -------
    >>> run_experiment(
    ...     PlayItBackBrain, hparams, run_opts, label_encoder, datasets
    ... )  # doctest: +SKIP
    """
    if not run_opts["test_only"]:
        _start_backbone(hparams)
    results = train_and_test(
        brain_class, hparams, run_opts, label_encoder, datasets
    )
    if not (run_opts["test_only"] or run_opts["debug"]):
        run_on_main(_export, args=[hparams, label_encoder, results])
    if torch.distributed.is_initialized():
        # A process that leaves the group open may be aborted at its exit.
        torch.distributed.destroy_process_group()


def train_and_test(brain_class, hparams, run_opts, label_encoder, datasets):
    """Trains a classifier, and tests its best checkpoint.

    Arguments
    ---------
    brain_class : type
        A subclass of ClassificationBrain.
    hparams : dict
        As from start_experiment.
    run_opts : dict
        As from start_experiment.
    label_encoder : speechbrain.dataio.encoder.CategoricalEncoder
        Index of each label.
    datasets : dict
        As for run_experiment.

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
    ...     PlayItBackBrain, hparams, run_opts, label_encoder, datasets
    ... )  # doctest: +SKIP
    """
    if len(label_encoder) != hparams["num_classes"]:
        raise ValueError(
            f"the data have {len(label_encoder)} classes, the model "
            f"{hparams['num_classes']}; give --num_classes={len(label_encoder)}"
        )
    brain = brain_class(
        modules=hparams["modules"],
        opt_class=hparams["opt_class"],
        hparams={**hparams, "label_encoder": label_encoder},
        run_opts=run_opts,
        checkpointer=hparams["checkpointer"],
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
    return brain.results


def _start_backbone(hparams):
    """Loads pretrained weights, without which nothing may be frozen."""
    model, pretrained = hparams["model"], hparams["pretrained_backbone"]
    if pretrained is not None:
        if load_backbone(model.backbone, pretrained) and model.freeze_backbone:
            raise ValueError(
                f"the backbone is frozen and the head of {pretrained} is for "
                "other classes: train a backbone on this data set first "
                "(backbone.yaml), or give --freeze_backbone=False"
            )
    elif model.freeze_backbone:
        raise ValueError(
            "the backbone is frozen and nobody trained it: give "
            "--pretrained_backbone=/path/to/weights (from backbone.yaml), or "
            "--freeze_backbone=False"
        )


def _export(hparams, label_encoder, results):
    """Writes the inference folder."""
    folder, model = hparams["output_folder"], hparams["model"]
    export_inference(
        os.path.join(folder, "inference"),
        # The copy in the output folder holds the overrides already.
        os.path.join(folder, "hyperparams.yaml"),
        {},
        model,
        label_encoder,
        title=f"Play It Back X{model.replays} on {hparams['dataset']}",
        dataset=hparams["dataset"],
        metrics=results["scores"]["fused"],
        command=shlex.join(["python", *sys.argv]),
        multi_label=hparams["loss"].multi_label,
        tasks=hparams["loss"].tasks,
    )
