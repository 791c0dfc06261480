"""What it costs to classify a video by some of its moments.

Authors
 * The speechbrain_pib developers 2026
"""

import math


class SkimmingCosts:
    """Multiply-accumulate operations, mean over videos, in 1e9 (GMACs).

    They are those of the features, and of what is computed from them.

    Arguments
    ---------
    skimmer : speechbrain_pib.lobes.models.skimming.Skimmer
        The model.
    stream_gmacs : dict
        Name of a stream to the cost of its features of one moment.

    Example
    -------
    >>> from speechbrain_pib.lobes.models.skimming import Skimmer
    >>> skimmer = Skimmer(200, selection="hard", subsample=[8, 1])
    >>> costs = SkimmingCosts(skimmer, {"image": 1.814, "audio": 0.612})
    >>> round(costs.of_moments("uniform", [120], 10), 1)
    24.3
    >>> round(costs.of_moments("learned", [120], 9), 1)
    117.2
    """

    def __init__(self, skimmer, stream_gmacs):
        self.skimmer = skimmer
        self.gmacs = [stream_gmacs[name] for name in skimmer.streams]
        weights = [*skimmer.fusion.parameters()]
        self.fusion = sum(w.numel() for w in weights if w.ndim > 1) / 1e9
        self.classifier = skimmer.classifier.weight.numel() / 1e9

    def of_moments(self, sampling, steps, count):
        """Mean cost of a way to choose moments.

        Arguments
        ---------
        sampling : str
            "learned", "soft", "uniform", "random" or "dense".
        steps : list of int
            Number of moments of each video.
        count : int
            How many moments are looked at.

        Returns
        -------
        gmacs : float
        """
        if sampling in ("learned", "soft"):
            look = count if sampling == "learned" else 0
            costs = [self._skim(step, count, look) for step in steps]
        else:
            each = sum(self.gmacs) + self.fusion
            seen = steps
            if sampling != "dense":  # A moment twice costs as much as once.
                seen = [min(step, count) for step in steps]
            costs = [number * each + self.classifier for number in seen]
        return sum(costs) / len(costs)

    def of_outputs(self, steps, count):
        """Mean cost of each output of a test.

        Arguments
        ---------
        steps : list of int
            Number of moments of each video.
        count : int
            How many moments are looked at.

        Returns
        -------
        gmacs : dict
            Name of the output to its cost.
        """
        names = {"average": "learned", "last": "learned"}
        names |= {n: n for n in ("soft", "uniform", "random", "dense")}
        costs = {
            output: self.of_moments(sampling, steps, count)
            for output, sampling in names.items()
        }
        for place, name in enumerate(self.skimmer.streams):
            alone = [self._skim(s, count, count, [place]) for s in steps]
            costs[f"{name}_only"] = sum(alone) / len(alone)
        return costs

    def _skim(self, steps, count, look, places=None):
        """Cost of skimming a video: its preview, what is looked at, and the
        skimmer itself. Moments that the preview knows are not computed again,
        as far as it knows all."""
        glimpses = count + (self.skimmer.start == "mean")
        total = self.skimmer.macs(steps, glimpses) / 1e9
        if self.skimmer.selection != "hard":
            look = 0
        for place in range(len(self.gmacs)) if places is None else places:
            factor = self.skimmer.subsample[place]
            known = math.ceil(steps / factor)
            moments = known if factor == 1 else min(known + look, steps)
            total += moments * self.gmacs[place]
        return total
