"""Pictures of skimming: where a model looked in a video, and what it pays.

Figures are drawn on their own Agg canvas: no window, no global state.

Authors
 * The speechbrain_pib developers 2026
"""

import math

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from speechbrain_pib.dataio.video.files import probe_video
from speechbrain_pib.dataio.video.frames import read_frames
from speechbrain_pib.dataio.video.sound import read_sound
from speechbrain_pib.evaluation.plots import (
    EVENT_COLOR,
    OUTLINE_COLOR,
    SEGMENT_COLOR,
    save_figure,
)
from speechbrain_pib.lobes.models.imgaud2vid import LogMel

SAMPLE_RATE = 16000  # Hz
FILM_FRAMES = 20  # at most
FILM_SECONDS = 60.0  # of a longer video the part around the first look
STYLES = {
    "learned": {"color": SEGMENT_COLOR, "marker": "o", "linewidth": 2},
    "uniform": {"color": "#7a7a7a", "marker": "s"},
    "random": {"color": "#7a7a7a", "marker": "x", "linestyle": ":"},
}


def plot_video(path, looks, segments, picture, title=None):
    """Draw a filmstrip over the spectrogram of its sound, and where a model
    looked.

    Of a long video the minute around the first look is drawn.

    Arguments
    ---------
    path : str
        The video file.
    looks : list of float
        Where the model looked, in seconds, in its order.
    segments : list
        (start, stop) in seconds of what is annotated.
    picture : str or Path
        Picture to write; its suffix chooses the format.
    title : str
        Line above the picture.

    Raises
    ------
    UnreadableVideoError
        If the video cannot be read.

    Example
    -------
    >>> plot_video(
    ...     "clip.mp4", [3, 9], [(2.5, 4.0)], "clip.png"
    ... )  # doctest: +SKIP
    """
    duration = probe_video(path).duration
    start, stop = _excerpt(duration, looks)
    width = math.ceil((stop - start) / FILM_FRAMES)
    cells = np.arange(start, stop, width)
    # A look is shown by the very frame that the model saw.
    times = [
        next((look for look in looks if cell <= look < cell + width), cell)
        for cell in cells
    ]
    frames = read_frames(path, times).permute(0, 2, 3, 1).numpy()
    wav, _ = read_sound(path, start, stop, SAMPLE_RATE)
    log_mel = LogMel(SAMPLE_RATE)(wav.unsqueeze(0))[0].numpy()

    figure = Figure(figsize=(9.6, 3.4), dpi=160)
    grid = figure.add_gridspec(
        2, 1, height_ratios=[0.8, 2.4], hspace=0.03, left=0.06, right=0.99
    )
    film, sound = (figure.add_subplot(grid[row]) for row in range(2))
    _draw_film(film, frames, cells, width)
    film.set(xlim=(start, stop), ylim=(0, 1.25), xticks=[], yticks=[])
    sound.imshow(
        log_mel.T,
        origin="lower",
        aspect="auto",
        cmap="magma",
        extent=(start, stop, 0, log_mel.shape[1]),
    )
    sound.set(xlim=(start, stop), xlabel="seconds", ylabel="mel band")
    for begin, end in segments:
        bracket = [max(begin, start), min(end, stop)]
        if bracket[0] < bracket[1]:
            sound.plot(bracket, [1, 1], color=EVENT_COLOR, linewidth=4)
    for number, look in enumerate(looks, start=1):
        if start <= look < stop:
            _draw_look((film, sound), number, look, min(look + 1, stop))
    if title:
        film.set_title(title, loc="left", size=10, parse_math=False)
    save_figure(figure, picture)


def _excerpt(duration, looks):
    """The part of a video that is drawn."""
    if duration <= FILM_SECONDS or not looks:
        return 0.0, min(duration, FILM_SECONDS)
    start = min(looks[0] - FILM_SECONDS / 2, duration - FILM_SECONDS)
    start = float(max(int(start), 0))
    return start, start + FILM_SECONDS


def _draw_film(axes, frames, cells, width):
    """Draws frames side by side over the time axis."""
    for frame, cell in zip(frames, cells):
        extent = (cell + 0.03 * width, cell + 0.97 * width, 0, 1)
        axes.imshow(frame, aspect="auto", extent=extent)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_look(rows, number, start, stop):
    """Outlines a second that the model looked at, in both rows."""
    film, sound = rows
    for axes, top in ((film, 0.8), (sound, 1.0)):
        axes.axvspan(
            start,
            stop,
            ymax=top,
            fill=False,
            edgecolor=OUTLINE_COLOR,
            linewidth=2.2,
        )
    film.text(
        (start + stop) / 2,
        1.04,
        f"look {number}",
        ha="center",
        va="bottom",
        size=8,
        color=SEGMENT_COLOR,
        weight="bold",
    )


def plot_curve(curve, dense, picture):
    """Draw accuracy over the number of looks and over the cost.

    Arguments
    ---------
    curve : list of dict
        With "selection" ("learned", "uniform" or "random"), "looks", "gmacs"
        and "top1".
    dense : tuple of float
        GMACs and top-1 accuracy of looking at all steps.
    picture : str or Path
        Picture to write; its suffix chooses the format.

    Example
    -------
    >>> point = {"selection": "learned", "looks": 1, "gmacs": 2.0, "top1": 0.5}
    >>> plot_curve([point], (9.0, 0.6), getfixture("tmpdir") / "curve.png")
    """
    figure = Figure(figsize=(8.4, 3.4), dpi=160, layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for selection, style in STYLES.items():
        points = [point for point in curve if point["selection"] == selection]
        values = [point["top1"] for point in points]
        for plot, key in zip(axes, ("looks", "gmacs")):
            costs = [point[key] for point in points]
            plot.plot(costs, values, label=selection, **style)
    axes[0].axhline(dense[1], color=EVENT_COLOR, linestyle="--", label="dense")
    axes[1].plot(*dense, "*", color=EVENT_COLOR, markersize=11)
    axes[0].set(xlabel="looks", ylabel="top-1 accuracy")
    axes[1].set(xlabel="GMACs per video", xscale="log", ylim=(0, 1.02))
    axes[0].xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].legend(frameon=False)
    for plot in axes:
        plot.grid(alpha=0.25)
    save_figure(figure, picture)
