"""Parameter groups for an optimizer.

Authors
 * The speechbrain_pib developers 2026
"""

import torch

LEARNED_STARTS = ("slots_mu", "slots_logsigma", "latents")


def weight_decay_groups(module):
    """Splits the trained parameters into decayed and undecayed ones.

    Vectors (norms, biases) and learned starts (slots, latents) are not
    decayed. SpeechBrain's ``rm_vector_weight_decay`` knows vectors only.

    Arguments
    ---------
    module : torch.nn.Module
        The model.

    Returns
    -------
    groups : list
        Two parameter groups; the second has weight_decay 0.

    Example
    -------
    >>> groups = weight_decay_groups(torch.nn.Linear(2, 3))
    >>> [len(group["params"]) for group in groups]
    [1, 1]
    """
    decayed, undecayed = [], []
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            spared = parameter.ndim <= 1 or name.endswith(LEARNED_STARTS)
            (undecayed if spared else decayed).append(parameter)
    return [{"params": decayed}, {"params": undecayed, "weight_decay": 0.0}]


def build_optimizer(parameters, name, lr, weight_decay):
    """Builds an optimizer by name, so that a recipe can change it by a word.

    Arguments
    ---------
    parameters : list
        Parameter groups.
    name : str
        "SGD" (Nesterov momentum 0.9, as published) or "AdamW".
    lr : float
        Learning rate.
    weight_decay : float
        Weight decay.

    Returns
    -------
    optimizer : torch.optim.Optimizer

    Example
    -------
    >>> groups = weight_decay_groups(torch.nn.Linear(2, 3))
    >>> build_optimizer(groups, "SGD", 0.1, 0.01).param_groups[1]["momentum"]
    0.9
    """
    if name == "SGD":
        return torch.optim.SGD(
            parameters,
            lr=lr,
            weight_decay=weight_decay,
            momentum=0.9,
            nesterov=True,
        )
    if name == "AdamW":
        return torch.optim.AdamW(parameters, lr=lr, weight_decay=weight_decay)
    raise ValueError(f"optimizer is SGD or AdamW, not {name!r}")
