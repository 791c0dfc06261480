"""The command export, without what torch does, which test_export_graph.py
compares."""

import json
import shutil

import pytest

from speechbrain_pib.__main__ import main
from speechbrain_pib.inference import agreement, export_graph
from speechbrain_pib.inference.agreement import Agreement
from speechbrain_pib.inference.classifiers import PlayItBackClassifier
from speechbrain_pib.inference.onnx_classifier import OnnxClassifier

ASKED = []


@pytest.fixture
def export(exported, monkeypatch, capsys):
    """The command with writers that write two megabytes: its status, output
    and errors, and what was asked of the writer."""
    ASKED.clear()

    def writer(name):
        def write(classifier, path, license_id):
            ASKED.append((name, classifier.label_encoder.ind2lab, license_id))
            with open(path, "wb") as file:
                file.write(bytes(2_000_000))

        monkeypatch.setattr(export_graph, name, write)

    writer("export_onnx")
    writer("export_pt2")

    def run(*arguments, folder=exported.folder):
        status = main(["export", str(folder), *map(str, arguments)])
        printed = capsys.readouterr()
        return status, printed.out.splitlines(), printed.err.splitlines()

    return run


def test_the_name_chooses_the_format(exported, export, tmp_path):
    labels = dict(enumerate(exported.labels))
    for suffix, writer in ((".onnx", "export_onnx"), (".pt2", "export_pt2")):
        path = tmp_path / f"model{suffix}"
        status, (line,), errors = export(path)
        assert status == 0 and not errors
        assert line == f"{path}: 2.0 MB"
        assert ASKED.pop() == (writer, labels, "apache-2.0")


def test_a_folder_without_a_card_has_no_license(exported, export, tmp_path):
    for path in exported.folder.iterdir():
        if path.name != "README.md":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    target = tmp_path / "model.onnx"
    status, (line,), _ = export(target, "--json", folder=tmp_path)
    assert status == 0
    assert json.loads(line) == {
        "file": str(target),
        "bytes": 2_000_000,
        "failed": {},
    }
    assert ASKED.pop()[2] == ""


@pytest.mark.parametrize("name", ["model", "model.pt", "folder.onnx"])
def test_wrong_names_are_errors_before_anything_is_done(
    export, tmp_path, capsys, name
):
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(SystemExit) as caught:
        export(tmp_path / name)
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{name} does not end" in line or "is a folder" in line
    assert not ASKED


def test_a_model_that_cannot_be_exported_is_one_line(
    export, tmp_path, monkeypatch
):
    def fail(*_):
        raise ValueError("torch cannot export it")

    monkeypatch.setattr(export_graph, "export_onnx", fail)
    status, lines, errors = export(tmp_path / "model.onnx")
    assert status == 1 and not lines
    assert errors == ["speechbrain-pib export: torch cannot export it"]


@pytest.fixture
def compare(exported, onnx_file, monkeypatch, capsys):
    """The command with a writer that copies a file made by hand, and a
    measurement that notes what is compared."""
    compared = []

    def export_onnx(classifier, path, license_id):
        shutil.copy(onnx_file.path, path)

    def measure_agreement(reference, classifier, manifest):
        compared.append((type(reference), classifier.path, manifest))
        return Agreement(480, 2, 479, 470, 0.0123, (0.9, 0.89), (20.0, 11.0))

    monkeypatch.setattr(export_graph, "export_onnx", export_onnx)
    monkeypatch.setattr(agreement, "measure_agreement", measure_agreement)

    def run(*arguments):
        status = main(["export", str(exported.folder), *map(str, arguments)])
        return status, capsys.readouterr().out.splitlines(), compared

    return run


def test_int8_is_compared_with_float32(compare, onnx_file, tmp_path):
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    path = tmp_path / "small.onnx"
    status, lines, compared = compare(path, "--int8", "--agreement", "test.csv")
    assert status == 0
    assert compared == [(OnnxClassifier, str(path), "test.csv")]
    assert path.stat().st_size < 0.3 * onnx_file.path.stat().st_size
    assert lines == [
        f"{path}: 0.0 MB, 0.1 MB in float32",
        "same label for 479 of 480 clips, the same segments for 470; "
        "probabilities differ by 0.012 at most",
        "top-1 0.8900, 0.9000 of the float32",
        "11.0 ms a window, 20.0 of the float32",
        "2 clips could not be read",
    ]
    assert list(tmp_path.iterdir()) == [path]


def test_a_whole_file_is_compared_with_the_folder(compare, tmp_path):
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    path = tmp_path / "model.onnx"
    status, (line,), compared = compare(
        path, "--agreement", "test.csv", "--json"
    )
    assert status == 0
    assert compared == [(PlayItBackClassifier, str(path), "test.csv")]
    assert json.loads(line)["agreement"]["same_label"] == 479


def test_what_is_for_onnx_alone_is_an_error_for_pt2(export, tmp_path):
    for option in (["--int8"], ["--agreement", "test.csv"]):
        status, _, (error,) = export(tmp_path / "model.pt2", *option)
        assert status == 1 and "for files in .onnx" in error
    assert not ASKED
