"""Budgets: thresholds against a slow search, and what is no budget."""

import numpy as np
import pytest

from speechbrain_pib.evaluation.budgets import (
    NEVER,
    BudgetTable,
    leave,
    parse_budget,
    solve_threshold,
)

GMACS = [1.0, 1.5, 2.5]
CONFIDENCES = np.random.default_rng(0).random((50, 3))


def slow_cost(threshold):
    """Mean cost of the clips, one after the other."""
    total = 0
    for clip in CONFIDENCES:
        for index, gmacs in enumerate(GMACS):
            total += gmacs
            if clip[index] >= threshold:
                break
    return total / len(CONFIDENCES)


def test_the_last_pass_keeps_everybody_else():
    assert (leave(CONFIDENCES, NEVER) == 2).all()
    assert (leave(CONFIDENCES, 0.0) == 0).all()
    assert leave(np.array([0.4, 0.6, 0.0]), 0.5) == 1


@pytest.mark.parametrize("limit", [1.0, 1.3, 2.0, 3.3, 4.9, 5.0, 9.0])
def test_a_threshold_spends_the_most_that_fits(limit):
    threshold = solve_threshold(CONFIDENCES, GMACS, limit)
    assert slow_cost(threshold) <= limit
    larger = [t for t in [*CONFIDENCES[:, :2].flat, NEVER] if t > threshold]
    if larger:
        assert slow_cost(min(larger)) > limit


def test_less_than_a_pass_is_no_budget():
    assert solve_threshold(CONFIDENCES, GMACS, 0.99) is None
    table = BudgetTable.solve(CONFIDENCES, GMACS)
    with pytest.raises(ValueError, match=r"single pass costs: 1GMAC, 0\.20"):
        table.threshold(0.1)


def test_a_table_keeps_to_every_budget():
    table = BudgetTable.solve(CONFIDENCES, GMACS)
    for share in (0.2, 0.317, 0.5, 0.999, 1.0):
        assert slow_cost(table.threshold(share)) <= 5.0 * share + 1e-9
    assert table.threshold("2.5GMAC") == table.threshold(0.5)
    assert table.threshold("100 GMAC") == table.threshold(1) == NEVER


def test_clips_that_are_all_alike_leave_together():
    table = BudgetTable.solve(np.full((5, 2), 0.5), [1.0, 1.0])
    assert table.threshold(0.9) == 0.5
    assert table.threshold(1.0) == NEVER


def test_a_table_is_plain_text():
    table = BudgetTable.solve(CONFIDENCES, GMACS)
    again = BudgetTable.from_text(table.to_text())
    assert vars(again) == vars(table)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        "",
        '{"gmacs": ["x"], "shares": [], "thresholds": []}',
        '{"gmacs": [1], "shares": [], "thresholds": []}',
        '{"gmacs": [1], "shares": [0.5, 1], "thresholds": [0.1]}',
        '{"gmacs": [1], "shares": [1, 0.5], "thresholds": [0.1, 0.2]}',
        '{"gmacs": [1], "shares": [1], "thresholds": [NaN]}',
    ],
)
def test_other_text_is_an_error(text):
    with pytest.raises(ValueError, match="budgets"):
        BudgetTable.from_text(text)


@pytest.mark.parametrize("budget", [0, -1, 1.5, "half", "0GMAC", "nan", "GMAC"])
def test_what_is_no_budget_is_an_error(budget):
    with pytest.raises(ValueError, match="is no budget; give a share"):
        parse_budget(budget, 2.0)
