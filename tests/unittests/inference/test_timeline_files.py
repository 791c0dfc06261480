"""Files of time lines, and what of them is computed again.

Authors
 * The speechbrain_pib developers 2026
"""

import os
import shutil

import numpy as np
import pytest
import soundfile

from speechbrain_pib.dataio.timelines.formats import FORMATS, read_events
from speechbrain_pib.dataio.timelines.settings import TimelineSettings
from speechbrain_pib.inference.timeline_files import TimelineWriter, hash_model


@pytest.fixture(scope="module")
def tone(tmp_path_factory):
    """Four seconds with a tone from 1.5 s to 2.2 s."""
    path = tmp_path_factory.mktemp("tones") / "tone.wav"
    time = np.arange(4 * 8000) / 8000
    wav = 0.3 * np.sin(2 * np.pi * 500 * time) * ((time > 1.5) & (time < 2.2))
    soundfile.write(path, wav, 8000)
    return path


@pytest.fixture
def writer(hear_tones, tmp_path):
    """Makes a writer into a folder."""

    def make(formats=("csv",), model="one", **settings):
        return TimelineWriter(
            hear_tones(),
            model,
            TimelineSettings(**settings),
            str(tmp_path / "events"),
            formats,
        )

    return make


def test_all_formats_hold_the_events(writer, tone, tmp_path):
    record = writer(FORMATS).write(tone, "woods/tone")
    (event,) = record["events"]
    assert event[0] == "low" and record["heard"]
    for form in FORMATS.values():
        path = tmp_path / "events/woods" / f"tone{form.suffix}"
        (found,) = read_events(path)
        assert found.label == "low"
        assert found.start == pytest.approx(event[1], abs=1e-3)
        assert found.stop == pytest.approx(event[2], abs=1e-3)


def test_a_label_that_a_format_cannot_hold_is_named_before_all(
    hear_tones, tmp_path
):
    classifier = hear_tones()
    classifier.hparams.label_encoder.ind2lab[1] = "high tone"

    def make(*formats, **settings):
        settings = TimelineSettings(**settings)
        return TimelineWriter(classifier, "", settings, str(tmp_path), formats)

    assert make("csv", "raven")
    with pytest.raises(ValueError, match="RTTM cannot hold .* 'high tone'"):
        make("csv", "rttm")
    # A class that is no event is not written.
    assert make("rttm", background=("high tone",))


def test_what_is_there_is_told_by_content_and_settings(writer, tone, tmp_path):
    copy = tmp_path / "tone.wav"
    shutil.copy(tone, copy)

    def heard(**options):
        return writer(**options).write(copy, "tone")["heard"]

    assert [heard(), heard()] == [True, False]
    os.utime(copy, (0, 0))
    assert not heard()
    assert not heard(threshold={"low": 0.5}, formats=["csv", "srt"])
    assert (tmp_path / "events/tone.srt").exists()
    assert heard(threshold=0.4)
    assert heard(threshold=0.4, model="another")
    soundfile.write(copy, np.zeros(8000), 8000)
    assert heard(threshold=0.4, model="another")


def test_files_of_somebody_else_are_not_replaced(writer, tone, tmp_path):
    folder = tmp_path / "events"
    folder.mkdir()
    (folder / "tone.csv").write_text("start,stop,label\n1,2,mine\n")
    with pytest.raises(ValueError, match="tone.csv is there already, and was"):
        writer().write(tone, "tone")
    assert "mine" in (folder / "tone.csv").read_text()
    assert [path.name for path in folder.iterdir()] == ["tone.csv"]


def test_another_recording_of_the_same_name_is_refused(writer, tone, tmp_path):
    writer().write(tone, "tone")
    other = tmp_path / "tone.wav"
    soundfile.write(other, np.zeros(8000), 8000)
    before = (tmp_path / "events/tone.csv").read_bytes()
    with pytest.raises(ValueError, match="holds the events of .*tones.*/tone"):
        writer().write(other, "tone")
    assert (tmp_path / "events/tone.csv").read_bytes() == before
    # Not one that was only moved, whatever the settings.
    shutil.copy(tone, other)
    assert not writer().write(other, "tone")["heard"]
    assert writer(threshold=0.4).write(other, "tone")["heard"]


def test_what_was_found_with_other_settings_does_not_stay(
    writer, tone, tmp_path
):
    writer(["csv", "srt"]).write(tone, "tone")
    writer(["jsonl"], threshold=0.99).write(tone, "tone")
    left = {path.name for path in (tmp_path / "events").iterdir()}
    assert left == {"tone.jsonl", "tone.timeline.json"}
    # Of the same settings other formats are added.
    writer(["csv"], threshold=0.99).write(tone, "tone")
    left = {path.name for path in (tmp_path / "events").iterdir()}
    assert left == {"tone.csv", "tone.jsonl", "tone.timeline.json"}


def test_files_that_were_damaged_or_removed_are_mended(writer, tone, tmp_path):
    writer(["csv", "audacity"]).write(tone, "tone")
    folder = tmp_path / "events"
    files = sorted(folder.iterdir())
    before = [path.read_bytes() for path in files]
    (folder / "tone.csv").unlink()
    (folder / "tone.txt").write_text("half")
    record = writer(["csv", "audacity"]).write(tone, "tone")
    assert not record["heard"]
    assert [path.read_bytes() for path in files] == before
    (folder / "tone.timeline.json").write_text('{"fingerpr')
    assert writer(["csv", "audacity"]).write(tone, "tone")["heard"]
    assert [path.read_bytes() for path in files] == before


def test_files_that_are_right_are_left_alone(writer, tone, tmp_path):
    writer().write(tone, "tone")
    path = tmp_path / "events/tone.csv"
    os.utime(path, (0, 0))
    writer().write(tone, "tone")
    assert path.stat().st_mtime == 0


def test_an_unreadable_recording_leaves_nothing(writer, tmp_path):
    path = tmp_path / "broken.wav"
    path.write_bytes(b"no sound")
    with pytest.raises(ValueError, match="broken.wav"):
        writer().write(path, "broken")
    with pytest.raises(OSError, match="no file .*missing.wav"):
        writer().write(tmp_path / "missing.wav", "missing")
    assert not (tmp_path / "events").exists()


def test_settings_that_the_model_cannot_have_are_errors_at_once(writer):
    with pytest.raises(ValueError, match="no class owl"):
        writer(background=("owl",))
    with pytest.raises(ValueError, match="cannot be heard within"):
        writer(delay=0.1)


def test_progress_is_told_until_the_end(writer, tone):
    told = []
    writer().write(tone, "tone", progress=lambda *x: told.append(x))
    assert told[-1][0] == pytest.approx(4.0, abs=0.02)
    assert told[-1][1] == 4.0


def test_models_are_told_apart_by_their_files(tmp_path, hear_tones):
    (tmp_path / "model.ckpt").write_text("a")
    one = hash_model(str(tmp_path), None)
    assert hash_model(str(tmp_path), None) == one
    # Nothing of it is loaded.
    for name in ("README.md", "lock", "a.timeline.json"):
        (tmp_path / name).write_text("c")
    assert hash_model(str(tmp_path), None) == one
    for name in ("model.ckpt", "hyperparams.yaml", "budget.json"):
        before = hash_model(str(tmp_path), None)
        (tmp_path / name).write_text("b")
        assert hash_model(str(tmp_path), None) != before
    named = hash_model("owner/name", hear_tones())
    assert named == hash_model("owner/name", hear_tones()) != one
