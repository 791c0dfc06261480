"""Log-mel frames of a waveform, centred at any sample positions.

Play It Back (https://arxiv.org/abs/2210.11328) hears a clip at several hop
lengths. Published code computes one full spectrogram per hop; here a pass
computes only the frames that it needs, each centred at a given sample.

Authors
 * The speechbrain_pib developers 2026
"""

import torch
from torchaudio.functional import melscale_fbanks

# Blocks of bands in which the mel filters are applied: more of them do less
# arithmetic, and call more kernels.
BLOCKS = 8
# Spectra of so many frames fit into the memory that the allocator keeps, where
# those of a whole pass are given back to the system and asked for again.
CPU_FRAMES = 200


class MultiHopFbank(torch.nn.Module):
    """Log-mel filterbank whose frames are centred at given sample positions.

    On a uniform grid the values are those of
    ``log(librosa.filters.mel(htk=True, norm=None) @ abs(librosa.stft) + 1e-6)``
    with zero padding. A position that is not a whole number of samples is
    rounded to the nearest one, so that fractional hops never drift. Positions
    outside the waveform hear silence. Always computed in float32.

    Arguments
    ---------
    hop_length : int
        Distance of two frames of the first pass, in samples.
    n_frames : int
        Frames per pass.
    sample_rate : int
        Sampling rate of the waveforms in Hz.
    n_mels : int
        Number of mel bands.
    n_fft : int
        Size of the Fourier transform in samples.
    win_length : int
        Length of the periodic Hann window in samples; the longest one where
        the window follows the hop.
    win_hops : float
        Length of each frame's window in hops of its own, to the nearest even
        number of samples and at most win_length (default: None, win_length at
        every hop, as published). Four hops hear nothing of what is too fast
        for the frame rate; a fixed window hears no more at a finer hop than
        its own length resolves.
    f_min : float
        Lower edge of the first band in Hz.
    f_max : float
        Upper edge of the last band in Hz (default: half the sampling rate).
    log_offset : float
        Added to the magnitudes before the natural logarithm.
    subtract_mean : bool
        Subtract each band's mean over the frames: what swells and ends stands
        out, what sounds all the time is lost.

    Example
    -------
    >>> fbank = MultiHopFbank(hop_length=200, n_frames=400)
    >>> wavs = torch.randn(2, fbank.n_samples)
    >>> fbank(wavs).shape
    torch.Size([2, 400, 128])
    >>> fbank(wavs, fbank.uniform_centres(3)).shape
    torch.Size([2, 1200, 128])
    """

    def __init__(
        self,
        hop_length,
        n_frames=400,
        *,
        sample_rate=16000,
        n_mels=128,
        n_fft=2048,
        win_length=320,
        win_hops=None,
        f_min=0.0,
        f_max=None,
        log_offset=1e-6,
        subtract_mean=False,
    ):
        super().__init__()
        if win_length > n_fft:
            raise ValueError(
                f"win_length {win_length} is longer than n_fft {n_fft}"
            )
        self.hop_length = hop_length
        self.n_frames = n_frames
        self.sample_rate = sample_rate
        self.n_mels = n_mels
        self.n_fft = n_fft
        self.win_length = win_length
        self.win_hops = win_hops
        self.log_offset = log_offset
        self.subtract_mean = subtract_mean
        f_max = sample_rate / 2 if f_max is None else f_max
        filters = self._mel_filters(n_fft, n_mels, sample_rate, f_min, f_max)
        window = torch.hann_window(win_length)
        if win_hops is not None:
            window = _hann_windows(win_length)
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("window", window, persistent=False)
        self.blocks = list(_nonzero_blocks(filters, BLOCKS))

    @staticmethod
    def _mel_filters(n_fft, n_mels, sample_rate, f_min, f_max):
        """Triangles in Hz [n_fft / 2 + 1, n_mels]."""
        return melscale_fbanks(
            n_fft // 2 + 1,
            f_min,
            f_max,
            n_mels,
            sample_rate,
            norm=None,
            mel_scale="htk",
        )

    @property
    def n_samples(self):
        """Samples that the first pass covers: frames times hop."""
        return self.n_frames * self.hop_length

    def uniform_centres(self, refinement=1):
        """Compute the frame centres of a uniform grid, finer by a whole factor.

        Arguments
        ---------
        refinement : int
            1 for the grid of the first pass, k + 1 for that of replay k.

        Returns
        -------
        centres : torch.Tensor
            Positions in samples [n_frames * refinement].
        """
        frames = torch.arange(
            self.n_frames * refinement,
            device=self.window.device,
            dtype=torch.float32,
        )
        return frames * self.hop_length / refinement

    def forward(self, wavs, centres=None, hops=None):
        """Compute the log-mel frames at the given positions.

        Arguments
        ---------
        wavs : torch.Tensor
            Waveforms [batch, samples].
        centres : torch.Tensor
            Frame centres in samples, [batch, frames] or [frames] for all
            clips alike (default: the uniform grid of the first pass).
        hops : torch.Tensor
            Distance of each frame from its neighbours in samples, in the shape
            of the centres, for windows that follow it (default: the hop of the
            first pass).

        Returns
        -------
        log_mel : torch.Tensor
            Natural logarithm of mel magnitudes [batch, frames, n_mels].
        """
        if centres is None:
            centres = self.uniform_centres()
        centres = centres.expand(wavs.shape[0], -1)
        with torch.autocast(wavs.device.type, enabled=False):
            frames = self._frames(wavs.float(), centres.float())
            mel = self._transform(frames.mul_(self._windows(hops)))
            log_mel = self._log(mel)
            if self.subtract_mean:
                log_mel = log_mel - log_mel.mean(dim=1, keepdim=True)
            return log_mel

    def _log(self, mel):
        """Logarithm of mel magnitudes, in place."""
        return mel.add_(self.log_offset).log_()

    def _frames(self, wavs, centres):
        """Cut [batch, frames, win_length] samples around the centres."""
        left = self.win_length // 2
        padded = torch.nn.functional.pad(wavs, (self.win_length,) * 2)
        starts = torch.floor(centres + 0.5).long() - left + self.win_length
        starts = starts.clamp(0, padded.shape[1] - self.win_length)
        return self._cut(padded, starts)

    def _cut(self, wavs, starts):
        """Cut win_length samples from where they start [batch, frames]."""
        clips = torch.arange(len(wavs), device=wavs.device).unsqueeze(1)
        windows = wavs.flatten().unfold(0, self.win_length, 1)
        return windows[starts + clips * wavs.shape[1]]

    def _windows(self, hops):
        """Windows for frames of these hops [..., win_length]."""
        if self.win_hops is None:
            return self.window
        if hops is None:
            hops = self.window.new_tensor(self.hop_length)
        halves = (hops.float() * (self.win_hops / 2)).round().long()
        return self.window[halves.clamp(1, len(self.window)) - 1]

    def _transform(self, frames):
        """Compute mel magnitudes [batch, frames, n_mels] of windowed frames."""
        parts = frames.flatten(0, 1).split(_frames_at_a_time(frames))
        mel = torch.cat([self._mel(self._power(part)) for part in parts])
        return mel.unflatten(0, frames.shape[:2])

    def _power(self, frames):
        """Compute power spectra [n, bins] of frames [n, win_length]."""
        spectrum = torch.fft.rfft(frames, n=self.n_fft)
        # Much faster than abs.
        squares = torch.view_as_real(spectrum).square_()
        return squares[..., 0] + squares[..., 1]

    def _mel(self, power):
        """Compute mel magnitudes [..., n_mels] of power spectra."""
        magnitude = self._magnitude(power)
        return torch.cat(
            [
                magnitude[..., bins] @ self.filters[bins, bands]
                for bins, bands in self.blocks
            ],
            dim=-1,
        )

    def _magnitude(self, power):
        """Magnitudes of their squares, in place."""
        return power.clamp_(min=1e-30).sqrt_()  # whose derivative is finite


def _hann_windows(longest):
    """Periodic Hann windows of 2, 4, ... samples, each in the middle of
    `longest` samples [longest / 2, longest]."""
    halves = torch.arange(1, longest // 2 + 1).unsqueeze(1)
    offsets = torch.arange(longest) - longest // 2
    windows = 0.5 + 0.5 * torch.cos(torch.pi * offsets / halves)
    return windows * (offsets.abs() <= halves)


def _frames_at_a_time(frames):
    """Return how many of frames [batch, frames, win_length] to transform
    together."""
    number = frames.shape[0] * frames.shape[1]
    if frames.device.type == "cpu" and not torch.compiler.is_compiling():
        return min(CPU_FRAMES, number)
    return number


def _nonzero_blocks(filters, number):
    """Yield slices of bins and bands that cover all nonzero filters.

    Narrow low bands and wide high ones in one matrix would be mostly zeros.
    """
    n_bins, n_bands = filters.shape
    width = -(-n_bands // number)
    for first in range(0, n_bands, width):
        bands = slice(first, first + width)
        used = filters[:, bands].any(dim=1).int()
        start, stop = int(used.argmax()), n_bins - int(used.flip(0).argmax())
        yield slice(start, stop), bands
