"""Pictures of what a model heard and of what it confused.

Figures are drawn on their own Agg canvas: no window, no global state.

Authors
 * The speechbrain_pib developers 2026
"""

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Polygon
from matplotlib.patheffects import withStroke
from sklearn.metrics import confusion_matrix

from speechbrain_pib.utils.files import atomic_writer

SEGMENT_COLOR = "#0e8f8a"
OUTLINE_COLOR = "#4de3dc"
EVENT_COLOR = "#d9480f"
# Above this many classes their names would overlap.
MAX_NAMED_CLASSES = 64
MAX_NUMBERED_CLASSES = 12


def frames_of_seconds(times, seconds):
    """Find where instants of the clip lie on the frame axis of a pass.

    Arguments
    ---------
    times : array_like
        Original time of each frame in seconds, not decreasing, [frames].
    seconds : array_like
        Instants to find.

    Returns
    -------
    numpy.ndarray
        Frame indices with fractions, within 0 and frames - 1.

    Example
    -------
    >>> frames_of_seconds([0.0, 1.0, 1.5, 2.0, 3.0], [1.25, 2.5, 9.0]).tolist()
    [1.5, 3.5, 4.0]
    """
    return np.interp(seconds, times, np.arange(len(times)))


def second_ticks(times, min_gap=0.055):
    """Round instants to label on the frame axis, as dense as they fit.

    Steps go from coarse to fine (..., 1, 0.5, 0.1, 0.05, ... seconds); each
    is used where its neighbours are far enough apart, so that a stretched
    part gets finer labels.

    Arguments
    ---------
    times : array_like
        Original time of each frame in seconds, [frames].
    min_gap : float
        Smallest distance of two labels, as a share of the axis.

    Returns
    -------
    numpy.ndarray
        Instants in seconds, increasing.

    Example
    -------
    >>> second_ticks(np.linspace(0, 3, 400), min_gap=0.2).tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    ticks = np.empty(0)
    for step in (50, 10, 5, 1, 0.5, 0.1, 0.05, 0.01):
        first, last = np.ceil(times[0] / step), np.floor(times[-1] / step)
        candidates = np.round(np.arange(first, last + 1) * step, 6)
        distances = np.diff(frames_of_seconds(times, candidates))
        fits = distances >= min_gap * (len(times) - 1)
        fits = np.concatenate([[True], fits]) & np.concatenate([fits, [True]])
        ticks = np.union1d(ticks, candidates[fits[: len(candidates)]])
    return ticks


def plot_replays(log_mels, times, segments, path, title=None, event=None):
    """Draw what the network heard in each pass, one row per pass.

    All rows have frames on x, with labels in seconds of the original clip, so
    that a replay shows as a stretch. Outlined are the segments that a pass
    selects; the funnel below leads to where the next pass replays them.

    Arguments
    ---------
    log_mels : list of array_like
        Log-mel spectrogram of each pass, [frames, bands].
    times : list of array_like
        Of each pass the original time of each frame in seconds, [frames].
    segments : list of list of tuple
        For each pass, the (start, stop) in seconds of the segments that it
        selects for the next pass. Those of the last pass are not drawn and
        may be left out.
    path : str or Path
        Picture to write; its suffix chooses the format.
    title : str, optional
        Line above the picture.
    event : tuple of float, optional
        Start and stop in seconds of the true event, drawn as a bracket.

    Example
    -------
    >>> tmpdir = getfixture("tmpdir")
    >>> log_mels = np.random.default_rng(0).normal(size=(2, 100, 16))
    >>> times = np.stack([np.linspace(0, 2, 100)] * 2)
    >>> plot_replays(log_mels, times, [[(0.5, 0.9)]], tmpdir / "clip.png")
    """
    log_mels, times = (
        list(map(np.asarray, each)) for each in (log_mels, times)
    )
    for log_mel, of_pass in zip(log_mels, times, strict=True):
        if log_mel.ndim != 2 or of_pass.shape != log_mel.shape[:1]:
            raise ValueError(
                "log_mels must be [frames, bands] and times [frames] of each "
                f"pass, not {log_mel.shape} and {of_pass.shape}"
            )
    passes = len(log_mels)
    if len(segments) < passes - 1:
        raise ValueError(f"{len(segments)} lists of segments, {passes} passes")
    figure, rows = _replay_axes(passes, title)
    limits = np.percentile(np.concatenate(log_mels, axis=None), [2, 99.8])
    for row, axes in enumerate(rows):
        bands = log_mels[row].shape[1]
        axes.set_yticks(np.arange(0, bands, max(bands // 4, 1)))
        axes.imshow(
            log_mels[row].T,
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=limits[0],
            vmax=limits[1],
            interpolation="nearest",
        )
        _label_row(axes, times[row], row)
        if event is not None:
            _draw_event(axes, times[row], event, named=row == 0)
    for row in range(passes - 1):
        _draw_segments(rows[row], times[row], segments[row])
        _draw_funnel(
            figure, rows[row : row + 2], times[row : row + 2], segments[row]
        )
    rows[-1].set_xlabel("seconds of the original clip")
    save_figure(figure, path)


def plot_confusion_matrix(targets, predictions, class_names, path):
    """Draw the share of each true class that goes to each predicted class.

    Arguments
    ---------
    targets : array_like
        Index of the true class of each clip, [clips].
    predictions : array_like
        Index of the predicted class, [clips].
    class_names : list of str
        Name of each class. Up to 64 are written on the axes.
    path : str or Path
        Picture to write; its suffix chooses the format.

    Example
    -------
    >>> tmpdir = getfixture("tmpdir")
    >>> names = ["dog", "rain"]
    >>> plot_confusion_matrix([0, 1, 1], [0, 1, 0], names, tmpdir / "c.png")
    """
    targets, predictions = np.asarray(targets), np.asarray(predictions)
    classes = len(class_names)
    counts = confusion_matrix(targets, predictions, labels=np.arange(classes))
    totals = counts.sum(axis=1, keepdims=True)
    # A class without clips has no shares: its row stays grey.
    shares = np.where(totals > 0, counts / np.maximum(totals, 1), np.nan)
    side = float(np.clip(2.2 + 0.24 * classes, 4.2, 11.0))
    figure = Figure(figsize=(side + 1.1, side), dpi=200, layout="constrained")
    axes = figure.add_subplot()
    axes.set_facecolor("#d9d9d9")
    # The square root makes rare confusions visible among many classes.
    scale = PowerNorm(0.5, vmin=0, vmax=1)
    image = axes.imshow(
        shares, cmap="Blues", norm=scale, interpolation="nearest"
    )
    bar = figure.colorbar(image, ax=axes, shrink=0.8, pad=0.02)
    bar.set_label("share of the true class")
    bar.outline.set_visible(False)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.set_title(
        f"{len(targets)} clips, top-1 {(targets == predictions).mean():.1%}"
    )
    if classes <= MAX_NAMED_CLASSES:
        _name_classes(axes, class_names)
    if classes <= MAX_NUMBERED_CLASSES:
        _number_cells(axes, shares)
    save_figure(figure, path)


def _replay_axes(passes, title):
    """Make a figure of a row per pass, with room between for the funnels."""
    height = 1.42 * passes + 0.48 * (passes - 1) + 1.05
    figure = Figure(figsize=(7.2, height), dpi=200)
    grid = figure.add_gridspec(
        passes,
        1,
        left=0.105,
        right=0.985,
        top=1 - (0.62 if title else 0.4) / height,
        bottom=0.5 / height,
        hspace=0.48,
    )
    if title:
        figure.suptitle(
            title,
            x=0.105,
            y=1 - 0.12 / height,
            ha="left",
            va="top",
            size=11,
            parse_math=False,
        )
    return figure, [figure.add_subplot(grid[row]) for row in range(passes)]


def _label_row(axes, times, row):
    """Name the pass, its hop and its axes."""
    name = "first listen" if row == 0 else f"replay {row}"
    axes.set_ylabel(f"$\\bf{{{name.replace(' ', '~')}}}$\nmel band", size=9)
    hops = np.diff(times) * 1000
    low, high = f"{hops.min():.3g}", f"{hops.max():.3g}"
    axes.text(
        0.994,
        0.03,
        f"hop {low} ms" if low == high else f"hop {low} to {high} ms",
        transform=axes.transAxes,
        ha="right",
        va="bottom",
        size=7,
        color="white",
        path_effects=[withStroke(linewidth=2, foreground="#000000aa")],
    )
    ticks = second_ticks(times)
    axes.set_xticks(
        frames_of_seconds(times, ticks), [f"{tick:g}" for tick in ticks]
    )
    # One step for all passes: the unlabelled ticks show the stretch.
    fine = second_ticks(np.linspace(times[0], times[-1], len(times)), 0.015)
    axes.set_xticks(frames_of_seconds(times, fine), minor=True)
    axes.tick_params(labelsize=7.5, length=4, pad=2)
    axes.tick_params(which="minor", length=2, width=0.5)
    for label in axes.get_xticklabels():
        label.set_path_effects([withStroke(linewidth=2, foreground="white")])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_segments(axes, times, segments):
    """Outline what is selected and dim the rest."""
    if not segments:
        return
    spans = frames_of_seconds(times, sorted(segments))
    for left, right in spans:
        axes.axvspan(
            left, right, fill=False, edgecolor=OUTLINE_COLOR, linewidth=1.4
        )
    edges = np.concatenate([[-0.5], spans.ravel(), [len(times) - 0.5]])
    for left, right in edges.reshape(-1, 2):
        axes.axvspan(left, right, color="black", alpha=0.35, linewidth=0)


def _draw_funnel(figure, rows, times, segments):
    """Lead each segment from a pass to its place in the next one."""
    upper, lower = rows
    to_figure = figure.transFigure.inverted()
    for span in segments:
        above = frames_of_seconds(times[0], span)
        below = frames_of_seconds(times[1], span)
        corners = [(x, 0, upper) for x in above]
        corners += [(x, 1, lower) for x in below[::-1]]
        points = [
            to_figure.transform(axes.get_xaxis_transform().transform((x, y)))
            for x, y, axes in corners
        ]
        # Below the axes, so that labels and brackets stay readable.
        style = {"color": SEGMENT_COLOR, "zorder": -1}
        figure.add_artist(Polygon(points, alpha=0.16, linewidth=0, **style))
        for start, stop in zip(above, below):
            figure.add_artist(
                ConnectionPatch(
                    (start, 0),
                    (stop, 1),
                    upper.get_xaxis_transform(),
                    lower.get_xaxis_transform(),
                    linewidth=1.0,
                    **style,
                )
            )
            lower.axvline(
                stop, color=OUTLINE_COLOR, linewidth=1.0, linestyle=":"
            )


def _draw_event(axes, times, event, named):
    """Draw the true event as a bracket above the row."""
    left, right = frames_of_seconds(times, event)
    axes.plot(
        [left, left, right, right],
        [1.02, 1.07, 1.07, 1.02],
        transform=axes.get_xaxis_transform(),
        color=EVENT_COLOR,
        linewidth=1.6,
        solid_joinstyle="miter",
        clip_on=False,
    )
    if named:
        axes.text(
            (left + right) / 2,
            1.09,
            "true event",
            transform=axes.get_xaxis_transform(),
            ha="center",
            va="bottom",
            size=7.5,
            color=EVENT_COLOR,
        )


def _name_classes(axes, class_names):
    """Write the class names along both axes."""
    ticks = np.arange(len(class_names))
    size = 9 if len(class_names) <= 24 else 6.5
    style = {"size": size, "parse_math": False}
    axes.set_xticks(ticks, class_names, rotation=90, **style)
    axes.set_yticks(ticks, class_names, **style)
    axes.tick_params(length=0)


def _number_cells(axes, shares):
    """Write the percentage in each cell that is not zero."""
    for row, column in np.argwhere(shares > 0):
        share = shares[row, column]
        axes.text(
            column,
            row,
            f"{100 * share:.0f}",
            ha="center",
            va="center",
            size=8,
            color="white" if share > 0.3 else "#1a1a1a",
        )


def save_figure(figure, path):
    """Write a picture, whole or not at all.

    Arguments
    ---------
    figure : matplotlib.figure.Figure
        What to draw.
    path : str or Path
        Picture to write; its suffix chooses the format.

    Example
    -------
    >>> save_figure(Figure(), getfixture("tmpdir") / "nothing.png")
    """
    path = Path(path)
    with atomic_writer(path, "wb") as file:
        FigureCanvasAgg(figure).print_figure(
            file,
            format=path.suffix[1:],
            bbox_inches="tight",
            pad_inches=0.08,
        )
