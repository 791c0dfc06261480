"""What a model hears in windows, over time: a first listen to all, and replays
of some.

Authors
 * The speechbrain_pib developers 2026
"""

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from speechbrain_pib.dataio.audio.crops import stack_segments
from speechbrain_pib.dataio.timelines.windows import Window
from speechbrain_pib.lobes.models.evidence import (
    evidence_in_cells,
    step_evidence,
)
from speechbrain_pib.lobes.models.playitback import PlayItBackOutput
from speechbrain_pib.utils.operations import count_gmacs


class ReplayedWindow(NamedTuple):
    """What a replayed window was found to hold.

    Arguments
    ---------
    start : float
        Where it begins, in seconds of the recording.
    stop : float
        Where it ends.
    segments : list
        What each replay heard more finely: (start, stop) in seconds of the
        recording.
    probabilities : torch.Tensor
        Of the classes, after the first listen and each replay
        [passes, classes].

    Example
    -------
    >>> replayed = ReplayedWindow(0.0, 2.0, [[(0.5, 1.0)]], torch.zeros(2, 3))
    >>> replayed.segments
    [[(0.5, 1.0)]]
    """

    start: float
    stop: float
    segments: list
    probabilities: torch.Tensor


@dataclass
class HeardWindow:
    """A window, and what was heard in it so far.

    Arguments
    ---------
    window : Window
        The window.
    evidence : numpy.ndarray
        Of each class in each of its cells, and in the last column the number
        of replays [cells, classes + 1].
    first : PlayItBackOutput or dict
        What a replay needs, for as long as there may be one: not if the
        classifier has a budget and is sure.
    replayed : ReplayedWindow
        None if it was not replayed.

    Example
    -------
    >>> window = Window(0, 0, torch.zeros(16000), last=True)
    >>> HeardWindow(window, np.zeros((50, 3))).replayed is None
    True
    """

    window: Window
    evidence: np.ndarray
    first: PlayItBackOutput | dict | None = None
    replayed: ReplayedWindow | None = None


class WindowListener:
    """Hears windows with a classifier.

    What the evidence of a class is, see `step_evidence`; the passes are averaged.

    With a budget a window is listened to until it is sure, as `UntilSure` tells
    after each pass; its evidence is that of the passes it was listened to, as if
    the model had no others. So it depends on the window alone, and not on what
    is heard beside it.

    Arguments
    ---------
    classifier : PlayItBackClassifier
        The classifier.
    plan : WindowPlan
        Where windows lie.

    Example
    -------
    >>> listener = WindowListener(classifier, plan)  # doctest: +SKIP
    >>> heard = listener.listen(windows)  # doctest: +SKIP
    """

    def __init__(self, classifier, plan):
        self.classifier, self.plan = classifier, plan
        self.model = classifier.mods.model
        self.until_sure = classifier.until_sure
        centres = (torch.arange(plan.cells) + 0.5) * plan.cell
        self.centres = centres.to(classifier.device)  # of cells, in samples

    def listen(self, windows):
        """Listen to windows for the first time.

        Arguments
        ---------
        windows : list of Window
            A batch.

        Returns
        -------
        heard : list of HeardWindow
        """
        output = self._run(windows, replays=0)
        evidence = self._evidence(output)
        heard = [
            HeardWindow(window, evidence[row])
            for row, window in enumerate(windows)
        ]
        self._keep(heard, output)
        return heard

    def replay(self, heard):
        """Replay windows; what was heard in them is replaced.

        Arguments
        ---------
        heard : list of HeardWindow
            A batch, from any calls of `listen`, that may be replayed.
        """
        replays = self.model.replays
        steps = [replays] if self.until_sure is None else range(1, replays + 1)
        for step in steps:
            self._replay(heard, step)
            heard = [one for one in heard if one.first is not None]
            if not heard:
                break

    def _replay(self, heard, replays):
        """Make some of the replays of windows, or the others."""
        output = self._run(
            [one.window for one in heard],
            replays=replays,
            first=PlayItBackOutput.concatenate([one.first for one in heard]),
        )
        evidence = self._evidence(output)
        probabilities = self.classifier.to_probabilities(output.pass_logits)
        # The fused logits are what all passes say, the last one included.
        probabilities[:, -1] = self.classifier.to_probabilities(output.logits)
        segments = output.segments
        for row, one in enumerate(heard):
            one.evidence = evidence[row]
            one.replayed = describe_replays(
                self.plan, one.window, segments[row], probabilities[row].cpu()
            )
        self._keep(heard, output)

    def _keep(self, heard, output):
        """Keep what a replay needs of those windows that may be replayed."""
        final = output.pass_logits.shape[1] > self.model.replays
        sure = [final] * len(heard)
        if self.until_sure is not None and not final:
            sure = self.until_sure.is_sure(output.logits).tolist()
        for row, one in enumerate(heard):
            one.first = None if sure[row] else output.of_clips([row])

    @functools.cached_property
    def gmacs(self):
        """Multiply-accumulate operations in 1e9 of each pass of a window, the
        first listen and the replays; counted when somebody asks."""
        window = Window(0, 0, torch.zeros(self.plan.size), last=True)
        totals = [0.0] + [
            count_gmacs(lambda n=n: self._run([window], replays=n))
            for n in range(self.model.replays + 1)
        ]
        return [after - before for before, after in zip(totals, totals[1:])]

    @torch.no_grad()
    def _run(self, windows, **options):
        """Output of the model for windows."""
        wavs, lengths = stack_segments(
            [window.wav for window in windows], self.plan.size
        )
        device = self.classifier.device
        with self.classifier.inference_ctx:
            return self.model(wavs.to(device), lengths.to(device), **options)

    @torch.no_grad()
    def _evidence(self, output):
        """Evidence in the cells of each window [batch, cells, classes + 1]."""
        evidence, times = step_evidence(
            self.model, output, self.classifier.to_probabilities
        )
        return evidence_in_cells(evidence, times, self.centres)


def describe_replays(plan, window, segments, probabilities):
    """Tell what is kept of a replayed window.

    Arguments
    ---------
    plan : WindowPlan
        Where windows lie.
    window : Window
        The window.
    segments : list
        What each pass selected: (start, stop) in seconds of the window.
    probabilities : torch.Tensor
        After each pass [passes, classes].

    Returns
    -------
    replayed : ReplayedWindow

    Example
    -------
    >>> describe_replays(plan, window, [], torch.zeros(1, 3))  # doctest: +SKIP
    """
    start = plan.to_seconds(window.start)
    stop = start + len(window.wav) / plan.sample_rate
    segments = [
        [(start + a, min(start + b, stop)) for a, b in replay]
        for replay in segments[:-1]  # the last selection is not replayed
    ]
    return ReplayedWindow(start, stop, segments, probabilities)
