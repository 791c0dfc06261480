"""Tests of what is held out for validation.

Authors
 * The speechbrain_pib developers 2026
"""

import pytest

from speechbrain_pib.dataio.preparation import is_held_out


def test_held_out_videos_are_a_fixed_share():
    videos = [f"P{n % 37:02d}_{n}" for n in range(2000)]
    chosen = [v for v in videos if is_held_out(v, 0.2)]
    assert len(chosen) / 2000 == pytest.approx(0.2, abs=0.03)
    assert all(is_held_out(video, 0.3) for video in chosen)
