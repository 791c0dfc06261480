"""Listens again only for clips that are not sure yet.

Authors
 * The speechbrain_pib developers 2026
"""

import torch

from speechbrain_pib.lobes.models.playitback_output import PlayItBackOutput
from speechbrain_pib.nnet.confidence import confidence
from speechbrain_pib.nnet.losses import class_probabilities


class UntilSure:
    """Runs a PlayItBack model pass by pass; clips that are sure leave.

    They really leave the batch: the next pass is computed for the others
    alone. A clip's result depends on itself alone, and one that never is sure
    has that of the whole model. For evaluation; after each pass the host waits
    for the device, to know how many clips are left.

    Arguments
    ---------
    model : PlayItBack
        The trained model.
    threshold : float
        A clip leaves when its confidence is at least this: 0 listens once to
        all of them, and above 1 nobody leaves early.
    multi_label : bool
        As for `confidence`.
    tasks : list of int
        As for `confidence`.

    Example
    -------
    >>> from speechbrain_pib.lobes.features import MultiHopFbank
    >>> from speechbrain_pib.lobes.models.convnet import ConvNet
    >>> from speechbrain_pib.lobes.models.latent_decoder import LatentDecoder
    >>> from speechbrain_pib.lobes.models.playitback import PlayItBack
    >>> from speechbrain_pib.lobes.models.slot_attention import SlotSelector
    >>> model = PlayItBack(
    ...     MultiHopFbank(hop_length=200, n_frames=40),
    ...     ConvNet(10, channels=[8, 16]),
    ...     SlotSelector(16),
    ...     LatentDecoder(16, 10, num_passes=2, num_latents=4, latent_size=16),
    ...     replays=1,
    ... ).eval()
    >>> wavs = torch.randn(3, 8000)
    >>> with torch.no_grad():
    ...     output = UntilSure(model, threshold=0.0)(wavs)
    >>> output.logits.shape, output.passes_heard
    (torch.Size([3, 10]), tensor([1, 1, 1]))
    """

    def __init__(self, model, threshold, multi_label=False, tasks=None):
        self.model = model
        self.threshold = threshold
        self.multi_label = multi_label
        self.tasks = tasks

    def __call__(self, wavs, lengths=None):
        """Listen to a batch.

        Arguments
        ---------
        wavs : torch.Tensor
            As for PlayItBack [batch, samples].
        lengths : torch.Tensor
            As for PlayItBack [batch].

        Returns
        -------
        output : PlayItBackOutput
            Its `logits` and `embeddings` are those after the last pass that
            a clip was listened to, `pass_logits` repeat them from there on,
            `masks` [batch, replays + 1, T] are empty from there on, and
            `passes_heard` [batch] counts the passes.
        """
        model, told, masks = self.model, [], []
        density, length = model.start(wavs, lengths)
        rows = torch.arange(len(wavs), device=wavs.device)
        passes_heard = torch.ones_like(rows)
        latents, summaries = None, []
        for index in range(model.replays + 1):
            summary, latents, mask = model.hear(
                index, wavs, density, length, latents
            )
            summaries.append(summary)
            told.append(_update(told, rows, model.tell(summaries)))
            if mask is None:
                break
            kept = (~self.is_sure(told[-1][0][rows])).nonzero().squeeze(1)
            rows, wavs, length, latents, mask, *summaries = (
                values[kept]
                for values in (rows, wavs, length, latents, mask, *summaries)
            )
            masks.append(mask.new_zeros(len(passes_heard), mask.shape[1]))
            masks[-1][rows] = mask
            if len(rows) == 0:
                break
            passes_heard[rows] += 1
            density = model.replay(index, mask)
        return self._output(told, masks, passes_heard)

    def is_sure(self, logits):
        """Tell which clips need not be listened to again.

        Arguments
        ---------
        logits : torch.Tensor
            After the last pass that they were listened to [batch, classes].

        Returns
        -------
        is_sure : torch.Tensor
            Boolean [batch].
        """
        probabilities = class_probabilities(
            logits, self.multi_label, self.tasks
        )
        sure = confidence(probabilities, self.multi_label, self.tasks)
        return sure >= self.threshold

    def _output(self, told, masks, passes_heard):
        """Make the output; passes that nobody was left for are added."""
        passes = self.model.replays + 1
        told += [told[-1]] * (passes - len(told))
        logits, embeddings = told[-1]
        if masks:
            nothing = torch.zeros_like(masks[0])
            masks = torch.stack(masks + [nothing] * (passes - len(masks)), 1)
        return PlayItBackOutput(
            logits=logits,
            pass_logits=torch.stack([said for said, _ in told], dim=1),
            embeddings=embeddings,
            masks=masks if len(masks) else None,
            hop_length=self.model.fbank.hop_length,
            sample_rate=self.model.fbank.sample_rate,
            passes_heard=passes_heard,
        )


def _update(told, rows, heard):
    """Put what was heard of some clips in the place of what was told of them
    before."""
    if not told:
        return heard
    return tuple(
        before.index_copy(0, rows, now.to(before.dtype))
        for before, now in zip(told[-1], heard)
    )
