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

import numpy as np
from epic_prepare import prepare_epic

from speechbrain_pib.core import PlayItBackBrain, run_experiment
from speechbrain_pib.epic.annotations import read_column
from speechbrain_pib.epic.metrics import find_right_clips, summarize_actions
from speechbrain_pib.epic.miniature import write_miniature
from speechbrain_pib.epic.submissions import write_challenge_files
from speechbrain_pib.evaluation.resampled_metrics import ResampledAccuracies
from speechbrain_pib.training.experiment import (
    load_challenge_data,
    start_experiment,
)
from speechbrain_pib.utils.tables import read_whole_number


class EpicBrain(PlayItBackBrain):
    """Actions, each of a verb and a noun."""

    best = "action_top1"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # Before the training, which would end with an error if they are wrong.
        self.groups = read_groups(
            self.hparams.annotation_folder, self.hparams.tasks
        )

    def summarize(self, scores, targets, ids):
        """Return accuracies of verbs, nouns, actions; none without labels."""
        if not targets.any():
            return {}
        return summarize_actions(
            scores, targets, participants_of(ids), **self._groups
        )

    def resample(self, scores, targets, ids):
        """Make the same accuracies for resamples of the clips."""
        return ResampledAccuracies(
            find_right_clips(
                scores, targets, participants_of(ids), **self._groups
            )
        )

    @property
    def _groups(self):
        """What is reported separately."""
        return {"num_verbs": self.hparams.tasks[0], **self.groups}

    def write_results(self):
        """Write all results, and the scores as the challenge wants them."""
        if self.hparams.submission_list is None:
            super().write_results()
        scores = self.scores.scores[self.output]
        verbs, nouns = np.split(scores, [self.hparams.tasks[0]], axis=1)
        write_challenge_files(
            self.hparams.output_folder,
            "action_recognition",
            self.scores.ids,
            {"verb": verbs, "noun": nouns},
            self.hparams.supervision,
            self.hparams.submission_list,
        )


def prepare_data(hparams):
    """Write the manifests, and the miniature where it is asked for."""
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


def participants_of(ids):
    """Tell who is heard in clips, by their names."""
    return [name.split("_")[0] for name in ids]


def read_groups(folder, tasks):
    """Read what is reported separately: unseen participants and tails."""
    if not os.path.isdir(folder):
        raise ValueError(
            f"annotation_folder: there is no folder {folder}; the lists of "
            "rare classes in it are needed for packed data too"
        )
    path = os.path.join(
        folder, "EPIC_100_unseen_participant_ids_validation.csv"
    )
    groups = {"unseen_participants": read_column(path, "participant_id")}
    for task, count in zip(("verb", "noun"), tasks):
        path = os.path.join(folder, f"EPIC_100_tail_{task}s.csv")
        tail = read_column(path, task, read_whole_number)
        if not all(0 <= index < count for index in tail):
            raise ValueError(f"{path}: there are only {count} {task}s")
        groups[f"tail_{task}s"] = tail
    return groups


if __name__ == "__main__":
    hparams, run_opts, folder = start_experiment(
        __file__, miniature="hparams/miniature.yaml"
    )
    data = load_challenge_data(prepare_data, hparams, run_opts, folder)
    run_experiment(EpicBrain, hparams, run_opts, data)
