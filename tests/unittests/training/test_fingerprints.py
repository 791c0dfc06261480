"""Tests of fingerprints: what they hold of a hyperparameter file and of data.

Authors
 * The speechbrain_pib developers 2026
"""

import re

import pytest

from speechbrain_pib.training.fingerprints import (
    MAY_DIFFER,
    MAY_DIFFER_IN_TESTS,
    describe_contents,
    describe_data,
    describe_options,
    find_changes,
)
from tests.helpers import ROOT

HPARAMS = [
    path
    for path in sorted(ROOT.glob("recipes/*/hparams/*.yaml"))
    if path.name != "miniature.yaml"
]
IDS = ["/".join(path.parts[-3::2]) for path in HPARAMS]


def given(path):
    """Values of the options that a hyperparameter file leaves to its user."""
    names = re.findall(r"^(\w+): !PLACEHOLDER", path.read_text(), re.MULTILINE)
    return dict.fromkeys(names, "/data")


def changes(path, **overrides):
    """What overrides change."""
    return find_changes(
        describe_options(path, given(path)),
        describe_options(path, {**given(path), **overrides}),
        may_differ=MAY_DIFFER,
    )


@pytest.mark.parametrize("path", HPARAMS, ids=IDS)
def test_an_option_is_named_alone(path):
    assert changes(path, seed=7) == {"seed": (1234, 7)}
    name = "student_lr" if path.name == "imgaud2vid.yaml" else "lr"
    ((changed, (_, value)),) = changes(path, **{name: 7.0}).items()
    assert (changed, value) == (name, 7.0)


@pytest.mark.parametrize("path", HPARAMS, ids=IDS)
def test_options_that_may_differ_are_no_change_wherever_they_are_used(path):
    options = describe_options(path, given(path))
    free = [name for name in options if name in MAY_DIFFER]
    assert {"output_folder", "num_workers", "test_batch_size"} <= {*free}
    for name in free:
        value = 77 if isinstance(options[name], int) else "other"
        other = describe_options(path, {**given(path), name: value})
        pair = describe_contents(options), describe_contents(other)
        assert not find_changes(*pair, may_differ=MAY_DIFFER), name


def test_the_list_of_what_may_differ_names_options_that_there_are():
    known = {"processes", "precision", "auto_mix_prec", "bfloat16_mix_prec"}
    known |= {"max_grad_norm", "grad_accumulation_factor", "debug"}
    for path in HPARAMS:
        options = describe_options(path, given(path))
        known |= {name.split(".")[0].split("[")[0] for name in options}
    assert not MAY_DIFFER - known
    assert not MAY_DIFFER_IN_TESTS - known


def test_objects_are_compared_by_class_and_values(tmp_path):
    path = tmp_path / "a.yaml"
    described = []
    for text in (
        "model: !new:torch.nn.Linear\n  bias: True",
        "model: !new:elsewhere.Linear\n  bias: True",
        "model: !new:torch.nn.Linear\n  bias: False",
        "model: !new:torch.nn.Bilinear\n  bias: True",
    ):
        path.write_text(text)
        described.append(describe_options(path))
    first, moved, other, another = described
    assert not find_changes(first, moved)
    assert find_changes(first, other) == {"model.bias": (True, False)}
    assert find_changes(first, another) == {"model": ("Linear", "Bilinear")}


def test_nothing_is_built_and_files_stay_as_they_are(tmp_path):
    path = tmp_path / "a.yaml"
    made = tmp_path / "made"
    path.write_text(
        f"save_folder: {made}\n"
        "checkpointer: !new:speechbrain.utils.checkpoints.Checkpointer\n"
        "    checkpoints_dir: !ref <save_folder>\n"
        f"made: !apply:os.makedirs ['{made}']\n"
    )
    describe_options(path)
    assert not made.exists()


def test_an_unknown_override_is_an_error_as_in_hyperpyyaml():
    with pytest.raises(KeyError, match="lrr"):
        describe_options(HPARAMS[0], {**given(HPARAMS[0]), "lrr": 1})


@pytest.mark.parametrize(
    ("column", "counts"),
    [
        *[(name, True) for name in ("ID", "label", "start", "stop")],
        *[(name, True) for name in ("segments", "event_start")],
        *[(name, False) for name in ("wav", "path", "duration", "features")],
    ],
)
def test_what_is_learned_counts_not_where_it_lies(tmp_path, column, counts):
    (tmp_path / "classes.txt").write_text("cat\n")
    data = []
    for value in ("1", "2"):
        (tmp_path / "train.csv").write_text(f"x,{column}\n0,0\n0,{value}\n")
        data.append(describe_data(tmp_path))
    assert data[0]["train"].startswith("2 rows, sha256 ")
    assert (data[0] != data[1]) == counts


def test_rows_count_in_their_order_and_fields_in_their_places(tmp_path):
    (tmp_path / "classes.txt").write_text("cat\n")
    seen = set()
    for rows in ("a,bc\nd,e\n", "d,e\na,bc\n", "ab,c\nd,e\n", "a,bc\n"):
        (tmp_path / "train.csv").write_text("ID,label\n" + rows)
        seen.add(describe_data(tmp_path)["train"])
    assert len(seen) == 4
