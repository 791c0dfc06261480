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
from speechbrain_pib.lobes.models.playitback import PlayItBackOutput
from speechbrain_pib.lobes.models.replay import positions_at
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

    The evidence of a class at a time is the attention of the foreground there
    times the geometric mean of two probabilities of the class: that of the
    time step by itself, and that of the window with all passes fused. The
    passes are averaged, each taken back to the original time by its time map.
    Of the last pass, whose attention is not trained as nothing is replayed
    of it, that of the pass before counts.
    Of a backbone alone the evidence is the class's probability in the step.

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


def step_evidence(model, output, to_probabilities):
    """Compute the evidence of each class in the time steps of the passes.

    Arguments
    ---------
    model : PlayItBack
        What listened.
    output : PlayItBackOutput
        What it made of windows.
    to_probabilities : callable
        Logits to probabilities.

    Returns
    -------
    evidence : torch.Tensor
        See `WindowListener` [batch, passes, time, classes].
    times : torch.Tensor
        Of the steps, in samples [batch, passes, time]. A pass that has fewer
        steps than others has its last one again, a sample later each.

    Example
    -------
    >>> from speechbrain_pib.lobes.features import MultiHopFbank
    >>> from speechbrain_pib.lobes.models.convnet import ConvNet
    >>> from speechbrain_pib.lobes.models.playitback import PlayItBack
    >>> fbank = MultiHopFbank(hop_length=200, n_frames=32)
    >>> model = PlayItBack(fbank, ConvNet(3)).eval()
    >>> output = model(torch.zeros(1, 6400))
    >>> evidence, times = step_evidence(model, output, torch.sigmoid)
    >>> evidence.shape, times
    (torch.Size([1, 1, 2, 3]), tensor([[[1500., 4700.]]]))
    """
    evidence, times = [], []
    for index, (grid, centres) in enumerate(zip(output.grids, output.centres)):
        _, backbone = model.encoder(index)
        pooled = grid.mean(dim=2).float()
        evidence.append(to_probabilities(backbone.forward_head(pooled)))
        steps = backbone.token_positions(centres.shape[1])
        times.append(positions_at(centres, steps))
    if output.attention is not None:
        attention = [of.unsqueeze(2).float() for of in output.attention]
        if len(attention) > 1:
            # Of the last pass nothing is replayed, so that its attention is
            # not trained: there counts what the pass before attended to.
            attention[-1] = interpolate(times[-2], attention[-2], times[-1])
        clip = to_probabilities(output.logits)[:, None]
        evidence = [
            of_foreground * (alone * clip).sqrt()
            for of_foreground, alone in zip(attention, evidence)
        ]
    return _stack_steps(evidence, times)


def _stack_steps(evidence, times):
    """Stack passes; interpolation between the steps of each stays the same."""
    most = max(of_pass.shape[1] for of_pass in times)
    missing = [most - of_pass.shape[1] for of_pass in times]
    evidence = [
        torch.cat([steps, steps[:, -1:].expand(-1, more, -1)], dim=1)
        for steps, more in zip(evidence, missing)
    ]
    times = [
        torch.cat(
            [
                steps,
                steps[:, -1:] + 1 + torch.arange(more, device=steps.device),
            ],
            1,
        )
        for steps, more in zip(times, missing)
    ]
    return torch.stack(evidence, dim=1), torch.stack(times, dim=1)


def evidence_in_cells(evidence, times, centres):
    """Average the evidence of the passes in the cells of windows.

    Arguments
    ---------
    evidence : torch.Tensor
        [batch, passes, time, classes].
    times : torch.Tensor
        Of the steps, in samples [batch, passes, time].
    centres : torch.Tensor
        Of the cells, in samples [cells].

    Returns
    -------
    evidence : numpy.ndarray
        Of each class, and in the last column the number of replays
        [batch, cells, classes + 1].

    Example
    -------
    >>> times = torch.tensor([[[1.0, 3.0]]])
    >>> evidence = torch.tensor([[[[0.0], [1.0]]]])
    >>> evidence_in_cells(evidence, times, torch.tensor([2.0, 4.0]))
    array([[[0.5, 0. ],
            [1. , 0. ]]], dtype=float32)
    """
    batch, passes = evidence.shape[:2]
    cells = interpolate(times.flatten(0, 1), evidence.flatten(0, 1), centres)
    cells = cells.unflatten(0, (batch, passes)).mean(dim=1).cpu().numpy()
    replays = np.full_like(cells[..., :1], passes - 1)
    return np.concatenate([cells, replays], axis=2)


def interpolate(times, values, targets):
    """Interpolate linearly between times of each item of a batch.

    Arguments
    ---------
    times : torch.Tensor
        Increasing [batch, time].
    values : torch.Tensor
        At these times [batch, time, channels].
    targets : torch.Tensor
        The times asked for [n], or of each item [batch, n].

    Returns
    -------
    values : torch.Tensor
        [batch, n, channels]; constant beyond both ends.

    Example
    -------
    >>> times = torch.tensor([[1.0, 3.0]])
    >>> values = torch.tensor([[[0.0], [1.0]]])
    >>> interpolate(times, values, torch.tensor([0.0, 2.0, 9.0])).flatten()
    tensor([0.0000, 0.5000, 1.0000])
    """
    targets = targets.expand(times.shape[0], -1).contiguous()
    if times.shape[1] == 1:
        return values.expand(-1, targets.shape[1], -1)
    right = torch.searchsorted(times.contiguous(), targets, right=True)
    right = right.clamp(1, times.shape[1] - 1)
    start, stop = times.gather(1, right - 1), times.gather(1, right)
    share = ((targets - start) / (stop - start)).clamp(0, 1).unsqueeze(2)
    index = right.unsqueeze(2).expand(-1, -1, values.shape[2])
    return torch.lerp(
        values.gather(1, index - 1), values.gather(1, index), share
    )
