"""Files of time lines: which formats there are, writing and reading them.

Authors
 * The speechbrain_pib developers 2026
"""

import math
import os
from collections.abc import Callable
from typing import NamedTuple

from speechbrain_pib.dataio.timelines import rttm, subtitles, tables, textgrid
from speechbrain_pib.dataio.timelines.events import Event
from speechbrain_pib.dataio.timelines.reading import read_lines
from speechbrain_pib.dataio.timelines.writing import Recording


class Format(NamedTuple):
    """A format of time lines.

    Arguments
    ---------
    suffix : str
        What the names of its files end in.
    render : callable
        List of Event, in the order of time, and Recording to the text of a
        file.
    read : callable
        Path of a file to its list of Event.
    """

    suffix: str
    render: Callable
    read: Callable


FORMATS = {
    "csv": Format(".csv", tables.render_csv, tables.read_csv_events),
    "jsonl": Format(".jsonl", tables.render_jsonl, tables.read_jsonl_events),
    "audacity": Format(
        ".txt", tables.render_audacity, tables.read_audacity_events
    ),
    "raven": Format(
        ".selections.txt", tables.render_raven, tables.read_raven_events
    ),
    "webvtt": Format(
        ".vtt", subtitles.render_webvtt, subtitles.read_webvtt_events
    ),
    "srt": Format(".srt", subtitles.render_srt, subtitles.read_srt_events),
    "textgrid": Format(
        ".TextGrid", textgrid.render_textgrid, textgrid.read_textgrid_events
    ),
    "rttm": Format(".rttm", rttm.render_rttm, rttm.read_rttm_events),
}


def render_events(name, events, *, recording, duration, begin=None):
    """Write events in a format.

    Arguments
    ---------
    name : str
        One of FORMATS.
    events : iterable of Event
        In any order; they are written in that of time.
    recording : str
        Name of the file that they are heard in.
    duration : float
        Of that, in seconds.
    begin : datetime.datetime
        When it was begun: csv and jsonl then also have dates and times of day.

    Returns
    -------
    text : str
        The content of a file, for UTF-8.

    Raises
    ------
    ValueError
        If there is no such format, an event has no duration, or the format
        cannot hold a label, which is named.

    Example
    -------
    >>> from speechbrain_pib.dataio.timelines.events import Event
    >>> events = [Event("dog", 1.25, 2.5, 0.75)]
    >>> render_events("audacity", events, recording="a.wav", duration=60.0)
    '1.250000\\t2.500000\\tdog\\n'
    """
    if name not in FORMATS:
        raise ValueError(f"there are {', '.join(FORMATS)}, got {name}")
    events = sorted(events, key=lambda event: (event[1], event[2], event[0]))
    for event in events:
        if not 0 <= event.start < event.stop < math.inf:
            raise ValueError(f"there can be no {event}")
    recording = Recording(recording, duration, begin)
    return FORMATS[name].render(events, recording)


def require_labels(name, labels):
    """Check that a format can hold the labels of a model, before it is used.

    Arguments
    ---------
    name : str
        One of FORMATS.
    labels : list of str
        Names of classes.

    Raises
    ------
    ValueError
        If it cannot; the label is named.

    Example
    -------
    >>> require_labels("rttm", ["water tap"])
    Traceback (most recent call last):
        ...
    ValueError: RTTM cannot hold the label 'water tap': there is ' ' in it;
    rename the class, or choose jsonl
    """
    events = [Event(label, 0.0, 1.0, 1.0) for label in labels]
    render_events(name, events, recording="", duration=1.0)


def read_events(path):
    """Read the events of a file in any of FORMATS.

    Arguments
    ---------
    path : str
        The end of its name tells the format, in upper or lower case; a
        ".txt" is of Raven if it has its columns, else of Audacity.

    Returns
    -------
    events : list of Event

    Raises
    ------
    ValueError
        If there is no such format, or the file is malformed; file and line
        are named.

    Example
    -------
    >>> path = getfixture("tmpdir") / "a.txt"
    >>> path.write("1.25\\t2.5\\tdog\\n")
    >>> read_events(path)
    [Event(label='dog', start=1.25, stop=2.5, score=1.0, confirmed=0)]
    """
    path = os.fspath(path)
    name, _ = split_name(path)
    if name is None:
        suffixes = ", ".join(format.suffix for format in FORMATS.values())
        raise ValueError(
            f"{path} is no list of events: its name ends in none of {suffixes}"
        )
    if name == "audacity" and tables.RAVEN_START in "".join(
        read_lines(path)[:1]
    ):
        name = "raven"
    return FORMATS[name].read(path)


def split_name(path):
    """Split the name of a file of events.

    Arguments
    ---------
    path : str
        The file.

    Returns
    -------
    name : str
        Its format, one of FORMATS; None if it is none of them.
    stem : str
        The name without folder and suffix.

    Example
    -------
    >>> split_name("events/monday.selections.txt")
    ('raven', 'monday')
    >>> split_name("monday.wav")
    (None, 'monday.wav')
    """
    base = os.path.basename(path)
    fitting = [
        (format.suffix, name)
        for name, format in FORMATS.items()
        if base.lower().endswith(format.suffix.lower())
    ]
    if not fitting:
        return None, base
    suffix, name = max(fitting, key=lambda pair: len(pair[0]))
    return name, base[: -len(suffix)]
