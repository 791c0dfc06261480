"""The command that joins scenes.

What it writes is tested with the function that it calls.

Authors
 * The speechbrain_pib developers 2026
"""

import json

import numpy as np
import pytest

from speechbrain_pib.__main__ import main
from tests.helpers import write_esc50


@pytest.fixture
def scenes(tmp_path):
    """Three scenes of dogs in rain."""
    rng = np.random.default_rng(0)
    clips = {
        (1, category, "A", category): rng.normal(scale=0.1, size=8000)
        for category in ("dog", "rain")
    }
    write_esc50(tmp_path / "corpus", clips, 8000)
    command = ["make-scenes", str(tmp_path / "corpus"), str(tmp_path / "s")]
    command += "--scenes_per_fold 3 --seconds 2 --sample_rate 8000".split()
    assert main([*command, "--distractors", "0"]) == 0
    return tmp_path / "s"


def test_a_recording_is_made_and_described(scenes, tmp_path, capsys):
    path = tmp_path / "all.wav"
    capsys.readouterr()
    assert main(["join-scenes", str(scenes), str(path), "--fold", "1"]) == 0
    assert capsys.readouterr().out == (
        f"{path} lasts 5.90 s and has 3 events, which {tmp_path}/all.csv lists\n"
    )
    command = ["join-scenes", str(scenes), str(path), "--fold=1", "--json"]
    assert main([*command, "--seconds", "60"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "recording": str(path),
        "events": str(tmp_path / "all.csv"),
        "duration": pytest.approx(60.5),
        "number_of_events": 31,
        "failed": {},
    }


def test_scenes_without_an_event_are_needed_for_a_pause(
    scenes, tmp_path, capsys
):
    command = ["join-scenes", str(scenes), str(tmp_path / "a.wav"), "--fold=1"]
    assert main([*command, "--event_every=20"]) == 1
    (line,) = capsys.readouterr().err.splitlines()[-1:]
    assert "--background_class of make-scenes" in line


def test_the_recording_is_a_wav_file(scenes, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["join-scenes", str(scenes), "a.mp3", "--fold=1"])
    assert "a.mp3 does not end in .wav" in capsys.readouterr().err
