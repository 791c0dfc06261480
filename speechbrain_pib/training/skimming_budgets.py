"""What a test of skimming measures of looking until sure.

Authors
 * The speechbrain_pib developers 2026
"""

import os

import torch

from speechbrain_pib.evaluation.budget_curves import describe_curve, trace_curve
from speechbrain_pib.evaluation.budget_plots import plot_curve
from speechbrain_pib.evaluation.budgets import BudgetTable
from speechbrain_pib.evaluation.passes import PassScores
from speechbrain_pib.evaluation.scores import ClipScores
from speechbrain_pib.evaluation.skimming_costs import SkimmingCosts, Viewing


class LooksTest:
    """Finds on a validation set how sure videos must be to be left after a
    look, and measures on a test set what each budget reaches.

    A look counts as a pass; the first is the preview's mean. Costs are means
    over the videos of the validation set.

    Arguments
    ---------
    model : speechbrain_pib.lobes.models.skimming.Skimmer
        The trained model.
    stream_gmacs : dict
        As for `SkimmingCosts`.

    Example
    -------
    >>> test = LooksTest(model, {"image": 1.8, "audio": 0.6})  # doctest: +SKIP
    >>> test.append(output, batch, n_steps)  # validation  # doctest: +SKIP
    >>> test.solve()  # doctest: +SKIP
    >>> test.append(output, batch, n_steps)  # test  # doctest: +SKIP
    >>> curve, text = test.trace(
    ...     folder, "top1", summarize, resample
    ... )  # doctest: +SKIP
    """

    def __init__(self, model, stream_gmacs):
        self.model = model
        self.costs = SkimmingCosts(model, stream_gmacs)
        self.passes, self.lengths = PassScores(), ClipScores()
        self.table = None

    def append(self, output, batch, n_steps):
        """Append what was known after each look at a batch.

        Arguments
        ---------
        output : SkimmingOutput
            Of the batch.
        batch : PaddedBatch
            As for SkimmingBrain.
        n_steps : torch.Tensor
            Number of steps of each video [batch].
        """
        probabilities = output.look_logits.float().softmax(dim=-1)
        self.passes.append(
            batch.id, batch.target.data, probabilities.unsqueeze(1)
        )
        column = n_steps.unsqueeze(1)
        self.lengths.append(
            batch.id, torch.ones_like(column), {"steps": column}
        )

    def solve(self):
        """Solve the budgets by what was appended, and forget it; every rank
        must call it."""
        confidences = self.passes.gather().confidences[:, 0]
        steps = self.lengths.gather().scores["steps"][:, 0]
        steps = steps.astype(int).tolist()
        totals = [0.0] + [
            self.costs.of(Viewing("learned", looks), steps)
            for looks in range(confidences.shape[1])
        ]
        gmacs = [after - before for before, after in zip(totals, totals[1:])]
        self.table = BudgetTable.solve(confidences, gmacs)
        self.passes, self.lengths = PassScores(), ClipScores()

    def gather(self):
        """Gather the test; every rank must call it."""
        self.passes.gather()

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
            As there.
        text : str
            The same as a table.
        """
        curve = trace_curve(
            self.passes, self.table, metric, summarize, resample
        )
        plot_curve(curve, os.path.join(folder, "budget.png"), "look")
        return curve, describe_curve(curve, "look")
