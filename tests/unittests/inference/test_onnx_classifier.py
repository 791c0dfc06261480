"""OnnxClassifier with a file made by hand, against numpy, and bad files.

What `speechbrain-pib export` writes is in test_export_graph.py.
"""

import re
import sys

import numpy as np
import pytest
import torch
from speechbrain.dataio import audio_io

from speechbrain_pib.inference.classifiers import PlayItBackClassifier
from speechbrain_pib.inference.onnx_classifier import (
    OnnxClassifier,
    load_classifier,
)
from tests.helpers import ROOT

pytest.importorskip("onnxruntime", reason="needs the extra onnx")
RATE = 8000


@pytest.fixture
def classifier(onnx_file):
    """The file, loaded."""
    return OnnxClassifier(onnx_file.path)


def softmax(logits):
    """Along the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def bursts(seconds, *moments):
    """Quiet noise with a hundredth of a second at 0.5 at each moment."""
    wav = 0.01 * torch.randn(round(seconds * RATE))
    for moment in moments:
        wav[round(moment * RATE) :][:80] = 0.5
    return wav


def test_windows_cover_a_recording_and_are_averaged(onnx_file, classifier):
    wav = bursts(1.5)
    windows = np.stack([wav[:RATE], wav[4000:12000]])
    expected = softmax(windows @ onnx_file.weights)
    heard = classifier.listen_batch(wav)[0]
    assert np.allclose(heard.window_probabilities, expected, atol=1e-5)
    out_prob, score, index, label = classifier.classify_batch(wav)
    assert np.allclose(out_prob[0], expected.mean(axis=0), atol=1e-5)
    assert score.item() == out_prob.max().item()
    assert label == [classifier.metadata.labels[index.item()]]


def test_segments_are_in_seconds_of_the_recording(classifier):
    heard = classifier.listen_batch(bursts(2.5, 0.3, 0.31, 2.2))[0]
    (replay,) = heard.segments  # the last pass's selection is not replayed
    # Base frames reach half a hop to both sides of their sample.
    expected = [(0.295, 0.315), (2.195, 2.205)]
    assert np.allclose(replay, expected, atol=1e-6)


def test_short_recordings_are_padded(onnx_file, classifier):
    wav = bursts(0.25, 0.1)
    padded = np.pad(wav.numpy(), (0, 6000))
    expected = softmax(padded @ onnx_file.weights)
    heard = classifier.listen_batch(wav)[0]
    assert np.allclose(heard.probabilities, expected, atol=1e-5)
    assert heard.windows == [(0.0, 0.25)]


def test_a_file_of_another_rate_is_classified(classifier, tmp_path):
    path = tmp_path / "stereo.wav"
    audio_io.save(path, 0.1 * torch.randn(2, 44100), 44100)
    out_prob, _, _, _ = classifier.classify_file(path)
    assert out_prob.shape == (1, 4)
    assert out_prob.sum().item() == pytest.approx(1.0)
    assert classifier.encode_batch(bursts(1.0)).shape == (1, 1, 4)


def test_the_source_chooses_the_classifier(exported, onnx_file, tmp_path):
    assert isinstance(load_classifier(onnx_file.path), OnnxClassifier)
    assert isinstance(
        load_classifier(str(onnx_file.path), "cpu"), OnnxClassifier
    )
    assert isinstance(
        load_classifier(exported.folder, "cpu"), PlayItBackClassifier
    )
    with pytest.raises(ValueError, match="on the CPU, not on cuda:0"):
        load_classifier(onnx_file.path, "cuda:0")
    folder = tmp_path / "folder.onnx"
    folder.mkdir()
    with pytest.raises(FileNotFoundError, match="holds no hyperparams.yaml"):
        load_classifier(folder)


def test_waveforms_that_are_none_are_errors(classifier):
    with pytest.raises(ValueError, match="NaN"):
        classifier.classify_batch(torch.full((1, 100), torch.nan))


def test_the_script_of_the_readme_needs_nothing_of_ours(
    onnx_file, classifier, tmp_path, monkeypatch, capsys
):
    readme = (ROOT / "README.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", readme, re.S | re.M)
    (script,) = [code for code in blocks if "onnxruntime" in code]
    assert set(re.findall(r"^(?:import|from) (\w+)", script, re.M)) == {
        *("json", "numpy", "onnxruntime", "soundfile")
    }
    clip = tmp_path / "clip.wav"
    audio_io.save(clip, bursts(2.5, 0.3, 2.2), RATE)
    script = re.sub('(?m)^clip = ".*"$', 'clip = "clip.wav"', script)
    (tmp_path / "sounds.onnx").write_bytes(onnx_file.path.read_bytes())
    monkeypatch.chdir(tmp_path)
    exec(compile(script, "README.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    heard = classifier.listen_file(clip)
    scores, indices = heard.probabilities.topk(3)
    labels = [classifier.metadata.labels[index] for index in indices]
    assert [line[8:] for line in lines[:3]] == labels
    printed = [float(line[:6]) for line in lines[:3]]
    assert np.allclose(printed, scores, atol=1e-4)
    (replay,) = heard.segments
    times = [float(x) for line in lines[3:] for x in _times(line)]
    assert np.allclose(sorted({*times}), np.mean(replay, axis=1), atol=1e-6)


def _times(line):
    """The times in a line of the script."""
    return line.partition("[")[2].rstrip("]").split()


@pytest.mark.parametrize(
    "properties, message",
    [
        ({"format": None}, "export wrote it"),
        ({"views": "many"}, "what its views is"),
        ({"labels": '["a", "b"]'}, r"probabilities are \[4\], not \[2\]"),
        ({"window_samples": "16000"}, r"waveform are \[8000\], not \[16000\]"),
    ],
)
def test_files_that_do_not_fit_are_errors(
    onnx_file, tmp_path, properties, message
):
    path = tmp_path / "odd.onnx"
    onnx_file.save(path, **properties)
    with pytest.raises(
        ValueError, match=f"odd.onnx cannot be used: .*{message}"
    ):
        OnnxClassifier(path)


@pytest.mark.parametrize(
    "name, node, kind, shape, message",
    [
        ("pass_probabilities", "ReduceMax", "float", [], "number of passes"),
        ("embeddings", "Cast <to = 7>", "int64", ["N", 4], r"tensor\(int64\)"),
        ("embeddings", "Cast <to = 8>", "string", ["N", 4], "string"),
        ("segments", "Cast <to = 1>", "float", ["N", 2, 100], "float"),
        ("times", "ReduceMax", "float", [1, 1, 1], "are .*, not"),
        ("evidence", "Flatten", "float", ["N", 800], "are .*, not"),
    ],
)
def test_tensors_that_are_others_are_errors(
    onnx_file, tmp_path, name, node, kind, shape, message
):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(onnx_file.path)
    for made in model.graph.node:
        made.output[:] = [f"{x}_" if x == name else x for x in made.output]
        made.input[:] = [f"{x}_" if x == name else x for x in made.input]
    model.graph.node.append(
        onnx.parser.parse_node(f"{name} = {node} ({name}_)")
    )
    output = next(x for x in model.graph.output if x.name == name)
    element = onnx.TensorProto.DataType.Value(kind.upper())
    output.type.CopyFrom(onnx.helper.make_tensor_type_proto(element, shape))
    onnx.save(model, tmp_path / "odd.onnx")
    with pytest.raises(ValueError, match=f"odd.onnx cannot be .*{message}"):
        OnnxClassifier(tmp_path / "odd.onnx")


def test_damaged_and_missing_files_are_errors_of_one_line(onnx_file, tmp_path):
    content = onnx_file.path.read_bytes()
    for name, damaged in [("cut", content[:1000]), ("empty", b"")]:
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=f"{name}.onnx cannot") as caught:
            OnnxClassifier(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(FileNotFoundError, match="there is no file .*no.onnx"):
        OnnxClassifier(tmp_path / "no.onnx")


def test_without_onnxruntime_a_line_says_what_to_install(
    onnx_file, monkeypatch
):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match="pip install onnxruntime"):
        OnnxClassifier(onnx_file.path)
