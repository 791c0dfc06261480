"""Tests of what becomes of odd segments.

Authors
 * The speechbrain_pib developers 2026
"""

import pytest

from speechbrain_pib.dataio.segments import find_gaps, mend_segment


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


@pytest.mark.parametrize(
    "segments, gaps",
    [
        ([], [(0.0, 10.0)]),
        ([(0.0, 10.0)], []),
        ([(3.0, 4.0)], [(0.0, 3.0), (4.0, 10.0)]),
        ([(6.0, 9.5), (1.0, 2.0)], [(0.0, 1.0), (2.0, 6.0)]),
        ([(1.0, 8.0), (2.0, 3.0), (7.0, 8.5)], [(0.0, 1.0), (8.5, 10.0)]),
        ([(2.0, 4.0), (4.9, 9.1)], [(0.0, 2.0)]),
    ],
)
def test_gaps_are_what_no_segment_covers_for_long(segments, gaps):
    assert find_gaps(segments, 10.0, shortest=1.0) == gaps
