"""Front ends of pretrained networks, at any positions.

Each gives the numbers that its network was trained on: where the original cuts
frames one after another, theirs are those centred at its frames' centres.

Authors
 * The speechbrain_pib developers 2026
"""

import math

import torch
from torchaudio.functional import melscale_fbanks

from speechbrain_pib.lobes.features import MultiHopFbank

DECIBELS = 10 / math.log(10)
KALDI = {
    "n_mels": 128,
    "n_fft": 512,
    "win_length": 400,
    "f_min": 20.0,
    "mel": "kaldi",
    "preemphasis": 0.97,
    "power": 2,
    "floor": torch.finfo(torch.float32).eps,
}
# What each network was trained on, where it is not as MultiHopFbank has it.
FRONT_ENDS = {
    "yamnet": {
        "n_frames": 96,
        "n_mels": 64,
        "n_fft": 512,
        "win_length": 400,
        "f_min": 125.0,
        "f_max": 7500.0,
        "mel": "kaldi",
        "log_offset": 1e-3,
    },
    # Of PANNs (https://arxiv.org/abs/1912.10211).
    "cnn14": {
        "hop_length": 320,
        "sample_rate": 32000,
        "n_mels": 64,
        "n_fft": 1024,
        "win_length": 1024,
        "f_min": 50.0,
        "f_max": 14000.0,
        "mel": "slaney",
        "power": 2,
        "floor": 1e-10,
        "unit": DECIBELS,
    },
    # SpeechBrain's Fbank, less the mean of each band over the clip.
    "ecapa": {
        "n_mels": 80,
        "n_fft": 400,
        "win_length": 400,
        "mel": "speechbrain",
        "window": "hamming",
        "power": 2,
        "floor": 1e-10,
        "unit": DECIBELS,
        "range": 80.0,
        "subtract_mean": True,
    },
    "beats": {
        **KALDI,
        "window": "povey",
        "scale": 2.0**15,
        "mean": 15.41663,
        "deviation": 2 * 6.55582,
    },
    "ast": {
        **KALDI,
        "window": "hanning",
        "mean": -4.2677393,
        "deviation": 2 * 4.5689974,
    },
}
WINDOWS = {
    "hann": torch.hann_window,
    "hamming": torch.hamming_window,
    "hanning": lambda size: torch.hann_window(size, periodic=False),
    "povey": lambda size: torch.hann_window(size, periodic=False).pow(0.85),
}


class PretrainedFbank(MultiHopFbank):
    """The log-mel frames that a pretrained network knows, at any positions.

    Arguments
    ---------
    network : str
        A key of FRONT_ENDS: "yamnet", "cnn14" (of PANNs), "ecapa" (of
        SpeechBrain), "beats" or "ast".
    hop_length : int
        Distance of two frames of the first pass, in samples (default: that of
        the network).
    n_frames : int
        Frames per pass (default: of YAMNet its 96, else those of 10 s).

    Example
    -------
    >>> fbank = PretrainedFbank("yamnet")
    >>> fbank(torch.randn(2, fbank.n_samples)).shape
    torch.Size([2, 96, 64])
    """

    def __init__(self, network, hop_length=None, n_frames=None):
        if network not in FRONT_ENDS:
            raise ValueError(
                f"no front end is known for {network!r}; there are those of "
                + ", ".join(sorted(FRONT_ENDS))
            )
        settings = {"hop_length": 160, "n_frames": 1000, **FRONT_ENDS[network]}
        self.settings = settings
        super().__init__(
            hop_length or settings["hop_length"],
            n_frames or settings["n_frames"],
            **{
                name: settings[name]
                for name in (
                    "sample_rate",
                    "n_mels",
                    "n_fft",
                    "win_length",
                    "f_min",
                    "f_max",
                    "log_offset",
                    "subtract_mean",
                )
                if name in settings
            },
        )
        self.window = WINDOWS[settings.get("window", "hann")](self.win_length)

    def _mel_filters(self, n_fft, n_mels, sample_rate, f_min, f_max):
        """The mel filters of the network [n_fft / 2 + 1, n_mels]."""
        make = {
            "kaldi": filters_straight_in_mel,
            "speechbrain": symmetric_filters,
            "slaney": slaney_filters,
        }[self.settings["mel"]]
        return make(n_fft // 2 + 1, n_mels, sample_rate, f_min, f_max)

    def _frames(self, wavs, centres):
        """Cut frames; of Kaldi's less their mean, higher frequencies louder."""
        frames = super()._frames(wavs, centres)
        if "preemphasis" in self.settings:
            frames = frames * self.settings.get("scale", 1.0)
            frames = frames - frames.mean(dim=-1, keepdim=True)
            before = torch.cat([frames[..., :1], frames[..., :-1]], dim=-1)
            frames = frames - self.settings["preemphasis"] * before
        return frames

    def _magnitude(self, power):
        """Magnitudes, or their squares."""
        if self.settings.get("power", 1) == 2:
            return power
        return super()._magnitude(power)

    def _log(self, mel):
        """Logarithm in the unit and at the scale of the network."""
        settings = self.settings
        if "floor" not in settings:
            return super()._log(mel)
        log_mel = mel.clamp(min=settings["floor"]).log_()
        log_mel = log_mel * settings.get("unit", 1.0)
        if "range" in settings:
            # In the clip, of all frames that are computed together.
            loudest = log_mel.amax(dim=(1, 2), keepdim=True)
            log_mel = torch.maximum(log_mel, loudest - settings["range"])
        mean, deviation = settings.get("mean", 0), settings.get("deviation", 1)
        return (log_mel - mean) / deviation


def filters_straight_in_mel(n_bins, n_mels, sample_rate, f_min, f_max):
    """Make Kaldi's and TensorFlow's triangles: their sides are straight in
    mel, not in Hz.

    Arguments
    ---------
    n_bins : int
        Bins of the spectrum, from 0 Hz to half the sampling rate.
    n_mels : int
        Number of filters.
    sample_rate : int
        In Hz.
    f_min : float
        Lower edge of the first filter in Hz.
    f_max : float
        Upper edge of the last filter in Hz.

    Returns
    -------
    filters : torch.Tensor
        [n_bins, n_mels].

    Example
    -------
    >>> filters_straight_in_mel(5, 2, 8000, 0.0, 4000.0).shape
    torch.Size([5, 2])
    """
    mel = _to_mel(_bins(n_bins, sample_rate))
    edges = _to_mel(_edges(n_mels, f_min, f_max))
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    rising = (mel - lower) / (centre - lower)
    falling = (upper - mel) / (upper - centre)
    return torch.minimum(rising, falling).clamp(min=0).float()


def symmetric_filters(n_bins, n_mels, sample_rate, f_min, f_max):
    """Make SpeechBrain's triangles: as wide above their centre as below.

    Arguments
    ---------
    n_bins : int
        Bins of the spectrum, from 0 Hz to half the sampling rate.
    n_mels : int
        Number of filters.
    sample_rate : int
        In Hz.
    f_min : float
        Lower edge of the first filter in Hz.
    f_max : float
        Upper edge of the last filter in Hz, were it not symmetric.

    Returns
    -------
    filters : torch.Tensor
        [n_bins, n_mels].

    Example
    -------
    >>> symmetric_filters(5, 2, 8000, 0.0, 4000.0).shape
    torch.Size([5, 2])
    """
    edges = _edges(n_mels, f_min, f_max)
    width = edges[1:-1] - edges[:-2]
    distance = (_bins(n_bins, sample_rate) - edges[1:-1]).abs() / width
    return (1 - distance).clamp(min=0).float()


def slaney_filters(n_bins, n_mels, sample_rate, f_min, f_max):
    """Make the triangles that librosa makes by default, of equal area.

    Arguments
    ---------
    n_bins : int
        Bins of the spectrum, from 0 Hz to half the sampling rate.
    n_mels : int
        Number of filters.
    sample_rate : int
        In Hz.
    f_min : float
        Lower edge of the first filter in Hz.
    f_max : float
        Upper edge of the last filter in Hz.

    Returns
    -------
    filters : torch.Tensor
        [n_bins, n_mels].

    Example
    -------
    >>> slaney_filters(5, 2, 8000, 0.0, 4000.0).shape
    torch.Size([5, 2])
    """
    return melscale_fbanks(
        n_bins,
        f_min,
        f_max,
        n_mels,
        sample_rate,
        norm="slaney",
        mel_scale="slaney",
    )


def _bins(n_bins, sample_rate):
    """Frequencies of the bins [n_bins, 1]."""
    highest = sample_rate / 2
    return torch.linspace(0, highest, n_bins, dtype=torch.float64).unsqueeze(1)


def _edges(n_mels, f_min, f_max):
    """Edges of filters that follow each other evenly in mel [n_mels + 2]."""
    ends = _to_mel(torch.tensor([f_min, f_max], dtype=torch.float64))
    edges = torch.linspace(*ends.tolist(), n_mels + 2, dtype=torch.float64)
    return 700.0 * torch.expm1(edges / 1127.0)


def _to_mel(frequencies):
    """HTK's mel of frequencies in Hz."""
    return 1127.0 * torch.log1p(frequencies / 700.0)
