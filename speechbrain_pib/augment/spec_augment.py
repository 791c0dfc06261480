"""SpecAugment (https://arxiv.org/abs/1904.08779) for several passes over one
clip: every pass misses the same original time and the same mel bands.

torchaudio's masks are drawn per spectrogram, so that a replay would reveal
what the first pass was denied.

Authors
 * The speechbrain_pib developers 2026
"""

import torch


class SpecAugment(torch.nn.Module):
    """Mask time and frequency, the same of a clip in every pass.

    Without time warping, which the published code gets wrong and which would
    falsify the times of the replays.

    Arguments
    ---------
    time_masks : int
        Number of time masks.
    time_width : int
        Largest width of a time mask in frames of the first pass.
    frequency_masks : int
        Number of frequency masks.
    frequency_width : int
        Largest width of a frequency mask in mel bands of the first pass.

    Example
    -------
    >>> augment = SpecAugment()
    >>> masks = augment.draw(2, 400, 128, "cpu")
    >>> positions = torch.arange(400).expand(2, -1) + 0.5
    >>> augment(torch.randn(2, 400, 128), positions, masks).shape
    torch.Size([2, 400, 128])
    """

    def __init__(
        self,
        time_masks=2,
        time_width=25,
        frequency_masks=2,
        frequency_width=27,
    ):
        super().__init__()
        self.time_masks = time_masks
        self.time_width = time_width
        self.frequency_masks = frequency_masks
        self.frequency_width = frequency_width

    def draw(self, batch_size, n_frames, n_mels, device):
        """Draw the masks of a batch of clips.

        Arguments
        ---------
        batch_size : int
            Number of clips.
        n_frames : int
            Frames of the first pass.
        n_mels : int
            Number of mel bands of the first pass.
        device : torch.device
            Where the masks are wanted.

        Returns
        -------
        masks : tuple
            Intervals of time in positions of the first pass
            [2, batch, time_masks], and of mel bands in shares of all
            [2, batch, frequency_masks].
        """

        def intervals(number, width, size):
            draws = torch.rand(2, batch_size, number, device=device)
            widths = draws[0] * min(width, size)
            starts = draws[1] * (size - widths)
            return torch.stack([starts, starts + widths])

        return (
            intervals(self.time_masks, self.time_width, n_frames),
            intervals(self.frequency_masks, self.frequency_width, n_mels)
            / n_mels,
        )

    def forward(self, log_mel, positions, masks):
        """Fill the masked parts of a pass with the mean of each spectrogram.

        Arguments
        ---------
        log_mel : torch.Tensor
            [batch, frames, n_mels].
        positions : torch.Tensor
            Original positions of the frames, in frames of the first pass
            [batch, frames].
        masks : tuple
            As drawn for this batch.

        Returns
        -------
        log_mel : torch.Tensor
            The same shape, not in place.
        """
        n_mels = log_mel.shape[2]
        bands = (torch.arange(n_mels, device=log_mel.device) + 0.5) / n_mels
        hidden_time = _inside(positions, masks[0])
        hidden_bands = _inside(bands.expand(len(log_mel), -1), masks[1])
        hidden = hidden_time.unsqueeze(2) | hidden_bands.unsqueeze(1)
        mean = log_mel.mean(dim=(1, 2), keepdim=True)
        return torch.where(hidden, mean, log_mel)


def _inside(positions, intervals):
    """Tell whether positions [batch, n] lie in any of the intervals."""
    start, stop = intervals.unsqueeze(2)
    positions = positions.unsqueeze(-1)
    return ((positions >= start) & (positions < stop)).any(dim=-1)
