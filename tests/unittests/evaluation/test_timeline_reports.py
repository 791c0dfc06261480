"""What is told of time lines; the command's test has the table.

Authors
 * The speechbrain_pib developers 2026
"""

import sys

import pytest

from speechbrain_pib.dataio.timelines.events import Event
from speechbrain_pib.evaluation.timeline_reports import (
    describe_timelines,
    measure_timelines,
)
from speechbrain_pib.evaluation.timelines import TimelinePair

DOG = [Event("dog", 1.0, 2.0, 1.0)]
PAIRS = [TimelinePair(DOG, DOG, 1800.0), TimelinePair(DOG, [], 5400.0)]
COSTS = [
    {"seconds": 1800.0, "gmacs": 3.0, "gmacs_everywhere": 10.0},
    {"seconds": 5400.0, "gmacs": 1.0, "gmacs_everywhere": 30.0},
]


@pytest.fixture(autouse=True)
def without_psds(monkeypatch):
    """As where sed_scores_eval is not installed."""
    monkeypatch.setitem(sys.modules, "sed_scores_eval", None)


def test_costs_are_those_of_all_recordings():
    result, remarks = measure_timelines(PAIRS, COSTS)
    assert result["gmacs_per_hour"] == 2.0
    assert result["gmacs_everywhere_per_hour"] == 20.0
    last = describe_timelines(result)[-1]
    assert last == "2.0 GMAC an hour; 20.0 with all replays everywhere"
    (remark,) = remarks
    assert remark.startswith("No PSDS: PSDS needs sed_scores_eval")


@pytest.mark.parametrize("costs", [[], [COSTS[0], None]])
def test_costs_that_are_not_known_of_all_are_not_told(costs):
    assert "gmacs_per_hour" not in measure_timelines(PAIRS, costs)[0]
