"""Result files."""

import json

import numpy as np
import torch

from speechbrain_pib.evaluation.reports import (
    describe_outputs,
    results_table,
    write_per_class,
    write_results,
    write_tables,
)
from speechbrain_pib.evaluation.scores import ClipScores


def test_table_has_a_line_for_each_output_and_scores_come_back(tmp_path):
    scores = ClipScores()
    right, wrong = torch.eye(3), torch.eye(3).roll(1, 0)
    outputs = {"pass_0": wrong, "fused": right, "fused_random": wrong}
    scores.append(["b", "a", "c"], torch.eye(3), outputs)
    scores.gather()
    results = {
        "scores": {name: scores.summarize(name) for name in outputs},
        "overlap": {
            "pass_0": {
                "share_selected": 0.125,
                "intersection_over_union": 0.25,
            }
        },
    }
    descriptions = describe_outputs(1, ["random"])
    write_results(
        str(tmp_path), results, scores, ["x", "y", "z"], descriptions, {}
    )
    lines = (tmp_path / "results.md").read_text().splitlines()
    assert [line.split("|")[2].strip() for line in lines[2:5]] == [
        "0.0000",
        "1.0000",
        "0.0000",
    ]
    assert "random" in lines[4]
    assert "over 3 classes" in lines[6]
    assert "Selection of pass 0: 12.5% of the clip" in lines[7]
    assert lines[7].endswith("true event 0.250.")
    assert json.loads((tmp_path / "results.json").read_text()) == results
    with np.load(tmp_path / "scores.npz") as file:
        assert file["ids"].tolist() == ["a", "b", "c"]
        assert file["fused"].argmax(1).tolist() == [1, 0, 2]


def test_a_table_names_what_was_replayed():
    outputs = describe_outputs(1, [], "same_hop")
    assert outputs["pass_1"] == "same hop, 1 of 1 times"
    assert outputs["fused"] == "same hop, all passes fused"
    assert describe_outputs(1, [])["fused"].startswith("the selection")


def test_a_number_that_is_not_defined_is_null_in_json(tmp_path):
    scores = ClipScores()
    scores.append(["a"], torch.eye(1), {"fused": torch.eye(1)})
    results = {"scores": {"fused": {"top1": 1.0}}, "loss": float("nan")}
    results["bounds"] = (0.5, float("inf"))
    write_tables(str(tmp_path), results, "", scores.gather(), ["x"], "fused")

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    text = (tmp_path / "results.json").read_text()
    read = json.loads(text, parse_constant=refuse)
    assert read == {**results, "loss": None, "bounds": [0.5, None]}


def read_table(text):
    """Cells of a table in Markdown."""
    lines = [line.split("|")[1:-1] for line in text.splitlines()]
    return [[cell.strip() for cell in line] for line in lines]


def test_many_metrics_are_rows():
    few = {f"metric_{n}": n / 10 for n in range(8)}
    header, _, first, second = read_table(
        results_table({"a": few, "b": few}, title="clips")
    )
    assert header == ["clips", *(f"metric {n}" for n in range(8))]
    assert first == ["a", *(f"{n / 10:.4f}" for n in range(8))]
    assert second[0] == "b"
    many = {**few, "last": 0.9}
    header, _, first, *_, last = read_table(
        results_table({"a": many, "b": {**many, "last": 1.0}}, title="clips")
    )
    assert header == ["clips", "a", "b"]
    assert first == ["metric 0", "0.0000", "0.0000"]
    assert last == ["last", "0.9000", "1.0000"]


def test_classes_without_clips_have_blank_metrics(tmp_path):
    scores = np.array([[0.9, 0.1, 0.5], [0.2, 0.8, 0.5], [0.6, 0.3, 0.5]])
    targets = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0]])
    path = tmp_path / "per_class.csv"
    write_per_class(path, scores, targets, ["x", "y", "=1+1"])
    # By hand: x is ranked 1, 0, 1: precision 1 and 2/3; y 1, 1, 0.
    assert path.read_text().splitlines()[1:] == [
        "x,2,0.833333,0.500000",
        "y,2,1.000000,1.000000",
        "'=1+1,0,,",
    ]


def test_clips_of_several_labels_have_no_confusion_matrix(tmp_path):
    scores = ClipScores()
    scores.append(["a"], torch.ones(1, 2), {"fused": torch.ones(1, 2)})
    scores.gather()
    results = {"scores": {"fused": {"mAP": 1.0}}}
    descriptions = describe_outputs(0, [])
    write_results(str(tmp_path), results, scores, ["x", "y"], descriptions, {})
    assert not (tmp_path / "confusion_matrix.png").exists()


def test_clips_that_are_left_out_are_told_and_not_drawn(tmp_path):
    scores = ClipScores()
    spoiled = torch.eye(2)
    spoiled[1] = torch.nan
    scores.append(["a", "b"], torch.eye(2), {"fused": spoiled})
    scores.gather()
    results = {"scores": {"fused": {"mAP": 1.0}}, "nonfinite": ["b"]}
    descriptions = describe_outputs(0, [])
    text = write_results(
        str(tmp_path), results, scores, ["x", "y"], descriptions, {"b": {}}
    )
    assert "1 clips have scores that are not finite" in text
    assert not list((tmp_path / "replays").iterdir())
