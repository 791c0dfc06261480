"""MViTv2: multiscale vision transformer over log-mel spectrograms
(https://arxiv.org/abs/2112.01526), the backbone of Play It Back.

Computes what the published encoder does (no class token, no relative
positions, residual pooling, channels that grow inside the attention), with
fused attention, and with the pooling of all heads of queries, keys and values
in one convolution where their strides agree.

Authors
 * The speechbrain_pib developers 2026
"""

import math

import torch
from torch.nn.functional import (
    conv2d,
    linear,
    scaled_dot_product_attention,
)

from speechbrain_pib.lobes.models.backbones import Backbone
from speechbrain_pib.nnet.drop_path import DropPath

VARIANTS = {
    "nano": {"embed_dim": 32, "depths": (1, 1, 2, 1), "drop_path": 0.0},
    "T": {"embed_dim": 96, "depths": (1, 2, 5, 2), "drop_path": 0.1},
    "S": {"embed_dim": 96, "depths": (1, 2, 11, 2), "drop_path": 0.1},
    "B": {"embed_dim": 96, "depths": (2, 3, 16, 3), "drop_path": 0.3},
}


class PooledAttention(torch.nn.Module):
    """Self-attention over a grid whose queries, keys and values are pooled.

    Arguments
    ---------
    input_size : int
        Channels of the incoming grid.
    output_size : int
        Channels of the outgoing grid.
    num_heads : int
        Attention heads.
    query_stride : int
        Stride of the query pooling, hence of the grid.
    key_stride : int
        Stride of the pooling of keys and values.

    Example
    -------
    >>> attention = PooledAttention(16, 32, 2, query_stride=2, key_stride=4)
    >>> attention(torch.randn(1, 24, 8, 16)).shape
    torch.Size([1, 12, 4, 32])
    """

    def __init__(
        self, input_size, output_size, num_heads, query_stride, key_stride
    ):
        super().__init__()
        head_size = output_size // num_heads
        self.num_heads = num_heads
        self.qkv = torch.nn.Linear(input_size, 3 * output_size)
        self.proj = torch.nn.Linear(output_size, output_size)
        for name, stride in (
            ("q", query_stride),
            ("k", key_stride),
            ("v", key_stride),
        ):
            pool = torch.nn.Conv2d(
                head_size,
                head_size,
                3,
                stride=stride,
                padding=1,
                groups=head_size,
                bias=False,
            )
            self.add_module(f"pool_{name}", pool)
            norm = torch.nn.LayerNorm(head_size, eps=1e-6)
            self.add_module(f"norm_{name}", norm)

    def forward(self, grid):
        """Attend within the grid.

        Arguments
        ---------
        grid : torch.Tensor
            Features [batch, time, frequency, input_size].

        Returns
        -------
        grid : torch.Tensor
            Features [batch, time / stride, frequency / stride, output_size].
        """
        if self.pool_q.stride == self.pool_k.stride:
            (query, key, value), size = self._pool(grid, "qkv")
        else:
            (query,), size = self._pool(grid, "q")
            (key, value), _ = self._pool(grid, "kv")
        # [batch, heads, tokens, head_size] -> [batch, tokens, output_size]
        attended = scaled_dot_product_attention(query, key, value) + query
        attended = attended.transpose(1, 2).flatten(2)
        return self.proj(attended).unflatten(1, size)

    def _pool(self, grid, names):
        """Project and pool some of queries, keys and values in one call.

        Arguments
        ---------
        grid : torch.Tensor
            Features [batch, time, frequency, input_size].
        names : str
            "qkv", "q" or "kv".

        Returns
        -------
        pooled : list
            For each name [batch, heads, tokens, head_size].
        size : torch.Size
            Time and frequency of the tokens.
        """
        pools = [getattr(self, f"pool_{name}") for name in names]
        norms = [getattr(self, f"norm_{name}") for name in names]
        # One kernel for all heads: [names, 1, head_size, 1, 3, 3] becomes
        # [names * heads * head_size, 1, 3, 3].
        kernel = torch.stack([pool.weight for pool in pools]).unsqueeze(1)
        kernel = kernel.expand(-1, self.num_heads, -1, -1, -1, -1).flatten(0, 2)
        # To a convolution, the permuted view is in channels-last layout.
        pooled = conv2d(
            self._project(grid, names).permute(0, 3, 1, 2),
            kernel,
            stride=pools[0].stride,
            padding=pools[0].padding,
            groups=len(kernel),
        )
        # [batch, names, heads, head_size, tokens]
        parts = pooled.flatten(2).unflatten(1, (len(names), self.num_heads, -1))
        pairs = zip(norms, parts.transpose(3, 4).unbind(1))
        return [norm(part) for norm, part in pairs], pooled.shape[2:]

    def _project(self, grid, names):
        """Project a grid to some of queries, keys and values."""
        if names == "qkv":
            return self.qkv(grid)
        width = self.proj.in_features
        first = "qkv".index(names) * width
        rows = slice(first, first + len(names) * width)
        return linear(grid, self.qkv.weight[rows], self.qkv.bias[rows])


class MultiscaleBlock(torch.nn.Module):
    """Transformer block that may halve the grid and widen the channels.

    Arguments
    ---------
    input_size : int
        Channels of the incoming grid.
    output_size : int
        Channels of the outgoing grid.
    num_heads : int
        Attention heads.
    query_stride : int
        Stride of the grid.
    key_stride : int
        Stride of the pooling of keys and values.
    drop_path : float
        Probability of dropping a residual branch.

    Example
    -------
    >>> block = MultiscaleBlock(16, 32, 2, query_stride=2, key_stride=2)
    >>> block(torch.randn(1, 25, 8, 16)).shape
    torch.Size([1, 13, 4, 32])
    """

    def __init__(
        self,
        input_size,
        output_size,
        num_heads,
        query_stride=1,
        key_stride=1,
        drop_path=0.0,
    ):
        super().__init__()
        self.norm1 = torch.nn.LayerNorm(input_size, eps=1e-6)
        self.attn = PooledAttention(
            input_size, output_size, num_heads, query_stride, key_stride
        )
        self.norm2 = torch.nn.LayerNorm(output_size, eps=1e-6)
        self.mlp = torch.nn.Sequential(
            torch.nn.Linear(output_size, 4 * output_size),
            torch.nn.GELU(),
            torch.nn.Linear(4 * output_size, output_size),
        )
        self.proj = None
        if input_size != output_size:
            self.proj = torch.nn.Linear(input_size, output_size)
        self.pool_skip = None
        if query_stride > 1:
            self.pool_skip = torch.nn.MaxPool2d(
                query_stride + 1, query_stride, (query_stride + 1) // 2
            )
        self.drop_path = DropPath(drop_path)

    def forward(self, grid):
        """Apply the block.

        Arguments
        ---------
        grid : torch.Tensor
            Features [batch, time, frequency, input_size].

        Returns
        -------
        grid : torch.Tensor
            Features [batch, time / stride, frequency / stride, output_size].
        """
        normed = self.norm1(grid)
        skip = grid if self.proj is None else self.proj(normed)
        if self.pool_skip is not None:
            # A pooling takes [batch, channels, time, frequency].
            skip = self.pool_skip(skip.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        grid = skip + self.drop_path(self.attn(normed))
        return grid + self.drop_path(self.mlp(self.norm2(grid)))


class MViTv2(Backbone):
    """Multiscale vision transformer for log-mel spectrograms of any size.

    Every stage but the first halves the grid and doubles channels and heads.

    Arguments
    ---------
    num_classes : int
        Outputs of the classification head.
    variant : str
        "B", "S", "T" of the paper, or "nano", small enough to train on a CPU.
    embed_dim : int
        Channels of the first stage (default: the variant's).
    depths : list
        Blocks of each stage (default: the variant's).
    drop_path : float
        Rate of stochastic depth of the last block, rising linearly from 0
        (default: the variant's).
    dropout : float
        Dropout before the classification layer.

    Example
    -------
    >>> backbone = MViTv2(10, "nano")
    >>> grid, logits = backbone(torch.randn(2, 400, 128))
    >>> grid.shape, logits.shape
    (torch.Size([2, 13, 4, 256]), torch.Size([2, 10]))
    """

    def __init__(
        self,
        num_classes,
        variant="B",
        *,
        embed_dim=None,
        depths=None,
        drop_path=None,
        dropout=0.5,
    ):
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(
                f"MViTv2 has no variant {variant!r}; "
                f"it has {', '.join(sorted(VARIANTS))}"
            )
        settings = VARIANTS[variant]
        embed_dim = embed_dim or settings["embed_dim"]
        depths = depths or settings["depths"]
        if drop_path is None:
            drop_path = settings["drop_path"]
        self.time_stride = 4 * 2 ** (len(depths) - 1)
        self.output_size = embed_dim * 2 ** (len(depths) - 1)
        self.patch_embed = torch.nn.Conv2d(1, embed_dim, 7, stride=4, padding=3)
        self.blocks = torch.nn.Sequential(
            *self._build_blocks(embed_dim, depths, drop_path)
        )
        self.norm = torch.nn.LayerNorm(self.output_size, eps=1e-6)
        self.dropout = torch.nn.Dropout(dropout)
        self.head = torch.nn.Linear(self.output_size, num_classes)
        self.apply(self._initialize)

    @staticmethod
    def _build_blocks(embed_dim, depths, drop_path):
        """Yield the blocks of all stages."""
        last = sum(depths) - 1
        index, channels, key_stride = 0, embed_dim, 4
        for stage, depth in enumerate(depths):
            width = embed_dim * 2**stage
            for block in range(depth):
                stride = 2 if stage > 0 and block == 0 else 1
                key_stride = max(key_stride // stride, 1)
                yield MultiscaleBlock(
                    channels,
                    width,
                    num_heads=2**stage,
                    query_stride=stride,
                    key_stride=key_stride,
                    drop_path=drop_path * index / max(last, 1),
                )
                index, channels = index + 1, width

    @staticmethod
    def _initialize(module):
        """Draw truncated normal weights, zero the biases, as published."""
        if isinstance(module, torch.nn.Linear):
            torch.nn.init.trunc_normal_(module.weight, std=0.02)
            torch.nn.init.zeros_(module.bias)

    def token_positions(self, n_frames):
        """Compute the frame at the centre of each time step of the grid.

        Arguments
        ---------
        n_frames : int
            Frames of the input.

        Returns
        -------
        positions : torch.Tensor
            Input frame index at the centre of each time step [time].
        """
        steps = math.ceil(n_frames / self.time_stride)
        return self.time_stride * torch.arange(
            steps, device=self.norm.weight.device, dtype=torch.float32
        )

    def forward_features(self, log_mel):
        """Compute the feature grid.

        Arguments
        ---------
        log_mel : torch.Tensor
            Log-mel frames [batch, frames, n_mels].

        Returns
        -------
        grid : torch.Tensor
            Normalised features [batch, time, frequency, output_size].
        """
        # [batch, 1, frames, n_mels] -> [batch, time, frequency, embed_dim]
        grid = self.patch_embed(log_mel.unsqueeze(1)).permute(0, 2, 3, 1)
        return self.norm(self.blocks(grid.contiguous()))

    @staticmethod
    def convert_weights(state):
        """Rename the weights of an official or published MViTv2, as
        `convert_backbone` does."""
        # Not above: networks need torch and torchaudio alone.
        from speechbrain_pib.utils.weights import below, convert_backbone

        return convert_backbone(below(state, "encoder.") or state)
