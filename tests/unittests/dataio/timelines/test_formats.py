"""Files of time lines: what is written comes back, and what is odd is named.

Authors
 * The speechbrain_pib developers 2026
"""

import csv
import json
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from speechbrain_pib.dataio.timelines.events import Event
from speechbrain_pib.dataio.timelines.formats import (
    FORMATS,
    read_events,
    render_events,
)

# Times that need float64 at the end of a day.
DAY = [
    Event("dog", 0.0004, 0.5004, 0.25),
    Event("cat", 3599.9996, 3601.2345, 0.875, 1),
    Event("dog", 86398.0015, 86399.9995, 0.9375, 2),
]
LABELS = {
    "comma": "hiss, puff",
    "space": "water tap",
    "quotes": 'a "loud" bang',
    "html": "<script>alert('x')</script> & more",
    "entity": "&lt;",
    "braces": "{\\an8}up",
    "arrow": "a --> b",
    "tab": "a\tb",
    "newline": "a\nb",
    "carriage return": "a\rb",
    "line separator": "a\u2028b",
    "formula": "=1+1",
    "unicode": "caf\u00e9 \u4e2d\u6587 \U0001f415",
    "NUL": "a\0b",
    "surrogate": "a\ud800b",
    "outer space": " dog",
    "empty": "",
}
# What a format refuses of them; it holds all others.
LINE = {"tab", "newline", "carriage return", "line separator", "NUL"}
LINE |= {"surrogate", "outer space", "empty"}
REFUSED = {
    "csv": LINE - {"tab", "newline"},
    "jsonl": set(),
    "audacity": LINE,
    "raven": LINE,
    "webvtt": LINE,
    "srt": LINE | {"html", "braces", "arrow"},
    "textgrid": LINE,
    "rttm": LINE | {k for k, label in LABELS.items() if " " in label},
}


def write(folder, name, events, **options):
    """Write events to a file, and return its path."""
    options = {"recording": "day.wav", "duration": 86400.0, **options}
    path = folder / f"day{FORMATS[name].suffix}"
    path.write_text(
        render_events(name, events, **options), encoding="utf-8", newline=""
    )
    return path


@pytest.mark.parametrize("name", FORMATS)
def test_events_come_back_within_a_millisecond_after_a_day(tmp_path, name):
    found = read_events(write(tmp_path, name, DAY))
    assert sorted(e.label for e in found) == ["cat", "dog", "dog"]
    found.sort(key=lambda event: event.start)
    np.testing.assert_allclose(
        [event[1:3] for event in found],
        [event[1:3] for event in DAY],
        rtol=0,
        atol=0.00051,
    )


@pytest.mark.parametrize("name", ["csv", "jsonl", "raven"])
def test_tables_hold_scores_and_passes(tmp_path, name):
    assert read_events(write(tmp_path, name, DAY)) == DAY


@pytest.mark.parametrize("name", FORMATS)
def test_events_are_written_in_the_order_of_time(tmp_path, name):
    options = {"recording": "day.wav", "duration": 86400.0}
    assert render_events(name, DAY[::-1], **options) == render_events(
        name, DAY, **options
    )


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("key", LABELS)
def test_a_label_comes_back_or_is_refused_by_name(tmp_path, name, key):
    events = [Event(LABELS[key], 1.25, 2.5, 0.75)]
    if key in REFUSED[name]:
        with pytest.raises(ValueError) as caught:
            write(tmp_path, name, events)
        assert repr(LABELS[key]) in str(caught.value)
        return
    (found,) = read_events(write(tmp_path, name, events))
    assert found[:3] == events[0][:3]


@pytest.mark.parametrize("name", FORMATS)
def test_a_recording_without_events_has_a_file_without_events(tmp_path, name):
    assert read_events(write(tmp_path, name, [])) == []


@pytest.mark.parametrize("name", FORMATS)
def test_events_may_overlap(tmp_path, name):
    events = [
        Event("dog", 1.0, 4.0, 1.0),
        Event("cat", 2.0, 3.0, 1.0),
        Event("dog", 3.0, 5.0, 1.0),
        Event("dog (2)", 4.5, 6.0, 1.0),
    ]
    if name == "rttm":
        events.pop()
    found = read_events(write(tmp_path, name, events))
    assert sorted(event[:3] for event in found) == sorted(
        event[:3] for event in events
    )


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("times", [(2.0, 2.0), (-1.0, 2.0), (1.0, np.inf)])
def test_what_is_no_event_is_not_written(tmp_path, name, times):
    with pytest.raises(ValueError, match="there can be no Event"):
        write(tmp_path, name, [Event("dog", *times, 1.0)])


def test_an_unknown_format_is_named():
    with pytest.raises(ValueError, match="csv, jsonl.* got mp3"):
        render_events("mp3", [], recording="a.wav", duration=1.0)


@pytest.mark.parametrize("name", ["csv", "jsonl"])
def test_there_is_no_time_of_day_after_the_last_year(tmp_path, name):
    begin = datetime(9999, 12, 31, 23, 59, 59)
    with pytest.raises(ValueError, match="begun at 9999-12-31 23:59:59"):
        write(tmp_path, name, [Event("dog", 0.5, 1.5, 0.5)], begin=begin)


@pytest.mark.parametrize("name", ["csv", "jsonl"])
@pytest.mark.parametrize("zone", [None, timezone(timedelta(hours=2))])
def test_times_of_day_run_over_midnight(tmp_path, name, zone):
    begin = datetime(2026, 3, 28, 23, 59, 59, 500000, zone)
    path = write(tmp_path, name, [Event("dog", 0.25, 1.75, 0.5)], begin=begin)
    if name == "csv":
        with open(path, newline="") as file:
            (row,) = csv.DictReader(file)
    else:
        row = json.loads(path.read_text())
    assert datetime.fromisoformat(row["start_time"]) == begin.replace(
        microsecond=750000
    )
    assert row["stop_time"][:23] == "2026-03-29T00:00:01.250"
    assert read_events(path) == [Event("dog", 0.25, 1.75, 0.5)]


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("a.csv", "start,label\n1,dog\n", "has no column stop"),
        ("a.csv", "start,stop,label\n1,2,dog\n1,x,cat\n", "line 3: .*'x'"),
        ("a.csv", "start,stop,label\n2,2,dog\n", "line 2: .*from 2.0 s to 2.0"),
        ("a.csv", "start,stop,label\n1,nan,dog\n", "line 2: .*to nan"),
        ("a.csv", "start,stop,label,score\n1,2,a,7\n", "line 2: .*got 7"),
        ("a.csv", "start,stop,label\n1,2\n", "line 2: "),
        ("a.jsonl", '{"start": 1}\n', "line 1: .*start, stop and label"),
        ("a.jsonl", "\n{1}\n", "line 2: "),
        ("a.jsonl", '{"start": "1", "stop": 2, "label": "a"}', "line 1: .*'1'"),
        ("a.jsonl", '{"start": 1, "stop": 2, "label": 3}', "line 1: .*3"),
        ("a.txt", "1\t2\tdog\n1\t2\n", "line 2: .*between tabs"),
        ("a.selections.txt", "Selection\n1\n", "no column Begin Time"),
        ("a.vtt", "1\n", "does not begin with WEBVTT"),
        ("a.vtt", "WEBVTT\n\n00:01.0 --> 00:02.000\na\n", "line 3: "),
        ("a.vtt", "WEBVTT\n\nx\n00:02.000 --> 00:01.000\na\n", "line 4: "),
        ("a.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\na\nb\nc\n", "line 4: "),
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\n", "line 2: "),
        ("a.srt", "00:00:01,000 --> 00:00:02,000\na\n", "line 2: "),
        ("a.rttm", "SPEAKER a 1 1.0 1.0\n", "line 1: expected 10 fields"),
        ("a.TextGrid", '"ooTextFile"\n"TextGrid"\n0 1', "line 3: .*the end"),
        ("a.TextGrid", '"ooTextFile"\n"Sound"\n', "line 2: .*'Sound'"),
        ("a.mp3", "", "its name ends in none of .csv, "),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(
    tmp_path, name, text, message
):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message) as caught:
        read_events(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_in_another_encoding_is_refused(tmp_path, name):
    path = tmp_path / f"a{FORMATS[name].suffix}"
    path.write_bytes(b"caf\xe9")
    with pytest.raises(ValueError, match="is not UTF-8"):
        read_events(path)


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_of_a_windows_program_is_read(tmp_path, name):
    path = write(tmp_path, name, DAY)
    text = path.read_bytes().replace(b"\n", b"\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text)
    assert [e.label for e in read_events(path)] in (
        ["dog", "cat", "dog"],
        ["cat", "dog", "dog"],
    )


def test_selections_of_raven_are_known_by_their_columns(tmp_path):
    path = write(tmp_path, "raven", DAY)
    other = path.rename(tmp_path / "Table.1.txt")
    assert read_events(other) == DAY


def test_rttm_of_several_recordings_is_refused(tmp_path):
    path = tmp_path / "all.rttm"
    path.write_text(
        "SPKR-INFO a 1 <NA> <NA> <NA> unknown dog <NA> <NA>\n"
        "SPEAKER a 1 1.0 1.0 <NA> <NA> dog <NA>\n"
        "SPEAKER b 1 1.0 1.0 <NA> <NA> dog <NA> <NA>\n"
    )
    with pytest.raises(ValueError, match="line 3: .*a, b"):
        read_events(path)
