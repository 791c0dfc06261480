#!/usr/bin/env python3
"""Train Play It Back on VGG-Sound (https://arxiv.org/abs/2210.11328).

> python train.py hparams/backbone.yaml --data_folder=/path/to/VGGSound
> python train.py hparams/pib.yaml --data_folder=/path/to/VGGSound \
      --pretrained_backbone=results/VGGSound/backbone/1234/inference/model.ckpt

Without --data_folder it trains a small model on a miniature data set of its
own. See the README beside this file.

Authors
 * The speechbrain_pib developers 2026
"""

from miniature import write_miniature
from vggsound_prepare import prepare_vggsound

from speechbrain_pib.core import PlayItBackBrain, run_experiment
from speechbrain_pib.training.arguments import find_beside
from speechbrain_pib.training.experiment import load_data, start_experiment


def prepare_data(hparams):
    """Write the manifests, and the miniature where it is asked for."""
    if hparams["miniature_clips"] is not None:
        clips = hparams["miniature_clips"]
        write_miniature(
            hparams["data_folder"], n_train=clips, n_test=clips // 5
        )
    prepare_vggsound(
        hparams["data_folder"],
        hparams["annotations"],
        find_beside(hparams["class_list"], __file__),
        hparams["output_folder"],
        valid_fraction=hparams["valid_fraction"],
        check_audio=hparams["check_audio"],
    )


if __name__ == "__main__":
    hparams, run_opts, folder = start_experiment(
        __file__, miniature="hparams/miniature.yaml"
    )
    data = load_data(prepare_data, hparams, ("train", "valid", "test"), folder)
    run_experiment(PlayItBackBrain, hparams, run_opts, data)
