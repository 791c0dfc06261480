"""The spectrogram of a whole recording, as tiles of several scales.

A page that shows a day of sound cannot hold it in one picture, and a browser
decodes only what it shows: each scale is cut into tiles, and each coarser one
has the loudest of `FACTOR` columns, so that short sounds stay visible however
far one zooms out.

Authors
 * The speechbrain_pib developers 2026
"""

from typing import NamedTuple

import numpy as np
import torch

from speechbrain_pib.inference.reports.pictures import to_levels
from speechbrain_pib.lobes.features import MultiHopFbank

COLUMNS_PER_SECOND = 40
BANDS = 80
TILE_COLUMNS = 1024
FACTOR = 8  # between the columns of two scales
LOWEST, HIGHEST = -100.0, 20.0  # dB; a sine at full scale is at 0 or above


class Tile(NamedTuple):
    """A part of the spectrogram at one scale.

    Arguments
    ---------
    scale : int
        0 for the finest one.
    index : int
        Its place among the tiles of its scale.
    levels : numpy.ndarray
        [bands, columns], uint8, the lowest band first; `TILE_COLUMNS` columns
        or, at the end, less.

    Example
    -------
    >>> Tile(0, 2, np.zeros((80, 1024), np.uint8)).index
    2
    """

    scale: int
    index: int
    levels: np.ndarray


class TiledSpectrogram:
    """Log-mel spectrogram of a recording, however long it is.

    Column i of the finest scale shows the sound around i times
    `seconds_per_column`, and column j of scale k the loudest of the columns
    from j times `FACTOR`^k on.

    Arguments
    ---------
    sound : speechbrain_pib.dataio.timelines.blocks.Sound
        The opened recording.
    sample_rate : int
        Its rate in Hz; half of it is the top of the picture.

    Example
    -------
    >>> from speechbrain.dataio import audio_io
    >>> from speechbrain_pib.dataio.timelines.blocks import open_sound
    >>> path = getfixture("tmpdir") / "noise.wav"
    >>> audio_io.save(path, 0.1 * torch.randn(1, 16000 * 60), 16000)
    >>> with open_sound(path, 16000) as sound:
    ...     spectrogram = TiledSpectrogram(sound, 16000)
    ...     tiles = list(spectrogram.tiles())
    >>> spectrogram.columns
    [2401, 301]
    >>> [(tile.scale, tile.index, tile.levels.shape) for tile in tiles]
    [(0, 0, (80, 1024)), (0, 1, (80, 1024)), (0, 2, (80, 353)),
     (1, 0, (80, 301))]
    """

    def __init__(self, sound, sample_rate):
        self.sound, self.sample_rate = sound, sample_rate
        hop = max(round(sample_rate / COLUMNS_PER_SECOND), 1)
        self.fbank = MultiHopFbank(
            hop,
            TILE_COLUMNS,
            sample_rate=sample_rate,
            n_mels=BANDS,
            win_length=2 * hop,
            n_fft=2 ** (4 * hop - 1).bit_length(),
        )
        self.seconds_per_column = hop / sample_rate
        columns = int(sound.duration / self.seconds_per_column + 0.5) + 1
        self.columns = [columns]
        while self.columns[-1] > TILE_COLUMNS:
            self.columns.append(-(-self.columns[-1] // FACTOR))
        self._counts = np.zeros(256, np.int64)

    def tiles(self):
        """Compute the tiles of all scales, reading the recording once.

        Yields
        ------
        tile : Tile
            Those of one scale come in order.
        """
        scales = len(self.columns)
        waiting = [[] for _ in range(scales)]  # columns of each scale's tile
        made = [0] * scales
        for first in range(0, self.columns[0], TILE_COLUMNS):
            last = min(first + TILE_COLUMNS, self.columns[0])
            at_end = last == self.columns[0]
            waiting[0].append(self._heard(first, last))
            for scale in range(scales):
                pieces = waiting[scale]
                full = scale == 0 or len(pieces) == FACTOR
                if not pieces or not (full or at_end):
                    break
                levels = np.concatenate(pieces, axis=1)
                pieces.clear()
                yield Tile(scale, made[scale], levels)
                made[scale] += 1
                if scale + 1 < scales:
                    waiting[scale + 1].append(_loudest(levels))

    def limits(self):
        """Find the grey levels between which most of the sound lies.

        Returns
        -------
        limits : list of int
            The 5th and the 99.9th percentile of the tiles computed so far.
        """
        shares = self._counts.cumsum() / max(self._counts.sum(), 1)
        return [int(np.searchsorted(shares, share)) for share in (0.05, 0.999)]

    def _heard(self, first, last):
        """Grey levels of the columns from first to last [bands, columns]."""
        # With a window to spare on both sides.
        begin, hop = max(first - 2, 0), self.fbank.hop_length
        start, stop = (n * self.seconds_per_column for n in (begin, last + 2))
        wav = self.sound.cut(start, stop - start)
        centres = torch.arange(first - begin, last - begin) * hop
        log_mel = self.fbank(wav.unsqueeze(0), centres)[0].numpy().T
        full_scale = self.fbank.window.sum().item() / 2
        decibels = 20 * (log_mel / np.log(10) - np.log10(full_scale))
        levels = to_levels(decibels, LOWEST, HIGHEST)
        self._counts += np.bincount(levels.ravel(), minlength=256)
        return levels


def _loudest(levels):
    """The loudest of each `FACTOR` columns [bands, ceil(columns / FACTOR)]."""
    missing = -levels.shape[1] % FACTOR
    padded = np.pad(levels, ((0, 0), (0, missing)))
    return padded.reshape(len(levels), -1, FACTOR).max(axis=2)
