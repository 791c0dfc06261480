#!/usr/bin/env python3
"""Trains Listen to Look on ActivityNet (https://arxiv.org/abs/1912.04487).

> python train.py hparams/imgaud2vid.yaml --data_folder=/path/to/Kinetics ...
> python -m speechbrain_pib extract-features /path/to/ActivityNet/videos \
      /path/to/ActivityNet/features.hdf5 --weights=imgaud2vid.ckpt
> python train.py hparams/skim.yaml --data_folder=/path/to/ActivityNet

Without --data_folder it trains small models on a miniature data set of its
own. See the README beside this file.

Authors
 * The speechbrain_pib developers 2026
"""

import os
import shlex
import sys

import speechbrain as sb
import torch
from activitynet_prepare import (
    SPLITS,
    prepare_features,
    prepare_moments,
    prepare_published,
)
from miniature import write_miniature
from speechbrain.utils.distributed import run_on_main
from speechbrain.utils.logger import get_logger

from speechbrain_pib.dataio.video.feature_datasets import feature_datasets
from speechbrain_pib.dataio.video.moment_datasets import moment_datasets
from speechbrain_pib.inference.export_skimming import export_skimming
from speechbrain_pib.inference.features import Encoder, extract_features
from speechbrain_pib.lobes.models.imgaud2vid import (
    load_student,
    start_student,
)
from speechbrain_pib.training.arguments import find_beside
from speechbrain_pib.training.distillation import DistillationBrain
from speechbrain_pib.training.experiment import (
    load_data,
    start_experiment,
    train_and_test,
)
from speechbrain_pib.training.skimming import SkimmingBrain
from speechbrain_pib.utils.skimming_weights import load_fusion, load_skimmer

logger = get_logger(__name__)

MINIATURE = "hparams/miniature.yaml"
STUDENT = "imgaud2vid.ckpt"


def prepare_data(hparams):
    """Writes the manifests, and the miniature where it is asked for."""
    if hparams["miniature_videos"] is not None:
        write_videos(hparams)
    if hparams["task"] == "distillation":
        prepare, source = prepare_moments, "video_folder"
    elif hparams["published_lists"] is None:
        prepare, source = prepare_features, "features"
    else:
        prepare, source = prepare_published, "data_folder"
    class_list = hparams["class_list"]
    if class_list is not None:
        class_list = find_beside(class_list, __file__)
    prepare(
        hparams.get("published_lists") or hparams["annotations"],
        hparams[source],
        hparams["output_folder"],
        class_list=class_list,
        valid_fraction=hparams["valid_fraction"],
    )


def write_videos(hparams):
    """Writes the videos of the miniature, unless they are there."""
    videos = hparams["miniature_videos"]
    write_miniature(hparams["data_folder"], n_train=videos, n_test=videos // 3)


def train_student(hparams, run_opts):
    """Trains IMGAUD2VID, and writes its weights for extract_features."""
    label_encoder, datasets = load_data(
        prepare_data, hparams, SPLITS, moment_datasets
    )
    if hparams["teacher"] is not None and hparams["teacher_weights"] is None:
        raise ValueError(
            "nobody trained the teacher: give --teacher_weights=/path/to/"
            "r2plus1d_18.pth, or --teacher=null --label_weight=1 to learn "
            "from the labels"
        )
    if hparams["start_weights"] is not None:
        start_student(hparams["model"], hparams["start_weights"])
    train_and_test(
        DistillationBrain, hparams, run_opts, label_encoder, datasets
    )
    path = os.path.join(hparams["output_folder"], STUDENT)
    run_on_main(save_weights, args=[hparams["model"], path])


def save_weights(model, path):
    """Writes the weights of a model, whole or not at all."""
    state = {name: value.cpu() for name, value in model.state_dict().items()}
    torch.save(state, f"{path}.tmp")
    os.replace(f"{path}.tmp", path)


def train_skimmer(hparams, run_opts):
    """Trains the skimming, and writes the inference folder."""
    if hparams["miniature_videos"] is not None:
        make_miniature_features(hparams, run_opts)
    label_encoder, datasets = load_data(
        prepare_data, hparams, SPLITS, feature_datasets
    )
    start_skimmer(hparams, run_opts["test_only"])
    results = train_and_test(
        SkimmingBrain, hparams, run_opts, label_encoder, datasets
    )
    controlled = hparams["sampling"] != "learned"
    if run_opts["test_only"] or run_opts["debug"] or controlled:
        return
    if hparams["student_weights"] is None:
        logger.warning("No inference folder without --student_weights")
        return
    run_on_main(export, args=[hparams, label_encoder, results])


def start_skimmer(hparams, test_only):
    """Loads what the skimming starts from; a test has its checkpoint."""
    model, fusion = hparams["model"], hparams.get("fusion_weights")
    if hparams["skimmer_weights"] is not None:
        load_skimmer(model, hparams["skimmer_weights"])
    elif fusion is not None:
        load_fusion(model, fusion)
    elif not test_only and hparams["lr_factors"].get("fusion") == 0:
        raise ValueError(
            "the fusion is frozen and nobody trained it: give "
            "--fusion_weights=/path/to/imgaud2vid.ckpt, or --fusion_lr=1"
        )


def make_miniature_features(hparams, run_opts):
    """Trains a student on the miniature and extracts its features."""
    weights, videos = hparams["student_weights"], hparams["miniature_videos"]
    if not os.path.exists(weights):
        arguments = [
            "hparams/imgaud2vid.yaml",
            f"--seed={hparams['seed']}",
            f"--miniature_videos={videos}",
            f"--output_folder={os.path.dirname(weights)}",
        ]
        student, _ = start_experiment(__file__, MINIATURE, arguments)
        train_student(student, {**run_opts, "test_only": False})
        # As it would be if the student had been there before.
        sb.utils.seed_everything(hparams["seed"])
    run_on_main(extract_miniature_features, args=[hparams])


def extract_miniature_features(hparams):
    """Extracts the features of the miniature, unless that was done."""
    write_videos(hparams)
    extract_features(
        os.path.join(hparams["data_folder"], "videos"),
        os.path.splitext(hparams["features"])[0] + ".hdf5",
        Encoder(
            load_student(hparams["student_weights"]),
            image_size=hparams["image_size"],
        ),
        processes=1,
    )


def export(hparams, label_encoder, results):
    """Writes the inference folder."""
    folder = hparams["output_folder"]
    export_skimming(
        os.path.join(folder, "inference"),
        # The copy in the output folder holds the overrides already.
        os.path.join(folder, "hyperparams.yaml"),
        hparams["model"],
        load_student(hparams["student_weights"]),
        label_encoder,
        dataset=hparams["dataset"],
        metrics=results["scores"]["average"],
        command=shlex.join(["python", *sys.argv]),
    )


TASKS = {"skimming": train_skimmer, "distillation": train_student}

if __name__ == "__main__":
    hparams, run_opts = start_experiment(__file__, MINIATURE)
    TASKS[hparams["task"]](hparams, run_opts)
    if torch.distributed.is_initialized():
        # A process that leaves the group open may be aborted at its exit.
        torch.distributed.destroy_process_group()
