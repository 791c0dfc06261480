"""Training losses of Play It Back (https://arxiv.org/abs/2210.11328).

Authors
 * The speechbrain_pib developers 2026
"""

import torch
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    logsigmoid,
)


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


def share_among_classes(targets):
    """Turn multi-hot targets into class probabilities.

    Arguments
    ---------
    targets : torch.Tensor
        [batch, num_classes]

    Returns
    -------
    shares : torch.Tensor
        The classes of an item share one equally; all do if it has none.

    Example
    -------
    >>> share_among_classes(torch.tensor([[1.0, 1, 0, 0], [0, 0, 0, 0]]))
    tensor([[0.5000, 0.5000, 0.0000, 0.0000],
            [0.2500, 0.2500, 0.2500, 0.2500]])
    """
    has_class = targets.any(dim=1, keepdim=True)
    shown = torch.where(has_class, targets, 1.0)
    return shown / shown.sum(dim=1, keepdim=True)


class PlayItBackLoss(torch.nn.Module):
    """Training loss of Play It Back: a weighted sum of its terms.

    fused + pass_weight * sum over passes
    + selection_weight * sum over passes of what each hears by itself
    + area_weight * area.

    The selection is trained by a marginal likelihood. A clip was replayed
    where the selector chose and, in training, at a random segment too. Which
    of the two holds the evidence is a hidden variable whose probabilities are
    the attention's preferences: the class probabilities of the two are
    averaged by them, and the mean has to classify. So the attention turns to
    where the classes are told apart, and the backbone learns most from there.
    The random segment has to classify by itself, too, so that the backbone
    learns of all places and no early choice holds itself up;
    Uni-AdaFocus (https://arxiv.org/abs/2412.11228) trains a policy on random
    regions beside its own likewise. The published loss, a ranking of absolute
    differences, gives its selector no gradient.

    Only ratios of the attention matter to it; the area, the squared distance
    of the mean attention from the share of the clip to select, gives it a
    scale. Without a selector only the first two terms exist.

    Several tasks (such as verb and noun) share one head, whose logits stand
    side by side; each loss is the mean over the tasks.

    Arguments
    ---------
    multi_label : bool
        Binary cross-entropy of independent classes instead of cross-entropy.
    pass_weight : float
        Weight of the single passes.
    selection_weight : float
        Weight of what each pass hears by itself.
    area_weight : float
        Weight of the area.
    share : float
        Share of the clip that the area aims at: largest_share of the model.
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
        selection_weight=1.0,
        area_weight=10.0,
        share=0.2,
        label_smoothing=0.0,
        tasks=None,
    ):
        super().__init__()
        self.multi_label = multi_label
        self.pass_weight = pass_weight
        self.selection_weight = selection_weight
        self.area_weight = area_weight
        self.share = share
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
            "passes", and with a selector "selection" and "area".
        """
        losses = {
            "fused": self._classification(output.logits, targets),
            "passes": self._over_passes(output.pass_logits, targets),
        }
        total = losses["fused"] + self.pass_weight * losses["passes"]
        if output.segment_logits is not None:
            heard = self._hear_alone(output)
            losses["selection"] = self._over_passes(heard, targets)
            areas = [of_pass.mean(dim=1) for of_pass in output.attention]
            areas = torch.stack(areas, dim=1) - self.share
            losses["area"] = areas.square().mean()
            total = total + self.selection_weight * losses["selection"]
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

    def _hear_alone(self, output):
        """Logits of what each pass hears by itself [batch, passes, classes],
        of a replay and a random segment as the attention prefers them; and of
        the random segment, where there is one, after those of the passes."""
        heard = output.segment_logits
        if output.explored_logits is None:
            return heard
        first, replays = heard[:, :1].float(), heard[:, 1:]
        explored = output.explored_logits.unsqueeze(1).float()
        # [batch, K, 2, classes]; logarithms, as a probability of zero has no
        # gradient.
        both = torch.stack([replays.float(), explored.expand_as(replays)], 2)
        weights = output.preferences.log().unsqueeze(-1)
        if self.multi_label:
            mixed = (weights + logsigmoid(both)).logsumexp(dim=2)
            mixed = mixed - (weights + logsigmoid(-both)).logsumexp(dim=2)
        else:
            parts = [part.log_softmax(dim=-1) for part in self._split(both)]
            mixed = (weights + torch.cat(parts, dim=-1)).logsumexp(dim=2)
        return torch.cat([first, mixed, explored], dim=1)
