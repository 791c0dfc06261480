"""Parameter groups for an optimizer.

Authors
 * The speechbrain_pib developers 2026
"""

import torch


def parameter_groups(model, layer_decay=1.0):
    """Group the trained parameters by weight decay and learning rate.

    Vectors (norms, biases) are not decayed, nor are the parameters that a
    part of the model names in ``no_weight_decay()``, as timm's models do.
    SpeechBrain's ``rm_vector_weight_decay`` knows vectors only. The layers of
    the backbone learn the more slowly the nearer they are to the input (as in
    BEiT, https://arxiv.org/abs/2106.08254).

    Arguments
    ---------
    model : torch.nn.Module
        The model; its parts "backbone" and "replay_backbone", if it has
        them, are stacks of layers.
    layer_decay : float
        Factor of the learning rate from each layer to the one below.

    Returns
    -------
    groups : list
        Parameter groups; "lr_scale" is what the learning rate is to be
        multiplied with.

    Example
    -------
    >>> groups = parameter_groups(torch.nn.Linear(2, 3))
    >>> [(len(group["params"]), group["lr_scale"]) for group in groups]
    [(1, 1.0), (1, 1.0)]
    """
    scales = {}
    if layer_decay != 1.0:
        for name in ("backbone", "replay_backbone"):
            backbone = getattr(model, name, None)
            if backbone is not None:
                scales.update(layer_scales(backbone, layer_decay))
    groups, undecayed = {}, undecayed_names(model)
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        spared = parameter.ndim <= 1 or name in undecayed
        scale = scales.get(parameter, 1.0)
        group = groups.setdefault(
            (scale, spared), {"params": [], "lr_scale": scale}
        )
        group["params"].append(parameter)
        if spared:
            group["weight_decay"] = 0.0
    return [groups[key] for key in sorted(groups)]


def undecayed_names(model):
    """Ask a model, and each part of it, what must not be decayed.

    Arguments
    ---------
    model : torch.nn.Module
        Its ``no_weight_decay()``, and that of any module in it, returns the
        names of parameters of that module.

    Returns
    -------
    names : set of str
        As in ``model.named_parameters()``.

    Example
    -------
    >>> from speechbrain_pib.lobes.models.slot_attention import SlotSelector
    >>> sorted(undecayed_names(SlotSelector(8)))
    ['slot_attention.slots_logsigma', 'slot_attention.slots_mu']
    """
    return {
        f"{prefix}.{name}".removeprefix(".")
        for prefix, module in model.named_modules()
        if hasattr(module, "no_weight_decay")
        for name in module.no_weight_decay()
    }


def part_groups(model, factors):
    """Group the parameters by the part of the model that they belong to.

    All of them are decayed, as in the published training of Listen to Look
    (https://arxiv.org/abs/1912.04487).

    Arguments
    ---------
    model : torch.nn.Module
        The model.
    factors : dict
        Name of a part to what its learning rate is to be multiplied with; 0
        freezes it, other parts have 1.

    Returns
    -------
    groups : list
        Parameter groups with "lr_scale", in ascending order of it.

    Raises
    ------
    ValueError
        If the model has no part of a name.

    Example
    -------
    >>> model = torch.nn.ModuleDict(
    ...     {"body": torch.nn.Linear(1, 1), "head": torch.nn.Linear(1, 1)}
    ... )
    >>> groups = part_groups(model, {"head": 0.1})
    >>> [(len(group["params"]), group["lr_scale"]) for group in groups]
    [(2, 0.1), (2, 1.0)]
    """
    unknown = set(factors) - {name for name, _ in model.named_children()}
    if unknown:
        raise ValueError(f"the model has no part {', '.join(sorted(unknown))}")
    groups = {}
    for name, parameter in model.named_parameters():
        scale = float(factors.get(name.split(".")[0], 1.0))
        group = groups.setdefault(scale, {"params": [], "lr_scale": scale})
        group["params"].append(parameter)
    return [groups[scale] for scale in sorted(groups)]


def layer_scales(backbone, decay):
    """Compute the learning-rate factor of each layer of a backbone.

    Its layers are its parts in the order of their definition, up to its last
    stack (torch.nn.Sequential or ModuleList), each entry of a stack by itself;
    what follows, norm and head, learns at the full rate.

    Arguments
    ---------
    backbone : torch.nn.Module
        As MViTv2 or ConvNet.
    decay : float
        Factor from each layer to the one below.

    Returns
    -------
    scales : dict
        Parameter to factor.

    Example
    -------
    >>> linear = torch.nn.Linear(1, 1)
    >>> stack = torch.nn.Sequential(linear, torch.nn.Linear(1, 1))
    >>> backbone = torch.nn.ModuleDict(
    ...     {"stack": stack, "head": torch.nn.Linear(1, 1)}
    ... )
    >>> list(layer_scales(backbone, 0.5).values())
    [0.25, 0.25, 0.5, 0.5]
    """
    layers, pending = [], []
    for part in backbone.children():
        if isinstance(part, (torch.nn.Sequential, torch.nn.ModuleList)):
            entries = [layer for layer in part if list(layer.parameters())]
            layers += [*pending, *entries]
            pending = []
        elif list(part.parameters()):
            pending.append(part)
    return {
        parameter: decay ** (len(layers) - index)
        for index, layer in enumerate(layers)
        for parameter in layer.parameters()
    }


def build_optimizer(parameters, name, lr, weight_decay):
    """Build an optimizer by name, so that a recipe can change it by a word.

    Arguments
    ---------
    parameters : list
        Parameter groups; the rate of each is multiplied by its "lr_scale".
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
    >>> groups = parameter_groups(torch.nn.Linear(2, 3))
    >>> build_optimizer(groups, "SGD", 0.1, 0.01).param_groups[1]["momentum"]
    0.9
    """
    groups = [
        {**group, "lr": lr * group.get("lr_scale", 1.0)} for group in parameters
    ]
    if name == "SGD":
        return torch.optim.SGD(
            groups,
            lr=lr,
            weight_decay=weight_decay,
            momentum=0.9,
            nesterov=True,
        )
    if name == "AdamW":
        return torch.optim.AdamW(groups, lr=lr, weight_decay=weight_decay)
    raise ValueError(f"optimizer is SGD or AdamW, not {name!r}")
