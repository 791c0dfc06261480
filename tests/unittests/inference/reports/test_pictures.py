"""Tests of pictures as text: they are decoded by another library.

Authors
 * The speechbrain_pib developers 2026
"""

import base64
import io

import av
import numpy as np

from speechbrain_pib.inference.reports.pictures import (
    encode_picture,
    to_levels,
)


def test_a_picture_shows_the_lowest_band_at_its_bottom():
    rng = np.random.default_rng(0)
    smooth = np.add.outer(np.arange(64) * 2, np.arange(300) / 3)
    levels = (smooth + rng.integers(0, 8, smooth.shape)).astype(np.uint8)
    file = io.BytesIO(base64.b64decode(encode_picture(levels)))
    with av.open(file) as container:
        frame = next(container.decode(video=0))
    decoded = frame.to_ndarray(format="rgb24")[..., 0].astype(int)
    assert decoded.shape == (64, 300)
    assert np.abs(decoded[::-1] - levels).mean() < 4


def test_levels_are_cut_at_black_and_white():
    values = np.array([[-5.0, 0.0], [10.0, 15.0]])
    assert to_levels(values, 0, 10).tolist() == [[0, 0], [255, 255]]
    assert to_levels(np.ones(2), 1, 1).tolist() == [0, 0]
