"""Hyperparameter files hold everything themselves; what they share is equal.

Authors
 * The speechbrain_pib developers 2026
"""

from pathlib import Path

import pytest
import yaml

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
FILES = sorted(
    str(path.relative_to(RECIPES))
    for path in RECIPES.glob("*/hparams/*.yaml")
    if path.name != "miniature.yaml"
)
# The file to compare with; the others with VGG-Sound's stage 2.
STAGE_1 = "VGGSound/hparams/backbone.yaml"
REFERENCES = {"backbone.yaml": STAGE_1, "yamnet.yaml": STAGE_1}
DEFAULT_REFERENCE = "VGGSound/hparams/pib.yaml"

MULTI_LABEL = {"loss", "mixing"}  # of several labels, with mixup alone
TWO_TASKS = {"loss"}  # of verbs and nouns
SMALL = {"model", "augment", "mixing", "loss"}  # for a CPU, and short clips
SKIMMING = {
    "model",
    "modules",  # no mixing or augmentation of waveforms
    "loss",
    "schedule",  # falls at milestones
    "train_dataloader_opts",  # batches of random length
}
EXCEPTIONS = {
    "ActivityNet/hparams/imgaud2vid.yaml": {
        "model",
        "modules",
        # The miniature trains both stages, each with settings of its own.
        "opt_class",
        "schedule",
        "epoch_counter",
    },
    "ActivityNet/hparams/skim.yaml": SKIMMING,
    "ActivityNet/hparams/skim_single.yaml": SKIMMING,
    "AudioSet/hparams/backbone.yaml": MULTI_LABEL,
    "AudioSet/hparams/pib.yaml": MULTI_LABEL,
    "EPIC-KITCHENS-100/hparams/backbone.yaml": TWO_TASKS,
    "EPIC-KITCHENS-100/hparams/pib.yaml": TWO_TASKS,
    "ESC50/hparams/backbone.yaml": SMALL,
    "ESC50/hparams/pib.yaml": SMALL,
    "ESC50/hparams/scenes.yaml": SMALL,
    "ESC50/hparams/scenes_two.yaml": SMALL,
    "ESC50/hparams/scenes_yamnet.yaml": SMALL,
    "ESC50/hparams/yamnet.yaml": SMALL,
    "VGGSound/hparams/backbone.yaml": {"model", "loss"},
}


def read_blocks(name):
    """What builds objects in a file: each block by its name, without
    comments."""
    with open(RECIPES / name, encoding="utf-8") as file:
        root = yaml.compose(file)
    return {
        key.value: yaml.serialize(value)
        for key, value in root.value
        if isinstance(value, yaml.MappingNode)
        or value.tag.startswith(("!new:", "!name:"))
    }


@pytest.mark.parametrize("name", FILES)
def test_blocks_are_equal_but_for_named_exceptions(name):
    reference = REFERENCES.get(Path(name).name, DEFAULT_REFERENCE)
    if name == reference:
        reference = DEFAULT_REFERENCE
    blocks, expected = read_blocks(name), read_blocks(reference)
    shared = blocks.keys() & expected.keys()
    assert {"checkpointer", "train_logger", "opt_class"} <= shared
    differing = {key for key in shared if blocks[key] != expected[key]}
    assert differing == EXCEPTIONS.get(name, set())
