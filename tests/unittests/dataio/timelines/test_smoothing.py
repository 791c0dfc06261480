"""Smoothing in parts against smoothing of the whole.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
import pytest

from speechbrain_pib.dataio.timelines.smoothing import MovingAverage


@pytest.mark.parametrize("size", [0, 1, 5, 6, 31])
@pytest.mark.parametrize("length", [1, 4, 40])
def test_parts_are_smoothed_as_the_whole(size, length):
    cells = np.random.default_rng(0).random((length, 3))
    reach = size // 2
    expected = [
        cells[max(n - reach, 0) : n + reach + 1].mean(axis=0)
        for n in range(length)
    ]
    for part in (1, 3, length):
        smoother, found = MovingAverage(size), []
        for start in range(0, length, part):
            last = start + part >= length
            found.append(smoother.add(cells[start : start + part], last))
        assert np.allclose(np.concatenate(found), expected)
