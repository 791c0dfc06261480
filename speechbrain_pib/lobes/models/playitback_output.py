"""What a Play It Back model heard: logits, and where and how it listened.

Authors
 * The speechbrain_pib developers 2026
"""

from typing import NamedTuple

import torch

from speechbrain_pib.lobes.models.replay import mask_to_segments


class PlayItBackOutput(NamedTuple):
    """Output of Play It Back. P passes = K replays + 1, T base frames.

    What depends on the frames of a pass is a tuple with a tensor for each
    pass, as replays may have another front end and backbone. The fields of
    selection are None for a backbone alone.

    Arguments
    ---------
    logits : torch.Tensor
        All passes fused [batch, num_classes].
    pass_logits : torch.Tensor
        After each pass [batch, P, num_classes].
    embeddings : torch.Tensor
        Features that the logits were computed from [batch, features].
    segment_logits : torch.Tensor
        Of each pass heard by itself, without the decoder
        [batch, P, num_classes].
    explored_logits : torch.Tensor
        Of the replay of a random segment, heard by itself
        [batch, num_classes]; in training alone.
    preferences : torch.Tensor
        How the attention of each pass before a replay is divided between what
        was replayed then and the random segment [batch, K, 2], each pair sums
        to one; in training alone.
    attention : tuple of torch.Tensor
        Share of the foreground over each pass's time steps [batch, time].
    masks : torch.Tensor
        Base frames selected by each pass, in original time [batch, P, T];
        replay k + 1 is laid out by masks[:, k].
    centres : tuple of torch.Tensor
        Time map: sample of the clip at the centre of each frame of each pass
        [batch, frames].
    log_mel : tuple of torch.Tensor
        What the backbone was given in each pass [batch, frames, n_mels].
    grids : tuple of torch.Tensor
        Features of each pass [batch, time, frequency, features].
    latents : torch.Tensor
        Of the decoder after the last pass [batch, latents, latent_size].
    summaries : torch.Tensor
        What the decoder told `pass_logits` from [batch, P, latent_size].
    hop_length : int
        Hop of the first pass in samples.
    sample_rate : int
        Samples per second.
    passes_heard : torch.Tensor
        Number of passes that each clip was listened to [batch], where some
        were left when the model was sure (see UntilSure).

    Example
    -------
    >>> masks = torch.zeros(1, 2, 400, dtype=torch.bool)
    >>> masks[0, 0, 100:200] = True
    >>> output = PlayItBackOutput(
    ...     None, None, masks=masks, hop_length=160, sample_rate=16000
    ... )
    >>> output.segments
    [[[(0.995, 1.995)], []]]
    """

    logits: torch.Tensor
    pass_logits: torch.Tensor
    embeddings: torch.Tensor | None = None
    segment_logits: torch.Tensor | None = None
    explored_logits: torch.Tensor | None = None
    preferences: torch.Tensor | None = None
    attention: tuple | None = None
    masks: torch.Tensor | None = None
    centres: tuple | None = None
    log_mel: tuple | None = None
    grids: tuple | None = None
    latents: torch.Tensor | None = None
    summaries: torch.Tensor | None = None
    hop_length: int | None = None
    sample_rate: int | None = None
    passes_heard: torch.Tensor | None = None

    def of_clips(self, clips):
        """Take some clips of the batch.

        Arguments
        ---------
        clips : slice or torch.Tensor
            Which of them.

        Returns
        -------
        output : PlayItBackOutput
        """
        return self._map(lambda tensors: tensors[0][clips], [self])

    @classmethod
    def concatenate(cls, outputs):
        """Join batches into one.

        Arguments
        ---------
        outputs : list of PlayItBackOutput
            With the same fields.

        Returns
        -------
        output : PlayItBackOutput
        """
        return cls._map(torch.cat, outputs)

    @classmethod
    def _map(cls, function, outputs):
        """Make an output of what a function makes of the same tensor of each
        of them; other values are those of the first."""

        def join(values):
            if isinstance(values[0], tuple):
                return tuple(join(of_pass) for of_pass in zip(*values))
            tensors = isinstance(values[0], torch.Tensor)
            return function(values) if tensors else values[0]

        return cls(*(join(values) for values in zip(*outputs)))

    @property
    def segments(self):
        """Selection of each clip and pass as (start, stop) in seconds.

        Copies the masks to the host, so it waits for the device.
        """
        if self.masks is None:
            return None
        hop_seconds = self.hop_length / self.sample_rate
        return [
            [mask_to_segments(mask, hop_seconds) for mask in clip]
            for clip in self.masks.cpu()
        ]
