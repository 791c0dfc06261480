"""The command that makes scenes.

What it writes is tested with the function that it calls.

Authors
 * The speechbrain_pib developers 2026
"""

import json

import numpy as np
import pytest

from speechbrain_pib.__main__ import build_parser, main
from speechbrain_pib.commands import make_scenes
from speechbrain_pib.dataio import scenes
from speechbrain_pib.dataio.scene_mixing import SceneSettings
from tests.helpers import write_esc50


@pytest.fixture
def corpus(tmp_path):
    """Two folds with a dog, rain and wind each; a file of them is none."""
    rng = np.random.default_rng(0)
    clips = {
        (fold, f"{fold}{take}{category}", take, category): rng.normal(
            scale=0.1, size=4000
        )
        for fold in (1, 2)
        for category in ("dog", "rain", "wind")
        for take in "AB"
    }
    write_esc50(tmp_path / "corpus", clips, 8000)
    (tmp_path / "corpus/audio/1-1Adog-A-0.wav").write_text("<html>")
    return tmp_path / "corpus"


def test_scenes_are_made_and_what_was_left_out_is_said(
    corpus, tmp_path, capsys
):
    folder = tmp_path / "scenes"
    command = ["make-scenes", str(corpus), str(folder), "--seed", "3"]
    command += "--scenes_per_fold 4 --seconds 1.5 --event_seconds .1 .2".split()
    command += "--snr -5 5 --distractors 2 --sample_rate 8000".split()
    command += ["--background_class", "none"]
    assert main(command) == 1
    printed = capsys.readouterr()
    (error,) = [line for line in printed.err.splitlines() if "dog" in line]
    assert "1-1Adog-A-0.wav is not an audio file" in error
    assert printed.out.splitlines() == [
        f"{folder} has 4 scenes of each fold (1, 2) in 2 classes; 1 clips "
        "left out",
        f"Train on it with --data_folder={folder} --num_classes=2",
    ]
    made = json.loads((folder / "scenes.json").read_text())
    asked = {
        "seed": 3,
        "scenes_per_fold": 4,
        "backgrounds": ["rain", "wind"],
        "seconds": 1.5,
        "event_seconds": [0.1, 0.2],
        "snr": [-5.0, 5.0],
        "distractors": 2,
        "sample_rate": 8000,
        "background_class": "none",
    }
    assert asked.items() <= made.items()
    assert main([*command, "--json"]) == 1
    result = json.loads(capsys.readouterr().out)
    assert list(result["failed"]) == ["1-1Adog-A-0"]
    result.pop("failed")
    assert result == {
        "scenes_folder": str(folder),
        "folds": [1, 2],
        "classes": ["dog", "none"],
    }


@pytest.mark.parametrize(
    "options, message",
    [
        (["--snr", "10", "0"], "snr lies between"),
        (["--seconds", "nan"], "in scenes of nan s"),
        (["--backgrounds", "hail"], "backgrounds must be some"),
    ],
)
def test_what_cannot_be_is_one_line(corpus, tmp_path, capsys, options, message):
    command = ["make-scenes", str(corpus), str(tmp_path / "scenes")]
    assert main([*command, *options]) == 1
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    assert message in line and not printed.out
    assert not (tmp_path / "scenes").exists()


def test_defaults_are_those_of_the_code(monkeypatch):
    def note(data_folder, folder, settings):
        asked.append(settings)
        return scenes.SceneSet([1], ["dog"], {})

    asked = []
    monkeypatch.setattr(scenes, "make_scenes", note)
    assert (
        make_scenes.run(build_parser().parse_args(["make-scenes", ".", "s"]))
        == 0
    )
    assert asked == [SceneSettings()]
