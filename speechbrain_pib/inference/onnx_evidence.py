"""What a model file hears in windows, over time.

Authors
 * The speechbrain_pib developers 2026
"""

import torch

from speechbrain_pib.dataio.audio.crops import stack_segments
from speechbrain_pib.inference.window_evidence import (
    HeardWindow,
    describe_replays,
)
from speechbrain_pib.lobes.models.evidence import evidence_in_cells


class OnnxListener:
    """Hears windows with a model file, as `WindowListener` does with a model.

    A file computes all of its passes at once, so a replay costs nothing more,
    and leaving it out saves nothing.

    Arguments
    ---------
    classifier : OnnxClassifier
        The classifier.
    plan : WindowPlan
        Where windows lie.

    Example
    -------
    >>> listener = OnnxListener(classifier, plan)  # doctest: +SKIP
    >>> heard = listener.listen(windows)  # doctest: +SKIP
    """

    def __init__(self, classifier, plan):
        self.classifier, self.plan = classifier, plan
        self.centres = (torch.arange(plan.cells) + 0.5) * plan.cell
        # Multiply-accumulate operations in 1e9 of each pass of a window.
        self.gmacs = [classifier.metadata.gmacs] + [0.0] * classifier.replays

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
        wavs = [window.wav for window in windows]
        outputs = self.classifier.run(*stack_segments(wavs, self.plan.size))
        evidence = evidence_in_cells(
            outputs["first_evidence"].unsqueeze(1),
            outputs["times"][:, :1],
            self.centres,
        )
        return [
            HeardWindow(
                window,
                evidence[row],
                {name: value[row].clone() for name, value in outputs.items()},
            )
            for row, window in enumerate(windows)
        ]

    def replay(self, heard):
        """Have windows count as replayed.

        Arguments
        ---------
        heard : list of HeardWindow
            A batch, from any calls of `listen`.
        """
        for one in heard:
            outputs, one.first = one.first, None
            (one.evidence,) = evidence_in_cells(
                outputs["evidence"].unsqueeze(0),
                outputs["times"].unsqueeze(0),
                self.centres,
            )
            probabilities = outputs["pass_probabilities"]
            # The fused ones are what all passes say, the last one included.
            probabilities[-1] = outputs["probabilities"]
            one.replayed = describe_replays(
                self.plan,
                one.window,
                self.classifier.to_segments(outputs["segments"]),
                probabilities,
            )
