"""Parameter groups for an optimizer.

Authors
 * The speechbrain_pib developers 2026
"""

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
    >>> import torch
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
