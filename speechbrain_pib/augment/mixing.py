"""Mixup (https://arxiv.org/abs/1710.09412) and cutmix
(https://arxiv.org/abs/1905.04899) of waveforms with soft targets.

Mixing waveforms, not spectrograms, lets every pass over a clip hear the same
mixture.

Authors
 * The speechbrain_pib developers 2026
"""

from typing import NamedTuple

import torch


class MixingDraws(NamedTuple):
    """Random numbers that mix one batch, one of each for each clip.

    Arguments
    ---------
    partners : torch.Tensor
        Index of the clip that is mixed in [batch].
    shares : torch.Tensor
        Share of the clip itself, from 0 to 1 [batch].
    is_cutmix : torch.Tensor
        True where the partner replaces a stretch of time, False where it is
        added all along [batch].
    offsets : torch.Tensor
        Where the replaced stretch lies, from 0 (at the start of the clip) to
        1 (at its end) [batch].
    """

    partners: torch.Tensor
    shares: torch.Tensor
    is_cutmix: torch.Tensor
    offsets: torch.Tensor


class WaveformMixing(torch.nn.Module):
    """Mixup and cutmix: mix each waveform, and its targets, with another one.

    Mixup adds the partner to the whole clip. Cutmix replaces one contiguous
    stretch of time by the same stretch of the partner. Each clip has its own
    draws: with one draw for all, whole small batches would be easy or hard.
    Does nothing in evaluation mode. Label smoothing is left to the loss.

    Arguments
    ---------
    mixup_alpha : float
        Shares of mixup are drawn from Beta(mixup_alpha, mixup_alpha).
    cutmix_alpha : float
        Shares of cutmix are drawn from Beta(cutmix_alpha, cutmix_alpha).
    probability : float
        Probability that a clip is mixed at all.
    switch_probability : float
        Probability that a mixed clip is mixed by cutmix, not by mixup.

    Example
    -------
    >>> mixing = WaveformMixing()
    >>> wavs, targets = mixing(torch.randn(4, 16000), torch.eye(4))
    >>> wavs.shape, targets.shape
    (torch.Size([4, 16000]), torch.Size([4, 4]))
    >>> targets.sum(dim=1)
    tensor([1., 1., 1., 1.])
    """

    def __init__(
        self,
        *,
        mixup_alpha=0.3,
        cutmix_alpha=1.0,
        probability=1.0,
        switch_probability=0.5,
    ):
        super().__init__()
        for name, alpha in (
            ("mixup_alpha", mixup_alpha),
            ("cutmix_alpha", cutmix_alpha),
        ):
            if alpha <= 0:
                raise ValueError(
                    f"{name} is {alpha} but must be positive; choose between "
                    "mixup and cutmix with switch_probability (0 or 1)."
                )
        self.mixup_alpha = mixup_alpha
        self.cutmix_alpha = cutmix_alpha
        self.probability = probability
        self.switch_probability = switch_probability

    def forward(self, wavs, targets):
        """Mix a batch.

        Arguments
        ---------
        wavs : torch.Tensor
            Waveforms [batch, samples], all filled to the end.
        targets : torch.Tensor
            Targets as floats (one-hot, multi-hot or soft) [batch, classes].

        Returns
        -------
        wavs : torch.Tensor
            Mixed waveforms [batch, samples].
        targets : torch.Tensor
            Targets mixed in the same shares [batch, classes].

        Raises
        ------
        ValueError
            If the targets are class indices.
        """
        if targets.dim() != 2 or not targets.is_floating_point():
            raise ValueError(
                "Mixing needs float targets [batch, classes] but got "
                f"{targets.dtype} {list(targets.shape)}: turn class indices "
                "into torch.nn.functional.one_hot(indices, classes).float()."
            )
        if not self.training:
            return wavs, targets
        draws = self.draw(len(wavs), wavs.device)
        weights, shares = self.own_weights(draws, wavs.shape[1])
        partners = draws.partners
        return (
            torch.lerp(wavs[partners], wavs, weights.to(wavs.dtype)),
            torch.lerp(
                targets[partners], targets, shares[:, None].to(targets.dtype)
            ),
        )

    def draw(self, batch_size, device):
        """Draw partners, shares and the kind of mixing.

        Arguments
        ---------
        batch_size : int
            Number of clips.
        device : torch.device
            Where to draw.

        Returns
        -------
        draws : MixingDraws
            The draws of each clip.
        """
        is_mixed, is_cutmix, offsets = torch.rand(3, batch_size, device=device)
        is_mixed = is_mixed < self.probability
        is_cutmix = is_cutmix < self.switch_probability
        alphas = torch.where(is_cutmix, self.cutmix_alpha, self.mixup_alpha)
        # Checking the arguments of the distribution would wait for the GPU.
        shares = torch.distributions.Beta(
            alphas, alphas, validate_args=False
        ).sample()
        return MixingDraws(
            partners=torch.randperm(batch_size, device=device),
            shares=torch.where(is_mixed, shares, 1.0),
            is_cutmix=is_cutmix,
            offsets=offsets,
        )

    @staticmethod
    def own_weights(draws, num_samples):
        """Compute the weight of each clip's own samples.

        Arguments
        ---------
        draws : MixingDraws
            The draws of each clip.
        num_samples : int
            Samples per clip.

        Returns
        -------
        weights : torch.Tensor
            Weight of the clip's own samples [batch, samples].
        shares : torch.Tensor
            Mean of the weights over time, the share of the clip's own
            targets [batch].
        """
        shares = draws.shares
        lengths = ((1 - shares) * num_samples).round()
        starts = (draws.offsets * (num_samples + 1 - lengths)).floor()
        positions = torch.arange(num_samples, device=shares.device)
        outside = (positions < starts[:, None]) | (
            positions >= (starts + lengths)[:, None]
        )
        is_cutmix = draws.is_cutmix
        return (
            torch.where(is_cutmix[:, None], outside, shares[:, None]),
            torch.where(is_cutmix, 1 - lengths / num_samples, shares),
        )
