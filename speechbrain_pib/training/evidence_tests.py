"""What a validation set tells of how much evidence makes an event.

Authors
 * The speechbrain_pib developers 2026
"""

import torch

from speechbrain_pib.evaluation.scores import ClipScores
from speechbrain_pib.evaluation.thresholds import find_threshold
from speechbrain_pib.lobes.models.evidence import (
    evidence_in_cells,
    step_evidence,
)

CELLS = 100  # of a view, in which its passes are averaged


class EvidenceTest:
    """Finds the threshold of evidence, whose scale differs between models.

    Validation clips have labels, and no times: what is compared is the most
    evidence of each class in each clip.

    Arguments
    ---------
    model : speechbrain_pib.lobes.models.playitback.PlayItBack
        The trained model.
    loss : speechbrain_pib.nnet.losses.PlayItBackLoss
        Tells how logits become probabilities.

    Example
    -------
    >>> test = EvidenceTest(model, loss)  # doctest: +SKIP
    >>> test.append(output, batch)  # doctest: +SKIP
    >>> test.solve()  # doctest: +SKIP
    0.31
    """

    def __init__(self, model, loss):
        self.model, self.loss = model, loss
        self.clips = ClipScores()

    def append(self, output, batch):
        """Append what was heard in a batch.

        Arguments
        ---------
        output : PlayItBackOutput
            Of [batch * views] clips.
        batch : PaddedBatch
            As for PlayItBackBrain.
        """
        wavs, targets = batch.wavs.data, batch.target.data
        centres = torch.arange(CELLS, device=wavs.device) + 0.5
        evidence, times = step_evidence(
            self.model, output, self.loss.probabilities
        )
        cells = evidence_in_cells(
            evidence, times, centres * wavs.shape[2] / CELLS
        )
        most = torch.from_numpy(cells[..., :-1].max(axis=1))
        most = most.unflatten(0, wavs.shape[:2]).amax(dim=1)
        self.clips.append(
            batch.id,
            targets,
            {"evidence": most.to(targets.device)},
            batch.readable.data.squeeze(1),
        )

    def solve(self):
        """Find the threshold; every rank must call it.

        Returns
        -------
        threshold : float
            As `find_threshold` does.
        """
        clips = self.clips.gather()
        return find_threshold(clips.scores["evidence"], clips.targets)
