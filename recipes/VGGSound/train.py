#!/usr/bin/env python3
"""Trains Play It Back on VGG-Sound (https://arxiv.org/abs/2210.11328).

> python train.py hparams/backbone.yaml --data_folder=/path/to/VGGSound
> python train.py hparams/pib.yaml --data_folder=/path/to/VGGSound \
      --pretrained_backbone=results/VGGSound/backbone/1234/inference/model.ckpt

Without --data_folder it trains a small model on a miniature data set of its
own. See the README beside this file.

Authors
 * The speechbrain_pib developers 2026
"""

from miniature import write_miniature
from speechbrain.utils.distributed import run_on_main
from vggsound_prepare import prepare_vggsound

from speechbrain_pib.core import PlayItBackBrain
from speechbrain_pib.dataio.datasets import clip_datasets, load_label_encoder
from speechbrain_pib.experiment import run_experiment, start_experiment
from speechbrain_pib.utils.arguments import find_beside


def prepare_data(hparams):
    """Writes the manifests, and the miniature where it is asked for."""
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
    )


if __name__ == "__main__":
    hparams, run_opts = start_experiment(
        __file__, miniature="hparams/miniature.yaml"
    )
    run_on_main(prepare_data, args=[hparams])
    label_encoder = load_label_encoder(
        find_beside(hparams["class_list"], __file__)
    )
    datasets = clip_datasets(
        hparams["output_folder"],
        ("train", "valid", "test"),
        hparams,
        label_encoder,
    )
    run_experiment(PlayItBackBrain, hparams, run_opts, label_encoder, datasets)
