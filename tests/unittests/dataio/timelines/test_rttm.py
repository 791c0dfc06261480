"""RTTM, read by the library that people use.

Authors
 * The speechbrain_pib developers 2026
"""

import pytest

from speechbrain_pib.dataio.timelines.events import Event
from speechbrain_pib.dataio.timelines.rttm import render_rttm
from speechbrain_pib.dataio.timelines.writing import Recording


def test_pyannote_reads_the_events(tmp_path):
    util = pytest.importorskip("pyannote.database.util")
    events = [
        Event("dog", 0.0, 0.5, 0.5),
        Event("cat", 0.25, 1.5, 0.5),
        Event("dog", 86399.0015, 86399.9995, 0.5),
    ]
    path = tmp_path / "a.rttm"
    path.write_text(render_rttm(events, Recording("one day.wav", 86400.0)))
    (name, annotation), *others = util.load_rttm(path).items()
    assert name == "one_day.wav" and not others
    found = [
        (label, segment.start, segment.end)
        for segment, _, label in annotation.itertracks(yield_label=True)
    ]
    for (label, start, stop), event in zip(found, events, strict=True):
        assert label == event.label
        assert abs(start - event.start) <= 0.001
        assert abs(stop - event.stop) <= 0.001
