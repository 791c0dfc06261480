"""Tests a classifier as a detector: it finds the events of whole recordings,
which are compared with those that are annotated.

Authors
 * The speechbrain_pib developers 2026
"""

import json
import os

from speechbrain.utils.logger import get_logger
from tqdm.contrib import tqdm

from speechbrain_pib.dataio.audio.locators import UnreadableAudioError
from speechbrain_pib.dataio.timelines.blocks import open_sound
from speechbrain_pib.dataio.timelines.formats import render_events
from speechbrain_pib.evaluation.reports import to_json_values
from speechbrain_pib.evaluation.timeline_reports import (
    describe_timelines,
    measure_timelines,
)
from speechbrain_pib.evaluation.timelines import TimelinePair
from speechbrain_pib.inference.timelines import Timeline
from speechbrain_pib.utils.files import atomic_writer

logger = get_logger(__name__)


def evaluate_detection(classifier, recordings, folder, settings):
    """Find the events of recordings, and measure how well they were found.

    The folder then holds `detection.json` and `detection.md`, and
    `detection/<name>.csv` with the events of each recording.

    Arguments
    ---------
    classifier : PlayItBackClassifier
        Finds the events.
    recordings : dict
        Name of each to its locator, see
        `speechbrain_pib.dataio.audio.locators`, and its list of Event.
    folder : str
        Where the results go.
    settings : TimelineSettings
        What counts as an event, and what is replayed.

    Returns
    -------
    result : dict
        That of `measure_timelines`, the "replays", and "failed", the name of
        each recording that could not be read to the reason.

    Raises
    ------
    ValueError
        If none could be read.

    Example
    -------
    >>> evaluate_detection(
    ...     classifier, {"P01_01": ("P01_01.wav", events)}, "results", settings
    ... )  # doctest: +SKIP
    """
    pairs, costs, failed = [], [], {}
    for name, (locator, reference) in tqdm(
        recordings.items(), desc="detecting", unit="recording", disable=None
    ):
        try:
            events, cost = _detect(classifier, locator, settings)
        except (OSError, UnreadableAudioError) as error:
            logger.warning("Left out: %s", error)
            failed[name] = str(error)
            continue
        pairs.append(TimelinePair(reference, events, cost.seconds))
        costs.append(
            {
                "seconds": cost.seconds,
                "gmacs": cost.gmacs,
                "gmacs_everywhere": cost.gmacs_everywhere,
            }
        )
        table = render_events(
            "csv", events, recording=name, duration=cost.seconds
        )
        path = os.path.join(folder, "detection", f"{name}.csv")
        with atomic_writer(path) as file:
            file.write(table)
    if not pairs:
        raise ValueError("none of the recordings could be read")
    result, remarks = measure_timelines(pairs, costs)
    result |= {"replays": settings.replays, "failed": failed}
    lines = [*describe_timelines(result), *remarks]
    with atomic_writer(os.path.join(folder, "detection.json")) as file:
        json.dump(to_json_values(result), file, indent=2, allow_nan=False)
        file.write("\n")
    with atomic_writer(os.path.join(folder, "detection.md")) as file:
        file.write(_to_markdown(lines))
    logger.info("Detection:\n%s", "\n".join(lines))
    return result


def _to_markdown(lines):
    """Lines as paragraphs, but for the rows of a table."""
    text = ""
    for line, following in zip(lines, [*lines[1:], ""]):
        in_table = line.startswith("|") and following.startswith("|")
        text += line + ("\n" if in_table else "\n\n")
    return text.rstrip("\n") + "\n"


def _detect(classifier, locator, settings):
    """The events of a recording, and what finding them cost."""
    with open_sound(locator, classifier.fbank.sample_rate) as sound:
        timeline = Timeline(classifier, sound.blocks, settings)
        return list(timeline), timeline.costs
