"""Budgets: how sure a clip must be to leave, so that the mean cost fits.

Authors
 * The speechbrain_pib developers 2026
"""

import bisect
import json
import math

import numpy as np

NEVER = 2.0  # no confidence reaches it
SHARES = [percent / 100 for percent in range(1, 101)]


def leave(confidences, threshold):
    """Find the pass after which each clip leaves.

    Arguments
    ---------
    confidences : numpy.ndarray
        After each pass [..., passes]; the last does not matter.
    threshold : float
        A clip leaves after the first pass whose confidence is at least this.

    Returns
    -------
    left : numpy.ndarray
        Index of the pass [...]; the last one if no other was sure.

    Example
    -------
    >>> confidences = np.array([[0.9, 0.2], [0.3, 0.9]])
    >>> leave(confidences, 0.5).tolist()
    [0, 1]
    """
    sure = confidences >= threshold
    sure[..., -1] = True
    return sure.argmax(axis=-1)


def solve_threshold(confidences, gmacs, limit):
    """Find the threshold that spends the most within a mean cost.

    All passes have the same threshold: as far as confidence is the probability
    of being right, it is what a clip gains least from listening on.

    Arguments
    ---------
    confidences : numpy.ndarray
        Of validation clips after each pass [clips, passes].
    gmacs : list of float
        Cost of each pass.
    limit : float
        The largest mean cost of a clip, in GMAC.

    Returns
    -------
    threshold : float
        None if a single pass costs more.

    Example
    -------
    >>> confidences = np.array([[0.3, 1.0], [0.5, 1.0], [0.9, 1.0]])
    >>> solve_threshold(confidences, [1.0, 3.0], 2.0)
    0.5
    """
    totals = np.cumsum(gmacs)
    if limit < totals[0]:
        return None
    candidates = [0.0, *np.unique(confidences[:, :-1]).tolist(), NEVER]

    def cost(threshold):
        return totals[leave(confidences, threshold)].mean()

    # The cost does not fall as the threshold grows.
    fits = bisect.bisect_right(candidates, limit * (1 + 1e-9), key=cost)
    return candidates[max(fits, 1) - 1]


class BudgetTable:
    """What each budget asks of a clip, as a validation found it.

    Arguments
    ---------
    gmacs : list of float
        Cost of each pass, as `measure_gmacs`.
    shares : list of float
        Shares of the cost of all passes, increasing.
    thresholds : list of float
        For each of them, the confidence at which a clip leaves.

    Example
    -------
    >>> table = BudgetTable([1.0, 3.0], [0.25, 0.5, 1.0], [0.0, 0.8, 2.0])
    >>> table.threshold("0.5"), table.threshold("3GMAC"), table.threshold(1)
    (0.8, 0.8, 2.0)
    """

    def __init__(self, gmacs, shares, thresholds):
        self.gmacs = gmacs
        self.shares = shares
        self.thresholds = thresholds

    @classmethod
    def solve(cls, confidences, gmacs):
        """Solve the thresholds for every hundredth of the full cost.

        Arguments
        ---------
        confidences : numpy.ndarray
            Of validation clips after each pass [clips, passes].
        gmacs : list of float
            Cost of each pass.

        Returns
        -------
        table : BudgetTable
        """
        thresholds = {
            share: solve_threshold(confidences, gmacs, share * sum(gmacs))
            for share in SHARES
        }
        solved = {s: t for s, t in thresholds.items() if t is not None}
        return cls(list(gmacs), list(solved), list(solved.values()))

    def threshold(self, budget):
        """Tell how sure a clip must be to leave.

        Arguments
        ---------
        budget : float or str
            The mean cost of a clip: a share of the full cost in (0, 1], such
            as 0.5 or "0.5", or with its unit, such as "1.5GMAC".

        Returns
        -------
        threshold : float
            That of the next smaller share in the table.

        Raises
        ------
        ValueError
            If it is no budget, or a single pass costs more.
        """
        share = parse_budget(budget, sum(self.gmacs))
        index = bisect.bisect_right(self.shares, share + 1e-9) - 1
        if index < 0:
            raise ValueError(
                f"the budget {budget} is less than a single pass costs: "
                f"{self.gmacs[0]:.4g}GMAC, {self.shares[0]:.2f} of the full "
                f"cost of {sum(self.gmacs):.4g}GMAC"
            )
        return self.thresholds[index]

    def to_text(self):
        """Write the table as JSON.

        Returns
        -------
        text : str
        """
        return json.dumps(vars(self), indent=2) + "\n"

    @classmethod
    def from_text(cls, text):
        """Read what `to_text` wrote.

        Arguments
        ---------
        text : str
            JSON.

        Returns
        -------
        table : BudgetTable

        Raises
        ------
        ValueError
            If it is anything else.
        """
        try:
            values = json.loads(text)
            table = cls(
                *(
                    [float(number) for number in values[name]]
                    for name in ("gmacs", "shares", "thresholds")
                )
            )
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError(f"it holds no budgets ({error})") from error
        numbers = [*table.gmacs, *table.shares, *table.thresholds]
        if (
            not (table.gmacs and table.shares)
            or len(table.shares) != len(table.thresholds)
            or not all(math.isfinite(n) and n >= 0 for n in numbers)
            or table.shares != sorted(table.shares)
        ):
            raise ValueError("its numbers are no budgets")
        return table


def parse_budget(budget, full):
    """Read a budget as a share of the full cost.

    Arguments
    ---------
    budget : float or str
        As for `BudgetTable.threshold`.
    full : float
        Cost of all passes in GMAC.

    Returns
    -------
    share : float
        At most 1.

    Raises
    ------
    ValueError
        If it is no budget.

    Example
    -------
    >>> parse_budget("1.5GMAC", 2.0)
    0.75
    """
    text = str(budget).strip()
    number = text.lower().removesuffix("gmac")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if number != text.lower() and value > 0:
        return min(value / full, 1.0)
    if number == text.lower() and 0 < value <= 1:
        return value
    raise ValueError(
        f"{budget!r} is no budget; give a share of the full cost above 0 and "
        "at most 1, such as 0.5, or GMAC, such as 1.5GMAC"
    )
