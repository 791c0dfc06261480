#!/usr/bin/env python3
"""Trains Play It Back on EPIC-SOUNDS (https://arxiv.org/abs/2210.11328).

> python train.py hparams/backbone.yaml --data_folder=/path/to/EPIC
> python train.py hparams/pib.yaml --data_folder=/path/to/EPIC \
      --pretrained_backbone=results/EPIC-SOUNDS/backbone/1234/inference/model.ckpt

> python train.py hparams/pib.yaml --data_folder=/path/to/EPIC \
      --test_only --detection=candidates

Without --data_folder it trains a small model on a miniature data set of its
own. See the README beside this file.

Authors
 * The speechbrain_pib developers 2026
"""

import os

from epic_sounds_prepare import prepare_epic_sounds
from speechbrain.utils.distributed import if_main_process

from speechbrain_pib.core import PlayItBackBrain, run_experiment
from speechbrain_pib.dataio.timelines.settings import TimelineSettings
from speechbrain_pib.epic.miniature import write_miniature
from speechbrain_pib.epic.recordings import read_recordings
from speechbrain_pib.epic.submissions import write_challenge_files
from speechbrain_pib.evaluation.metrics import (
    mean_class_accuracy,
    summarize_classification,
)
from speechbrain_pib.inference.classifiers import PlayItBackClassifier
from speechbrain_pib.inference.detection import evaluate_detection
from speechbrain_pib.training.experiment import (
    load_challenge_data,
    start_experiment,
)
from speechbrain_pib.training.starts import is_control


class EpicSoundsBrain(PlayItBackBrain):
    """Sounds of one class each, some classes much rarer than others."""

    def summarize(self, scores, targets, ids):
        """Return all metrics, and mean class accuracy; none without labels."""
        if not targets.any():
            return {}
        metrics = summarize_classification(scores, targets)
        return {**metrics, "mCA": mean_class_accuracy(scores, targets)}

    def write_results(self):
        """Write all results, and the scores as the challenge wants them."""
        if self.hparams.submission_list is None:
            super().write_results()
        write_challenge_files(
            self.hparams.output_folder,
            "audio_based_interaction_recognition",
            self.scores.ids,
            {"interaction": self.scores.scores[self.output]},
            self.hparams.supervision,
            self.hparams.submission_list,
        )


def prepare_data(hparams):
    """Write the manifests, and the miniature where it is asked for."""
    if hparams["miniature_clips"] is not None:
        write_miniature(
            hparams["data_folder"], n_train=hparams["miniature_clips"]
        )
    prepare_epic_sounds(
        hparams["audio"],
        hparams["output_folder"],
        train_list=hparams["train_list"],
        test_list=hparams["test_list"],
        submission_list=hparams["submission_list"],
        video_info=hparams["video_info"],
        hdf5_sample_rate=hparams["hdf5_sample_rate"],
        valid_fraction=hparams["valid_fraction"],
        check_audio=hparams["check_audio"],
    )


def detection_settings(hparams):
    """How events are found in whole videos; None if they are not."""
    if hparams["detection"] is None:
        return None
    if is_control(hparams):
        raise ValueError("detection needs a selection that is learned")
    return TimelineSettings(
        replays=hparams["detection"], threshold=hparams["detection_threshold"]
    )


def detect(hparams, run_opts, settings):
    """Test the trained model as a detector, in one process."""
    folder = hparams["output_folder"]
    classifier = PlayItBackClassifier.from_hparams(
        os.path.join(folder, "inference"),
        run_opts={"device": run_opts["device"]},
    )
    manifest = os.path.join(hparams["packed_folder"] or folder, "test.csv")
    evaluate_detection(classifier, read_recordings(manifest), folder, settings)


if __name__ == "__main__":
    hparams, run_opts, folder = start_experiment(
        __file__, miniature="hparams/miniature.yaml"
    )
    settings = detection_settings(hparams)
    data = load_challenge_data(prepare_data, hparams, run_opts, folder)
    run_experiment(EpicSoundsBrain, hparams, run_opts, data)
    if settings is not None and if_main_process():
        detect(hparams, run_opts, settings)
