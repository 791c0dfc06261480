"""Training losses of Play It Back (https://arxiv.org/abs/2210.11328).

Authors
 * The speechbrain_pib developers 2026
"""

import torch
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
)


def ranking_loss(probabilities, margin=0.05):
    """Compute the hinge loss that ranks the true class: higher by foreground
    than by background, and not lower after a replay than before it.

    The published loss takes absolute differences, hence cannot rank. What a
    pass knew before the replay is a constant here: the replay has to improve,
    not the listening before it to get worse.

    Arguments
    ---------
    probabilities : torch.Tensor
        Of the true class from the foreground and the background of each pass
        [batch, passes, 2].
    margin : float
        By how much the order has to hold.

    Returns
    -------
    loss : torch.Tensor
        Mean over the batch of the sum over passes, 0 when all orders hold.

    Example
    -------
    >>> ranking_loss(torch.tensor([[[0.6, 0.1], [0.9, 0.1]]]))
    tensor(0.)
    >>> ranking_loss(torch.tensor([[[0.9, 0.1], [0.6, 0.1]]]))
    tensor(0.3500)
    """
    foreground, background = probabilities.unbind(-1)
    against_background = margin - (foreground - background)
    against_before = margin - (foreground[:, 1:] - foreground[:, :-1].detach())
    losses = torch.cat([against_background, against_before], dim=1).relu()
    return losses.sum(dim=1).mean()


def split_tasks(values, tasks=None):
    """Split the outputs of a head into those of its tasks.

    Arguments
    ---------
    values : torch.Tensor
        [..., num_classes].
    tasks : list of int
        Number of classes of each task (default: one task of all classes).

    Returns
    -------
    parts : tuple
        One tensor [..., classes of the task] for each.

    Example
    -------
    >>> [part.shape[-1] for part in split_tasks(torch.zeros(2, 7), [3, 4])]
    [3, 4]
    """
    return values.split(tasks or values.shape[-1], dim=-1)


def class_probabilities(logits, multi_label=False, tasks=None):
    """Compute probabilities of the classes.

    Arguments
    ---------
    logits : torch.Tensor
        [..., num_classes].
    multi_label : bool
        Whether classes are independent.
    tasks : list of int
        As for `split_tasks`; the classes of each sum to 1.

    Returns
    -------
    probabilities : torch.Tensor
        The same shape, in float32.

    Example
    -------
    >>> class_probabilities(torch.zeros(4), tasks=[2, 2])
    tensor([0.5000, 0.5000, 0.5000, 0.5000])
    """
    logits = logits.float()
    if multi_label:
        return logits.sigmoid()
    parts = [part.softmax(dim=-1) for part in split_tasks(logits, tasks)]
    return torch.cat(parts, dim=-1)


class PlayItBackLoss(torch.nn.Module):
    """Training loss of Play It Back: a weighted sum of its terms.

    fused + pass_weight * sum over passes
    + selector_weight * sum over passes of (foreground + background)
    + ranking_weight * ranking + area_weight * area.

    The foreground of each pass has to classify; the background has to be
    uninformative (the uniform distribution is its target; for multi-label
    targets nothing but the ranking holds it back). The area, the mean share
    of the foreground, keeps segments short; the paper has no such term, and
    without it the selection spreads. Without a selector only the first two
    terms exist.

    Several tasks (such as verb and noun) share one head, whose logits stand
    side by side; each loss is the mean over the tasks.

    Arguments
    ---------
    multi_label : bool
        Binary cross-entropy of independent classes instead of cross-entropy.
    pass_weight : float
        Weight of the single passes.
    selector_weight : float
        Weight of foreground and background.
    ranking_weight : float
        Weight of the ranking loss.
    area_weight : float
        Weight of the area of the foreground.
    margin : float
        Margin of the ranking loss.
    label_smoothing : float
        Smoothing of single-label targets.
    tasks : list of int
        Number of classes of each task (default: one task of all classes).

    Example
    -------
    >>> from speechbrain_pib.lobes.models.playitback import PlayItBackOutput
    >>> output = PlayItBackOutput(torch.zeros(2, 4), torch.zeros(2, 1, 4))
    >>> losses = PlayItBackLoss()(output, torch.eye(4)[:2])
    >>> losses["loss"]
    tensor(1.5249)
    """

    def __init__(
        self,
        multi_label=False,
        pass_weight=0.1,
        selector_weight=0.1,
        ranking_weight=0.1,
        area_weight=0.3,
        margin=0.05,
        label_smoothing=0.0,
        tasks=None,
    ):
        super().__init__()
        self.multi_label = multi_label
        self.pass_weight = pass_weight
        self.selector_weight = selector_weight
        self.ranking_weight = ranking_weight
        self.area_weight = area_weight
        self.margin = margin
        self.label_smoothing = label_smoothing
        self.tasks = tasks

    def forward(self, output, targets):
        """Compute the loss and its terms.

        Arguments
        ---------
        output : PlayItBackOutput
            What the model heard.
        targets : torch.Tensor
            One-hot, soft or multi-hot targets [batch, num_classes].

        Returns
        -------
        losses : dict
            "loss", the weighted sum, and its unweighted terms: "fused",
            "passes", and with a selector "foreground", "background",
            "ranking", "area".
        """
        losses = {
            "fused": self._classification(output.logits, targets),
            "passes": self._over_passes(output.pass_logits, targets),
        }
        total = losses["fused"] + self.pass_weight * losses["passes"]
        if output.foreground_logits is not None:
            losses.update(self._selection(output, targets))
            selection = losses["foreground"] + losses["background"]
            total = total + self.selector_weight * selection
            total = total + self.ranking_weight * losses["ranking"]
            total = total + self.area_weight * losses["area"]
        return {"loss": total, **losses}

    def probabilities(self, logits):
        """Compute probabilities of the classes as the loss does.

        Arguments
        ---------
        logits : torch.Tensor
            [..., num_classes].

        Returns
        -------
        probabilities : torch.Tensor
            The same shape, in float32.
        """
        return class_probabilities(logits, self.multi_label, self.tasks)

    def _split(self, values):
        """Split the last dimension into tasks."""
        return split_tasks(values, self.tasks)

    def _classification(self, logits, targets):
        """Compute the loss of logits [batch, num_classes] in float32."""
        logits = logits.float()
        if self.multi_label:
            return binary_cross_entropy_with_logits(logits, targets)
        losses = [
            cross_entropy(part, target, label_smoothing=self.label_smoothing)
            for part, target in zip(self._split(logits), self._split(targets))
        ]
        return torch.stack(losses).mean()

    def _over_passes(self, logits, targets):
        """Sum the loss of logits [batch, passes, classes] over the passes."""
        passes = logits.shape[1]
        targets = targets.unsqueeze(1).expand(-1, passes, -1).flatten(0, 1)
        return passes * self._classification(logits.flatten(0, 1), targets)

    def _selection(self, output, targets):
        """Compute the terms that train the selector."""
        background = output.background_logits.float()
        both = torch.stack([output.foreground_logits.float(), background], 2)
        if self.multi_label:
            uninformative = background.new_zeros(())
        else:
            uniform = [
                torch.full_like(part, 1.0 / part.shape[-1])
                for part in self._split(targets)
            ]
            uninformative = self._over_passes(background, torch.cat(uniform, 1))
        labels = targets / targets.sum(-1, keepdim=True).clamp(min=1e-8)
        true_class = (self.probabilities(both) * labels[:, None, None]).sum(
            dim=-1
        )
        return {
            "foreground": self._over_passes(output.foreground_logits, targets),
            "background": uninformative,
            "ranking": ranking_loss(true_class, self.margin),
            "area": output.attention.mean(),
        }
