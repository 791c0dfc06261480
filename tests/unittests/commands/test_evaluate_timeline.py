"""The command evaluate-timeline.

Its numbers are tested with the functions that it calls.

Authors
 * The speechbrain_pib developers 2026
"""

import json
import sys

import pytest

from speechbrain_pib.__main__ import main
from speechbrain_pib.dataio.timelines.events import Event
from speechbrain_pib.dataio.timelines.formats import FORMATS, render_events

DOG = Event("dog", 1.0, 2.0, 0.9)
CAT = Event("cat", 7.0, 8.5, 0.5)


@pytest.fixture(autouse=True)
def without_psds(monkeypatch):
    """As where sed_scores_eval is not installed, but for a test of it."""
    monkeypatch.setitem(sys.modules, "sed_scores_eval", None)


@pytest.fixture
def run(capsys):
    """Run the command: its status, output, and lines of errors."""

    def run(*arguments):
        status = main(["evaluate-timeline", *map(str, arguments)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err.splitlines()

    return run


def write(path, events, name="csv"):
    """Write a file of events."""
    path.parent.mkdir(exist_ok=True)
    path = path.with_name(path.name + FORMATS[name].suffix)
    path.write_text(render_events(name, events, recording="a", duration=60.0))
    return path


def test_what_was_found_is_a_table(run, tmp_path):
    a = write(tmp_path / "true", [DOG, CAT])
    b = write(tmp_path / "found", [DOG, DOG._replace(start=5.0, stop=6.0)])
    status, out, errors = run(a, b, "--duration", "1800")
    assert status == 0 and not errors
    lines = out.splitlines()
    assert lines[0] == "1 recordings, 0.50 h"
    rows = {
        cells[0]: cells[1:]
        for line in lines[1:7]
        for cells in [[c.strip() for c in line.strip("|").split("|")]]
    }
    assert rows["class"] == [
        *("events", "found", "precision", "recall", "F1", "segment F1"),
        "false alarms/h",
    ]
    assert rows["**all events**"][:5] == ["2", "2", *["0.5000"] * 3]
    assert rows["dog"] == [
        *("1", "2", "0.5000", "1.0000", "0.6667", "0.6667", "2.00")
    ]
    assert rows["cat"][2:] == [*["0.0000"] * 4, "0.00"]
    assert lines[7].startswith("Segment-based error rate: 1.0000 (")
    assert lines[8].startswith("No PSDS: PSDS needs sed_scores_eval: pip ")


def test_programs_read_the_same(run, tmp_path):
    a = write(tmp_path / "a/x", [DOG], "rttm").parent
    b = write(tmp_path / "b/x", [], "textgrid").parent
    status, out, _ = run(a, b, "--json")
    result = json.loads(out)
    assert status == 0 and result["recordings"] == 1
    assert result["events"]["micro"] == {
        "reference": 1,
        "estimated": 0,
        "correct": 0,
        **dict.fromkeys(("precision", "recall", "f1"), 0.0),
    }
    assert result["hours"] == pytest.approx(2 / 3600)
    assert "psds1" not in result and "gmacs_per_hour" not in result
    assert result["failed"] == {}


def test_what_the_command_timeline_noted_counts(run, tmp_path):
    a = write(tmp_path / "a/x", [DOG]).parent
    b = write(tmp_path / "b/x", [DOG, CAT], "audacity").parent
    note = {"seconds": 7200.0, "gmacs": 30.0, "gmacs_everywhere": 100.0}
    (b / "x.timeline.json").write_text(json.dumps(note))
    _, out, _ = run(a, b)
    assert out.splitlines()[0] == "1 recordings, 2.00 h"
    assert "15.0 GMAC an hour; 50.0 with all replays everywhere" in out
    result = json.loads(run(a, b, "--json")[1])
    assert result["gmacs_per_hour"] == 15.0
    assert result["false_alarms_per_hour"]["micro"] == 0.5
    (b / "x.timeline.json").write_text("{}")
    assert "GMAC" not in run(a, b)[1]


def test_a_file_that_fails_is_named_and_the_others_count(run, tmp_path):
    a = write(tmp_path / "a/x", [DOG]).parent
    b = write(tmp_path / "b/x", [DOG]).parent
    write(a / "y", [DOG])
    (b / "y.csv").write_text("start,stop,label\n1,0,dog\n")
    write(b / "z", [DOG])
    status, out, errors = run(a, b)
    assert status == 1
    assert out.startswith("1 recordings")
    assert errors == [
        f"{a}/y.csv and {b}/y.csv: {b}/y.csv, line 2: expected start, stop, "
        "label (no event lasts from 1.0 s to 0.0 s)",
        f"there is no reference for {b}/z.csv",
    ]


@pytest.mark.parametrize("duration", ["0", "-3600", "nan", "inf", "long"])
def test_a_duration_is_a_number_above_zero(run, tmp_path, capsys, duration):
    with pytest.raises(SystemExit):
        run(tmp_path, tmp_path, f"--duration={duration}")
    assert f"{duration} is no number above 0" in capsys.readouterr().err


def test_an_event_after_the_end_is_an_error(run, tmp_path):
    path = write(tmp_path / "true", [DOG, CAT])
    status, _, (error,) = run(path, path, "--duration", "3")
    assert status == 1 and "an event starts after 7 s" in error


def test_nothing_to_compare_is_said(run, tmp_path):
    a = write(tmp_path / "a/x", [DOG]).parent
    b = write(tmp_path / "b/y", [DOG]).parent
    status, out, errors = run(a, b)
    assert status == 1 and len(errors) == 2
    assert out == "nothing to compare\n"


def test_a_recording_without_events_has_dashes(run, tmp_path):
    a, b = write(tmp_path / "a", []), write(tmp_path / "b", [])
    status, out, _ = run(a, b)
    assert status == 0
    assert "| -" in out and "nan" not in out


def test_scores_over_all_thresholds_are_there_where_they_can(
    run, tmp_path, monkeypatch
):
    monkeypatch.undo()
    pytest.importorskip("sed_scores_eval", exc_type=ImportError)
    a = write(tmp_path / "a", [DOG, CAT])
    out = run(a, a, "--duration", "60")[1]
    assert out.splitlines()[-1] == "PSDS1 1.0000, PSDS2 1.0000"
