"""What a test of Play It Back measures of listening until sure.

Authors
 * The speechbrain_pib developers 2026
"""

import os

import torch

from speechbrain_pib.evaluation.budget_curves import (
    curve_shares,
    describe_curve,
    trace_curve,
)
from speechbrain_pib.evaluation.budget_plots import plot_curve
from speechbrain_pib.evaluation.budgets import BudgetTable
from speechbrain_pib.evaluation.costs import measure_gmacs
from speechbrain_pib.evaluation.passes import PassScores
from speechbrain_pib.lobes.models.until_sure import UntilSure
from speechbrain_pib.utils.timing import time_call


class BudgetTest:
    """Finds on a validation set how sure clips must be to be left after a
    pass, and measures on a test set what each budget reaches.

    Arguments
    ---------
    model : speechbrain_pib.lobes.models.playitback.PlayItBack
        The trained model.
    loss : speechbrain_pib.nnet.losses.PlayItBackLoss
        Tells how logits become probabilities.

    Example
    -------
    >>> test = BudgetTest(model, loss)  # doctest: +SKIP
    >>> test.append(output, batch)  # of the validation set  # doctest: +SKIP
    >>> test.solve()  # doctest: +SKIP
    >>> test.append(output, batch)  # of the test set  # doctest: +SKIP
    >>> test.measure()  # doctest: +SKIP
    >>> test.trace(folder, "top1", summarize, resample)  # doctest: +SKIP
    """

    def __init__(self, model, loss):
        self.model, self.loss = model, loss
        self.passes = PassScores(loss.multi_label, loss.tasks)
        self.table, self.sample, self.milliseconds = None, None, None

    def append(self, output, batch):
        """Append what was heard after each pass of a batch.

        Arguments
        ---------
        output : PlayItBackOutput
            Of [batch * views] clips.
        batch : PaddedBatch
            As for PlayItBackBrain.
        """
        logits = [*output.pass_logits.unbind(1)[:-1], output.logits]
        probabilities = self.loss.probabilities(torch.stack(logits, dim=1))
        wavs = batch.wavs.data
        self.passes.append(
            batch.id,
            batch.target.data,
            probabilities.unflatten(0, wavs.shape[:2]),
            batch.readable.data.squeeze(1),
        )
        self.sample = wavs.flatten(0, 1), batch.lengths.data.flatten()

    def solve(self):
        """Solve the budgets by what was appended, and forget it; every rank
        must call it."""
        confidences = self.passes.gather().confidences
        self.table = BudgetTable.solve(
            confidences.reshape(-1, confidences.shape[2]),
            measure_gmacs(self.model),
        )
        self.passes = PassScores(self.loss.multi_label, self.loss.tasks)

    def listen(self, budget):
        """Make what listens within a budget.

        Arguments
        ---------
        budget : float or str
            As for `BudgetTable.threshold`.

        Returns
        -------
        until_sure : UntilSure
        """
        return UntilSure(
            self.model,
            self.table.threshold(budget),
            self.loss.multi_label,
            self.loss.tasks,
        )

    def measure(self):
        """Gather the test, and time its budgets on a batch of it; every rank
        must call it, with the weights that were tested."""
        self.passes.gather()
        self.milliseconds = [
            time_call(self.listen(share), *self.sample) / len(self.sample[0])
            for share in curve_shares(self.table)
        ]

    def trace(self, folder, metric, summarize, resample):
        """Trace the metric over the cost, and draw it as budget.png.

        Arguments
        ---------
        folder : str
            Where the picture goes.
        metric : str
            As for `trace_curve`.
        summarize : callable
            As there.
        resample : callable
            As there.

        Returns
        -------
        curve : dict
            As there, with "milliseconds" of a view.
        text : str
            The same as a table.
        """
        curve = trace_curve(
            self.passes, self.table, metric, summarize, resample
        )
        for point, milliseconds in zip(curve["points"], self.milliseconds):
            point["milliseconds"] = milliseconds
        plot_curve(curve, os.path.join(folder, "budget.png"))
        return curve, describe_curve(curve)
