"""How a test of skimming looks at videos, and what that costs.

Authors
 * The speechbrain_pib developers 2026
"""

import math
from typing import NamedTuple


class Viewing(NamedTuple):
    """How videos were looked at to get one set of scores.

    As text it is the title of a row in a table.

    Arguments
    ---------
    selection : str
        The rule that chose the steps: "learned", "uniform", "random", or
        "dense" for all of them.
    looks : int
        How many of them were chosen (default: all).
    attention : str
        Of a learned selection: "hard", or "soft" for mixtures of the preview.
    stream : str
        The only stream that was not zeros (default: none was).
    remark : str
        How the title ends.

    Example
    -------
    >>> print(Viewing("uniform", 3))
    3 uniform looks
    >>> print(Viewing("learned", 3, stream="audio"))
    skimming, 3 looks, audio only
    >>> print(Viewing("dense", remark=", trained so"))
    all steps, trained so
    """

    selection: str
    looks: int | None = None
    attention: str = "hard"
    stream: str | None = None
    remark: str = ""

    def __str__(self):
        if self.selection == "dense":
            title = "all steps"
        elif self.selection != "learned":
            title = f"{self.looks} {self.selection} looks"
        else:
            shown = "looks" if self.attention == "hard" else "mixtures"
            title = f"skimming, {self.looks} {shown}"
        if self.stream is not None:
            title += f", {self.stream} only"
        return title + self.remark


class SkimmingCosts:
    """Multiply-accumulate operations, mean over videos, in 1e9 (GMACs).

    They are those of the features, and of what is computed from them.

    Arguments
    ---------
    skimmer : speechbrain_pib.lobes.models.skimming.Skimmer
        The model.
    stream_gmacs : dict
        Name of a stream to the cost of its features of one step.

    Example
    -------
    >>> from speechbrain_pib.lobes.models.skimming import Skimmer
    >>> skimmer = Skimmer(200, subsample=[8, 1])
    >>> costs = SkimmingCosts(skimmer, {"image": 1.814, "audio": 0.612})
    >>> round(costs.of(Viewing("uniform", 10), [120]), 1)
    24.3
    >>> round(costs.of(Viewing("learned", 9), [120]), 1)
    117.2
    """

    def __init__(self, skimmer, stream_gmacs):
        self.skimmer = skimmer
        self.gmacs = {name: stream_gmacs[name] for name in skimmer.streams}
        weights = [*skimmer.fusion.parameters()]
        self.fusion = sum(w.numel() for w in weights if w.ndim > 1) / 1e9
        self.classifier = skimmer.classifier.weight.numel() / 1e9

    def of(self, viewing, n_steps):
        """Compute the mean cost of looking at videos in a way.

        Arguments
        ---------
        viewing : Viewing
            The way.
        n_steps : list of int
            Number of steps of each video.

        Returns
        -------
        gmacs : float
        """
        cost = self._skim if viewing.selection == "learned" else self._sample
        return sum(cost(viewing, steps) for steps in n_steps) / len(n_steps)

    def _sample(self, viewing, steps):
        """Cost of a video of which the chosen steps are seen and no others."""
        if viewing.looks is not None:  # A step twice costs as much as once.
            steps = min(steps, viewing.looks)
        each = sum(self.gmacs.values()) + self.fusion
        return steps * each + self.classifier

    def _skim(self, viewing, steps):
        """Cost of skimming a video: its preview, what is looked at, and the
        skimmer itself. Steps that the preview knows are not computed again,
        as far as it knows all."""
        total = self.skimmer.macs(steps, viewing.looks) / 1e9
        looks = viewing.looks if viewing.attention == "hard" else 0
        for name, factor in zip(self.skimmer.streams, self.skimmer.subsample):
            if viewing.stream in (None, name):
                known = math.ceil(steps / factor)
                seen = known if factor == 1 else min(known + looks, steps)
                total += seen * self.gmacs[name]
        return total
