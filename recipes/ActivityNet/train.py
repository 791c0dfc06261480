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

import speechbrain as sb
from activitynet_prepare import (
    SPLITS,
    prepare_features,
    prepare_moments,
    prepare_published,
)
from miniature import write_miniature
from speechbrain.utils.distributed import run_on_main

from speechbrain_pib.dataio.video.feature_datasets import feature_datasets
from speechbrain_pib.dataio.video.moment_datasets import moment_datasets
from speechbrain_pib.inference.features import Encoder, extract_features
from speechbrain_pib.lobes.models.imgaud2vid import load_student
from speechbrain_pib.training.arguments import find_beside
from speechbrain_pib.training.distillation import train_student
from speechbrain_pib.training.experiment import (
    end_processes,
    load_data,
    start_experiment,
)
from speechbrain_pib.training.skimming import train_skimmer

MINIATURE = "hparams/miniature.yaml"


def prepare_data(hparams):
    """Writes the manifests, and the miniature where it is asked for."""
    if hparams["miniature_videos"] is not None:
        write_videos(hparams)
    if hparams["task"] == "distillation":
        prepare, source = prepare_moments, "video_folder"
    elif hparams["published_lists"]:
        prepare, source = prepare_published, "data_folder"
    else:
        prepare, source = prepare_features, "features"
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


def distill(hparams, run_opts, folder):
    """Stage 1: IMGAUD2VID."""
    data = load_data(prepare_data, hparams, SPLITS, folder, moment_datasets)
    train_student(hparams, run_opts, data)


def skim(hparams, run_opts, folder):
    """Stage 2: IMGAUD-SKIMMING."""
    if hparams["miniature_videos"] is not None:
        make_miniature_features(hparams, run_opts)
    data = load_data(prepare_data, hparams, SPLITS, folder, feature_datasets)
    train_skimmer(hparams, run_opts, data)


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
        student, _, folder = start_experiment(__file__, MINIATURE, arguments)
        distill(student, {**run_opts, "test_only": False}, folder)
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


TASKS = {"skimming": skim, "distillation": distill}

if __name__ == "__main__":
    hparams, run_opts, folder = start_experiment(__file__, MINIATURE)
    TASKS[hparams["task"]](hparams, run_opts, folder)
    end_processes()
