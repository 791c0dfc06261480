"""Tests of output folders: what a training was made with may not change, and
nothing is written before that is known.

Authors
 * The speechbrain_pib developers 2026
"""

import json
import subprocess
import sys

import pytest
from hyperpyyaml import resolve_references
from speechbrain.utils.run_opts import RunOptions

from speechbrain_pib.training.output_folders import OutputFolder
from tests.helpers import ROOT

ROWS = "ID,duration,label,wav\na,1.0,cat,/data/a.wav\nb,1.0,dog,/data/b.wav\n"


@pytest.fixture(autouse=True)
def one_run_after_another(monkeypatch):
    """Each test lets go of its folders."""
    locks = OutputFolder.locks.__class__()
    monkeypatch.setattr(OutputFolder, "locks", locks)
    monkeypatch.setattr(OutputFolder, "locked", set())
    yield
    locks.close()


@pytest.fixture
def start(tmp_path):
    """Start a run in the same folder; returns it, or fails as it does."""

    def start(
        *arguments,
        recipe="VGGSound/hparams/pib.yaml",
        data="/data",
        manifests=None,
    ):
        hparams_file, run_opts, overrides = RunOptions.from_command_line_args(
            [
                str(ROOT / "recipes" / recipe),
                f"--output_folder={tmp_path / 'output'}",
                f"--data_folder={data}",
                *arguments,
            ]
        )
        script = str(ROOT / "recipes" / recipe.split("/")[0] / "train.py")
        folder = OutputFolder(script, hparams_file, overrides, run_opts)
        folder.enter()
        files = {"train.csv": ROWS, "valid.csv": ROWS, "test.csv": ROWS}
        files |= {"classes.txt": "cat\ndog\n", **(manifests or {})}

        def prepare(hparams):
            for name, text in files.items():
                with open(f"{hparams['output_folder']}/{name}", "w") as file:
                    file.write(text)

        folder.prepare(prepare, {"output_folder": folder.path})
        return folder

    return start


@pytest.fixture
def trained(start, tmp_path):
    """A folder with a checkpoint."""
    (tmp_path / "output/save").mkdir(parents=True)
    start()
    (tmp_path / "output/save/CKPT+2026").mkdir()
    return tmp_path / "output"


def contents(folder):
    """All files and what is in them."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def refusal(start, folder, *arguments, **options):
    """The lines of the error, after which the folder is as it was."""
    before = contents(folder)
    with pytest.raises(ValueError) as caught:
        start(*arguments, **options)
    assert contents(folder) == before
    first, *lines, last = str(caught.value).splitlines()
    assert str(folder) in first and "--output_folder" in last
    return [line.strip() for line in lines]


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        ("--lr=0.5", "lr: 0.0005 then, 0.5 now"),
        ("--seed=2", "seed: 1234 then, 2 now"),
        ("--selection=random", "selection: learned then, random now"),
        ("--depths=[1, 1]", "depths: [] then, not there now"),
        ("--precision=bf16", "precision: fp32 then, bf16 now"),
        ("--max_grad_norm=1.0", "max_grad_norm: 5.0 then, 1.0 now"),
        ("--grad_accumulation_factor=2", "grad_accumulation_factor: 1 then"),
        ("--valid_fraction=0.5", "valid_fraction: 0.02 then, 0.5 now"),
        ("--test_views=1", "test_views: 2 then, 1 now"),
    ],
)
def test_another_option_is_named_with_both_values(
    start, trained, argument, line
):
    lines = refusal(start, trained, argument)
    assert lines[0].startswith(line)


def test_what_follows_from_an_option_is_not_named(start, trained):
    lines = refusal(start, trained, "--lr=0.5", "--label_smoothing=0.2")
    assert [line.partition(":")[0] for line in lines] == [
        "label_smoothing",
        "lr",
    ]


def test_a_test_does_not_put_other_names_on_weights(start, trained):
    refusal(start, trained, "--test_only", "--selection=random")
    refusal(start, trained, "--test_only", "--lr=0.5")


def test_another_recipe_is_named(start, trained):
    lines = refusal(start, trained, recipe="VGGSound/hparams/backbone.yaml")
    assert "selection: learned then, not there now" in lines
    lines = refusal(start, trained, recipe="ESC50/hparams/pib.yaml")
    assert "recipe: VGGSound then, ESC50 now" in lines


def test_weights_are_told_apart_by_their_content(start, tmp_path):
    for name in ("first", "moved", "other"):
        (tmp_path / name).write_text(name.replace("moved", "first"))
    option = f"--pretrained_backbone={tmp_path}"
    (tmp_path / "output/save").mkdir(parents=True)
    start(f"{option}/first")
    (tmp_path / "output/save/CKPT+2026").mkdir()
    start(f"{option}/moved")
    lines = refusal(start, tmp_path / "output", f"{option}/other")
    assert len(lines) == 1
    assert lines[0].startswith("pretrained_backbone: sha256")
    lines = refusal(start, tmp_path / "output", f"{option}/gone")
    assert lines[0].endswith(" then, no file now")


def test_other_labels_are_an_error(start, trained):
    swapped = ROWS.replace("cat", "x").replace("dog", "cat")
    swapped = swapped.replace(",x,", ",dog,")
    for split in ("train", "valid"):
        lines = refusal(start, trained, manifests={f"{split}.csv": swapped})
        assert len(lines) == 1 and lines[0].startswith(f"{split}: 2 rows, ")


def test_another_order_of_classes_is_an_error(start, trained):
    reverse = {"classes.txt": "dog\ncat\n"}
    lines = refusal(start, trained, manifests=reverse)
    assert lines == ["labels[0]: cat then, dog now"]


def test_a_test_on_other_training_data_is_an_error(start, trained):
    more = {"train.csv": ROWS + "c,1.0,dog,/data/c.wav\n"}
    refusal(start, trained, "--test_only", manifests=more)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--number_of_epochs=80", "--pictures=0", "--tensorboard=True"],
        ["--num_workers=2", "--test_batch_size=1", "--device=cpu"],
        ["--controls=[]", "--eval_precision=bf16", "--noprogressbar"],
        ["--test_only", "--test_views=1", "--precision=bf16"],
    ],
)
def test_what_does_not_matter_may_differ(start, trained, arguments):
    start(*arguments)


def test_data_may_move_and_be_tested_with_other_labels(start, trained):
    moved = ROWS.replace("/data/", "shards.tar#")
    manifests = {"train.csv": moved, "valid.csv": moved}
    manifests["test.csv"] = ROWS.replace("cat", "dog")
    start(data="/elsewhere", manifests=manifests)
    assert (trained / "train.csv").read_text() == moved


def test_a_folder_without_a_checkpoint_begins_anew(start, tmp_path):
    (tmp_path / "output/save").mkdir(parents=True)
    start("--lr=0.1")
    start("--lr=0.2")
    (tmp_path / "output/save/CKPT+2026").mkdir()
    start("--lr=0.2")
    with pytest.raises(ValueError, match="lr: 0.2 then, 0.1 now"):
        start("--lr=0.1")


def test_settings_of_a_test_are_not_those_of_the_training(start, trained):
    start("--test_only", "--test_views=1")
    start()


@pytest.mark.parametrize("damage", [None, "", "{"])
def test_a_folder_of_an_older_version_says_what_it_knows(
    start, trained, damage
):
    path = trained / "save/fingerprint.json"
    path.unlink()
    if damage is not None:
        path.write_text(damage)
    hparams = trained / "hyperparams.yaml"
    given = {"data_folder": "/data", "output_folder": str(trained)}
    with open(ROOT / "recipes/VGGSound/hparams/pib.yaml") as file:
        text = resolve_references(file, given).getvalue()
    assert "\nlatent_heads: 8\n" in text
    hparams.write_text(text.replace("\nlatent_heads: 8\n", "\ngone: 8\n"))
    assert refusal(start, trained, "--lr=0.5")[0].startswith("lr: 0.0005")
    assert refusal(start, trained, manifests={"classes.txt": "dog\ncat\n"})
    start("--precision=bf16")
    assert json.loads(path.read_text())["options"]["precision"] == "bf16"


def test_new_options_of_another_version_do_not_matter(start, trained):
    path = trained / "save/fingerprint.json"
    stored = json.loads(path.read_text())
    stored["options"]["gone"] = stored["options"].pop("latent_heads")
    path.write_text(json.dumps(stored))
    assert refusal(start, trained) == [
        "gone: 8 then, not there now",
        "latent_heads: not there then, 8 now",
    ]
    path.write_text(json.dumps({**stored, "version": "0.0.1"}))
    start()


def test_a_second_run_ends_before_it_writes(start, trained):
    start()
    code = (
        "import sys\n"
        "from speechbrain_pib.training.experiment import start_experiment\n"
        "start_experiment(sys.argv[1], arguments=sys.argv[2:])\n"
    )
    before = contents(trained)
    second = subprocess.run(
        [
            *(sys.executable, "-c", code),
            str(ROOT / "recipes/VGGSound/train.py"),
            str(ROOT / "recipes/VGGSound/hparams/pib.yaml"),
            f"--output_folder={trained}",
            "--data_folder=/data",
        ],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert second.returncode == 1
    *_, line = second.stderr.splitlines()
    assert line.startswith("ValueError: another process writes into")
    assert "Traceback" not in second.stderr
    assert contents(trained) == before
