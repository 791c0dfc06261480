"""The recipes' command line."""

import pytest
from hyperpyyaml import load_hyperpyyaml

from speechbrain_pib.training.arguments import (
    find_beside,
    parse_recipe_arguments,
)


@pytest.fixture
def script(tmp_path):
    """A recipe's folder with hyperparameters and a miniature."""
    hparams = tmp_path / "hparams"
    hparams.mkdir()
    (hparams / "pib.yaml").write_text(
        "data_folder: !PLACEHOLDER\npacked_folder: null\n"
        "folder: out\nepochs: 50\nrate: 0.5\n"
        "path: !ref <data_folder>/a\n"
    )
    (hparams / "mini.yaml").write_text(
        "data_folder: !ref <folder>/mini # here\nepochs: 2\nother: 1\n"
    )
    return str(tmp_path / "train.py")


def load(script, *arguments):
    """What a recipe would load."""
    path, _, overrides = parse_recipe_arguments(
        script, "hparams/mini.yaml", ["hparams/pib.yaml", *arguments]
    )
    with open(path) as file:
        return load_hyperpyyaml(file, overrides)


def test_without_data_the_miniature_overrides_what_exists(script, caplog):
    hparams = load(script, "--rate=0.1")
    assert hparams["path"] == "out/mini/a"
    assert hparams["epochs"] == 2 and hparams["rate"] == 0.1
    assert "other" not in hparams
    assert "MINIATURE" in caplog.text and "--data_folder=" in caplog.text


def test_a_miniature_has_overrides_for_one_file_alone(script, tmp_path):
    with open(tmp_path / "hparams/mini.yaml", "a") as file:
        file.write("pib.yaml:\n    epochs: 3\nbackbone.yaml:\n    epochs: 4\n")
    assert load(script)["epochs"] == 3
    assert load(script, "--epochs=7")["epochs"] == 7


def test_the_user_overrides_the_miniature(script):
    assert load(script, "--epochs=7")["epochs"] == 7


def test_with_data_nothing_is_overridden(script, caplog):
    hparams = load(script, "--data_folder=/data")
    assert hparams["path"] == "/data/a" and hparams["epochs"] == 50
    assert "MINIATURE" not in caplog.text


def test_packed_data_take_the_place_of_raw_data(script, caplog):
    hparams = load(script, "--packed_folder=/packed")
    assert hparams["data_folder"] is None and hparams["epochs"] == 50
    assert "MINIATURE" not in caplog.text


def test_a_recipe_without_miniature_asks_for_data(script):
    with pytest.raises(ValueError, match="--data_folder=/path/to"):
        parse_recipe_arguments(script, None, ["hparams/pib.yaml"])


def test_the_current_folder_goes_before_the_scripts(
    script, tmp_path, monkeypatch
):
    here = tmp_path / "here"
    (here / "hparams").mkdir(parents=True)
    monkeypatch.chdir(here)
    assert find_beside("hparams/pib.yaml", script).startswith(str(tmp_path))
    (here / "hparams" / "pib.yaml").write_text("a: 1")
    assert find_beside("hparams/pib.yaml", script) == "hparams/pib.yaml"


def test_a_missing_file_is_an_error_that_names_both_places(script):
    with pytest.raises(FileNotFoundError, match="no x.yaml, nor .*/x.yaml"):
        find_beside("x.yaml", script)
