"""Time lines as subtitles: WebVTT and SubRip (SRT).

Authors
 * The speechbrain_pib developers 2026
"""

import html
import re

from speechbrain_pib.dataio.timelines.reading import (
    place_of_error,
    read_event,
    read_lines,
)
from speechbrain_pib.dataio.timelines.writing import require_line

TIME = r"(?:(\d+):)?([0-5]\d):([0-5]\d)[.,](\d{3})"
CUE_TIMES = re.compile(rf"{TIME}[ \t]+-->[ \t]+{TIME}(?:[ \t].*)?")
# Players take these for markup, and SRT has no way to escape them.
SRT_MARKUP = "<>{}"


def render_webvtt(events, recording):
    """Write events as WebVTT.

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
    >>> print(render_webvtt([Event("cat & dog", 1.25, 3602.5, 0.75)], None))
    WEBVTT
    <BLANKLINE>
    00:00:01.250 --> 01:00:02.500
    cat &amp; dog
    """
    cues = ["WEBVTT\n"]
    for event in events:
        label = require_line(event.label, "WebVTT")
        times = " --> ".join(_clock_times(event, "."))
        cues.append(f"{times}\n{html.escape(label, quote=False)}\n")
    return "\n".join(cues)


def render_srt(events, recording):
    """Write events as SubRip subtitles.

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
        If a label does not fit into a line, or has signs of markup.

    Example
    -------
    >>> from speechbrain_pib.dataio.timelines.events import Event
    >>> print(render_srt([Event("dog", 1.25, 3602.5, 0.75)], None))
    1
    00:00:01,250 --> 01:00:02,500
    dog
    """
    cues = []
    for number, event in enumerate(events, start=1):
        label = require_line(event.label, "SRT", refused=SRT_MARKUP)
        times = " --> ".join(_clock_times(event, ","))
        cues.append(f"{number}\n{times}\n{label}\n")
    return "\n".join(cues)


def _clock_times(event, point):
    """Both times of an event as hours, minutes, seconds and milliseconds."""
    start = round(event.start * 1000)
    # A cue that ends when it begins is none.
    stop = max(round(event.stop * 1000), start + 1)
    for time in (start, stop):
        seconds, thousandths = divmod(time, 1000)
        minutes, seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        yield f"{hours:02d}:{minutes:02d}:{seconds:02d}{point}{thousandths:03d}"


def read_webvtt_events(path):
    """Read events from WebVTT.

    Arguments
    ---------
    path : str
        Each cue is an event, its text is the label.

    Returns
    -------
    events : list of Event

    Raises
    ------
    ValueError
        If it is malformed; file and line are named.

    Example
    -------
    >>> path = getfixture("tmpdir") / "a.vtt"
    >>> path.write("WEBVTT\\n\\n00:01.250 --> 00:02.500\\ncat &amp; dog\\n")
    >>> read_webvtt_events(path)
    [Event(label='cat & dog', start=1.25, stop=2.5, score=1.0, confirmed=0)]
    """
    lines = read_lines(path)
    if not lines or not re.fullmatch(r"WEBVTT([ \t].*)?", lines[0]):
        raise ValueError(f"{path} is not WebVTT: it does not begin with WEBVTT")
    events = []
    for line, block in _blocks(lines):
        if line == 1 or re.match(r"(NOTE|STYLE|REGION)\b", block[0]):
            continue
        # A name of the cue may stand before its times.
        named = len(block) > 2
        event = _read_cue(path, line + named, block[named:])
        events.append(event._replace(label=html.unescape(event.label)))
    return events


def read_srt_events(path):
    """Read events from SubRip subtitles.

    Arguments
    ---------
    path : str
        Each subtitle is an event, its text is the label.

    Returns
    -------
    events : list of Event

    Raises
    ------
    ValueError
        If it is malformed; file and line are named.

    Example
    -------
    >>> path = getfixture("tmpdir") / "a.srt"
    >>> path.write("1\\n00:00:01,250 --> 00:00:02,500\\ndog\\n")
    >>> read_srt_events(path)
    [Event(label='dog', start=1.25, stop=2.5, score=1.0, confirmed=0)]
    """
    return [
        _read_cue(path, line + 1, block[1:])
        for line, block in _blocks(read_lines(path))
    ]


def _blocks(lines):
    """What stands between empty lines, with the number of its first line."""
    block = []
    for line, text in enumerate([*lines, ""], start=1):
        if text.strip():
            block.append(text)
        elif block:
            yield line - len(block), block
            block = []


def _read_cue(path, line, block):
    """The event of a line of times and a line of text."""
    with place_of_error(path, line, "a line of times and one with the label"):
        match = CUE_TIMES.fullmatch(block[0].strip()) if block else None
        if match is None or len(block) != 2:
            raise ValueError(f"got {block}")
        parts = [int(part or 0) for part in match.groups()]
        start, stop = (
            ((hours * 60 + minutes) * 60 + seconds) + thousandths / 1000
            for hours, minutes, seconds, thousandths in (parts[:4], parts[4:])
        )
        return read_event(block[1], start, stop)
