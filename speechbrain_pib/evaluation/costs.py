"""What the passes of a Play It Back model cost, in multiply-accumulates.

Authors
 * The speechbrain_pib developers 2026
"""

import copy

import torch

from speechbrain_pib.utils.operations import count_gmacs


def measure_gmacs(model):
    """Count the multiply-accumulates of each pass of one clip, in 1e9.

    As `count_gmacs` counts.

    Arguments
    ---------
    model : speechbrain_pib.lobes.models.playitback.PlayItBack
        The model; it stays as it is.

    Returns
    -------
    gmacs : list of float
        Of each pass, with its selection and its part of the decoder. A clip
        that leaves after pass k costs the sum of the first k + 1.

    Example
    -------
    >>> from speechbrain_pib.lobes.features import MultiHopFbank
    >>> from speechbrain_pib.lobes.models.convnet import ConvNet
    >>> from speechbrain_pib.lobes.models.playitback import PlayItBack
    >>> fbank = MultiHopFbank(hop_length=200, n_frames=40)
    >>> model = PlayItBack(fbank, ConvNet(10, channels=[8, 16]))
    >>> len(measure_gmacs(model))
    1
    """
    # The counter's hooks fail for parameters that learn, such as the latents.
    model = copy.deepcopy(model).eval().requires_grad_(False)
    device = next(model.parameters()).device
    wavs = torch.zeros(1, model.fbank.n_samples, device=device)
    totals = [0.0] + [
        count_gmacs(lambda passes=passes: _listen(model, wavs, passes))
        for passes in range(1, model.replays + 2)
    ]
    return [after - before for before, after in zip(totals, totals[1:])]


@torch.no_grad()
def _listen(model, wavs, passes):
    """Listen to the first passes, and tell the classes after each."""
    density, length = model.start(wavs)
    latents, summaries = None, []
    for index in range(passes):
        summary, latents, mask = model.hear(
            index, wavs, density, length, latents
        )
        summaries.append(summary)
        model.tell(summaries)
        if mask is not None:
            density = model.replay(index, mask)
