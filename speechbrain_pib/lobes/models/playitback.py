"""Play It Back: listen once, choose what matters, replay it more finely
(https://arxiv.org/abs/2210.11328).

Authors
 * The speechbrain_pib developers 2026
"""

from typing import NamedTuple

import torch
from torch.utils.checkpoint import checkpoint

from speechbrain_pib.lobes.models.replay import (
    frame_positions,
    mask_to_segments,
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
    foreground_logits : torch.Tensor
        Of the foreground of each pass [batch, P, num_classes].
    background_logits : torch.Tensor
        Of the background of each pass [batch, P, num_classes].
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
    foreground_logits: torch.Tensor | None = None
    background_logits: torch.Tensor | None = None
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
    the times that were selected; the selector is trained, by classifying what
    it selected; there is no loop over clips and no copy to the host;
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
        passes = []
        for index in range(self.replays + 1):
            listened = self._listen(wavs, density, length, drawn)
            passes.append(listened)
            if index < self.replays:
                chosen = listened["masks"] if masks is None else masks[:, index]
                density = replay_density(chosen, index + 2)
        return self._decode(
            {
                name: torch.stack([listened[name] for listened in passes], 1)
                for name in passes[0]
            }
        )

    def _draw_augmentation(self, wavs):
        """Draw the SpecAugment masks of this batch; None outside training."""
        if self.augment is None or not self.training:
            return None
        return self.augment.draw(
            wavs.shape[0], self.fbank.n_frames, self.fbank.n_mels, wavs.device
        )

    def _listen(self, wavs, density, length, drawn):
        """Run one pass: its input, features and, with a selector, selection."""
        positions = frame_positions(density)  # [batch, T]
        centres = (positions - 0.5) * self.fbank.hop_length  # in samples
        log_mel = self.fbank(wavs, centres)  # [batch, T, n_mels]
        if drawn is not None:
            log_mel = self.augment(log_mel, positions, drawn)
        # [batch, time, frequency, features]
        grid = self._call(self.backbone.forward_features, log_mel)
        steps = self.backbone.token_positions(positions.shape[1])
        listened = {
            "grids": grid,
            "centres": centres,
            "log_mel": log_mel,
            "times": positions_at(positions, steps),
        }
        if self.selector is not None:
            selected = self._select(listened, positions, density, length)
            listened.update(selected)
        return listened

    def _call(self, part, *inputs):
        """Call a part, once more in the backward pass if that saves memory."""
        if self.checkpoint_activations and torch.is_grad_enabled():
            return checkpoint(part, *inputs, use_reentrant=False)
        return part(*inputs)

    def _select(self, listened, positions, density, length):
        """Separate foreground and background: attention, mask and logits."""
        grid = listened["grids"]
        valid_steps = _within(listened["times"], length)  # [batch, time]
        # Of foreground and background [batch, 2, time].
        attention = self.selector(grid, valid_steps).float()
        n_frames = positions.shape[1]
        attention = attention * valid_steps.unsqueeze(1)
        salience = upsample_salience(
            attention[:, 0], self.backbone.token_positions(n_frames), n_frames
        )
        # Salience of the foreground and what is above its mean [batch, T].
        mask = salient_frames(salience, _within(positions, length))
        # One more step that holds nothing: without it the scale of the
        # attention is free, and a little of everything is as good as all of
        # what matters.
        shares = attention / (attention.sum(dim=-1, keepdim=True) + 1.0)
        # [batch, 2, time] @ [batch, time, features]
        pooled = shares @ grid.mean(dim=2).to(shares.dtype)
        foreground, background = self.backbone.forward_head(pooled).unbind(1)
        return {
            "attention": attention[:, 0],
            "masks": to_base_frames(mask, density),
            "foreground_logits": foreground,
            "background_logits": background,
        }

    def _decode(self, passes):
        """Fuse the passes into the output."""
        times = passes.pop("times")
        if self.decoder is None:
            pooled = passes["grids"].mean(dim=(2, 3))  # [batch, 1, features]
            pass_logits = self.backbone.forward_head(pooled)
            logits = pass_logits.squeeze(1)
            embeddings = pooled.squeeze(1)
        else:
            logits, pass_logits, embeddings = self._call(
                self.decoder, passes["grids"], self._relative_times(times)
            )
        return PlayItBackOutput(
            logits=logits,
            pass_logits=pass_logits,
            embeddings=embeddings,
            hop_length=self.fbank.hop_length,
            sample_rate=self.fbank.sample_rate,
            **passes,
        )

    def _relative_times(self, times):
        """Compute times of steps, -1 and 1 at the ends of the first pass."""
        steps = self.backbone.token_positions(self.fbank.n_frames)
        span = (steps[-1] - steps[0]).clamp(min=1.0)
        return 2 * (times - 0.5 - steps[0]) / span - 1


def _within(positions, length):
    """Tell which positions [batch, n] lie before the end; always the first."""
    return positions <= torch.maximum(length, positions[:, :1])
