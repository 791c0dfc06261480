"""Pictures of skimming: that they are drawn, and of what.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
import pytest
from matplotlib.image import imread

from speechbrain_pib.dataio.video.containers import UnreadableVideoError
from speechbrain_pib.evaluation import skimming_plots
from speechbrain_pib.evaluation.skimming_plots import plot_curve, plot_video

av = pytest.importorskip("av", reason="reading videos needs PyAV")


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """90 s without sound, one frame a second, from black to white."""
    path = tmp_path_factory.mktemp("plots") / "video.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(90):
            array = np.full((48, 64, 3), 2 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(array, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_a_long_video_is_drawn_around_its_first_look(
    video, tmp_path, monkeypatch
):
    shown = {}

    def read_frames(path, times):
        shown["times"] = list(times)
        return original(path, times)

    original = skimming_plots.read_frames
    monkeypatch.setattr(skimming_plots, "read_frames", read_frames)
    plot_video(video, [70.0, 50.0, 5.0], [(60, 75)], tmp_path / "a.png")
    times = shown["times"]
    assert len(times) == 20
    assert min(times) >= 30 and max(times) < 90
    # The frames that were seen, not their neighbours.
    assert 70.0 in times and 50.0 in times and 5.0 not in times
    assert imread(tmp_path / "a.png").std() > 0.1


def test_a_video_nobody_looked_into_is_drawn_from_its_start(video, tmp_path):
    plot_video(video, [], [], tmp_path / "b.png", title="$\\bad{$")
    assert (tmp_path / "b.png").stat().st_size > 1000


def test_what_is_no_video_is_an_error(tmp_path):
    with pytest.raises(UnreadableVideoError):
        plot_video(tmp_path / "no.mp4", [1.0], [], tmp_path / "c.png")
    assert not (tmp_path / "c.png").exists()


def test_curves_of_all_selections_are_drawn(tmp_path):
    curve = [
        {"selection": name, "looks": n, "gmacs": 2.0 * n, "top1": 0.1 * n}
        for name in ("learned", "uniform", "random")
        for n in range(1, 4)
    ]
    plot_curve(curve, (9.0, 0.6), tmp_path / "curve.png")
    assert imread(tmp_path / "curve.png").shape[2] in (3, 4)
