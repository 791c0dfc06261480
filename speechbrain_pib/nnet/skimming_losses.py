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

    average_weight * average + last_weight * last + states_weight * states
    + looks_weight * looks.

    The published training has the first term alone, which leaves the classifier
    of the state at chance; without weight a term is still part of the graph, so
    that every parameter has a gradient. The last term is the expected loss of
    a single look, see `look_shares`: its gradient is exact also where looks are
    hard, and teaches the classifier what steps are like that are not selected.

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
    looks_weight : float
        Weight of single looks.

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
        looks_weight=0.0,
    ):
        super().__init__()
        self.multi_label = multi_label
        self.average_weight = average_weight
        self.last_weight = last_weight
        self.states_weight = states_weight
        self.label_smoothing = label_smoothing
        self.looks_weight = looks_weight

    def forward(self, output, targets, step_logits=None, n_steps=None):
        """Compute the loss and its terms.

        Arguments
        ---------
        output : SkimmingOutput
            What the skimming saw.
        targets : torch.Tensor
            One-hot, soft or multi-hot targets [batch, num_classes].
        step_logits : torch.Tensor
            Of each step by itself [batch, T, num_classes], if single looks
            have a weight.
        n_steps : torch.Tensor
            Number of steps of each video [batch], beside step_logits.

        Returns
        -------
        losses : dict
            "loss", the weighted sum, and its unweighted terms "average",
            "last" and "states", and "looks" if there are step_logits.
        """
        of_states = self._of_sequences(output.state_logits, targets)
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
        if step_logits is not None:
            of_steps = self._of_sequences(step_logits, targets)
            shares = look_shares(output, n_steps)
            losses["looks"] = (of_steps * shares).sum(dim=1).mean()
            single = self.looks_weight * losses["looks"]
            losses["loss"] = losses["loss"] + single
        return losses

    def _of_sequences(self, logits, targets):
        """Compute the loss [batch, T] of logits [batch, T, num_classes]."""
        count = logits.shape[1]
        targets = targets.repeat_interleave(count, dim=0)
        return self.of_logits(logits.flatten(0, 1), targets).view(-1, count)

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


def look_shares(output, n_steps):
    """Give the probability that a look shows a step, if it were drawn.

    Half of the looks are drawn by the attention of a look that counts, the
    other half from all steps alike.

    Arguments
    ---------
    output : SkimmingOutput
        Of videos of T steps or fewer.
    n_steps : torch.Tensor
        Number of steps of each video [batch].

    Returns
    -------
    shares : torch.Tensor
        [batch, T], whose sum is one.

    Example
    -------
    >>> from speechbrain_pib.lobes.models.skimming import Skimmer
    >>> skimmer = Skimmer(7, ["audio"], input_size=16, hidden_size=24)
    >>> output = skimmer({"audio": torch.randn(2, 21, 16)})
    >>> shares = look_shares(output, torch.tensor([21, 21]))
    >>> torch.allclose(shares.sum(dim=1), torch.ones(2))
    True
    """
    weights = output.modality_weights[:, :-1].unsqueeze(-1)
    joint = (weights * output.attention[:, :-1]).sum(dim=2)
    counted = output.counted[:, 1:].to(joint.dtype).unsqueeze(-1)
    learned = (joint * counted).sum(dim=1) / counted.sum(dim=1).clamp(min=1)
    index = torch.arange(joint.shape[-1], device=joint.device)
    uniform = (index < n_steps.unsqueeze(1)) / n_steps.unsqueeze(1)
    return (learned + uniform) / 2
