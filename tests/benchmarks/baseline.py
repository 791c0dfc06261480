"""The same model computed in the way of the published code
(https://arxiv.org/abs/2210.11328): what the throughput is compared with.

Attention in steps, pooling head by head after copies to another layout, and
full spectrograms at the hop of each pass, clip by clip, with new mel filters
every time. Weights and results stay those of the model.

Authors
 * The speechbrain_pib developers 2026
"""

import copy

import torch
from torchaudio.functional import melscale_fbanks

from speechbrain_pib.lobes.features import MultiHopFbank
from speechbrain_pib.lobes.models.latent_decoder import LatentAttention
from speechbrain_pib.lobes.models.mvitv2 import PooledAttention


class UnfusedPooledAttention(PooledAttention):
    """Pooled attention as in the published encoder."""

    def forward(self, grid):
        """Attends."""
        heads = (3, self.num_heads, -1)
        projected = self.qkv(grid).flatten(1, 2).unflatten(-1, heads)
        query, key, value = projected.permute(2, 0, 3, 1, 4)
        grid_size = grid.shape[1:3]
        query, size = _pool(query, grid_size, self.pool_q, self.norm_q)
        key, _ = _pool(key, grid_size, self.pool_k, self.norm_k)
        value, _ = _pool(value, grid_size, self.pool_v, self.norm_v)
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
        attended = scores.softmax(dim=-1) @ value + query
        attended = attended.transpose(1, 2).flatten(2)
        return self.proj(attended).unflatten(1, size)


def _pool(x, grid_size, pool, norm):
    """Pools [batch, heads, tokens, head_size], each head as an image."""
    images = x.unflatten(2, grid_size).flatten(0, 1).permute(0, 3, 1, 2)
    pooled = pool(images.contiguous())
    tokens = pooled.flatten(2).transpose(1, 2).unflatten(0, x.shape[:2])
    return norm(tokens), pooled.shape[2:]


class UnfusedLatentAttention(LatentAttention):
    """Attention of latents as in the published decoder."""

    def forward(self, latents, context=None):
        """Attends and adds."""
        normed = self.norm(latents)
        context = normed if context is None else self.norm_context(context)
        query = self._split_heads(self.to_q(normed))
        key, value = map(self._split_heads, self.to_kv(context).chunk(2, -1))
        scores = torch.einsum("bhid,bhjd->bhij", query, key)
        scores = scores * query.shape[-1] ** -0.5
        scores = scores - scores.amax(dim=-1, keepdim=True).detach()
        shares = scores.softmax(dim=-1).nan_to_num()
        attended = torch.einsum("bhij,bhjd->bhid", shares, value)
        return latents + self.to_out(attended.transpose(1, 2).flatten(2))


class PublishedFbank(MultiHopFbank):
    """Full spectrograms of every clip at the smallest hop that is asked for,
    of which the nearest frames are kept."""

    def forward(self, wavs, centres=None, hops=None):
        """Computes the log-mel frames; one window serves all hops."""
        if centres is None:
            centres = self.uniform_centres()
        centres = centres.expand(len(wavs), -1)
        return torch.stack(list(map(self._clip, wavs, centres)))

    def _clip(self, wav, centres):
        """The frames of one clip; waits for the device to know its hop."""
        smallest = min(centres.diff().min().item(), self.hop_length)
        hop = round(self.hop_length / round(self.hop_length / smallest))
        log_mel = self.spectrogram(wav, hop)
        frames = (centres / hop).round().long().clamp(0, len(log_mel) - 1)
        return log_mel[frames]

    def spectrogram(self, wav, hop):
        """Full log-mel spectrogram [frames, n_mels] of one clip."""
        spectrum = torch.stft(
            wav,
            self.n_fft,
            hop,
            self.win_length,
            self.window,
            pad_mode="constant",
            return_complex=True,
        )
        filters = melscale_fbanks(
            self.n_fft // 2 + 1,
            0.0,
            self.sample_rate / 2,
            self.n_mels,
            self.sample_rate,
            mel_scale="htk",
        )
        mel = spectrum.abs().T @ filters.to(wav.device)
        return torch.log(mel + self.log_offset)


def unfused(model):
    """Copies a module, its attention in steps.

    Arguments
    ---------
    model : torch.nn.Module
        PlayItBack or a part of it.

    Returns
    -------
    model : torch.nn.Module
        With equal results.
    """
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, PooledAttention):
            module.__class__ = UnfusedPooledAttention
        elif isinstance(module, LatentAttention):
            module.__class__ = UnfusedLatentAttention
    return model


def published(model):
    """Copies a PlayItBack, computed as in the published code throughout.

    Arguments
    ---------
    model : PlayItBack

    Returns
    -------
    model : PlayItBack
    """
    model = unfused(model)
    model.fbank.__class__ = PublishedFbank
    return model
