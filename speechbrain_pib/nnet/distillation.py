"""The distillation loss of IMGAUD2VID, whose teacher sees whole clips
(Listen to Look, https://arxiv.org/abs/1912.04487).

Authors
 * The speechbrain_pib developers 2026
"""

import torch
from torch.nn.functional import kl_div, l1_loss, log_softmax


class DistillationLoss(torch.nn.Module):
    """Distillation loss: mean |z - z_V| + kl_weight * T^2 * KL(p_V || p).

    z, p are features and class probabilities of the student, z_V, p_V those
    of the teacher, which get no gradient. The first term is the mean over
    batch and features, the second the sum over classes and mean over the
    batch. Where absolute differences are summed over D features instead, the
    same balance needs a weight D times as large.

    Arguments
    ---------
    kl_weight : float
        Weight of the divergence.
    temperature : float
        T, by which the logits of both are divided before the softmax.

    Example
    -------
    >>> loss = DistillationLoss(kl_weight=0.2)
    >>> same = torch.ones(2, 8), torch.zeros(2, 3)
    >>> loss(*same, *same)["loss"]
    tensor(0.)
    """

    def __init__(self, kl_weight=0.2, temperature=1.0):
        super().__init__()
        self.kl_weight = kl_weight
        self.temperature = temperature

    def forward(self, features, logits, teacher_features, teacher_logits):
        """Compute the loss and its terms.

        Arguments
        ---------
        features : torch.Tensor
            Of the student [batch, D].
        logits : torch.Tensor
            Of the student [batch, num_classes].
        teacher_features : torch.Tensor
            [batch, D]
        teacher_logits : torch.Tensor
            [batch, num_classes]

        Returns
        -------
        losses : dict
            "loss", the weighted sum, and its unweighted terms "features" and
            "divergence".
        """
        absolute = l1_loss(features, teacher_features.detach())
        divergence = self.temperature**2 * kl_div(
            log_softmax(logits / self.temperature, dim=-1),
            log_softmax(teacher_logits.detach() / self.temperature, dim=-1),
            reduction="batchmean",
            log_target=True,
        )
        return {
            "loss": absolute + self.kl_weight * divergence,
            "features": absolute,
            "divergence": divergence,
        }
