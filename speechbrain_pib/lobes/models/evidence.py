"""Evidence of classes over time, from what a model heard in its passes.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
import torch

from speechbrain_pib.lobes.models.replay import positions_at


def step_evidence(model, output, to_probabilities):
    """Compute the evidence of each class in the time steps of the passes.

    It is the attention of the foreground there times the geometric mean of two
    probabilities of the class: that of the time step by itself, and that of
    the clip with all passes fused. Of the last pass, whose attention is not
    trained as nothing is replayed of it, that of the pass before counts. Of a
    model without replays, whose attention nothing is replayed of at all, it is
    the class's probability in the step.

    Arguments
    ---------
    model : PlayItBack
        What listened.
    output : PlayItBackOutput
        What it made of clips.
    to_probabilities : callable
        Logits to probabilities.

    Returns
    -------
    evidence : torch.Tensor
        [batch, passes, time, classes].
    times : torch.Tensor
        Of the steps, in samples [batch, passes, time]. A pass that has fewer
        steps than others has its last one again, a sample later each.

    Example
    -------
    >>> from speechbrain_pib.lobes.features import MultiHopFbank
    >>> from speechbrain_pib.lobes.models.convnet import ConvNet
    >>> from speechbrain_pib.lobes.models.playitback import PlayItBack
    >>> fbank = MultiHopFbank(hop_length=200, n_frames=32)
    >>> model = PlayItBack(fbank, ConvNet(3)).eval()
    >>> output = model(torch.zeros(1, 6400))
    >>> evidence, times = step_evidence(model, output, torch.sigmoid)
    >>> evidence.shape, times
    (torch.Size([1, 1, 2, 3]), tensor([[[1500., 4700.]]]))
    """
    evidence, times = [], []
    for index, (grid, centres) in enumerate(zip(output.grids, output.centres)):
        _, backbone = model.encoder(index)
        pooled = grid.mean(dim=2).float()
        evidence.append(to_probabilities(backbone.forward_head(pooled)))
        steps = backbone.token_positions(centres.shape[1])
        times.append(positions_at(centres, steps))
    if output.attention is not None and model.replays > 0:
        attention = [of.unsqueeze(2).float() for of in output.attention]
        if len(attention) > 1:
            # Of the last pass nothing is replayed, so that its attention is
            # not trained: there counts what the pass before attended to.
            attention[-1] = interpolate(times[-2], attention[-2], times[-1])
        clip = to_probabilities(output.logits)[:, None]
        evidence = [
            of_foreground * (alone * clip).sqrt()
            for of_foreground, alone in zip(attention, evidence)
        ]
    return _stack_steps(evidence, times)


def _stack_steps(evidence, times):
    """Stack passes; interpolation between the steps of each stays the same."""
    most = max(of_pass.shape[1] for of_pass in times)
    missing = [most - of_pass.shape[1] for of_pass in times]
    evidence = [
        torch.cat([steps, steps[:, -1:].expand(-1, more, -1)], dim=1)
        for steps, more in zip(evidence, missing)
    ]
    times = [
        torch.cat(
            [
                steps,
                steps[:, -1:] + 1 + torch.arange(more, device=steps.device),
            ],
            1,
        )
        for steps, more in zip(times, missing)
    ]
    return torch.stack(evidence, dim=1), torch.stack(times, dim=1)


def evidence_in_cells(evidence, times, centres):
    """Average the evidence of the passes in cells, in original time.

    Arguments
    ---------
    evidence : torch.Tensor
        [batch, passes, time, classes].
    times : torch.Tensor
        Of the steps, in samples [batch, passes, time].
    centres : torch.Tensor
        Of the cells, in samples [cells].

    Returns
    -------
    evidence : numpy.ndarray
        Of each class, and in the last column the number of replays
        [batch, cells, classes + 1].

    Example
    -------
    >>> times = torch.tensor([[[1.0, 3.0]]])
    >>> evidence = torch.tensor([[[[0.0], [1.0]]]])
    >>> evidence_in_cells(evidence, times, torch.tensor([2.0, 4.0]))
    array([[[0.5, 0. ],
            [1. , 0. ]]], dtype=float32)
    """
    batch, passes = evidence.shape[:2]
    cells = interpolate(times.flatten(0, 1), evidence.flatten(0, 1), centres)
    cells = cells.unflatten(0, (batch, passes)).mean(dim=1).cpu().numpy()
    replays = np.full_like(cells[..., :1], passes - 1)
    return np.concatenate([cells, replays], axis=2)


def interpolate(times, values, targets):
    """Interpolate linearly between times of each item of a batch.

    Arguments
    ---------
    times : torch.Tensor
        Increasing [batch, time].
    values : torch.Tensor
        At these times [batch, time, channels].
    targets : torch.Tensor
        The times asked for [n], or of each item [batch, n].

    Returns
    -------
    values : torch.Tensor
        [batch, n, channels]; constant beyond both ends.

    Example
    -------
    >>> times = torch.tensor([[1.0, 3.0]])
    >>> values = torch.tensor([[[0.0], [1.0]]])
    >>> interpolate(times, values, torch.tensor([0.0, 2.0, 9.0])).flatten()
    tensor([0.0000, 0.5000, 1.0000])
    """
    targets = targets.expand(times.shape[0], -1).contiguous()
    if times.shape[1] == 1:
        return values.expand(-1, targets.shape[1], -1)
    right = torch.searchsorted(times.contiguous(), targets, right=True)
    right = right.clamp(1, times.shape[1] - 1)
    start, stop = times.gather(1, right - 1), times.gather(1, right)
    share = ((targets - start) / (stop - start)).clamp(0, 1).unsqueeze(2)
    index = right.unsqueeze(2).expand(-1, -1, values.shape[2])
    return torch.lerp(
        values.gather(1, index - 1), values.gather(1, index), share
    )
