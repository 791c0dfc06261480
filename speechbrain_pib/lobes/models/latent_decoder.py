"""Latent decoder: a few latent vectors read every pass in turn and classify.

The decoder of Play It Back (https://arxiv.org/abs/2210.11328), a Perceiver
(https://arxiv.org/abs/2103.03206) with one level per pass.

Authors
 * The speechbrain_pib developers 2026
"""

import math
from typing import NamedTuple

import torch
from torch.nn.functional import gelu, scaled_dot_product_attention


def fourier_positions(positions, num_bands, max_frequency):
    """Compute Fourier features of positions in [-1, 1].

    Arguments
    ---------
    positions : torch.Tensor
        [...].
    num_bands : int
        Number of frequencies, spaced linearly from 1 to half the maximum.
    max_frequency : float
        Highest frequency that the sampling of the positions holds.

    Returns
    -------
    features : torch.Tensor
        Sines, cosines and the position itself [..., 2 * num_bands + 1].

    Example
    -------
    >>> fourier_positions(torch.zeros(3), 2, 10.0)[0]
    tensor([0., 0., 1., 1., 0.])
    """
    frequencies = torch.linspace(
        1.0, max_frequency / 2, num_bands, device=positions.device
    )
    angles = positions.unsqueeze(-1) * frequencies * math.pi
    return torch.cat(
        [angles.sin(), angles.cos(), positions.unsqueeze(-1)], dim=-1
    )


class LatentAttention(torch.nn.Module):
    """Residual pre-norm attention of latents to a context or to themselves.

    Arguments
    ---------
    latent_size : int
        Features of a latent.
    num_heads : int
        Attention heads.
    head_size : int
        Features of a head.
    context_size : int
        Features of the context (default: attend to the latents themselves).

    Example
    -------
    >>> attention = LatentAttention(32, 2, 16, context_size=90)
    >>> attention(torch.randn(1, 12, 32), torch.randn(1, 52, 90)).shape
    torch.Size([1, 12, 32])
    """

    def __init__(self, latent_size, num_heads, head_size, context_size=None):
        super().__init__()
        inner_size = num_heads * head_size
        self.num_heads = num_heads
        self.norm = torch.nn.LayerNorm(latent_size)
        self.norm_context = None
        if context_size is not None:
            self.norm_context = torch.nn.LayerNorm(context_size)
        self.to_q = torch.nn.Linear(latent_size, inner_size, bias=False)
        self.to_kv = torch.nn.Linear(
            context_size or latent_size, 2 * inner_size, bias=False
        )
        self.to_out = torch.nn.Linear(inner_size, latent_size)

    def forward(self, latents, context=None):
        """Attend to the context and add the residual.

        Arguments
        ---------
        latents : torch.Tensor
            [batch, latents, latent_size].
        context : torch.Tensor
            [batch, tokens, context_size].

        Returns
        -------
        latents : torch.Tensor
            The same shape.
        """
        normed = self.norm(latents)
        context = normed if context is None else self.norm_context(context)
        # [batch, heads, latents or tokens, head_size]
        query = self._split_heads(self.to_q(normed))
        key, value = self.to_kv(context).chunk(2, dim=-1)
        attended = scaled_dot_product_attention(
            query, self._split_heads(key), self._split_heads(value)
        )
        return latents + self.to_out(attended.transpose(1, 2).flatten(2))

    def _split_heads(self, x):
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)


class GatedFeedForward(torch.nn.Module):
    """Residual pre-norm feed-forward network with a gated GELU
    (https://arxiv.org/abs/2002.05202).

    Arguments
    ---------
    latent_size : int
        Features of a latent; the hidden layer has four times as many.

    Example
    -------
    >>> GatedFeedForward(32)(torch.randn(1, 12, 32)).shape
    torch.Size([1, 12, 32])
    """

    def __init__(self, latent_size):
        super().__init__()
        self.norm = torch.nn.LayerNorm(latent_size)
        self.expand = torch.nn.Linear(latent_size, 8 * latent_size)
        self.contract = torch.nn.Linear(4 * latent_size, latent_size)

    def forward(self, latents):
        """Transform and add the residual.

        Arguments
        ---------
        latents : torch.Tensor
            [batch, latents, latent_size].

        Returns
        -------
        latents : torch.Tensor
            The same shape.
        """
        hidden, gate = self.expand(self.norm(latents)).chunk(2, dim=-1)
        return latents + self.contract(hidden * gelu(gate))


class DecoderLevel(torch.nn.Module):
    """Reads one pass: cross-attention, then self-attention of the latents.

    Arguments
    ---------
    latent_size : int
        Features of a latent.
    context_size : int
        Features of a token of the pass, position included.
    cross_heads : int
        Heads of the cross-attention.
    latent_heads : int
        Heads of the self-attention.
    head_size : int
        Features of a head.
    self_blocks : int
        Number of self-attention blocks.

    Example
    -------
    >>> level = DecoderLevel(32, 90, 1, 2, 16, 3)
    >>> level(torch.randn(1, 12, 32), torch.randn(1, 52, 90)).shape
    torch.Size([1, 12, 32])
    """

    def __init__(
        self,
        latent_size,
        context_size,
        cross_heads,
        latent_heads,
        head_size,
        self_blocks,
    ):
        super().__init__()
        self.cross_attention = LatentAttention(
            latent_size, cross_heads, head_size, context_size
        )
        self.cross_feed_forward = GatedFeedForward(latent_size)
        self.self_blocks = torch.nn.Sequential()
        for _ in range(self_blocks):
            self.self_blocks.append(
                LatentAttention(latent_size, latent_heads, head_size)
            )
            self.self_blocks.append(GatedFeedForward(latent_size))

    def forward(self, latents, tokens):
        """Update the latents with a pass.

        Arguments
        ---------
        latents : torch.Tensor
            [batch, latents, latent_size].
        tokens : torch.Tensor
            [batch, tokens, context_size].

        Returns
        -------
        latents : torch.Tensor
            The same shape.
        """
        latents = self.cross_attention(latents, tokens)
        return self.self_blocks(self.cross_feed_forward(latents))


class DecoderOutput(NamedTuple):
    """What a decoder read, and what it is told by.

    Arguments
    ---------
    logits : torch.Tensor
        All passes fused [batch, num_classes]; those of the last one where
        some are missing.
    pass_logits : torch.Tensor
        After each pass [batch, passes, num_classes].
    fused : torch.Tensor
        What `logits` were computed from [batch, latent_size].
    latents : torch.Tensor
        After the last pass, to read on [batch, latents, latent_size].
    summaries : torch.Tensor
        What `pass_logits` were computed from [batch, passes, latent_size].

    Example
    -------
    >>> logits = torch.zeros(2, 10)
    >>> DecoderOutput(logits, logits[:, None], None, None, None).logits.shape
    torch.Size([2, 10])
    """

    logits: torch.Tensor
    pass_logits: torch.Tensor
    fused: torch.Tensor
    latents: torch.Tensor
    summaries: torch.Tensor


class LatentDecoder(torch.nn.Module):
    """Classifies a sequence of passes through latents carried over them.

    Departure from the published code: the time position of a token is the
    original time that it shows, not its place in the replay; both agree on
    the uniform grid.

    Arguments
    ---------
    input_size : int
        Features of the first pass's grid.
    num_classes : int
        Number of classes.
    num_passes : int
        Number of passes, replays + 1.
    replay_input_size : int
        Features of the grids of the replays (default: input_size).
    num_latents : int
        Number of latents.
    latent_size : int
        Features of a latent.
    cross_heads : int
        Heads of the attention to a pass.
    latent_heads : int
        Heads of the attention among latents.
    head_size : int
        Features of a head.
    self_blocks : int
        Self-attention blocks per pass.
    num_bands : int
        Frequencies of the Fourier positions.
    max_frequency : float
        Highest frequency of the Fourier positions.
    dropout : float
        Dropout before the last layer.

    Example
    -------
    >>> decoder = LatentDecoder(
    ...     64,
    ...     10,
    ...     num_passes=2,
    ...     num_latents=8,
    ...     latent_size=32,
    ...     latent_heads=2,
    ...     head_size=16,
    ... )
    >>> grids = torch.randn(3, 13, 4, 64), torch.randn(3, 13, 4, 64)
    >>> read = decoder(grids)
    >>> read.logits.shape, read.pass_logits.shape, read.fused.shape
    (torch.Size([3, 10]), torch.Size([3, 2, 10]), torch.Size([3, 32]))
    """

    def __init__(
        self,
        input_size,
        num_classes,
        num_passes,
        *,
        replay_input_size=None,
        num_latents=256,
        latent_size=512,
        cross_heads=1,
        latent_heads=8,
        head_size=64,
        self_blocks=3,
        num_bands=6,
        max_frequency=10.0,
        dropout=0.1,
    ):
        super().__init__()
        self.input_size = input_size
        self.replay_input_size = replay_input_size or input_size
        self.num_bands = num_bands
        self.max_frequency = max_frequency
        self.latents = torch.nn.Parameter(torch.empty(num_latents, latent_size))
        torch.nn.init.trunc_normal_(self.latents, std=0.02)
        position_size = 2 * (2 * num_bands + 1)
        replay_sizes = [self.replay_input_size] * (num_passes - 1)
        self.levels = torch.nn.ModuleList(
            DecoderLevel(
                latent_size,
                size + position_size,
                cross_heads,
                latent_heads,
                head_size,
                self_blocks,
            )
            for size in (input_size, *replay_sizes)
        )
        self.norm = torch.nn.LayerNorm(latent_size)
        self.fusion = torch.nn.Conv1d(
            latent_size, latent_size, num_passes, bias=False
        )
        self.dropout = torch.nn.Dropout(dropout)
        self.classifier = torch.nn.Linear(latent_size, num_classes)

    def no_weight_decay(self):
        """Name the parameters that an optimizer must not pull to zero."""
        return {"latents"}

    def forward(self, grids, time_positions=None, first=None):
        """Read passes and classify.

        Arguments
        ---------
        grids : tuple of torch.Tensor
            Features of each pass [batch, time, frequency, input_size], where
            the last size is replay_input_size for replays; of the first ones
            where not all have been heard yet.
        time_positions : tuple of torch.Tensor
            Of each pass the original time of each time step, -1 at the first
            and 1 at the last of the first pass [batch, time] (default: a
            uniform grid from -1 to 1).
        first : DecoderOutput
            What was returned of the first of these passes, which are then not
            read again (default: there was nothing).

        Returns
        -------
        output : DecoderOutput
        """
        if not 1 <= len(grids) <= len(self.levels):
            raise ValueError(
                f"LatentDecoder was built for {len(self.levels)} passes, "
                f"and was given {len(grids)}"
            )
        latents, summaries = self.start(grids[0].shape[0]), []
        if first is not None:
            latents, summaries = first.latents, list(first.summaries.unbind(1))
        for index in range(len(summaries), len(grids)):
            times = None if time_positions is None else time_positions[index]
            latents, summary = self.read(index, latents, grids[index], times)
            summaries.append(summary)
        summaries = torch.stack(summaries, dim=1)
        logits, fused = self.fuse(summaries)
        return DecoderOutput(
            logits, self.classifier(summaries), fused, latents, summaries
        )

    def start(self, batch):
        """Return the latents before the first pass.

        Arguments
        ---------
        batch : int
            Number of clips.

        Returns
        -------
        latents : torch.Tensor
            [batch, latents, latent_size].
        """
        return self.latents.expand(batch, -1, -1)

    def read(self, index, latents, grid, times=None):
        """Let the latents read a pass.

        Arguments
        ---------
        index : int
            Number of the pass, from 0.
        latents : torch.Tensor
            From `start`, or from the pass before
            [batch, latents, latent_size].
        grid : torch.Tensor
            Features of the pass, as of forward
            [batch, time, frequency, features].
        times : torch.Tensor
            As `time_positions` of forward, of this pass [batch, time].

        Returns
        -------
        latents : torch.Tensor
            The same shape.
        summary : torch.Tensor
            What `classifier` tells the classes after this pass from
            [batch, latent_size].
        """
        latents = self.levels[index](latents, self._tokens(grid, times))
        return latents, self.norm(latents.mean(dim=1))

    def fuse(self, summaries):
        """Classify passes together.

        Arguments
        ---------
        summaries : torch.Tensor
            Of every pass, or of the first ones [batch, passes, latent_size].

        Returns
        -------
        logits : torch.Tensor
            All passes fused [batch, num_classes]; those of the last one where
            some are missing.
        fused : torch.Tensor
            What they were computed from [batch, latent_size].
        """
        if summaries.shape[1] < len(self.levels):
            return self.classifier(summaries[:, -1]), summaries[:, -1]
        # [batch, latent_size, passes] -> [batch, latent_size]
        fused = self.fusion(summaries.transpose(1, 2)).squeeze(-1).relu()
        return self.classifier(self.dropout(fused)), fused

    def _tokens(self, grid, times):
        """Append Fourier positions: [batch, tokens, context_size]."""
        time, frequency = grid.shape[1:3]
        if times is None:
            times = torch.linspace(-1, 1, time, device=grid.device)
        frequencies = torch.linspace(-1, 1, frequency, device=grid.device)
        positions = [
            fourier_positions(axis, self.num_bands, self.max_frequency).expand(
                *grid.shape[:-1], -1
            )
            for axis in (times.unsqueeze(-1), frequencies)
        ]
        return torch.cat([grid, *positions], dim=-1).flatten(1, 2)
