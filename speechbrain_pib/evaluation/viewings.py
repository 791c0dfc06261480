"""The ways in which a test of skimming looks at videos.

Authors
 * The speechbrain_pib developers 2026
"""

from typing import NamedTuple

from speechbrain_pib.lobes.models.moment_sampling import SAMPLED


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


def output_viewings(skimmer, published=False):
    """List how the test of a skimmer looks at videos.

    Arguments
    ---------
    skimmer : speechbrain_pib.lobes.models.skimming.Skimmer
        The model.
    published : bool
        Whether its weights are also tested in the way of the published code.

    Returns
    -------
    viewings : dict
        Name of the output to its Viewing.

    Example
    -------
    >>> from speechbrain_pib.lobes.models.skimming import Skimmer
    >>> skimmer = Skimmer(200, ["audio"], looks=3)
    >>> for name, viewing in output_viewings(skimmer).items():
    ...     print(name, "=", viewing)
    average = skimming, 3 mixtures and the preview's mean
    last = skimming, 3 mixtures, the last state's prediction
    dense = all steps
    uniform = 3 uniform looks
    random = 3 random looks
    """
    learned = Viewing("learned", skimmer.looks, skimmer.attention)
    viewings = {
        "average": learned._replace(remark=" and the preview's mean"),
        "last": learned._replace(remark=", the last state's prediction"),
        "dense": Viewing("dense"),
        **{name: Viewing(name, skimmer.looks) for name in SAMPLED},
    }
    if skimmer.attention != "soft":
        viewings["soft"] = viewings["average"]._replace(attention="soft")
    if len(skimmer.streams) > 1:
        for name in skimmer.streams:
            viewings[f"{name}_only"] = learned._replace(stream=name)
    if published:
        viewings["published"] = learned._replace(
            attention="soft", remark=", as published"
        )
    return viewings


def curve_viewings(skimmer):
    """List viewings with more and more looks.

    Arguments
    ---------
    skimmer : speechbrain_pib.lobes.models.skimming.Skimmer
        The model.

    Returns
    -------
    viewings : list of Viewing
        Learned from no look on, others from one look on.

    Example
    -------
    >>> from speechbrain_pib.lobes.models.skimming import Skimmer
    >>> [str(v) for v in curve_viewings(Skimmer(7, looks=1))]
    ['skimming, 0 mixtures', 'skimming, 1 mixtures', '1 uniform looks',
     '1 random looks']
    """
    learned = Viewing("learned", attention=skimmer.attention)
    return [
        *(learned._replace(looks=n) for n in range(skimmer.looks + 1)),
        *(Viewing(s, n + 1) for s in SAMPLED for n in range(skimmer.looks)),
    ]
