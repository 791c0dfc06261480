"""Tests of what is held out for validation, and of what counts as prepared.

Authors
 * The speechbrain_pib developers 2026
"""

import json

import pytest

from speechbrain_pib.dataio.preparation import (
    is_held_out,
    is_prepared,
    mark_prepared,
    staged_preparation,
)


def test_held_out_videos_are_a_fixed_share():
    videos = [f"P{n % 37:02d}_{n}" for n in range(2000)]
    chosen = [v for v in videos if is_held_out(v, 0.2)]
    assert len(chosen) / 2000 == pytest.approx(0.2, abs=0.03)
    assert all(is_held_out(video, 0.3) for video in chosen)


@pytest.fixture
def prepared(tmp_path):
    """A folder with all that a preparation writes."""
    for name in ("train.csv", "missing.csv", "classes.txt", "coverage.json"):
        (tmp_path / name).write_text(f"of {name}")
    mark_prepared(tmp_path, {"fold": 1})
    assert is_prepared(tmp_path, {"fold": 1})
    return tmp_path


@pytest.mark.parametrize(
    "name", ["train.csv", "missing.csv", "classes.txt", "coverage.json"]
)
def test_every_output_is_as_it_was_written(prepared, name):
    before = (prepared / name).read_text()
    (prepared / name).write_text("{")
    assert not is_prepared(prepared, {"fold": 1})
    (prepared / name).unlink()
    assert not is_prepared(prepared, {"fold": 1})
    (prepared / name).write_text(before)
    assert is_prepared(prepared, {"fold": 1})


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b"3", b'"a"', b"{}", b'{"outputs": []}', b"\xff"],
)
def test_a_damaged_note_means_not_prepared(prepared, damage):
    (prepared / "prepared.json").write_bytes(damage)
    assert not is_prepared(prepared, {"fold": 1})
    mark_prepared(prepared, {"fold": 1})
    assert is_prepared(prepared, {"fold": 1})


def test_a_note_of_an_older_version_does_not_vouch_for_the_classes(prepared):
    note = prepared / "prepared.json"
    text = json.loads(note.read_text())
    for name in ("classes.txt", "coverage.json"):
        del text["outputs"][name]
    note.write_text(json.dumps(text))
    assert not is_prepared(prepared, {"fold": 1})


def test_what_was_prepared_stays_until_the_end_of_the_next(prepared):
    def contents():
        return {path.name: path.read_text() for path in prepared.iterdir()}

    before = contents()
    with pytest.raises(ValueError), staged_preparation(prepared) as staging:
        assert is_prepared(staging, {"fold": 1})
        (prepared / "preparation.tmp/train.csv").write_text("others")
        raise ValueError
    assert contents() == before
    with staged_preparation(prepared) as staging:
        (prepared / "preparation.tmp/train.csv").write_text("others")
    assert contents() == {**before, "train.csv": "others"}
    assert not is_prepared(prepared, {"fold": 1})


def test_results_are_no_outputs_of_a_preparation(prepared):
    (prepared / "per_class.csv").write_text("results")
    with staged_preparation(prepared) as staging:
        mark_prepared(staging, {"fold": 2})
    (prepared / "per_class.csv").write_text("other results")
    assert is_prepared(prepared, {"fold": 2})


def test_what_a_killed_preparation_left_is_not_taken(prepared):
    (prepared / "preparation.tmp").mkdir()
    (prepared / "preparation.tmp/test.csv").write_text("half")
    with staged_preparation(prepared):
        pass
    assert not (prepared / "test.csv").exists()
    assert not (prepared / "preparation.tmp").exists()
