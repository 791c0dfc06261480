"""Time lines as Rich Transcription Time Marked files (RTTM).

Authors
 * The speechbrain_pib developers 2026
"""

import re

from speechbrain_pib.dataio.timelines.reading import (
    place_of_error,
    read_event,
    read_lines,
)
from speechbrain_pib.dataio.timelines.writing import require_line, to_seconds
from speechbrain_pib.utils.files import printable

FIELDS = 10
ABSENT = "<NA>"


def render_rttm(events, recording):
    """Write events as RTTM, with the label as the speaker.

    Arguments
    ---------
    events : list of Event
        In their order.
    recording : Recording
        Where they are; its name is the file, with "_" for spaces.

    Returns
    -------
    text : str

    Raises
    ------
    ValueError
        If a label does not fit into a field: there is space in it.

    Example
    -------
    >>> from speechbrain_pib.dataio.timelines.events import Event
    >>> from speechbrain_pib.dataio.timelines.writing import Recording
    >>> events = [Event("dog", 1.25, 2.5, 0.75)]
    >>> print(render_rttm(events, Recording("a b.wav", 60.0)))
    SPEAKER a_b.wav 1 1.250000 1.250000 <NA> <NA> dog 0.750000 <NA>
    """
    name = re.sub(r"\s+", "_", printable(recording.name))
    lines = []
    for event in events:
        spaces = "".join(filter(str.isspace, event.label))
        label = require_line(event.label, "RTTM", refused=spaces)
        times = map(to_seconds, (event.start, event.stop - event.start))
        fields = (*times, ABSENT, ABSENT, label, f"{event.score:.6f}", ABSENT)
        lines.append(" ".join(("SPEAKER", name, "1", *fields)) + "\n")
    return "".join(lines)


def read_rttm_events(path):
    """Read events from RTTM.

    Arguments
    ---------
    path : str
        About one recording; each line SPEAKER is an event, and the speaker is
        the label. Other lines are passed over.

    Returns
    -------
    events : list of Event

    Raises
    ------
    ValueError
        If it is malformed, or about several recordings; file and line are
        named.

    Example
    -------
    >>> path = getfixture("tmpdir") / "a.rttm"
    >>> path.write("SPEAKER a 1 1.25 1.25 <NA> <NA> dog <NA> <NA>\\n")
    >>> read_rttm_events(path)
    [Event(label='dog', start=1.25, stop=2.5, score=1.0, confirmed=0)]
    """
    events, names = [], set()
    for line, text in enumerate(read_lines(path), start=1):
        fields = text.split()
        if not fields or fields[0] != "SPEAKER":
            continue
        with place_of_error(path, line, f"{FIELDS} fields of one recording"):
            # The last field is often left out.
            if len(fields) not in (FIELDS - 1, FIELDS):
                raise ValueError(f"got {len(fields)}")
            names.add(fields[1])
            if len(names) > 1:
                raise ValueError(f"got those of {', '.join(sorted(names))}")
            start, label, score = float(fields[3]), fields[7], fields[8]
            stop = round(start + float(fields[4]), 6)
            score = 1.0 if score == ABSENT else score
            events.append(read_event(label, start, stop, score))
    return events
