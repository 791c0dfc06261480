"""The command evaluate-timeline: how well the events of recordings were found.

Authors
 * The speechbrain_pib developers 2026
"""

from speechbrain_pib.commands.parsing import add_json, positive_float
from speechbrain_pib.commands.terminal import FAILURES, conclude, explain

HELP = "tell how well the events of recordings were found"
DESCRIPTION = """\
Compares lists of events, in any format that the command timeline writes, with
what is really there: event-based metrics (a start within 0.2 s, a stop within
0.2 s or 20% of the length; equal to sed_eval), segment-based metrics (1 s), false
alarms an hour (events that overlap with none of their class), PSDS (with
sed_scores_eval) and, for what the command timeline wrote, what was computed."""
EXAMPLE = "annotations events --json"


def add_arguments(parser):
    """Add the arguments of the command."""
    parser.add_argument(
        "reference", help="file of the true events, or a folder of such files"
    )
    parser.add_argument(
        "estimate",
        help="file of the events that were found, or a folder of such files "
        "with the same names",
    )
    parser.add_argument(
        "--duration",
        type=positive_float,
        metavar="SECONDS",
        help="of each recording (default: as the command timeline noted it, "
        "else until the last event)",
    )
    add_json(parser)


def run(arguments):
    """Evaluate time lines."""
    from speechbrain_pib.dataio.timelines.pairs import pair_files
    from speechbrain_pib.evaluation.reports import to_json_values
    from speechbrain_pib.evaluation.timeline_reports import (
        describe_timelines,
        measure_timelines,
    )

    files, failed = pair_files(arguments.reference, arguments.estimate)
    pairs, costs = [], []
    for paths in files.values():
        try:
            pair, cost = _read_pair(*paths, arguments.duration)
        except FAILURES as error:
            failed[" and ".join(paths)] = explain(error)
            continue
        pairs.append(pair)
        costs.append(cost)
    if not pairs:
        return conclude(arguments, ["nothing to compare"], {}, failed)
    result, remarks = measure_timelines(pairs, costs)
    lines = [*describe_timelines(result), *remarks]
    return conclude(arguments, lines, to_json_values(result), failed)


def _read_pair(reference, estimate, duration):
    """The events of both files, and what finding them cost."""
    from speechbrain_pib.dataio.timelines.formats import read_events
    from speechbrain_pib.dataio.timelines.pairs import read_record
    from speechbrain_pib.evaluation.timelines import TimelinePair

    events = read_events(reference), read_events(estimate)
    record = read_record(estimate)
    if duration is None and record is not None:
        duration = record["seconds"]
    latest = max((e.start for side in events for e in side), default=0.0)
    if duration is not None and duration < latest:
        raise ValueError(
            f"an event starts after {latest:g} s, of which there are "
            f"{duration:g}; give its --duration"
        )
    if duration is None:
        duration = max((e.stop for side in events for e in side), default=0.0)
    return TimelinePair(*events, duration), record
