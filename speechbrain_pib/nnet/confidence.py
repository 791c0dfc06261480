"""How sure probabilities of classes are.

Authors
 * The speechbrain_pib developers 2026
"""

import torch

from speechbrain_pib.nnet.losses import split_tasks


def confidence(probabilities, multi_label=False, tasks=None):
    """Compute how sure probabilities are, to tell which clips are.

    Of classes that exclude each other it is the probability of the best one;
    of several tasks the product of theirs. Of independent classes it is the
    mean (geometric, over the classes) probability of the likelier answer, yes
    or no: that of all answers being right, brought to the scale of one.

    Arguments
    ---------
    probabilities : torch.Tensor
        As from `class_probabilities` [..., num_classes].
    multi_label : bool
        Whether classes are independent.
    tasks : list of int
        Number of classes of each task (default: one task of all classes).

    Returns
    -------
    confidence : torch.Tensor
        In [0, 1], float32 [...].

    Example
    -------
    >>> confidence(torch.tensor([[0.1, 0.9], [0.4, 0.6]]))
    tensor([0.9000, 0.6000])
    >>> confidence(torch.tensor([0.1, 0.9, 0.5, 0.5]), tasks=[2, 2])
    tensor(0.4500)
    >>> confidence(torch.tensor([0.1, 0.9]), multi_label=True)
    tensor(0.9000)
    """
    probabilities = probabilities.float()
    if multi_label:
        likelier = torch.maximum(probabilities, 1 - probabilities)
        return likelier.log().mean(dim=-1).exp()
    best = [
        part.amax(dim=-1, keepdim=True)
        for part in split_tasks(probabilities, tasks)
    ]
    return torch.cat(best, dim=-1).prod(dim=-1)
