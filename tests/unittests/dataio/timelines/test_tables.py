"""Tables of events, read by the libraries that people use.

Authors
 * The speechbrain_pib developers 2026
"""

import csv

import pytest

from speechbrain_pib.dataio.timelines.events import Event
from speechbrain_pib.dataio.timelines.tables import (
    read_audacity_events,
    read_csv_events,
    read_raven_events,
    render_audacity,
    render_csv,
    render_raven,
)
from speechbrain_pib.dataio.timelines.writing import Recording

EVENTS = [
    Event("dog, barking", 0.0, 0.5, 0.5),
    Event("owl", 86399.001, 86399.999, 0.75, 1),
]
RECORDING = Recording("day\tand\nnight.wav", 86400.0)


def test_a_spreadsheet_runs_no_label():
    text = render_csv([Event("=cmd()", 1.0, 2.0, 0.5)], RECORDING)
    (row,) = csv.DictReader(text.splitlines())
    assert row["label"] == "'=cmd()"


@pytest.mark.parametrize("label", ["=1", "'=1", "''@a", "'til", "-", "dog"])
def test_what_is_quoted_for_spreadsheets_comes_back(tmp_path, label):
    (tmp_path / "a.csv").write_text(
        render_csv([Event(label, 1.0, 2.0, 0.5)], RECORDING)
    )
    (event,) = read_csv_events(tmp_path / "a.csv")
    assert event.label == label


def test_a_selection_that_raven_shows_in_two_views_is_one_event(tmp_path):
    rows = [
        "Selection\tView\tBegin Time (s)\tEnd Time (s)\tAnnotation",
        "1\tWaveform 1\t1.0\t2.0\tdog",
        "1\tSpectrogram 1\t1.0\t2.0\tdog",
        "2\tSpectrogram 1\t1.0\t2.0\tdog",
        "3\tSpectrogram 1\t1.0\t2.5\tdog",
    ]
    (tmp_path / "a.selections.txt").write_text("\n".join(rows) + "\n")
    found = read_raven_events(tmp_path / "a.selections.txt")
    assert [event.stop for event in found] == [2.0, 2.0, 2.5]


def test_every_row_of_raven_has_its_fields():
    lines = render_raven(EVENTS, RECORDING).splitlines()
    assert {line.count("\t") for line in lines} == {10}
    assert lines[1].endswith("day\\tand\\nnight.wav")


def test_frequencies_of_audacity_are_passed_over(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("0.5\t1.5\tdog\n\\\t200.0\t800.0\n\n2.0\t3.0\tcat\n")
    assert [event.label for event in read_audacity_events(path)] == [
        "dog",
        "cat",
    ]


def test_crowsetta_reads_labels_of_audacity(tmp_path):
    crowsetta = pytest.importorskip("crowsetta")
    path = tmp_path / "a.txt"
    path.write_text(render_audacity(EVENTS, RECORDING))
    found = crowsetta.formats.seq.AudSeq.from_file(path)
    assert list(found.labels) == [event.label for event in EVENTS]
    assert list(found.start_times) == [event.start for event in EVENTS]
    assert list(found.end_times) == [event.stop for event in EVENTS]


def test_crowsetta_reads_selections_of_raven(tmp_path):
    crowsetta = pytest.importorskip("crowsetta")
    path = tmp_path / "a.txt"
    path.write_text(render_raven(EVENTS, RECORDING))
    boxes = crowsetta.formats.bbox.Raven.from_file(path).to_bbox()
    assert [(b.onset, b.offset, b.label) for b in boxes] == [
        (e.start, e.stop, e.label) for e in EVENTS
    ]
