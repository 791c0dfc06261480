"""The command compare.

Authors
 * The speechbrain_pib developers 2026
"""

import json

import numpy as np
import pytest
import torch

from speechbrain_pib.__main__ import main
from speechbrain_pib.evaluation.metrics import summarize_classification
from speechbrain_pib.evaluation.scores import ClipScores

CLIPS = 50
NAMES = [f"clip{number:02}" for number in range(CLIPS)]


@pytest.fixture
def run(capsys):
    """Run the command: its status, output, and lines of errors."""

    def run(*arguments):
        status = main(["compare", *map(str, arguments)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err.splitlines()

    return run


def write(path, seed, signal, names=None, output="fused", classes="abc"):
    """Write scores of clips, in which the true class stands out so much."""
    torch.manual_seed(0)
    targets = torch.nn.functional.one_hot(torch.randint(0, 3, (CLIPS,)), 3)
    torch.manual_seed(seed)
    noise = torch.rand(CLIPS, 3)
    scores = {output: noise + signal * targets, "fused_random": noise}
    clips = ClipScores()
    clips.append(names or NAMES, targets, scores)
    path.parent.mkdir(exist_ok=True)
    clips.gather().save(path, list(classes))
    return path


@pytest.fixture
def runs(tmp_path):
    """Files of a good and a bad run."""
    return (
        write(tmp_path / "A/scores.npz", 1, 0.9),
        write(tmp_path / "B/scores.npz", 2, 0.1),
    )


def test_it_prints_the_metrics_of_both_and_their_difference(run, runs):
    status, out, errors = run(*runs)
    assert status == 0 and not errors
    lines = out.splitlines()
    assert lines[0] == f"A: fused of {runs[0]}"
    assert lines[1] == f"B: fused of {runs[1]}"
    assert lines[2].startswith("50 clips, each in both; 95% intervals")
    cells = [cell.strip() for cell in lines[5].split("|")[1:-1]]
    a, b = (
        summarize_classification(file["fused"], file["targets"])["top1"]
        for file in map(np.load, runs)
    )
    assert cells[:3] == ["top-1", f"{a:.4f}", f"{b:.4f}"]
    assert cells[3].startswith(f"{a - b:+.4f} [+0.")


def test_json_says_the_same_to_programs_and_always(run, runs):
    status, out, _ = run(*runs, "--json")
    assert (status, out) == run(*runs, "--json")[:2]
    found = json.loads(out)
    assert found["clips"] == CLIPS and found["failed"] == {}
    assert found["A"]["file"] == str(runs[0])
    assert found["B"]["scores"] == "fused"
    top1 = found["differences"]["B"]["top1"]
    accuracies = [found[key]["metrics"]["top1"] for key in "AB"]
    assert top1["difference"] == pytest.approx(accuracies[0] - accuracies[1])
    assert 0 < top1["low"] < top1["difference"] < top1["high"]
    _, out, _ = run(*reversed(runs), "--json")
    back = json.loads(out)["differences"]["B"]["top1"]
    assert back["low"] == pytest.approx(-top1["high"])


def test_clips_are_matched_by_their_ids(run, runs):
    _, expected, _ = run(*runs, "--json")
    with np.load(runs[1]) as file:
        arrays = dict(file)
    order = np.random.default_rng(0).permutation(CLIPS)
    for name, values in arrays.items():
        arrays[name] = values if name == "class_names" else values[order]
    np.savez(runs[1], **arrays)
    assert run(*runs, "--json")[1] == expected


def test_the_scores_are_those_by_which_a_run_is_judged_or_chosen(
    run, runs, tmp_path
):
    average = write(tmp_path / "C/scores.npz", 1, 0.9, output="average")
    _, out, _ = run(average, average, "--minus", "fused_random")
    assert out.startswith("A: average of ")
    assert out.splitlines()[1].startswith("B: fused_random of ")
    _, out, _ = run(*runs, "--scores=fused_random")
    assert out.count("fused_random of ") == 2
    for option in ("--scores", "--minus"):
        status, out, (error,) = run(*runs, option, "pass_9")
        assert status == 1 and not out
        assert "has no scores pass_9, but fused, fused_random" in error


def test_actions_are_compared_by_verb_and_noun(run, tmp_path):
    targets = np.tile([[1, 0, 1, 0], [0, 1, 0, 1]], (10, 1))
    right, half = targets, targets.copy()
    half[:, 2:] = [1, 0]
    path = tmp_path / "scores.npz"
    np.savez(
        path,
        ids=np.array([f"P01_{number:02}" for number in range(20)]),
        targets=targets,
        class_names=np.array(["verb:take", "verb:put", "noun:tap", "noun:pan"]),
        fused=right * 0.8,
        fused_random=half * 0.8,
    )
    status, out, _ = run(path, path, "--minus=fused_random", "--json")
    differences = json.loads(out)["differences"]["B"]
    assert status == 0
    assert {name: d["difference"] for name, d in differences.items()} == {
        **{"verb_top1": 0.0, "verb_top5": 0.0},
        **{"noun_top1": 0.5, "noun_top5": 0.0},
        **{"action_top1": 0.5, "action_top5": 0.0},
    }


def test_other_clips_and_broken_files_are_one_line(run, runs, tmp_path):
    other = write(tmp_path / "C/scores.npz", 1, 0.9, [*NAMES[:-1], "clip99"])
    status, out, (error,) = run(runs[0], other)
    assert status == 1 and not out
    assert f"1 of 50 clips of {runs[0]} are not in {other}" in error
    assert error.endswith("the first is clip49")
    other = write(tmp_path / "C/scores.npz", 1, 0.9, NAMES[::-1])
    status, _, (error,) = run(runs[0], other)
    assert status == 1 and "clips have other labels in" in error
    other = write(tmp_path / "C/scores.npz", 1, 0.9, classes="abd")
    status, _, (error,) = run(runs[0], other)
    assert status == 1 and "1 of 3 classes" in error
    other.write_text("<html>not found</html>")
    status, _, (error,) = run(runs[0], other)
    assert status == 1 and f"{other} holds no scores of a test" in error
    status, _, (error,) = run(runs[0], tmp_path / "no\nfile.npz")
    assert status == 1 and "no\\nfile.npz: No such file" in error
    status, _, (error,) = run(tmp_path, runs[0])
    assert status == 1 and "Is a directory" in error


def test_names_that_begin_with_a_dash_are_files(run, runs, monkeypatch):
    monkeypatch.chdir(runs[0].parent)
    runs[0].rename(runs[0].parent / "-a.npz")
    for name in ("-a.npz", "./-a.npz"):
        status, out, errors = run(name, runs[1])
        assert status == 0 and not errors
        assert out.startswith("A: fused of ./-a.npz")
