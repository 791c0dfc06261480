"""Play It Back: listen once, choose what matters, replay it more finely
(https://arxiv.org/abs/2210.11328).

Authors
 * The speechbrain_pib developers 2026
"""

from typing import NamedTuple

import torch
from torch.utils.checkpoint import checkpoint

from speechbrain_pib.lobes.models.controls import random_segments
from speechbrain_pib.lobes.models.replay import (
    at_positions,
    frame_hops,
    frame_positions,
    mask_to_segments,
    mean_inside,
    positions_at,
    replay_density,
    salient_frames,
    to_base_frames,
    upsample_salience,
)


class PlayItBackOutput(NamedTuple):
    """Output of Play It Back. P passes = K replays + 1, T frames a pass.

    The fields of selection are None for a backbone alone.

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
    attention : torch.Tensor
        Share of the foreground over each pass's time steps [batch, P, time].
    masks : torch.Tensor
        Base frames selected by each pass, in original time [batch, P, T];
        replay k + 1 is laid out by masks[:, k].
    centres : torch.Tensor
        Time map: sample of the clip at the centre of each frame of each pass
        [batch, P, T].
    log_mel : torch.Tensor
        What the backbone was given [batch, P, T, n_mels].
    grids : torch.Tensor
        Features of each pass [batch, P, time, frequency, features].
    hop_length : int
        Hop of the first pass in samples.
    sample_rate : int
        Samples per second.

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
    attention: torch.Tensor | None = None
    masks: torch.Tensor | None = None
    centres: torch.Tensor | None = None
    log_mel: torch.Tensor | None = None
    grids: torch.Tensor | None = None
    hop_length: int | None = None
    sample_rate: int | None = None

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


class PlayItBack(torch.nn.Module):
    """Play It Back, from waveforms to logits in one forward.

    Each pass looks at the same number of frames; a replay spends them where
    the pass before selected. Departures from the published code: frames show
    the times that were selected; the selector is trained, by hearing in
    training a random segment too (see PlayItBackLoss); a selection has a
    largest size; there is no loop over clips and no copy to the host;
    evaluation is deterministic and each clip independent of its batch.

    Arguments
    ---------
    fbank : torch.nn.Module
        Front end, as MultiHopFbank.
    backbone : torch.nn.Module
        As MViTv2 or ConvNet: ``forward_features`` maps log-mel
        [batch, T, n_mels] to a grid [batch, time, frequency, features],
        ``forward_head`` pooled features to logits, ``token_positions`` a
        number of frames to the frame indices of the grid's time steps, and
        ``output_size`` is the number of features.
    selector : torch.nn.Module
        As SlotSelector: grid to attention [batch, 2, time].
    decoder : torch.nn.Module
        As LatentDecoder, for replays + 1 passes. Without selector and decoder
        the model is the backbone alone (stage 1 of the published training).
    replays : int
        Number of replays: 0 for a single pass, 3 for "X3".
    refinement : float
        What each replay adds to the density of frames inside its selection,
        against 1 outside: the last of K replays is 1 + K * refinement times
        as dense there.
    largest_share : float
        Largest share of the clip that a pass selects (default: no limit, as
        published). Random segments in training are as long, but not longer
        than half of the clip.
    augment : torch.nn.Module
        SpecAugment, applied in training.
    freeze_backbone : bool
        Keep the backbone, its head included, as it is and in evaluation mode
        (stage 2 of the published training).
    checkpoint_activations : bool
        Keep only the results of each pass and of the decoder for the backward
        pass, and compute the rest again there: less memory, more time.

    Example
    -------
    >>> from speechbrain_pib.lobes.features import MultiHopFbank
    >>> from speechbrain_pib.lobes.models.mvitv2 import MViTv2
    >>> from speechbrain_pib.lobes.models.slot_attention import SlotSelector
    >>> from speechbrain_pib.lobes.models.latent_decoder import LatentDecoder
    >>> backbone = MViTv2(10, "nano")
    >>> model = PlayItBack(
    ...     MultiHopFbank(hop_length=200, n_frames=400),
    ...     backbone,
    ...     SlotSelector(backbone.output_size),
    ...     LatentDecoder(backbone.output_size, 10, num_passes=2),
    ...     replays=1,
    ... ).eval()
    >>> output = model(torch.randn(2, 80000))
    >>> output.logits.shape, output.masks.shape, output.centres.shape
    (torch.Size([2, 10]), torch.Size([2, 2, 400]), torch.Size([2, 2, 400]))
    """

    def __init__(
        self,
        fbank,
        backbone,
        selector=None,
        decoder=None,
        *,
        replays=0,
        refinement=1.0,
        largest_share=1.0,
        augment=None,
        freeze_backbone=False,
        checkpoint_activations=False,
    ):
        super().__init__()
        self._check_parts(backbone, selector, decoder, replays)
        self.fbank = fbank
        self.backbone = backbone
        self.selector = selector
        self.decoder = decoder
        self.replays = replays
        self.refinement = refinement
        self.largest_share = largest_share
        self.augment = augment
        self.freeze_backbone = freeze_backbone
        self.checkpoint_activations = checkpoint_activations
        self.backbone.requires_grad_(not freeze_backbone)

    @staticmethod
    def _check_parts(backbone, selector, decoder, replays):
        """Raise an error where the parts do not fit together."""
        if (selector is None) != (decoder is None):
            raise ValueError("a selector needs a decoder, and a decoder one")
        if decoder is None:
            if replays > 0:
                raise ValueError(
                    f"{replays} replays need a selector and a decoder"
                )
            return
        if len(decoder.levels) != replays + 1:
            raise ValueError(
                f"the decoder has {len(decoder.levels)} levels; {replays} "
                f"replays need {replays + 1} (num_passes)"
            )
        for name, part in (("selector", selector), ("decoder", decoder)):
            if part.input_size != backbone.output_size:
                raise ValueError(
                    f"the {name} was built for {part.input_size} features, "
                    f"the backbone gives {backbone.output_size}"
                )

    def train(self, mode=True):
        """Set the mode of all parts but a frozen backbone.

        Arguments
        ---------
        mode : bool
            True for training, False for evaluation.

        Returns
        -------
        self : PlayItBack
        """
        super().train(mode)
        if self.freeze_backbone:
            self.backbone.eval()
        return self

    def forward(self, wavs, lengths=None, masks=None):
        """Classify waveforms, replaying what is selected.

        Arguments
        ---------
        wavs : torch.Tensor
            Crops of ``fbank.n_samples`` samples [batch, samples].
        lengths : torch.Tensor
            Relative lengths in [0, 1] before padding [batch]; padding is
            heard as silence, and never selected.
        masks : torch.Tensor
            Boolean base frames to replay instead of the learned selection
            [batch, replays, T], for controls and for users who know better.

        Returns
        -------
        output : PlayItBackOutput
        """
        if wavs.ndim != 2 or wavs.shape[1] != self.fbank.n_samples:
            raise ValueError(
                f"expected waveforms [batch, {self.fbank.n_samples}], got "
                f"{list(wavs.shape)}: crop or pad them first"
            )
        n_frames = self.fbank.n_frames
        # Frames per base frame [batch, T], and base frames [batch, 1].
        density = wavs.new_ones(wavs.shape[0], n_frames, dtype=torch.float32)
        length = n_frames * density[:, :1]
        if lengths is not None:
            length = length * lengths.unsqueeze(1)
        drawn = self._draw_augmentation(wavs)
        passes, replayed = [], []
        for index in range(self.replays + 1):
            listened = self._listen(wavs, density, drawn)
            if self.selector is not None:
                listened.update(self._select(listened, density, length))
            passes.append(listened)
            if index < self.replays:
                chosen = listened["masks"] if masks is None else masks[:, index]
                replayed.append(chosen)
                density = replay_density(
                    chosen, 1 + (index + 1) * self.refinement
                )
        explored = {}
        if self.training and self.replays and masks is None:
            explored = self._explore(wavs, drawn, passes, replayed)
        return self._decode(passes, explored)

    def _draw_augmentation(self, wavs):
        """Draw the SpecAugment masks of this batch; None outside training."""
        if self.augment is None or not self.training:
            return None
        return self.augment.draw(
            wavs.shape[0], self.fbank.n_frames, self.fbank.n_mels, wavs.device
        )

    def _listen(self, wavs, density, drawn):
        """Run one pass: its input, features and where they are in time."""
        positions = frame_positions(density)  # [batch, T]
        centres = (positions - 0.5) * self.fbank.hop_length  # in samples
        spans = frame_hops(density, positions)  # in base frames
        hops = spans * self.fbank.hop_length
        log_mel = self.fbank(wavs, centres, hops)  # [batch, T, n_mels]
        if drawn is not None:
            log_mel = self.augment(log_mel, positions, drawn)
        # [batch, time, frequency, features]
        grid = self._call(self.backbone.forward_features, log_mel)
        steps = self.backbone.token_positions(positions.shape[1])
        return {
            "grids": grid,
            "centres": centres,
            "log_mel": log_mel,
            "positions": positions,
            "spans": spans,
            "times": positions_at(positions, steps),
        }

    def _call(self, part, *inputs):
        """Call a part, once more in the backward pass if that saves memory."""
        if self.checkpoint_activations and torch.is_grad_enabled():
            return checkpoint(part, *inputs, use_reentrant=False)
        return part(*inputs)

    def _select(self, listened, density, length):
        """Divide a pass into foreground and background: what to replay."""
        valid_steps = _within(listened["times"], length)  # [batch, time]
        # Of foreground and background [batch, 2, time].
        attention = self.selector(listened["grids"], valid_steps).float()
        attention = attention[:, 0] * valid_steps
        n_frames = density.shape[1]
        salience = upsample_salience(
            attention, self.backbone.token_positions(n_frames), n_frames
        )
        valid = _within(listened["positions"], length)
        mask = salient_frames(
            salience, valid, listened["spans"], self.largest_share
        )
        return {
            "attention": attention,
            "salience": salience,
            "masks": to_base_frames(mask, density),
        }

    def _explore(self, wavs, drawn, passes, replayed):
        """Replay a random segment, and compare the attention that each pass
        gave to it with that to what was replayed."""
        n_frames = self.fbank.n_frames
        places = torch.rand(len(wavs), device=wavs.device)
        width = max(round(min(self.largest_share, 0.5) * n_frames), 1)
        widths = torch.full_like(places, width)
        segment = random_segments(places, widths, n_frames)
        density = replay_density(segment, 1 + self.refinement)
        grid = self._listen(wavs, density, drawn)["grids"]
        inside = [
            mean_inside(
                listened["salience"], at_positions(mask, listened["positions"])
            )
            for listened, chosen in zip(passes, replayed)
            for mask in (chosen, segment)
        ]
        # [batch, K, 2]; where neither had any, they are alike.
        inside = torch.stack(inside, 1).unflatten(1, (-1, 2)).clamp(min=1e-6)
        return {
            "explored_logits": self.backbone.forward_head(grid.mean((1, 2))),
            "preferences": inside / inside.sum(dim=2, keepdim=True),
        }

    def _decode(self, passes, explored):
        """Fuse the passes into the output."""
        passes = {
            name: torch.stack([listened[name] for listened in passes], 1)
            for name in passes[0]
            if name not in ("positions", "spans", "salience")
        }
        times = passes.pop("times")
        pooled = passes["grids"].mean(dim=(2, 3))  # [batch, P, features]
        alone = self.backbone.forward_head(pooled)  # [batch, P, num_classes]
        if self.decoder is None:
            logits, embeddings = alone.squeeze(1), pooled.squeeze(1)
            return self._output(passes, logits, alone, embeddings)
        decoded = self._call(
            self.decoder, passes["grids"], self._relative_times(times)
        )
        return self._output(
            {**passes, **explored, "segment_logits": alone}, *decoded
        )

    def _output(self, fields, logits, pass_logits, embeddings):
        """Make the output of its fields."""
        return PlayItBackOutput(
            logits=logits,
            pass_logits=pass_logits,
            embeddings=embeddings,
            hop_length=self.fbank.hop_length,
            sample_rate=self.fbank.sample_rate,
            **fields,
        )

    def _relative_times(self, times):
        """Compute times of steps, -1 and 1 at the ends of the first pass."""
        steps = self.backbone.token_positions(self.fbank.n_frames)
        span = (steps[-1] - steps[0]).clamp(min=1.0)
        return 2 * (times - 0.5 - steps[0]) / span - 1


def _within(positions, length):
    """Tell which positions [batch, n] lie before the end; always the first."""
    return positions <= torch.maximum(length, positions[:, :1])
