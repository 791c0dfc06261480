"""Tests of what becomes of odd segments.

Authors
 * The speechbrain_pib developers 2026
"""

import pytest

from speechbrain_pib.dataio.segments import mend_segment


@pytest.mark.parametrize("times", [(0.0, 10.0), (1.0, 3.0), (5.0, 5.001)])
def test_what_is_in_the_recording_stays(times):
    assert mend_segment(*times, 10.0) == (*times, None)


@pytest.mark.parametrize(
    "times, mended",
    [
        ((9.0, 10.5), (9.0, 10.0)),
        ((-1.0, 2.0), (0.0, 2.0)),
        ((-1.0, 11.0), (0.0, 10.0)),
        ((6.0, 4.0), (4.0, 6.0)),
        ((11.0, 9.0), (9.0, 10.0)),
        ((5.0, 5.0), (5.0, 5.01)),
        ((0.0, 0.0), (0.0, 0.01)),
    ],
)
def test_odd_times_are_mended_and_told(times, mended):
    start, stop, reason = mend_segment(*times, 10.0)
    assert (start, stop) == pytest.approx(mended)
    for seconds in (*times, 10.0):
        assert f"{seconds:.3f} s" in reason


@pytest.mark.parametrize(
    "times",
    [
        (10.0, 11.0),
        (60.0, 90.0),
        (-5.0, -1.0),
        (-1.0, -5.0),
        (-1.0, 0.0),
        (10.0, 10.0),
        (float("nan"), 1.0),
        (1.0, float("nan")),
    ],
)
def test_what_is_not_in_the_recording_is_an_error(times):
    with pytest.raises(ValueError, match="the recording lasts 10.000 s"):
        mend_segment(*times, 10.0)
