"""Pictures: written whole, of a sane size, with marks where they belong.

Authors
 * The speechbrain_pib developers 2026
"""

import matplotlib.image
import numpy as np
import pytest

from speechbrain_pib.evaluation.plots import (
    frames_of_seconds,
    plot_confusion_matrix,
    plot_replays,
    second_ticks,
)

# A second of 200 frames, of which 0.4 s to 0.6 s takes half of the frames.
STRETCHED = np.interp(np.arange(200), [0, 50, 150, 199], [0.0, 0.4, 0.6, 1.0])


def test_positions_of_a_stretched_segment_are_its_frames():
    positions = frames_of_seconds(STRETCHED, [0.4, 0.5, 0.6])
    np.testing.assert_allclose(positions, [50, 100, 150])


def test_positions_undo_the_time_map():
    frames = np.array([0, 3.5, 77, 120.25, 199])
    seconds = np.interp(frames, np.arange(200), STRETCHED)
    np.testing.assert_allclose(frames_of_seconds(STRETCHED, seconds), frames)


def test_ticks_are_dense_where_the_pass_is_stretched():
    uniform = second_ticks(np.linspace(0, 1, 200), min_gap=0.15)
    np.testing.assert_allclose(uniform, [0, 0.5, 1])
    stretched = second_ticks(STRETCHED, min_gap=0.15)
    np.testing.assert_allclose(stretched, [0, 0.5, 1])
    stretched = second_ticks(STRETCHED, min_gap=0.1)
    assert {0.45, 0.5, 0.55} <= set(stretched)
    assert not {0.25, 0.35, 0.65} & set(stretched)


@pytest.mark.parametrize("seconds", [0.2, 2, 10, 30])
def test_ticks_keep_their_distance(seconds):
    times = np.sort(np.random.default_rng(0).uniform(0, seconds, 400))
    ticks = second_ticks(times, min_gap=0.05)
    assert len(ticks) >= 3
    assert np.diff(frames_of_seconds(times, ticks)).min() >= 0.05 * 399


def draw(path, passes=3, segments=None, **options):
    """A picture of a stretched burst over noise."""
    log_mels = np.random.default_rng(0).normal(size=(passes, 200, 32))
    times = np.stack([np.linspace(0, 1, 200)] + [STRETCHED] * (passes - 1))
    if segments is None:
        segments = [[(0.4, 0.6)]] * passes
    plot_replays(log_mels, times, segments, path, **options)


def test_replays_grow_by_a_row_per_pass(tmp_path):
    heights = []
    for passes in (1, 2, 4):
        path = tmp_path / f"{passes}.png"
        draw(path, passes, title="clip", event=(0.42, 0.58))
        height, width, _ = matplotlib.image.imread(path).shape
        assert 1300 < width < 1500
        heights.append(height)
    assert heights[0] < heights[1] < heights[2] < 2500
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "1.png",
        "2.png",
        "4.png",
    ]


@pytest.mark.parametrize("segments", [[[], []], [[(0.0, 1.0)], []]])
def test_empty_and_full_selections_are_drawn(tmp_path, segments):
    draw(tmp_path / "clip.png", 3, segments)
    assert (tmp_path / "clip.png").stat().st_size > 10_000


def test_marks_are_where_the_segment_is(tmp_path):
    draw(tmp_path / "clip.png", 2, [[(0.4, 0.6)]])
    picture = matplotlib.image.imread(tmp_path / "clip.png")[..., :3]
    height, width, _ = picture.shape
    cyan = np.abs(picture - np.array([0x4D, 0xE3, 0xDC]) / 255).max(2) < 0.15
    # Noise fills the axes, labels are left of a tenth of the width.
    drawn = (picture[height // 5] < 0.9).any(axis=1)
    drawn[: width // 10] = False
    first, last = np.flatnonzero(drawn)[[0, -1]]

    def marks(rows):
        columns = np.flatnonzero(cyan[rows].sum(axis=0) > height / 16)
        return (columns[[0, -1]] - first) / (last - first)

    top, bottom = slice(0, height // 2), slice(height // 2, height)
    np.testing.assert_allclose(marks(top), [0.4, 0.6], atol=0.01)
    # The replay gives frames 50 to 150 of 200 to the segment.
    np.testing.assert_allclose(marks(bottom), [0.25, 0.75], atol=0.01)


def test_shapes_that_do_not_fit_are_an_error(tmp_path):
    path = tmp_path / "clip.png"
    with pytest.raises(ValueError, match="times .frames. of each pass"):
        plot_replays(np.zeros((2, 9, 4)), np.zeros((2, 8)), [[]], path)
    with pytest.raises(ValueError, match="lists of segments"):
        draw(path, 3, [[]])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("classes", [1, 6, 50, 309])
def test_confusion_matrix_is_readable_in_size(tmp_path, classes):
    rng = np.random.default_rng(0)
    targets = rng.integers(classes, size=500)
    predictions = rng.integers(classes, size=500)
    names = [f"class {index}" for index in range(classes)]
    path = tmp_path / "confusion.png"
    plot_confusion_matrix(targets, predictions, names, path)
    height, width, _ = matplotlib.image.imread(path).shape
    # Each class gets pixels enough to be seen.
    assert max(600, 5 * classes) < height < 2600 and width < 2700
    assert [p.name for p in tmp_path.iterdir()] == ["confusion.png"]


ODD_LABELS = ["$\\bad{$", "$5 and $6", "<b>", "=1", 'say "hi"', "a_b^c"]


def test_labels_are_no_formulas(tmp_path):
    numbers = range(len(ODD_LABELS))
    path = tmp_path / "confusion.png"
    plot_confusion_matrix(numbers, numbers, ODD_LABELS, path)
    draw(tmp_path / "clip.png", 2, title="$\\bad{$; heard as $x$")
    assert path.exists() and (tmp_path / "clip.png").exists()
