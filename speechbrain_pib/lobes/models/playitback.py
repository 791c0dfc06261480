"""Play It Back: listen once, choose what matters, replay it more finely
(https://arxiv.org/abs/2210.11328).

Authors
 * The speechbrain_pib developers 2026
"""

import torch
from torch.utils.checkpoint import checkpoint

from speechbrain_pib.lobes.models.controls import random_segments
from speechbrain_pib.lobes.models.playitback_checks import (
    check_decoder,
    check_encoders,
)
from speechbrain_pib.lobes.models.playitback_output import PlayItBackOutput
from speechbrain_pib.lobes.models.replay import (
    at_positions,
    frame_hops,
    frame_positions,
    mean_inside,
    positions_at,
    replay_density,
    salient_frames,
    to_base_frames,
    upsample_salience,
)

# What an output has of each pass by itself.
PER_PASS = ("grids", "centres", "log_mel", "attention")


class PlayItBack(torch.nn.Module):
    """Play It Back, from waveforms to logits in one forward.

    Each pass looks at the same number of frames; a replay spends them where
    the pass before selected. Replays may have a front end and a backbone of
    their own, so that a cheap first listen finds what a strong one is spent
    on. Departures from the published code: frames show
    the times that were selected; the selector is trained, by hearing in
    training a random segment too (see PlayItBackLoss); a selection has a
    largest size; there is no loop over clips and no copy to the host;
    evaluation is deterministic and each clip independent of its batch.

    Arguments
    ---------
    fbank : torch.nn.Module
        Front end, as MultiHopFbank.
    backbone : speechbrain_pib.lobes.models.backbones.Backbone
        As MViTv2 or ConvNet: its ``forward_features`` maps log-mel
        [batch, T, n_mels] to a grid [batch, time, frequency, features].
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
    replay_fbank : torch.nn.Module
        Front end of the replays, for waveforms of the same size and rate
        (default: that of the first pass; ResampledFbank has another rate
        inside). Its frames, like those of the first pass, are spread over the
        whole clip.
    replay_backbone : speechbrain_pib.lobes.models.backbones.Backbone
        Backbone of the replays (default: that of the first pass).
    freeze_backbone : bool
        Keep the backbones, heads included, as they are and in evaluation mode
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
    >>> output.logits.shape, output.masks.shape, output.centres[1].shape
    (torch.Size([2, 10]), torch.Size([2, 2, 400]), torch.Size([2, 400]))
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
        replay_fbank=None,
        replay_backbone=None,
        freeze_backbone=False,
        checkpoint_activations=False,
    ):
        super().__init__()
        self.fbank = fbank
        self.backbone = backbone
        self.selector = selector
        self.decoder = decoder
        # Without replays they would be parameters without a gradient.
        self.replay_fbank = replay_fbank if replays else None
        self.replay_backbone = replay_backbone if replays else None
        self.replays = replays
        self.refinement = refinement
        self.largest_share = largest_share
        self.augment = augment
        self.freeze_backbone = freeze_backbone
        self.checkpoint_activations = checkpoint_activations
        first, replay = self.encoder(0), self.encoder(1)
        check_encoders(first, replay)
        check_decoder(self)
        self.to_selector = _projection(
            replay[1].output_size, first[1].output_size
        )
        for _, part in (first, replay):
            part.requires_grad_(not freeze_backbone)

    def encoder(self, index):
        """Tell what a pass is heard with.

        Arguments
        ---------
        index : int
            Number of the pass, from 0.

        Returns
        -------
        fbank : torch.nn.Module
            Its front end.
        backbone : torch.nn.Module
            Its backbone.
        """
        fbank, backbone = self.replay_fbank, self.replay_backbone
        if index == 0 or fbank is None:
            fbank = self.fbank
        if index == 0 or backbone is None:
            backbone = self.backbone
        return fbank, backbone

    def train(self, mode=True):
        """Set the mode of all parts but frozen backbones.

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
            for index in (0, 1):
                self.encoder(index)[1].eval()
        return self

    def forward(
        self, wavs, lengths=None, masks=None, *, replays=None, first=None
    ):
        """Classify waveforms, replaying what is selected.

        A first listen to many and the replays of a few can be two calls:
        ``model(wavs, replays=0)``, and of some of them
        ``model(wavs, first=output)``, which goes on from there.

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
        replays : int
            How many replays to make (default: all that the model was built
            for).
        first : PlayItBackOutput
            What a call with fewer replays returned of these waveforms, whose
            passes are not computed again (default: there was none).

        Returns
        -------
        output : PlayItBackOutput
        """
        density, length = self.start(wavs, lengths)
        drawn = self._draw_augmentation(wavs)
        recalled = [] if first is None else self._recall(first)
        passes, replayed = [], []
        replays = self.replays if replays is None else replays
        for index in range(replays + 1):
            if index < len(recalled):
                listened = recalled[index]
            else:
                listened = self._listen(index, wavs, density, drawn)
                if self.selector is not None:
                    selected = self._select(index, listened, density, length)
                    listened.update(selected)
            passes.append(listened)
            if index < replays:
                chosen = listened["masks"] if masks is None else masks[:, index]
                replayed.append(chosen)
                density = self.replay(index, chosen)
        explored = {}
        if self.training and self.replays and masks is None:
            explored = self._explore(wavs, drawn, passes, replayed)
        return self._decode(passes, explored, first)

    def start(self, wavs, lengths=None):
        """Lay out the first pass.

        Arguments
        ---------
        wavs : torch.Tensor
            As for forward [batch, samples].
        lengths : torch.Tensor
            As for forward [batch].

        Returns
        -------
        density : torch.Tensor
            Frames of the pass per base frame [batch, T].
        length : torch.Tensor
            Base frames before padding [batch, 1].
        """
        if wavs.ndim != 2 or wavs.shape[1] != self.fbank.n_samples:
            raise ValueError(
                f"expected waveforms [batch, {self.fbank.n_samples}], got "
                f"{list(wavs.shape)}: crop or pad them first"
            )
        n_frames = self.fbank.n_frames
        density = wavs.new_ones(wavs.shape[0], n_frames, dtype=torch.float32)
        length = n_frames * density[:, :1]
        if lengths is not None:
            length = length * lengths.unsqueeze(1)
        return density, length

    def replay(self, index, mask):
        """Lay out the replay of what a pass selected.

        Arguments
        ---------
        index : int
            Number of that pass, from 0.
        mask : torch.Tensor
            Boolean base frames [batch, T].

        Returns
        -------
        density : torch.Tensor
            As from `start`.
        """
        return replay_density(mask, 1 + (index + 1) * self.refinement)

    def hear(self, index, wavs, density, length, latents=None):
        """Run one pass in evaluation, as forward does.

        Arguments
        ---------
        index : int
            Number of the pass, from 0.
        wavs : torch.Tensor
            [batch, samples].
        density : torch.Tensor
            From `start`, or from `replay` [batch, T].
        length : torch.Tensor
            From `start` [batch, 1].
        latents : torch.Tensor
            What the pass before returned (default: there was none).

        Returns
        -------
        summary : torch.Tensor
            What the classes after this pass are told from [batch, features].
        latents : torch.Tensor
            For the next pass; None without a decoder.
        mask : torch.Tensor
            What the next pass replays [batch, T]; None if this is the last.
        """
        listened = self._listen(index, wavs, density, None)
        if self.decoder is None:
            return listened["grids"].mean(dim=(1, 2)), None, None
        if latents is None:
            latents = self.decoder.start(len(wavs))
        latents, summary = self.decoder.read(
            index,
            latents,
            listened["grids"],
            self._relative_times(listened["times"]),
        )
        if index == self.replays:
            return summary, latents, None
        selected = self._select(index, listened, density, length)
        return summary, latents, selected["masks"]

    def tell(self, summaries):
        """Tell the classes after some passes.

        Arguments
        ---------
        summaries : list of torch.Tensor
            Of each pass that was heard, from `hear` [batch, features].

        Returns
        -------
        logits : torch.Tensor
            All passes fused if every one was heard, else after the last one
            [batch, num_classes].
        embeddings : torch.Tensor
            What they were computed from [batch, features].
        """
        if self.decoder is None:
            return self.backbone.forward_head(summaries[-1]), summaries[-1]
        return self.decoder.fuse(torch.stack(summaries, dim=1))

    def _draw_augmentation(self, wavs):
        """Draw the SpecAugment masks of this batch; None outside training."""
        if self.augment is None or not self.training:
            return None
        return self.augment.draw(
            wavs.shape[0], self.fbank.n_frames, self.fbank.n_mels, wavs.device
        )

    def _listen(self, index, wavs, density, drawn):
        """Run one pass: its input, features and where they are in time."""
        fbank, backbone = self.encoder(index)
        # In base frames, those of the first pass [batch, frames].
        positions = frame_positions(density, fbank.n_frames)
        spans = frame_hops(density, positions)
        # In samples.
        centres = (positions - 0.5) * self.fbank.hop_length
        hops = spans * self.fbank.hop_length
        log_mel = fbank(wavs, centres, hops)  # [batch, frames, n_mels]
        if drawn is not None:
            log_mel = self.augment(log_mel, positions, drawn)
        # [batch, time, frequency, features]
        grid = self._call(backbone.forward_features, log_mel)
        steps = backbone.token_positions(fbank.n_frames)
        return {
            "grids": grid,
            "centres": centres,
            "log_mel": log_mel,
            "positions": positions,
            "spans": spans,
            "times": positions_at(positions, steps),
        }

    def _recall(self, first):
        """Return the first passes as an output has them."""
        passes = []
        for index, centres in enumerate(first.centres):
            positions = centres / self.fbank.hop_length + 0.5
            backbone = self.encoder(index)[1]
            steps = backbone.token_positions(positions.shape[1])
            listened = {name: getattr(first, name)[index] for name in PER_PASS}
            listened["masks"] = first.masks[:, index]
            listened["times"] = positions_at(positions, steps)
            passes.append(listened)
        return passes

    def _call(self, part, *inputs):
        """Call a part, once more in the backward pass if that saves memory."""
        if self.checkpoint_activations and torch.is_grad_enabled():
            return checkpoint(part, *inputs, use_reentrant=False)
        return part(*inputs)

    def _select(self, index, listened, density, length):
        """Divide a pass into foreground and background: what to replay."""
        fbank, backbone = self.encoder(index)
        grid = listened["grids"]
        if index > 0:
            grid = self.to_selector(grid)
        valid_steps = _within(listened["times"], length)  # [batch, time]
        # Of foreground and background [batch, 2, time].
        attention = self.selector(grid, valid_steps).float()
        attention = attention[:, 0] * valid_steps
        steps = backbone.token_positions(fbank.n_frames)
        salience = upsample_salience(attention, steps, fbank.n_frames)
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
        pooled = self._listen(1, wavs, density, drawn)["grids"].mean((1, 2))
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
            "explored_logits": self.encoder(1)[1].forward_head(pooled),
            "preferences": inside / inside.sum(dim=2, keepdim=True),
        }

    def _decode(self, passes, explored, first):
        """Fuse the passes into the output."""
        fields = {
            name: tuple(listened[name] for listened in passes)
            for name in PER_PASS
            if name in passes[0]
        }
        pooled = [grid.mean(dim=(1, 2)) for grid in fields["grids"]]
        alone = [
            self.encoder(index)[1].forward_head(features)
            for index, features in enumerate(pooled)
        ]
        alone = torch.stack(alone, dim=1)  # [batch, P, num_classes]
        if self.decoder is None:
            return self._output(fields, alone[:, 0], alone, pooled[0])
        times = [self._relative_times(listened["times"]) for listened in passes]
        decoded = self._call(self.decoder, fields["grids"], tuple(times), first)
        masks = [listened["masks"] for listened in passes]
        selection = {
            "masks": torch.stack(masks, dim=1),
            "segment_logits": alone,
            "latents": decoded.latents,
            "summaries": decoded.summaries,
            **explored,
        }
        return self._output({**fields, **selection}, *decoded[:3])

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


def _projection(input_size, output_size):
    """A linear layer where sizes differ, else nothing."""
    if input_size == output_size:
        return torch.nn.Identity()
    return torch.nn.Linear(input_size, output_size)


def _within(positions, length):
    """Tell which positions [batch, n] lie before the end; always the first."""
    return positions <= torch.maximum(length, positions[:, :1])
