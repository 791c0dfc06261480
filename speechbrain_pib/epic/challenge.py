"""ChallengeBrain: Play It Back on data sets with a challenge.

Authors
 * The speechbrain_pib developers 2026
"""

import torch

from speechbrain_pib.core import PlayItBackBrain
from speechbrain_pib.epic.annotations import read_segments
from speechbrain_pib.epic.submissions import write_challenge_files
from speechbrain_pib.nnet.losses import split_tasks
from speechbrain_pib.training.experiment import load_data


class ChallengeBrain(PlayItBackBrain):
    """A PlayItBackBrain that also writes the scores for a challenge.

    Beside what PlayItBackBrain expects, it expects in hparams:
    "submission_list" (a list without labels to score, or None for the test)
    and "supervision" (what the challenge wants to know, see make_submission).

    Example
    -------
    >>> ChallengeBrain.__mro__[1].__name__
    'PlayItBackBrain'
    """

    # A name in speechbrain_pib.epic.submissions.CHALLENGES.
    challenge = None
    # Its names of the tasks, in the order of the logits.
    task_names = ()

    def write_results(self):
        """As for all recipes, and the scores in the form of the challenge."""
        ids, name = self.scores.ids, "validation"
        if self.hparams.submission_list is None:
            super().write_results()
        else:
            segments = read_segments(self.hparams.submission_list)
            ids, name = [segment["ID"] for segment in segments], "submission"
        scores = torch.from_numpy(self.scores.scores["fused"])
        parts = split_tasks(scores, self.hparams.loss.tasks)
        write_challenge_files(
            self.hparams.output_folder,
            name,
            self.challenge,
            self.scores.ids,
            {t: part.numpy() for t, part in zip(self.task_names, parts)},
            ids,
            self.hparams.supervision,
        )


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
    data : RecipeData
        With the data sets "train", "valid" and "test".

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
    data = load_data(prepare, hparams, splits)
    datasets = data.datasets
    datasets["test"] = datasets.pop("submission", datasets["test"])
    return data
