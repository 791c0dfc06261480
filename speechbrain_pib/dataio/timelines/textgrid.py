"""Time lines as TextGrids of Praat: a tier of intervals for each class.

Authors
 * The speechbrain_pib developers 2026
"""

import itertools
import re
from collections import defaultdict

from speechbrain_pib.dataio.timelines.reading import place_of_error, read_event
from speechbrain_pib.dataio.timelines.writing import require_line, to_seconds
from speechbrain_pib.utils.files import open_annotations

HEADER = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n'
# What counts in a text file of Praat; all else explains it. Only a number that
# stands by itself is one: [1] is none.
TOKEN = re.compile(
    r'"((?:[^"]|"")*)"|(?<!\S)([-+]?[\d.]+(?:[eE][-+]?\d+)?|<\w+>)(?!\S)'
)


def render_textgrid(events, recording):
    '''Write events as a TextGrid.

    Intervals of a tier do not overlap, so that each class has a tier, and
    another one for events of its own that overlap.

    Arguments
    ---------
    events : list of Event
        In their order.
    recording : Recording
        Where they are; its duration is that of the tiers.

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
    >>> events = [Event('"dog"', 1.25, 2.5, 0.75)]
    >>> text = render_textgrid(events, Recording("a.wav", 60.0))
    >>> [line.strip() for line in text.splitlines() if "text" in line]
    ['text = ""', 'text = """dog"""', 'text = ""']
    '''
    stop = max([recording.duration, *(event.stop for event in events)])
    tiers = _make_tiers(events) or {"events": []}
    lines = [
        f"xmin = 0\nxmax = {to_seconds(stop)}\ntiers? <exists>\n"
        f"size = {len(tiers)}\nitem []:\n"
    ]
    for number, (name, spans) in enumerate(tiers.items(), start=1):
        intervals = list(_fill_gaps(spans, _ticks(stop)))
        lines.append(
            f'    item [{number}]:\n        class = "IntervalTier"\n'
            f"        name = {_quote(name)}\n        xmin = 0\n"
            f"        xmax = {to_seconds(stop)}\n"
            f"        intervals: size = {len(intervals)}\n"
        )
        for index, (first, last, text) in enumerate(intervals, start=1):
            lines.append(
                f"        intervals [{index}]:\n"
                f"            xmin = {to_seconds(first / 1e6)}\n"
                f"            xmax = {to_seconds(last / 1e6)}\n"
                f"            text = {_quote(text)}\n"
            )
    return HEADER + "".join(lines)


def _ticks(seconds):
    """Whole microseconds: intervals meet exactly."""
    return round(seconds * 1e6)


def _quote(text):
    """A string as Praat has it."""
    return '"' + text.replace('"', '""') + '"'


def _make_tiers(events):
    """Name of each tier to its intervals, in the order of time."""
    rows = defaultdict(list)
    for event in sorted(events, key=lambda event: event.start):
        label = require_line(event.label, "TextGrid")
        span = _ticks(event.start), _ticks(event.stop), label
        free = (row for row in rows[label] if row[-1][1] <= span[0])
        row = next(free, None)
        if row is None:
            rows[label].append([span])
        else:
            row.append(span)
    tiers = {label: rows[label][0] for label in sorted(rows)}
    for label in sorted(rows):
        for row in rows[label][1:]:
            names = (f"{label} ({number})" for number in itertools.count(2))
            tiers[next(name for name in names if name not in tiers)] = row
    return tiers


def _fill_gaps(spans, end):
    """The intervals of a tier, with empty ones between them."""
    known = 0
    for first, last, text in spans:
        if first > known:
            yield known, first, ""
        yield first, last, text
        known = last
    if end > known:
        yield known, end, ""


def read_textgrid_events(path):
    """Read events from a TextGrid.

    Arguments
    ---------
    path : str
        Long or short text file of Praat in UTF-8. Each interval with a text is
        an event, in the order of the tiers; tiers of points have none.

    Returns
    -------
    events : list of Event

    Raises
    ------
    ValueError
        If it is malformed; file and line are named.

    Example
    -------
    >>> path = getfixture("tmpdir") / "a.TextGrid"
    >>> path.write(
    ...     '"ooTextFile"\\n"TextGrid"\\n0\\n3\\n<exists>\\n1\\n"IntervalTier"\\n'
    ...     '"animals"\\n0\\n3\\n2\\n0\\n2\\n""\\n2\\n3\\n"dog"\\n'
    ... )
    >>> read_textgrid_events(path)
    [Event(label='dog', start=2.0, stop=3.0, score=1.0, confirmed=0)]
    """
    with open_annotations(path) as file:
        tokens = _Tokens(path, file.read())
    tokens.expect("ooTextFile", "TextGrid")
    tokens.take(float, "the time of its begin"), tokens.take(float, "its end")
    tokens.expect("<exists>")
    events = []
    for _ in range(tokens.take(int, "the number of tiers")):
        events += _read_tier(tokens)
    return events


def _read_tier(tokens):
    """The events of the tier that comes next."""
    kind = tokens.take(str, "IntervalTier or TextTier")
    if kind not in ("IntervalTier", "TextTier"):
        tokens.fail("IntervalTier or TextTier", kind)
    tokens.take(str, "the name of a tier")
    tokens.take(float, "the begin of a tier"), tokens.take(float, "its end")
    size = tokens.take(int, "the number of intervals")
    events = []
    for _ in range(size):
        start = tokens.take(float, "a time")
        if kind == "TextTier":
            tokens.take(str, "a text")
            continue
        stop = tokens.take(float, "a time")
        line = tokens.line
        label = tokens.take(str, "a text")
        if label.strip():
            with place_of_error(tokens.path, line, "an interval"):
                events.append(read_event(label, start, stop))
    return events


class _Tokens:
    """Numbers, strings and flags of a text file of Praat, one by one."""

    def __init__(self, path, text):
        self.path, self.text, self.line = path, text, 1
        self._matches = TOKEN.finditer(text)
        self._counted = 0

    def take(self, kind, wanted):
        """The next one, as a str, float or int."""
        match = next(self._matches, None)
        if match is None:
            self.fail(wanted, "the end of the file")
        self.line += self.text.count("\n", self._counted, match.start())
        self._counted = match.start()
        if (match[1] is None) != (kind is not str):
            self.fail(wanted, match[0])
        if kind is str:
            return match[1].replace('""', '"')
        with place_of_error(self.path, self.line, wanted):
            return kind(match[2])

    def expect(self, *values):
        """Passes over what must come next."""
        for value in values:
            flag = value.startswith("<")
            given = self.take(_flag if flag else str, value)
            if given != value:
                self.fail(value, given)

    def fail(self, wanted, given):
        """Says where it is not as it must be."""
        raise ValueError(
            f"{self.path}, line {self.line}: expected {wanted}, got {given!r}"
        )


def _flag(text):
    """A flag as it is."""
    return text
