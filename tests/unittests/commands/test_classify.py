"""The commands classify and classify-video.

Authors
 * The speechbrain_pib developers 2026
"""

import io
import json
import os
import subprocess
import sys

import pytest
import torch
from speechbrain.dataio import audio_io

from speechbrain_pib.__main__ import main
from speechbrain_pib.inference.classifiers import PlayItBackClassifier
from speechbrain_pib.inference.onnx_classifier import OnnxClassifier
from tests.helpers import FIXTURES, ROOT

FOLDERS = FIXTURES / "inference_0.1"


@pytest.fixture
def wav(tmp_path):
    """Two seconds of noise, stereo at 44.1 kHz."""
    torch.manual_seed(0)
    path = tmp_path / "noise.wav"
    audio_io.save(path, 0.1 * torch.randn(2, 88200), 44100)
    return path


@pytest.fixture
def classify(exported, capsys):
    """The command on the CPU: its status, and lines of output and errors."""

    def run(*arguments, folder=exported.folder):
        command = ["classify", "--device", "cpu", folder, *arguments]
        status = main([str(argument) for argument in command])
        printed = capsys.readouterr()
        return status, printed.out.splitlines(), printed.err.splitlines()

    return run


def test_an_unreadable_file_does_not_stop_the_others(
    exported, classify, wav, tmp_path
):
    broken, empty = tmp_path / "broken.wav", tmp_path / "empty.wav"
    broken.write_text("no sound")
    empty.touch()
    files = [broken, empty, tmp_path / "no.wav", tmp_path, wav]
    status, lines, errors = classify(*files, "--top", 2)
    assert status == 1
    assert len(errors) == 4
    for path, error in zip(files, errors):
        assert error.startswith(f"cannot classify {path}: ")
    assert "it is a folder" in errors[3] and "no such file" not in errors[3]
    assert lines[0] == str(wav)
    assert len(lines) == 5
    scores = [float(line.split(maxsplit=1)[0]) for line in lines[1:3]]
    assert 1 >= scores[0] >= scores[1] >= 0
    assert lines[1].split(maxsplit=1)[1] in exported.labels
    assert lines[3].startswith("  replay 1: ")
    assert lines[4].startswith("  replay 2: ")


def test_json_holds_labels_and_segments(exported, classify, wav):
    status, lines, errors = classify(wav, wav, "--json")
    assert status == 0 and not errors
    first, second = map(json.loads, lines)
    assert first == second
    assert first["file"] == str(wav)
    assert len(first["labels"]) == 3
    assert {entry["label"] for entry in first["labels"]} < set(exported.labels)
    heard = PlayItBackClassifier.from_hparams(exported.folder).listen_file(wav)
    best = first["labels"][0]
    assert best["score"] == round(heard.probabilities.max().item(), 4)
    assert best["label"] == exported.labels[heard.probabilities.argmax()]
    for start_time, stop_time in first["replays"][0]:
        assert 0 <= start_time < stop_time <= 2


def test_more_labels_than_classes_are_all_of_them(exported, classify, wav):
    _, lines, _ = classify(wav, "--json", "--top", 99)
    (described,) = map(json.loads, lines)
    labels = [entry["label"] for entry in described["labels"]]
    assert sorted(labels) == sorted(exported.labels)


def test_names_that_begin_with_a_dash_are_files(
    classify, wav, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    names = ["-0RWZT-miFs_30.wav", "--5x.wav", "-help.wav"]
    for name in names:
        (tmp_path / name).write_bytes(wav.read_bytes())
    for arguments in (names, [f"./{name}" for name in names], ["--", *names]):
        status, lines, errors = classify("--json", *arguments)
        assert status == 0 and not errors
        found = [os.path.normpath(json.loads(x)["file"]) for x in lines]
        assert found == names


def test_odd_names_are_printed_escaped(classify, wav, tmp_path):
    path = tmp_path / "a\nb\x1b[2J.wav"
    path.write_bytes(wav.read_bytes())
    gone = tmp_path / "no\nfile \udce9.wav"
    status, lines, errors = classify(path, gone)
    assert status == 1
    assert lines[0] == f"{tmp_path}/a\\nb\\x1b[2J.wav"
    assert len(errors) == 1 and "no\\nfile \\udce9.wav" in errors[0]
    _, (line,), _ = classify(path, "--json")
    assert json.loads(line)["file"] == str(path)


def test_a_terminal_without_a_letter_gets_it_escaped(
    exported, wav, tmp_path, monkeypatch
):
    path = tmp_path / "caf\u00e9 \u732b.wav"
    path.write_bytes(wav.read_bytes())
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["classify", str(exported.folder), str(path)]) == 0
    first = terminal.buffer.getvalue().splitlines()[0]
    assert first.endswith(b"/caf\xe9 \\u732b.wav")


@pytest.mark.slow
def test_nobody_reads_on(exported, wav):
    command = ["-m", "speechbrain_pib", "classify", "--device", "cpu"]
    process = subprocess.Popen(
        [sys.executable, *command, exported.folder, *[wav] * 50],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout.readline().decode().strip() == str(wav)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 141


def test_a_model_file_is_taken_in_place_of_a_folder(onnx_file, classify, wav):
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    status, (line,), errors = classify(wav, "--json", folder=onnx_file.path)
    assert status == 0 and not errors
    described = json.loads(line)
    heard = OnnxClassifier(onnx_file.path).listen_file(wav)
    assert described["labels"][0]["score"] == round(
        heard.probabilities.max().item(), 4
    )
    assert described["replays"] == [
        [[round(start, 3), round(stop, 3)] for start, stop in heard.segments[0]]
    ]


def test_without_onnxruntime_a_line_says_what_to_install(
    onnx_file, classify, wav, monkeypatch
):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    status, lines, (error,) = classify(wav, folder=onnx_file.path)
    assert status == 1 and not lines
    assert error.endswith("needs onnxruntime: pip install onnxruntime")


def test_folders_that_cannot_be_loaded_are_one_line(classify, wav, tmp_path):
    (tmp_path / "hyperparams.yaml").write_text("model: [1, 2\n")
    for folder, reason in [
        (tmp_path / "none", "there is no folder"),
        (wav, "it is a file"),
        (FOLDERS, "holds no hyperparams.yaml"),
        (FOLDERS / "skimming", "in a shell with the command classify-video"),
        (tmp_path, "hyperparams.yaml is damaged"),
    ]:
        status, lines, (error,) = classify(wav, folder=folder)
        assert status == 1 and not lines
        assert error.startswith("speechbrain-pib classify: ")
        assert str(folder) in error and reason in error


def test_a_device_that_is_not_there_is_one_line(classify, wav):
    status, _, (error,) = classify(wav, "--device", "cuda:99")
    assert status == 1 and "device cuda:99 cannot be used here" in error


@pytest.mark.parametrize("top", ["0", "-1", "1.5", "many"])
def test_a_wrong_number_of_labels_is_one_line(classify, wav, capsys, top):
    with pytest.raises(SystemExit) as caught:
        classify(wav, "--top", top)
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"--top: {top} is not 1, 2, 3" in line


def test_videos_are_described_by_labels_and_looks(shared, tmp_path, capsys):
    pytest.importorskip("av", reason="reading videos needs PyAV")
    # The features of the fixture's model are 8 wide.
    video = shared / "data/video_samples/h265_video.mp4"
    missing = tmp_path / "missing.mp4"
    files = [str(path) for path in (missing, tmp_path, video)]
    folder = str(FOLDERS / "skimming")
    options = ["--device", "cpu", "--json", "--top", "2"]
    assert main(["classify-video", folder, *files, *options]) == 1
    printed = capsys.readouterr()
    for path, error in zip(files, printed.err.splitlines(), strict=False):
        assert error.startswith(f"cannot classify {path}: ")
    (line,) = printed.out.splitlines()
    described = json.loads(line)
    assert described["file"] == str(video)
    assert len(described["labels"]) == 2
    assert described["looks"] and described["has_audio"] is False


def test_a_budget_that_cannot_be_kept_is_one_line(classify, wav):
    status, lines, errors = classify(wav, "--budget", "0.5")
    assert status == 1 and not lines
    (error,) = errors
    assert "has no budget.json" in error
