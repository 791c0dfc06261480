"""python -m speechbrain_pib classify, in a process of its own.

Authors
 * The speechbrain_pib developers 2026
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from speechbrain.dataio import audio_io

ROOT = Path(__file__).resolve().parents[3]


def run(*arguments):
    """Runs Python in the root of the repository."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def wav(tmp_path):
    """Two seconds of noise, stereo at 44.1 kHz."""
    torch.manual_seed(0)
    path = tmp_path / "noise.wav"
    audio_io.save(path, 0.1 * torch.randn(2, 88200), 44100)
    return path


def classify(exported, *arguments):
    """Runs the command on the CPU."""
    command = ("-m", "speechbrain_pib", "classify", "--device", "cpu")
    return run(*command, exported.folder, *arguments)


def test_an_unreadable_file_does_not_stop_the_others(exported, wav, tmp_path):
    broken = tmp_path / "broken.wav"
    broken.write_text("no sound")
    result = classify(exported, broken, wav, "--top", 2)
    assert result.returncode == 1
    assert f"cannot classify {broken}" in result.stderr
    assert "Traceback" not in result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == str(wav)
    assert len(lines) == 5
    scores = [float(line.split(maxsplit=1)[0]) for line in lines[1:3]]
    assert 1 >= scores[0] >= scores[1] >= 0
    assert lines[1].split(maxsplit=1)[1] in exported.labels
    assert lines[3].startswith("  replay 1: ")
    assert lines[4].startswith("  replay 2: ")


def test_json_holds_labels_and_segments(exported, wav):
    result = classify(exported, wav, wav, "--json")
    assert result.returncode == 0
    first, second = map(json.loads, result.stdout.splitlines())
    assert first == second
    assert first["file"] == str(wav)
    assert len(first["labels"]) == 3
    assert {entry["label"] for entry in first["labels"]} < set(exported.labels)
    for start, stop in first["replays"][0]:
        assert 0 <= start < stop <= 2


def test_a_missing_folder_is_one_line(wav, tmp_path):
    result = run("-m", "speechbrain_pib", "classify", tmp_path / "none", wav)
    assert result.returncode == 1
    assert "there is no folder" in result.stderr
    assert "Traceback" not in result.stderr


def test_help_needs_no_torch():
    # The package itself imports torch to check it; the module does not.
    script = ROOT / "speechbrain_pib" / "__main__.py"
    code = (
        f"import runpy, sys; runpy.run_path({str(script)!r}); "
        "assert 'torch' not in sys.modules"
    )
    assert run("-c", code).returncode == 0
    result = run(script, "classify", "--help")
    assert result.returncode == 0
    assert "--top" in result.stdout
