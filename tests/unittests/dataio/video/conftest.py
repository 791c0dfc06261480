"""A video that several tests read.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
import pytest

from tests.videos import tone, write_video


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """Four seconds with sound in one channel of two."""
    sound = np.stack([tone(4.0), np.zeros(4 * 44100, np.float32)])
    return write_video(
        tmp_path_factory.mktemp("video") / "clip.mp4", 100, sound
    )
