"""Overrides of hyperparameters: what is typed is read as its default is."""

import math
from io import StringIO
from pathlib import Path

import pytest
import torch
from hyperpyyaml import load_hyperpyyaml

from speechbrain_pib.training.overrides import load_defaults, read_overrides
from tests.helpers import ROOT

HPARAMS = """\
data_folder: !PLACEHOLDER
output_folder: !ref results/<seed>
save_folder: !ref <output_folder>/save
annotations: [!ref <data_folder>/a.csv]
segments:
    train: !ref <data_folder>/train.csv
    eval: !ref <data_folder>/eval.csv
controls: [same_hop, random]
folds: []
channels: [16, 32]
packed_folder: null
pretrained_backbone: null
embed_dim: null
seed: 1234
num_workers: 8
batch_size: 64
number_of_epochs: 50
hop: !ref <seed> * 2
lr: 0.1
threshold: -1.0
frozen: True
teacher: !new:collections.Counter
    a: 1
augment: !new:torch.nn.Identity
"""


@pytest.fixture
def hparams_file(tmp_path):
    path = tmp_path / "pib.yaml"
    path.write_text(HPARAMS, encoding="utf-8")
    return path


@pytest.fixture
def load(hparams_file):
    """What a recipe gets for options that are typed."""

    def load(**given):
        given = {"data_folder": "/data", **given}
        overrides = read_overrides(given, load_defaults(hparams_file))
        return load_hyperpyyaml(StringIO(HPARAMS), overrides)

    return load


DATES_AND_NUMBERS = "2026-11-25 20261125 12:30:00 007 1e3 0x10 1_000 .5".split()
SIGNS = "[a {a *a &a :a =a a=b -a - # | ' \" % @ caf\u00e9".split()
TEXTS = [*DATES_AND_NUMBERS, *SIGNS, "yes", "null", "~", "true", "(copy)"]


@pytest.mark.parametrize("text", [*TEXTS, "/d/a: b # c", "two  spaces "])
@pytest.mark.parametrize("name", ["data_folder", "output_folder"])
def test_a_path_is_the_text_that_was_typed(load, name, text):
    hparams = load(**{name: text})
    assert hparams[name] == text
    if name == "output_folder":
        assert hparams["save_folder"] == f"{text}/save"
    else:
        assert hparams["annotations"] == [f"{text}/a.csv"]


@pytest.mark.parametrize("text", ["2026-11-25", "007", "1e3", "/d/a: b"])
def test_so_is_one_whose_default_is_null(load, text):
    assert load(packed_folder=text)["packed_folder"] == text
    assert load(pretrained_backbone=text)["pretrained_backbone"] == text
    assert load(pretrained_backbone="null")["pretrained_backbone"] is None


def test_references_may_be_typed(load):
    assert load(output_folder="!ref runs/<seed>")["save_folder"] == (
        "runs/1234/save"
    )
    lists = load(annotations="[!ref <data_folder>/b.csv, 7]")["annotations"]
    assert lists == ["/data/b.csv", "7"]


@pytest.mark.parametrize(
    "name, text, value",
    [
        ("annotations", "/d/x.csv", ["/d/x.csv"]),
        ("annotations", "2024", ["2024"]),
        ("annotations", "[/d/x.csv, 2026-11-25]", ["/d/x.csv", "2026-11-25"]),
        ("controls", "random", ["random"]),
        ("controls", "[]", []),
        ("controls", "null", []),
        ("channels", "8", [8]),
        ("channels", "[8, 16]", [8, 16]),
        ("folds", "2", [2]),
        ("folds", "[1,2]", [1, 2]),
    ],
)
def test_one_value_is_a_list_of_one(load, name, text, value):
    assert load(**{name: text})[name] == value


def test_values_of_a_mapping_are_what_their_defaults_are(load):
    segments = load(segments="{eval: 007}")["segments"]
    assert segments == {"train": "/data/train.csv", "eval": "007"}


def test_an_object_may_be_changed_replaced_or_left_out(load):
    assert load(teacher="{a: 5}")["teacher"] == {"a": 5}
    assert load(teacher="null")["teacher"] is None
    replaced = load(augment="!new:torch.nn.Dropout")["augment"]
    assert isinstance(replaced, torch.nn.Dropout)


@pytest.mark.parametrize(
    "name, text, value",
    [
        ("seed", "0", 0),
        ("seed", "12345678901234567891", 12345678901234567891),
        ("num_workers", "0", 0),
        ("batch_size", "8.0", 8),
        ("batch_size", "1e2", 100),
        ("hop", "5", 5),
        ("lr", "1", 1.0),
        ("lr", "1e-4", 1e-4),
        ("threshold", "-0.5", -0.5),
        ("embed_dim", "32", 32),
        ("embed_dim", "null", None),
        ("frozen", "false", False),
        ("frozen", "True", True),
    ],
)
def test_numbers_and_switches_keep_their_kind(load, name, text, value):
    found = load(**{name: text})[name]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    "name, text",
    [
        ("lr", "abc"),
        ("lr", "-0.1"),
        ("lr", "nan"),
        ("lr", "inf"),
        ("lr", "null"),
        ("num_workers", "-1"),
        ("num_workers", "1.5"),
        ("num_workers", "many"),
        ("batch_size", "0"),
        ("batch_size", "-8"),
        ("number_of_epochs", "0"),
        ("embed_dim", "0"),
        ("embed_dim", "-32"),
        ("channels", "[8, x]"),
        ("channels", "[8"),
        ("frozen", "no"),
        ("frozen", "1"),
        ("teacher", "nobody"),
        ("augment", "3"),
        ("output_folder", "a<b>c"),
        ("output_folder", "caf\udce9"),
    ],
)
def test_values_that_cannot_be_are_errors_that_name_the_option(
    load, name, text
):
    with pytest.raises(ValueError, match=f"^--{name}=") as error:
        load(**{name: text})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"a: 1\nb: [1, 2\nc: 3\n", r"line 3: not HyperPyYAML \(.*expected"),
        (b"a: b: c\n", r"line 1: not HyperPyYAML \(mapping values"),
        (b"a: 1\na: 2\n", "line 2: not HyperPyYAML .*duplicate key"),
        (b"a: !ref <b>\n", r'not HyperPyYAML \(The reference "b"'),
        (b"a: caf\xe9\n", "not HyperPyYAML .*utf-8"),
        (b"a: \0\n", "not HyperPyYAML .*special characters"),
        (b"", "holds no hyperparameters"),
        (b"- a\n", "holds no hyperparameters"),
    ],
)
def test_a_broken_file_is_named(tmp_path, content, message):
    path = tmp_path / "broken.yaml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"broken.yaml.*{message}") as error:
        load_defaults(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in sorted(ROOT.glob("recipes/*/hparams/*.yaml"))
        # Its references are into the others.
        if path.stem != "miniature"
    ],
    ids=lambda path: f"{path.parts[-3]}-{path.stem}",
)
def test_defaults_of_recipes_are_read_as_what_they_are(path):
    defaults = load_defaults(path)
    given = {
        name: "null" if value is None else str(value)
        for name, value in defaults.items()
        if value is None or isinstance(value, str | int | float)
    }
    given = {name: text for name, text in given.items() if text}
    assert len(given) > 30
    overrides = read_overrides(given, defaults)
    assert overrides == {name: defaults[name] for name in given}
    assert Path(overrides["save_folder"]).parent == Path(
        overrides["output_folder"]
    )
    assert all(
        math.isfinite(value)
        for value in overrides.values()
        if isinstance(value, float)
    )
