#!/usr/bin/env python3
"""Train Play It Back on AudioSet (https://arxiv.org/abs/2210.11328).

> python train.py hparams/backbone.yaml --data_folder=/path/to/AudioSet
> python train.py hparams/pib.yaml --data_folder=/path/to/AudioSet \
      --pretrained_backbone=results/AudioSet/backbone/1234/inference/model.ckpt

Without --data_folder it trains a small model on a miniature data set of its
own. See the README beside this file.

Authors
 * The speechbrain_pib developers 2026
"""

from audioset_prepare import prepare_audioset
from miniature import write_miniature

from speechbrain_pib.core import PlayItBackBrain, run_experiment
from speechbrain_pib.dataio.sampling import class_balanced_sampler
from speechbrain_pib.training.experiment import load_data, start_experiment


class AudioSetBrain(PlayItBackBrain):
    """Clips of several classes, rare ones drawn more often."""

    best = "mAP"

    def make_train_sampler(self, dataset):
        """Draw classes evenly, where balanced_sampling asks for it."""
        if not self.hparams.balanced_sampling:
            return super().make_train_sampler(dataset)
        return class_balanced_sampler(
            dataset.column("label"),
            seed=1000 * self.hparams.seed,
            epoch_clips=self.hparams.epoch_clips,
        )


def prepare_data(hparams):
    """Write the manifests, and the miniature where it is asked for."""
    if hparams["miniature_clips"] is not None:
        clips = hparams["miniature_clips"]
        write_miniature(
            hparams["data_folder"], n_train=clips, n_test=clips // 5
        )
    prepare_audioset(
        hparams["data_folder"],
        hparams["output_folder"],
        class_labels=hparams["class_labels"],
        segments=hparams["segments"],
        train_list=hparams["train_list"],
        subset=hparams["subset_list"],
        valid_fraction=hparams["valid_fraction"],
        check_audio=hparams["check_audio"],
    )


if __name__ == "__main__":
    hparams, run_opts, folder = start_experiment(
        __file__, miniature="hparams/miniature.yaml"
    )
    data = load_data(prepare_data, hparams, ("train", "valid", "test"), folder)
    run_experiment(AudioSetBrain, hparams, run_opts, data)
