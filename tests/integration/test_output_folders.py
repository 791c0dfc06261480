"""A training is continued only as what it is; else its folder stays as it is.

Authors
 * The speechbrain_pib developers 2026
"""

import pytest

pytestmark = pytest.mark.slow
SMALL = ("--miniature_clips=96",)


def contents(folder):
    """All files and what is in them."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def trained(run_recipe):
    """The output folder of a training of one epoch."""
    arguments = (*SMALL, "--number_of_epochs=1")
    return run_recipe("VGGSound", "hparams/pib.yaml", *arguments)


def test_other_settings_or_data_end_before_anything_is_written(
    run_recipe, trained
):
    labels = trained / "../miniature_96/vggsound.csv"
    right = labels.read_text()
    first, second, *_ = {line.split(",")[2] for line in right.splitlines()}
    before = contents(trained)

    def refuse(message, *arguments, hparams="hparams/pib.yaml"):
        with pytest.raises(AssertionError, match=message) as caught:
            run_recipe("VGGSound", hparams, *SMALL, *arguments)
        said = str(caught.value)
        assert "--output_folder" in said and "Traceback" not in said
        assert contents(trained) == before

    refuse("lr: .* then, 0.5 now", "--lr=0.5", "--number_of_epochs=3")
    refuse("selection: learned then", "--selection=random", "--test_only")
    refuse("replays: . then, not there now", hparams="hparams/backbone.yaml")
    labels.write_text(right.replace(f",{first},", f",{second},"))
    refuse("train: .* rows, .* then, .* rows, .* now")


def test_a_training_may_be_made_longer_and_tested_otherwise(
    run_recipe, trained
):
    run = ("VGGSound", "hparams/pib.yaml", *SMALL)
    run_recipe(*run, "--number_of_epochs=2", "--num_workers=1", "--pictures=0")
    lines = (trained / "train_log.txt").read_text().splitlines()
    assert [line[:9] for line in lines if "train loss" in line] == [
        "epoch: 1,",
        "epoch: 2,",
    ]
    run_recipe(*run, "--test_only", "--test_views=2", "--test_batch_size=3")
    run_recipe(*run, "--number_of_epochs=2")
