"""Time lines as tables: CSV, JSON Lines, and the label tracks of Audacity and
the selection tables of Raven.

Authors
 * The speechbrain_pib developers 2026
"""

import csv
import io
import json
from datetime import timedelta

from speechbrain_pib.dataio.timelines.reading import (
    place_of_error,
    read_event,
    read_lines,
)
from speechbrain_pib.dataio.timelines.writing import require_line, to_seconds
from speechbrain_pib.utils.files import from_cell, printable, to_cell
from speechbrain_pib.utils.tables import read_rows

COLUMNS = ("start", "stop", "label", "score", "confirmed")
CLOCK_COLUMNS = ("start_time", "stop_time")
# Raven draws a box; this one is what is heard at a rate of 16 kHz. Crowsetta
# takes no whole numbers here.
LOW_HZ, HIGH_HZ = 0.0, 8000.0
RAVEN_START, RAVEN_STOP = "Begin Time (s)", "End Time (s)"
RAVEN_COLUMNS = (
    *("Selection", "View", "Channel", RAVEN_START, RAVEN_STOP),
    *("Low Freq (Hz)", "High Freq (Hz)", "Annotation", "Score", "Pass"),
    "Begin File",
)


def render_csv(events, recording):
    """Write events as CSV.

    Labels that a spreadsheet would take for a formula are quoted, see
    `to_cell`.

    Arguments
    ---------
    events : list of Event
        In their order.
    recording : Recording
        Where they are; if its begin is known there are also columns with
        dates and times of day.

    Returns
    -------
    text : str

    Raises
    ------
    ValueError
        If a label has a control character that readers of CSV differ about.

    Example
    -------
    >>> from speechbrain_pib.dataio.timelines.events import Event
    >>> from speechbrain_pib.dataio.timelines.writing import Recording
    >>> events = [Event("dog, barking", 1.25, 2.5, 0.75)]
    >>> print(render_csv(events, Recording("a.wav", 60.0)))
    start,stop,label,score,confirmed
    1.250000,2.500000,"dog, barking",0.750000,0
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    clock = CLOCK_COLUMNS if recording.begin else ()
    writer.writerow([*COLUMNS, *clock])
    for event in events:
        # A carriage return is quoted by some versions of csv only.
        label = require_line(event.label, "CSV", allowed="\t\n")
        times = map(to_seconds, (event.start, event.stop))
        score = f"{event.score:.6f}"
        row = [*times, to_cell(label), score, event.confirmed]
        writer.writerow([*row, *_times_of_day(event, recording)])
    return buffer.getvalue()


def _times_of_day(event, recording):
    """Date and time of day of both ends of an event, where they are known."""
    if recording.begin is None:
        return []
    try:
        times = [
            recording.begin + timedelta(seconds=time)
            for time in (event.start, event.stop)
        ]
    except OverflowError as error:
        raise ValueError(
            f"begun at {recording.begin} it would end after the year 9999"
        ) from error
    return [time.isoformat(timespec="milliseconds") for time in times]


def read_csv_events(path):
    """Read events from CSV.

    Arguments
    ---------
    path : str
        With a header; the columns start, stop (seconds) and label must be
        there, score and confirmed may.

    Returns
    -------
    events : list of Event

    Raises
    ------
    ValueError
        If it is malformed; file and line are named.

    Example
    -------
    >>> path = getfixture("tmpdir") / "a.csv"
    >>> path.write("start,stop,label\\n1.25,2.5,dog\\n")
    >>> read_csv_events(path)
    [Event(label='dog', start=1.25, stop=2.5, score=1.0, confirmed=0)]
    """
    events = []
    for line, row in read_rows(path, COLUMNS[:3]):
        given = {name: row[name] for name in COLUMNS if row.get(name)}
        with place_of_error(path, line, "start, stop, label"):
            given["label"] = from_cell(row["label"])
            events.append(read_event(**given))
    return events


def render_jsonl(events, recording):
    """Write events as JSON Lines, in ASCII.

    Arguments
    ---------
    events : list of Event
        In their order.
    recording : Recording
        As for `render_csv`.

    Returns
    -------
    text : str

    Example
    -------
    >>> from speechbrain_pib.dataio.timelines.events import Event
    >>> from speechbrain_pib.dataio.timelines.writing import Recording
    >>> events = [Event("dog", 1.25, 2.5, 0.75)]
    >>> print(render_jsonl(events, Recording("a.wav", 60.0)))
    {"start": 1.25, "stop": 2.5, "label": "dog", "score": 0.75, "confirmed": 0}
    """
    lines = []
    for event in events:
        row = {
            "start": round(event.start, 6),
            "stop": round(event.stop, 6),
            "label": event.label,
            "score": round(event.score, 6),
            "confirmed": event.confirmed,
        }
        row |= zip(CLOCK_COLUMNS, _times_of_day(event, recording))
        lines.append(f"{json.dumps(row)}\n")
    return "".join(lines)


def read_jsonl_events(path):
    """Read events from JSON Lines.

    Arguments
    ---------
    path : str
        An object in each line, with the columns of `read_csv_events`.

    Returns
    -------
    events : list of Event

    Raises
    ------
    ValueError
        If it is malformed; file and line are named.

    Example
    -------
    >>> path = getfixture("tmpdir") / "a.jsonl"
    >>> path.write('{"start": 1.25, "stop": 2.5, "label": "dog"}')
    >>> read_jsonl_events(path)
    [Event(label='dog', start=1.25, stop=2.5, score=1.0, confirmed=0)]
    """
    events = []
    wanted = "an object with start, stop and label"
    for line, text in enumerate(read_lines(path), start=1):
        if not text.strip():
            continue
        with place_of_error(path, line, wanted):
            row = json.loads(text)
            if not isinstance(row, dict) or not row.keys() >= set(COLUMNS[:3]):
                raise ValueError(f"got {text}")
            row = {name: row[name] for name in COLUMNS if name in row}
            if not isinstance(row["label"], str):
                raise ValueError(f"the label is {row['label']!r}")
            numbers = [row[name] for name in row if name != "label"]
            if any(type(number) not in (int, float) for number in numbers):
                raise ValueError(f"no numbers: {numbers}")
            events.append(read_event(**row))
    return events


def render_audacity(events, recording):
    r"""Write events as a label track of Audacity.

    Arguments
    ---------
    events : list of Event
        In their order.
    recording : Recording
        Not used: such a file says nothing of it.

    Returns
    -------
    text : str

    Raises
    ------
    ValueError
        If a label does not fit into a line.

    Example
    -------
    >>> from speechbrain_pib.dataio.timelines.events import Event
    >>> render_audacity([Event("dog", 1.25, 2.5, 0.75)], None)
    '1.250000\t2.500000\tdog\n'
    """
    lines = []
    for event in events:
        label = require_line(event.label, "Audacity")
        times = map(to_seconds, (event.start, event.stop))
        lines.append("\t".join((*times, label)) + "\n")
    return "".join(lines)


def read_audacity_events(path):
    r"""Read events from a label track of Audacity.

    Arguments
    ---------
    path : str
        Start, stop and label between tabs; lines of frequencies, which begin
        with a backslash, are passed over.

    Returns
    -------
    events : list of Event

    Raises
    ------
    ValueError
        If it is malformed; file and line are named.

    Example
    -------
    >>> path = getfixture("tmpdir") / "a.txt"
    >>> path.write("1.25\t2.5\tdog\n\\\t200\t800\n")
    >>> read_audacity_events(path)
    [Event(label='dog', start=1.25, stop=2.5, score=1.0, confirmed=0)]
    """
    events = []
    for line, text in enumerate(read_lines(path), start=1):
        if not text.strip() or text.startswith("\\"):
            continue
        with place_of_error(path, line, "start, stop and label between tabs"):
            fields = text.split("\t")
            if len(fields) != 3:
                raise ValueError(f"got {text!r}")
            events.append(read_event(fields[2], *fields[:2]))
    return events


def render_raven(events, recording):
    """Write events as a selection table of Raven.

    Arguments
    ---------
    events : list of Event
        In their order.
    recording : Recording
        Where they are; its name is a column.

    Returns
    -------
    text : str

    Raises
    ------
    ValueError
        If a label does not fit into a line.

    Example
    -------
    >>> from speechbrain_pib.dataio.timelines.events import Event
    >>> from speechbrain_pib.dataio.timelines.writing import Recording
    >>> events = [Event("dog", 1.25, 2.5, 0.75)]
    >>> table = render_raven(events, Recording("a.wav", 60.0))
    >>> table.splitlines()[1].split("\\t")
    ['1', 'Spectrogram 1', '1', '1.250000', '2.500000', '0.0', '8000.0', 'dog',
     '0.750000', '0', 'a.wav']
    """
    rows = [RAVEN_COLUMNS]
    for number, event in enumerate(events, start=1):
        rows.append(
            (
                *(str(number), "Spectrogram 1", "1"),
                *map(to_seconds, (event.start, event.stop)),
                *(str(LOW_HZ), str(HIGH_HZ)),
                require_line(event.label, "Raven"),
                *(f"{event.score:.6f}", str(event.confirmed)),
                printable(recording.name),
            )
        )
    return "".join("\t".join(row) + "\n" for row in rows)


def read_raven_events(path):
    """Read events from a selection table of Raven.

    Arguments
    ---------
    path : str
        With a header; the columns Begin Time (s), End Time (s) and Annotation
        must be there, Score and Pass may.

    Returns
    -------
    events : list of Event

    Raises
    ------
    ValueError
        If it is malformed; file and line are named.

    Example
    -------
    >>> path = getfixture("tmpdir") / "a.selections.txt"
    >>> path.write(
    ...     "Begin Time (s)\\tEnd Time (s)\\tAnnotation\\n1\\t2\\tdog\\n"
    ... )
    >>> read_raven_events(path)
    [Event(label='dog', start=1.0, stop=2.0, score=1.0, confirmed=0)]
    """
    names = {RAVEN_START: "start", RAVEN_STOP: "stop", "Annotation": "label"}
    lines = read_lines(path)
    header = lines[0].split("\t") if lines else []
    absent = [name for name in names if name not in header]
    if absent:
        raise ValueError(f"{path} has no column {', '.join(absent)}")
    names |= {"Score": "score", "Pass": "confirmed"}
    events, seen = [], set()
    for line, text in enumerate(lines[1:], start=2):
        if not text.strip():
            continue
        with place_of_error(path, line, f"{len(header)} fields between tabs"):
            fields = text.split("\t")
            if len(fields) != len(header):
                raise ValueError(f"got {len(fields)}")
            row = {names[c]: x for c, x in zip(header, fields) if c in names}
            event = read_event(**row)
            # Raven has a row for each of its views that shows a selection.
            shown = dict(zip(header, fields)).get("Selection", line), event
            if shown not in seen:
                seen.add(shown)
                events.append(event)
    return events
