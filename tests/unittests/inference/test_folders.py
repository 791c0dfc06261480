"""What from_hparams says of folders that are none, damaged or for another.

Authors
 * The speechbrain_pib developers 2026
"""

import json
import shutil
from pathlib import Path

import pytest
import torch
from speechbrain.dataio.encoder import CategoricalEncoder

from speechbrain_pib.inference.classifiers import PlayItBackClassifier
from speechbrain_pib.inference.skimming import SkimmingClassifier
from tests.helpers import FIXTURES

EXTRAS = b"================\n'starting_index' => 0\n"
FOLDERS = FIXTURES / "inference_0.1"


@pytest.fixture(params=[PlayItBackClassifier, SkimmingClassifier])
def system(request):
    """A classifier's class, the name of its folder, and the other's."""
    names = ["playitback", "skimming"]
    if request.param is SkimmingClassifier:
        names.reverse()
    return request.param, *names


@pytest.fixture
def folder(system, tmp_path):
    """An inference folder of the system."""
    return shutil.copytree(FOLDERS / system[1], tmp_path / "model")


def refuse(system, folder, match, error=ValueError, **options):
    """Load a folder, which has to fail with one line that says why."""
    with pytest.raises(error, match=match) as caught:
        system[0].from_hparams(folder, **options)
    assert str(folder) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_folder_of_the_other_system_names_its_class_and_command(system):
    other, command = {
        "playitback": ("PlayItBackClassifier", "classify"),
        "skimming": ("SkimmingClassifier", "classify-video"),
    }[system[2]]
    message = f"holds a {other}, not a {system[0].__name__}; .*{command}$"
    refuse(system, FOLDERS / system[2], message)


def test_a_subclass_loads_the_folders_of_its_base(system, folder):
    own = type("MyClassifier", (system[0],), {})
    assert isinstance(own.from_hparams(folder), own)


def test_the_output_folder_of_a_recipe_is_not_run(system, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(FOLDERS / system[1], run / "inference")
    (run / "hyperparams.yaml").write_text(
        f"seed: 1\nharm: !apply:os.mkdir [{tmp_path}/harm]\n"
    )
    refuse(system, run, f"lacks .*; give the folder in it, {run}/inference")
    assert not (tmp_path / "harm").exists()


def test_an_empty_folder_is_named(system, tmp_path):
    message = "holds no hyperparams.yaml; give the inference folder"
    refuse(system, tmp_path, message, FileNotFoundError)


def test_a_file_is_no_folder(system, folder):
    path = folder / "model.ckpt"
    message = "there is no folder .*, it is a file"
    refuse(system, path, message, FileNotFoundError)


@pytest.mark.parametrize(
    "text, match",
    [
        (b"model: [1, 2\nviews: }", "hyperparams.yaml is damaged: .*line 2"),
        (b"\x80\x81model", "hyperparams.yaml is damaged"),
        (b"just text", "hyperparams.yaml is damaged: it holds no keys"),
        (b"", "hyperparams.yaml is damaged: it holds no keys"),
        (b"? [a, b]\n: 1\n", "hyperparams.yaml in .* lacks .*modules"),
    ],
)
def test_a_damaged_yaml_file_is_named(system, folder, text, match):
    (folder / "hyperparams.yaml").write_bytes(text)
    refuse(system, folder, match)


@pytest.mark.parametrize(
    "wrong, match",
    [
        ("no.such.Class", "no.such.Class"),
        ("torch.nn.Linear", "TypeError"),
    ],
)
def test_what_cannot_be_built_is_said(system, folder, wrong, match):
    path = folder / "hyperparams.yaml"
    text = path.read_text()
    model = text[text.index("model: !new:") :].split()[1]
    path.write_text(text.replace(model, f"!new:{wrong}", 1))
    refuse(system, folder, f"cannot be loaded: .*{match}")


@pytest.mark.parametrize(
    "text",
    [
        b"no labels",
        b"'bark' => zero\n",
        b"bark => 0\n",
        b"['bark'] => 0\n",
        b"\x80\x81 => 0\n",
        b"'bark' => 1\n'meow' => 3\n" + EXTRAS,
        b"'bark' => 0\n'meow' => 2\n" + EXTRAS,
    ],
)
def test_damaged_labels_are_named(system, folder, text):
    (folder / "label_encoder.ckpt").write_bytes(text)
    refuse(system, folder, "label_encoder.ckpt is damaged")


def test_labels_of_another_training_are_an_error(system, folder):
    labels = CategoricalEncoder()
    labels.update_from_iterable(["bark"])
    labels.save(folder / "label_encoder.ckpt")
    refuse(system, folder, "has 1 labels, the model [34] classes")


@pytest.mark.parametrize("name", ["model.ckpt", "label_encoder.ckpt"])
def test_a_missing_file_is_named(system, folder, name):
    (folder / name).unlink()
    refuse(system, folder, name, FileNotFoundError)


def test_weights_that_are_none_are_named(system, folder):
    (folder / "model.ckpt").write_text("no weights")
    refuse(system, folder, "model.ckpt is not a file of plain weights")


@pytest.mark.parametrize("device", ["cuda:99", "cuda99", "gpu"])
def test_a_device_that_is_not_there_is_named(system, folder, device):
    with pytest.raises(ValueError, match=f"device {device} cannot be used"):
        system[0].from_hparams(folder, run_opts={"device": device})


def test_a_folder_without_config_loads(system, folder):
    (folder / "config.json").unlink()
    assert isinstance(system[0].from_hparams(folder), system[0])


def test_a_config_of_another_library_is_ignored(system, folder):
    (folder / "config.json").write_text(json.dumps({"model_type": "ast"}))
    assert isinstance(system[0].from_hparams(folder), system[0])


def test_loading_runs_nothing_of_a_weight_file(system, folder, tmp_path):
    class Trap:
        def __reduce__(self):
            return Path.mkdir, (tmp_path / "harm",)

    torch.save({"weight": Trap()}, folder / "model.ckpt")
    refuse(system, folder, "model.ckpt is not a file of plain weights")
    assert not (tmp_path / "harm").exists()
