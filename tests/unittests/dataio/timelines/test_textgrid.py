"""TextGrids, read by the libraries that people use.

Authors
 * The speechbrain_pib developers 2026
"""

import pytest
from praatio import textgrid

from speechbrain_pib.dataio.timelines.events import Event
from speechbrain_pib.dataio.timelines.textgrid import (
    read_textgrid_events,
    render_textgrid,
)
from speechbrain_pib.dataio.timelines.writing import Recording

EVENTS = [
    Event("dog", 0.0, 0.5, 0.5),
    Event('a "loud" bang', 0.25, 86399.9995, 0.5),
    Event("dog", 0.5, 0.75, 0.5),
    Event("dog", 0.625, 86400.0, 0.5),
]


@pytest.fixture
def path(tmp_path):
    """A TextGrid of a day."""
    path = tmp_path / "a.TextGrid"
    text = render_textgrid(EVENTS, Recording("a.wav", 86400.0))
    path.write_text(text, encoding="utf-8")
    return path


def test_praatio_reads_a_tier_of_each_class(path):
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False)
    assert grid.tierNames == ('a "loud" bang', "dog", "dog (2)")
    assert (grid.minTimestamp, grid.maxTimestamp) == (0.0, 86400.0)
    found = [tuple(e) for name in grid.tierNames for e in grid.getTier(name)]
    expected = sorted((e.start, e.stop, e.label) for e in EVENTS)
    assert sorted(found) == expected


def test_intervals_cover_the_recording_without_a_gap(path):
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=True)
    for name in grid.tierNames:
        entries = grid.getTier(name).entries
        assert (entries[0].start, entries[-1].end) == (0.0, 86400.0)
        for left, right in zip(entries, entries[1:]):
            assert left.end == right.start


@pytest.mark.parametrize("layout", ["long_textgrid", "short_textgrid"])
def test_what_praatio_writes_is_read(path, tmp_path, layout):
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False)
    grid.addTier(textgrid.PointTier("points", [(0.5, "here")], 0, 86400.0))
    other = str(tmp_path / "b.TextGrid")
    grid.save(other, layout, includeBlankSpaces=True)
    found = read_textgrid_events(other)
    assert sorted(event[:3] for event in found) == sorted(
        event[:3] for event in EVENTS
    )


def test_a_recording_without_events_has_an_empty_tier(tmp_path):
    path = tmp_path / "a.TextGrid"
    path.write_text(render_textgrid([], Recording("a.wav", 60.0)))
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False)
    assert grid.tierNames == ("events",)
    assert grid.maxTimestamp == 60.0


def test_an_event_may_end_after_what_the_file_said_of_its_duration():
    events = [Event("dog", 1.0, 2.5, 0.5)]
    text = render_textgrid(events, Recording("a.wav", 2.0))
    assert text.count("xmax = 2.500000") == 3 and "2.000000" not in text


def test_crowsetta_reads_the_intervals(tmp_path):
    crowsetta = pytest.importorskip("crowsetta")
    # It leaves doubled quotes as they are, and rounds to a millisecond.
    events = [e._replace(label=e.label.replace('"', "'")) for e in EVENTS]
    path = tmp_path / "a.TextGrid"
    path.write_text(render_textgrid(events, Recording("a.wav", 86400.0)))
    found = [
        (label, onset, offset)
        for sequence in crowsetta.formats.seq.TextGrid.from_file(path).to_seq()
        for onset, offset, label in zip(
            sequence.onsets_s, sequence.offsets_s, sequence.labels
        )
        if label
    ]
    for ours, theirs in zip(sorted(events), sorted(found), strict=True):
        assert ours.label == theirs[0]
        assert ours[1:3] == pytest.approx(theirs[1:], rel=0, abs=0.00051)
