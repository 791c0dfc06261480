"""Windows, and how they are blended.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
import pytest
import torch

from speechbrain_pib.dataio.timelines.windows import (
    Blender,
    WindowPlan,
    batch_windows,
    cut_windows,
)

RATE = 16000


@pytest.mark.parametrize("wait", [None, 0.2, 0.7, 3.0])
@pytest.mark.parametrize("size", [16000, 12345])
@pytest.mark.parametrize("samples", [5, 12345, 16000, 16001, 50000, 161234])
def test_windows_cover_every_sample_and_weigh_one(wait, size, samples):
    plan = WindowPlan(size, RATE, wait)
    wav = torch.arange(samples).float()
    windows = sum(cut_windows(wav.split(777), plan), [])
    blender, blended = Blender(plan), []
    for window in windows:
        first = window.start * plan.cell
        expected = wav[first : first + size]
        assert torch.equal(window.wav, expected)
        blended.append(blender.add(window, np.ones((plan.cells, 1))))
        assert window.last == (window is windows[-1])
    assert first + len(window.wav) == samples
    blended = np.concatenate(blended)
    assert blended.shape == (-(-samples // plan.cell), 1)
    assert np.allclose(blended, 1)
    starts = [window.start for window in windows]
    assert np.diff(starts[:-1]).tolist() == [plan.stride] * (len(starts) - 2)


def test_a_cell_waits_no_longer_than_it_may():
    plan = WindowPlan(5 * RATE, RATE, wait=1.0)
    windows = sum(cut_windows(torch.zeros(30 * RATE).split(RATE), plan), [])
    for window in windows[1:]:
        (heard,) = np.nonzero(plan.weights(window))
        if not window.last:
            wait = 5 * RATE - heard[0] * plan.cell
            assert wait <= 1.0 * RATE
            # Not heard by its very end.
            assert heard[-1] < plan.cells - 5
    with pytest.raises(ValueError, match="shortest wait is 0.100 s"):
        WindowPlan(5 * RATE, RATE, wait=0.05)


def test_blended_cells_are_the_weighted_mean_of_their_windows():
    plan = WindowPlan(1600, RATE)
    windows = sum(cut_windows([torch.zeros(2300)], plan), [])
    blender = Blender(plan)
    values = [np.full((5, 1), float(n)) for n in range(len(windows))]
    blended = [blender.add(*pair) for pair in zip(windows, values)]
    # Windows begin with cells 0, 2 and 3; each of them rises over two.
    assert [window.start for window in windows] == [0, 2, 3]
    expected = [0, 0, 0.25, 0.75, 1.25, 1.75, 2, 2]
    assert np.concatenate(blended).ravel().tolist() == expected


def test_batches_hold_all_windows_in_order():
    groups = [[1], [], [2, 3, 4, 5], [6]]
    assert list(batch_windows(groups, 2)) == [[1, 2], [3, 4], [5, 6]]
    eager = list(batch_windows(groups, 3, eager=True))
    assert eager == [[1], [2, 3, 4], [5], [6]]


def test_times_are_exact_after_a_day():
    plan = WindowPlan(16000, RATE)
    assert plan.to_seconds(24 * 3600 * 50 + 1) == 86400.02
