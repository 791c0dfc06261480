"""Scores by clip: over batches, processes and files."""

import io
import pickle
import re
import zipfile

import numpy as np
import pytest
import torch

from speechbrain_pib.evaluation.metrics import summarize_classification
from speechbrain_pib.evaluation.scores import ClipScores


def test_scores_survive_a_file_without_pickle(tmp_path):
    clips = ClipScores()
    scores = torch.rand(3, 2, dtype=torch.bfloat16, requires_grad=True)
    clips.append(["c", "a", "b"], torch.eye(3)[:, :2], {"fused": scores})
    with pytest.raises(RuntimeError, match="gather"):
        clips.save(tmp_path / "scores.npz", ["x", "y"])
    clips.gather().save(tmp_path / "scores.npz", ["x", "y"])
    with np.load(tmp_path / "scores.npz", allow_pickle=False) as file:
        assert file["ids"].tolist() == ["a", "b", "c"]
        assert file["class_names"].tolist() == ["x", "y"]
        order = [1, 2, 0]
        np.testing.assert_array_equal(
            file["fused"], scores.detach().float().numpy()[order]
        )
        np.testing.assert_array_equal(file["targets"], np.eye(3)[order][:, :2])
    assert [path.name for path in tmp_path.iterdir()] == ["scores.npz"]


def test_clip_scores_refuse_what_does_not_fit(tmp_path):
    clips = ClipScores()
    with pytest.raises(ValueError, match="no clip"):
        clips.gather()
    with pytest.raises(ValueError, match="'fused'"):
        clips.append(["a"], torch.zeros(1, 2), {"fused": torch.zeros(1, 3)})
    clips.append(["a"], torch.ones(1, 2), {"fused": torch.zeros(1, 2)})
    with pytest.raises(ValueError, match="named"):
        clips.append(["b"], torch.ones(1, 2), {"other": torch.zeros(1, 2)})
    with pytest.raises(ValueError, match="class names"):
        clips.gather().save(tmp_path / "scores.npz", ["x"])
    assert not list(tmp_path.iterdir())


def test_of_a_clip_that_comes_again_the_first_scores_count():
    clips = ClipScores()
    eye = torch.eye(2)
    clips.append(["b", "a"], eye, {"x": eye})
    clips.append(["b"], eye[:1], {"x": eye[1:]})
    clips.gather()
    assert clips.ids == ["a", "b"]
    assert clips.scores["x"].tolist() == [[0.0, 1.0], [1.0, 0.0]]


def gather_on_rank(rank, folder):
    """Each rank holds a part of four clips, clip "b" is on both."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2
    )
    ids = [["d", "b"], ["b", "c", "a"]][rank]
    labels = torch.tensor(["abcd".index(name) for name in ids])
    targets = torch.nn.functional.one_hot(labels, 4)
    # Clip "c" alone is wrong, so that a repeated "b" would show in top1.
    scores = targets.float()
    scores[labels == 2] = 0.0
    clips = ClipScores()
    clips.append(ids, targets, {"fused": scores})
    clips.gather().save(f"{folder}/rank{rank}.npz", list("abcd"))
    torch.distributed.destroy_process_group()


def test_two_ranks_count_each_clip_once(tmp_path):
    torch.multiprocessing.spawn(gather_on_rank, (str(tmp_path),), nprocs=2)
    for rank in (0, 1):
        with np.load(tmp_path / f"rank{rank}.npz") as file:
            assert file["ids"].tolist() == list("abcd")
            np.testing.assert_array_equal(file["targets"], np.eye(4))
            summary = summarize_classification(file["fused"], file["targets"])
            assert summary["top1"] == 0.75


def test_unreadable_clips_are_listed_and_left_out():
    clips = ClipScores()
    eye = torch.eye(3)
    clips.append(
        ["c", "a", "b"], eye, {"x": eye}, torch.tensor([True, False, True])
    )
    clips.append(["a"], eye[:1], {"x": eye[:1]}, torch.tensor([False]))
    clips.gather()
    assert clips.ids == ["b", "c"] and clips.unreadable == ["a"]
    assert clips.targets.argmax(1).tolist() == [2, 0]
    assert clips.scores["x"].argmax(1).tolist() == [2, 0]


def test_clips_with_any_score_that_is_not_finite_are_listed_and_left_out():
    clips = ClipScores()
    eye, broken = torch.eye(4), torch.eye(4)
    broken[0, 2], broken[3, 1] = torch.nan, torch.inf
    readable = torch.tensor([True, True, True, False])
    ids = ["d", "c", "b", "a"]
    clips.append(ids, eye, {"x": eye, "y": broken}, readable)
    clips.gather()
    assert clips.ids == ["b", "c"] and clips.nonfinite == ["d"]
    assert clips.unreadable == ["a"]
    for scores in (clips.targets, *clips.scores.values()):
        assert scores.argmax(1).tolist() == [2, 1]
    clips = ClipScores()
    clips.append(["a"], eye[:1], {"x": eye[:1] * torch.nan})
    with pytest.raises(ValueError, match="1 have scores that are not finite"):
        clips.gather()


def test_no_readable_clip_is_an_error():
    clips = ClipScores()
    clips.append(
        ["a"], torch.eye(1), {"x": torch.eye(1)}, torch.tensor([False])
    )
    with pytest.raises(ValueError, match="no clip was scored"):
        clips.gather()


def saved(folder, **changes):
    """A file of scores of two clips, with other arrays or without some."""
    arrays = {
        "ids": np.array(["a", "b"]),
        "targets": np.eye(2),
        "class_names": np.array(["x", "y"]),
        "fused": np.eye(2),
        **changes,
    }
    arrays = {name: v for name, v in arrays.items() if v is not None}
    np.savez_compressed(folder / "scores.npz", **arrays)
    return folder / "scores.npz"


def test_saved_scores_are_loaded_whatever_their_order(tmp_path):
    clips = ClipScores()
    scores = torch.rand(3, 2)
    clips.append(["c", "a", "b"], torch.eye(3)[:, :2], {"fused": scores})
    clips.gather().save(tmp_path / "scores.npz", ["x", "y"])
    loaded, class_names = ClipScores.load(tmp_path / "scores.npz")
    assert class_names == ["x", "y"] and loaded.ids == clips.ids
    np.testing.assert_array_equal(loaded.targets, clips.targets)
    np.testing.assert_array_equal(loaded.scores["fused"], clips.scores["fused"])
    path = saved(tmp_path, ids=np.array(["b", "a"]))
    loaded, _ = ClipScores.load(path)
    assert loaded.ids == ["a", "b"]
    for values in (loaded.targets, loaded.scores["fused"]):
        np.testing.assert_array_equal(values, np.eye(2)[::-1])
    assert loaded.summarize("fused")["top1"] == 1.0


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"ids": None}, "ids is missing"),
        ({"targets": None, "class_names": None}, "targets, class_names is"),
        ({"fused": None}, "it has no scores"),
        ({"ids": np.arange(2)}, "ids is no list of text"),
        ({"class_names": np.array("x")}, "class_names is no list of text"),
        ({"ids": np.array(["b", "b"])}, "clip b is there more than once"),
        ({"targets": np.full((2, 2), 0.5)}, "targets are not 0 or 1"),
        ({"targets": np.zeros((2, 2))}, "no clip has a label"),
        ({"fused": np.eye(3)}, "fused is [3, 3], for 2 clips and 2 classes"),
        ({"fused": np.full((2, 2), np.nan)}, "fused has values that are not"),
        (
            {"fused": np.array([["1", "2"]] * 2)},
            "fused has values that are not",
        ),
        ({"ids": np.array(["a", {}], dtype=object)}, "(ValueError)"),
    ],
)
def test_what_holds_no_scores_is_refused(tmp_path, changes, reason):
    path = saved(tmp_path, **changes)
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        ClipScores.load(path)
    assert str(caught.value).startswith(f"{path} holds no scores of a test: ")


class Bomb:
    """What unpickling it would do."""

    def __reduce__(self):
        return pytest.fail, ("a file was run",)


def test_damaged_files_of_scores_are_refused_and_never_run(tmp_path):
    whole = saved(tmp_path).read_bytes()
    array, archive = io.BytesIO(), io.BytesIO()
    np.save(array, np.eye(2))
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("ids.npy", pickle.dumps(Bomb()))
    flipped = bytearray(whole)
    flipped[80] ^= 255
    contents = [b"", whole[:200], b"<html>", bytes(flipped), array.getvalue()]
    contents += [pickle.dumps(Bomb()), archive.getvalue()]
    path = tmp_path / "damaged.npz"
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(ValueError, match="damaged.npz holds no scores"):
            ClipScores.load(path)
    with pytest.raises(FileNotFoundError):
        ClipScores.load(tmp_path / "no.npz")
