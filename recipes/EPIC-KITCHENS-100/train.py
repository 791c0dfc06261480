#!/usr/bin/env python3
"""Trains Play It Back on EPIC-KITCHENS-100 (https://arxiv.org/abs/2210.11328).

> python train.py hparams/backbone.yaml --data_folder=/path/to/EPIC
> python train.py hparams/pib.yaml --data_folder=/path/to/EPIC \
      --pretrained_backbone=results/EPIC-KITCHENS-100/backbone/1234/inference/model.ckpt

Without --data_folder it trains a small model on a miniature data set of its
own. See the README beside this file.

Authors
 * The speechbrain_pib developers 2026
"""

import os

from epic_prepare import prepare_epic
from miniature import write_miniature

from speechbrain_pib.core import run_experiment
from speechbrain_pib.epic.annotations import read_column
from speechbrain_pib.epic.challenge import ChallengeBrain, load_challenge_data
from speechbrain_pib.epic.metrics import summarize_actions
from speechbrain_pib.training.experiment import start_experiment


class EpicBrain(ChallengeBrain):
    """Actions, each of a verb and a noun."""

    best = "action_top1"
    challenge = "action_recognition"
    task_names = ("verb", "noun")

    def summarize(self, scores, targets, ids):
        """Accuracies of verbs, nouns and actions; none without labels."""
        if not targets.any():
            return {}
        return summarize_actions(
            scores,
            targets,
            [name.split("_")[0] for name in ids],
            num_verbs=self.hparams.tasks[0],
            **self.hparams.groups,
        )


def prepare_data(hparams):
    """Writes the manifests, and the miniature where it is asked for."""
    if hparams["miniature_clips"] is not None:
        write_miniature(
            hparams["data_folder"], n_train=hparams["miniature_clips"]
        )
    prepare_epic(
        hparams["annotation_folder"],
        hparams["audio"],
        hparams["output_folder"],
        train_list=hparams["train_list"],
        test_list=hparams["test_list"],
        submission_list=hparams["submission_list"],
        hdf5_sample_rate=hparams["hdf5_sample_rate"],
        valid_fraction=hparams["valid_fraction"],
        check_audio=hparams["check_audio"],
    )


def read_groups(folder):
    """Who and what is reported separately: unseen participants and tails."""
    if not os.path.isdir(folder):
        raise ValueError(
            f"annotation_folder: there is no folder {folder}; the lists of "
            "rare classes in it are needed for packed data too"
        )
    unseen, verbs, nouns = (
        read_column(os.path.join(folder, f"EPIC_100_{name}.csv"))
        for name in (
            "unseen_participant_ids_validation",
            "tail_verbs",
            "tail_nouns",
        )
    )
    return {
        "unseen_participants": unseen,
        "tail_verbs": [int(index) for index in verbs],
        "tail_nouns": [int(index) for index in nouns],
    }


if __name__ == "__main__":
    hparams, run_opts = start_experiment(
        __file__, miniature="hparams/miniature.yaml"
    )
    data = load_challenge_data(prepare_data, hparams, run_opts)
    hparams["groups"] = read_groups(hparams["annotation_folder"])
    run_experiment(EpicBrain, hparams, run_opts, data)
