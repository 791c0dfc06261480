"""The recipes' command line."""

import pytest
from hyperpyyaml import load_hyperpyyaml

from speechbrain_pib.training.arguments import (
    find_beside,
    parse_recipe_arguments,
)
from speechbrain_pib.training.experiment import start_experiment


@pytest.fixture
def script(tmp_path):
    """A recipe's folder with hyperparameters and a miniature."""
    hparams = tmp_path / "hparams"
    hparams.mkdir()
    (hparams / "pib.yaml").write_text(
        "data_folder: !PLACEHOLDER\npacked_folder: null\n"
        "folder: out\nepochs: 50\nrate: 0.5\noptimizer: SGD\n"
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


def test_missing_and_broken_files_of_hyperparameters_are_named(
    script, tmp_path
):
    with pytest.raises(FileNotFoundError, match="no none.yaml, nor"):
        parse_recipe_arguments(script, None, ["none.yaml"])
    for arguments in ([], ["a.yaml", "b.yaml"], ["a.yaml", "-lr=1"]):
        with pytest.raises(ValueError, match="expected one hyperparameter"):
            parse_recipe_arguments(script, None, arguments)
    (tmp_path / "broken.yaml").write_text("a: [1\n")
    with pytest.raises(ValueError, match="broken.yaml, line 2: "):
        parse_recipe_arguments(script, None, ["broken.yaml"])


def test_values_may_hold_equals_signs_and_spaces(script):
    assert load(script, "--data_folder=/d/a=b=c")["path"] == "/d/a=b=c/a"
    assert load(script, "--data_folder", "/d/a", "b")["path"] == "/d/a b/a"


def test_the_beginning_of_a_run_option_is_no_run_option(script):
    _, run_opts, overrides = parse_recipe_arguments(
        script,
        None,
        ["hparams/pib.yaml", "--data_folder=/d", "--optimizer=AdamW"],
    )
    assert overrides["optimizer"] == "AdamW"
    assert run_opts["optimizer_step_limit"] is None


@pytest.mark.parametrize(
    "typed, meant",
    [
        ("--epoch=3", "epochs"),
        ("--packed-folder=/p", "packed_folder"),
        ("--test_onyl", "test_only"),
        ("--max_grad=1", "max_grad_norm"),
    ],
)
def test_unknown_options_are_met_with_what_may_be_meant(script, typed, meant):
    arguments = ["hparams/pib.yaml", "--data_folder=/d", typed]
    name, _, _ = typed.partition("=")
    message = f"pib.yaml has no {name}; did you mean --{meant}\\?"
    with pytest.raises(ValueError, match=message):
        parse_recipe_arguments(script, None, arguments)


@pytest.mark.parametrize("option", ["rate", "data_folder", "packed_folder"])
def test_an_option_without_a_value_is_an_error(script, option):
    for typed in (f"--{option}", f"--{option}="):
        with pytest.raises(ValueError, match=f"--{option} has no value"):
            load(script, typed)


def run_options(script, *arguments):
    """The run options of a command line."""
    return parse_recipe_arguments(
        script, "hparams/mini.yaml", ["hparams/pib.yaml", *arguments]
    )[1]


def test_switches_may_have_a_value_and_stand_before_the_file(script):
    assert run_options(script, "--test_only")["test_only"]
    assert run_options(script, "--test_only=True")["test_only"]
    assert run_options(script, "--test_only", "true")["test_only"]
    assert not run_options(script, "--test_only=False")["test_only"]
    arguments = ["--debug", "--device", "cpu", "hparams/pib.yaml"]
    path, run_opts, _ = parse_recipe_arguments(
        script, "hparams/mini.yaml", arguments
    )
    assert path.endswith("hparams/pib.yaml") and run_opts["debug"]


@pytest.mark.parametrize(
    "typed",
    [["--compile_module_keys=[a, b]"], ["--compile_module_keys", "a", "b"]],
)
def test_lists_of_run_options_may_be_written_as_in_yaml(script, typed):
    assert run_options(script, *typed)["compile_module_keys"] == ["a", "b"]


def test_counts_of_run_options_are_whole_numbers_from_one_on(script):
    for name in ("debug_batches", "grad_accumulation_factor"):
        assert run_options(script, f"--{name}=3")[name] == 3
        for value in ("0", "-1"):
            with pytest.raises(ValueError, match=f"--{name}={value}: "):
                run_options(script, f"--{name}={value}")
    limit = run_options(script, "--optimizer_step_limit=5")
    assert limit["optimizer_step_limit"] == 5
    with pytest.raises(ValueError, match="--optimizer_step_limit=AdamW: "):
        run_options(script, "--optimizer_step_limit=AdamW")


def test_a_device_that_is_not_there_is_an_error(script):
    with pytest.raises(ValueError, match="device cuda:99 cannot be used here"):
        run_options(script, "--device=cuda:99")


def test_a_wrong_command_line_ends_in_one_line_before_anything_is_written(
    script, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    arguments = ["hparams/pib.yaml", "--data_folder=/d", "--rate=fast"]
    with pytest.raises(SystemExit) as end:
        start_experiment(script, None, arguments)
    assert end.value.code == 2 and not (tmp_path / "out").exists()
    assert capsys.readouterr().err == (
        "train.py: --rate=fast: expected a number from 0 on\n"
    )
