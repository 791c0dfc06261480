"""Subtitles, read by the libraries that people use.

Authors
 * The speechbrain_pib developers 2026
"""

import html

import pytest
import srt
import webvtt

from speechbrain_pib.dataio.timelines.events import Event
from speechbrain_pib.dataio.timelines.subtitles import (
    read_srt_events,
    read_webvtt_events,
    render_srt,
    render_webvtt,
)

EVENTS = [
    Event("dog, barking", 0.0, 0.25, 0.5),
    Event("cat & dog", 3599.9996, 3600.75, 0.5),
    Event("owl", 86399.001, 86399.999, 0.5),
]


def test_webvtt_py_reads_the_cues(tmp_path):
    path = tmp_path / "a.vtt"
    events = [*EVENTS, Event("<b>bang</b>", 86399.5, 86400.5, 0.5)]
    path.write_text(render_webvtt(events, None), encoding="utf-8")
    cues = list(webvtt.read(path))
    # It leaves escapes as they are.
    assert [html.unescape(cue.raw_text) for cue in cues] == [
        event.label for event in events
    ]
    for cue, event in zip(cues, events):
        for read, time in zip((cue.start_time, cue.end_time), event[1:3]):
            seconds = (read.hours * 60 + read.minutes) * 60 + read.seconds
            assert abs(seconds + read.milliseconds / 1000 - time) <= 0.00051
    assert "<b>" not in path.read_text()


def test_srt_reads_the_subtitles():
    found = list(srt.parse(render_srt(EVENTS, None)))
    assert [subtitle.index for subtitle in found] == [1, 2, 3]
    for subtitle, event in zip(found, EVENTS):
        assert subtitle.content == event.label
        assert abs(subtitle.start.total_seconds() - event.start) <= 0.00051
        assert abs(subtitle.end.total_seconds() - event.stop) <= 0.00051


def test_what_srt_writes_is_read(tmp_path):
    path = tmp_path / "a.srt"
    path.write_text(srt.compose(srt.parse(render_srt(EVENTS, None))))
    found = read_srt_events(path)
    assert [event.label for event in found] == [e.label for e in EVENTS]
    assert found[2].start == pytest.approx(86399.001, abs=1e-9)


def test_the_shortest_event_is_a_cue():
    events = [Event("dog", 1.0001, 1.0002, 0.5)]
    assert "00:00:01.000 --> 00:00:01.001" in render_webvtt(events, None)


def test_what_is_no_cue_of_webvtt_is_passed_over(tmp_path):
    path = tmp_path / "a.vtt"
    path.write_text(
        "WEBVTT - sounds\nKind: metadata\n\nNOTE\nof a listener\n\n"
        "STYLE\n::cue {}\n\nfirst\n00:01.000 --> 00:02.500 line:0\ncat\n\n\n"
        "100:00:00.000 --> 100:00:01.000\ndog\n"
    )
    cat, dog = read_webvtt_events(path)
    assert cat == Event("cat", 1.0, 2.5, 1.0)
    assert dog == Event("dog", 360000.0, 360001.0, 1.0)
