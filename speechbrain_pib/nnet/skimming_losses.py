"""The loss that trains a Skimmer (Listen to Look,
https://arxiv.org/abs/1912.04487).

Authors
 * The speechbrain_pib developers 2026
"""

import torch
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
)


class SkimmingLoss(torch.nn.Module):
    """Sum of the losses on a SkimmingOutput.

    average_weight * average + last_weight * last + states_weight * states.

    The published training has the first term alone, which leaves the classifier
    of the state at chance; without weight a term is still part of the graph, so
    that every parameter has a gradient.

    Arguments
    ---------
    multi_label : bool
        Binary cross-entropy of independent classes instead of cross-entropy.
    average_weight : float
        Weight of the mean over what was seen.
    last_weight : float
        Weight of the recurrent state after the last look.
    states_weight : float
        Weight of the recurrent state after each look that counts, their mean.
    label_smoothing : float
        Smoothing of single-label targets.

    Example
    -------
    >>> from speechbrain_pib.lobes.models.skimming import Skimmer
    >>> skimmer = Skimmer(7, input_size=16, hidden_size=24, key_size=12)
    >>> features = torch.randn(2, 2, 21, 16)
    >>> output = skimmer({"image": features[0], "audio": features[1]})
    >>> losses = SkimmingLoss()(output, torch.eye(7)[:2])
    >>> losses["loss"].backward()
    >>> sorted(losses)
    ['average', 'last', 'loss', 'states']
    """

    def __init__(
        self,
        multi_label=False,
        average_weight=1.0,
        last_weight=1.0,
        states_weight=0.0,
        label_smoothing=0.0,
    ):
        super().__init__()
        self.multi_label = multi_label
        self.average_weight = average_weight
        self.last_weight = last_weight
        self.states_weight = states_weight
        self.label_smoothing = label_smoothing

    def forward(self, output, targets):
        """Compute the loss and its terms.

        Arguments
        ---------
        output : SkimmingOutput
            What the skimming saw.
        targets : torch.Tensor
            One-hot, soft or multi-hot targets [batch, num_classes].

        Returns
        -------
        losses : dict
            "loss", the weighted sum, and its unweighted terms "average",
            "last" and "states".
        """
        count = output.state_logits.shape[1]
        of_states = self.of_logits(
            output.state_logits.flatten(0, 1),
            targets.repeat_interleave(count, dim=0),
        ).view(-1, count)
        counted = output.counted.to(of_states.dtype)
        losses = {
            "average": self.of_logits(output.logits, targets).mean(),
            "last": of_states[:, -1].mean(),
            "states": (of_states * counted).sum() / counted.sum().clamp(min=1),
        }
        losses["loss"] = (
            self.average_weight * losses["average"]
            + self.last_weight * losses["last"]
            + self.states_weight * losses["states"]
        )
        return losses

    def of_logits(self, logits, targets):
        """Compute the classification loss of each row.

        Arguments
        ---------
        logits : torch.Tensor
            [rows, num_classes]
        targets : torch.Tensor
            As for `forward` [rows, num_classes].

        Returns
        -------
        losses : torch.Tensor
            [rows]
        """
        logits = logits.float()
        if self.multi_label:
            losses = binary_cross_entropy_with_logits(
                logits, targets, reduction="none"
            )
            return losses.mean(dim=-1)
        return cross_entropy(
            logits,
            targets,
            label_smoothing=self.label_smoothing,
            reduction="none",
        )
