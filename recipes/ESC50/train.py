#!/usr/bin/env python3
"""Train Play It Back on ESC-50 (https://doi.org/10.1145/2733373.2806390).

> python train.py hparams/backbone.yaml --data_folder=/path/to/ESC-50
> python train.py hparams/pib.yaml --data_folder=/path/to/ESC-50
> python train.py hparams/scenes.yaml --data_folder=/path/to/scenes
> python train.py hparams/yamnet.yaml --data_folder=/path/to/ESC-50 \
>     --pretrained_backbone=/path/to/yamnet.h5
> python train.py hparams/scenes_yamnet.yaml --data_folder=/path/to/scenes \
>     --pretrained_backbone=/path/to/yamnet.h5
> python train.py hparams/scenes_two.yaml --data_folder=/path/to/scenes \
>     --pretrained_backbone=/path/to/yamnet.h5

With --download=True, ESC-50 is fetched into the data folder first. Scenes are
made by the command make-scenes. See the README beside this file.

Authors
 * The speechbrain_pib developers 2026
"""

from esc50_prepare import download_esc50, prepare_esc50

from speechbrain_pib.core import PlayItBackBrain, run_experiment
from speechbrain_pib.training.experiment import load_data, start_experiment


def prepare_data(hparams):
    """Write the manifests, after fetching the data where it is asked for."""
    if hparams.get("download"):
        download_esc50(hparams["data_folder"])
    prepare_esc50(
        hparams["data_folder"],
        hparams["output_folder"],
        test_fold=hparams["test_fold"],
        valid_fold=hparams["valid_fold"],
        train_folds=hparams["train_folds"] or None,
        check_audio=hparams["check_audio"],
    )


if __name__ == "__main__":
    hparams, run_opts, folder = start_experiment(__file__)
    splits = ["train", "valid", "test"]
    if hparams["valid_fold"] is None:
        # The last epoch is kept, not the best on test.
        splits.remove("valid")
    data = load_data(prepare_data, hparams, splits, folder)
    run_experiment(PlayItBackBrain, hparams, run_opts, data)
