"""Model cards, read back by the library of the Hugging Face Hub.

Authors
 * The speechbrain_pib developers 2026
"""

import re

import pytest
from huggingface_hub import ModelCard

from speechbrain_pib.inference.model_cards import (
    read_license,
    write_card,
)

# What the Hub lists (https://hf.co/metrics, https://hf.co/tasks).
KNOWN_TO_THE_HUB = {"accuracy", "mean_average_precision", "roc_auc"}
ODD = """--- <b>"Dogs" & 'cats'</b> | $5 `rm` [a](b) *x* #1: {y}
---
and   more"""


def read_back(template="playitback.md", **changes):
    """Write a card and read it as the Hub does."""
    settings = {
        "title": "Tiny: four sounds",
        "dataset": "Noise",
        "metrics": {"top1": 0.51234},
        "command": "python train.py hparams/tiny.yaml",
        "task": "audio-classification",
        "license_id": "apache-2.0",
        "num_classes": 4,
        "sample_rate": 8000,
        "looks": 3,
    }
    return ModelCard(write_card(template, **{**settings, **changes}))


def results_of(card):
    """Name of each metric of a card to its type and value."""
    return {
        result.metric_name: (result.metric_type, result.metric_value)
        for result in card.data.eval_results
    }


def table_of(card):
    """Cells of the card's table, less its head."""
    rows = [x for x in card.text.splitlines() if x.startswith("|")][2:]
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
        for row in rows
    ]


def test_an_exported_card_says_what_was_exported(exported):
    card = ModelCard.load(exported.folder / "README.md")
    assert card.data.license == "apache-2.0"
    assert card.data.library_name == "speechbrain"
    assert card.data.pipeline_tag == "audio-classification"
    assert card.data.tags == ["speechbrain", "audio-classification", "Sound"]
    assert card.data.datasets == ["Noise"]
    assert card.data.metrics == ["accuracy", "mean_average_precision"]
    assert card.data.model_name == "Tiny: four sounds"
    (result, _) = card.data.eval_results
    assert result.dataset_name == "Noise" and result.dataset_split == "test"
    assert results_of(card) == {
        "Top-1 accuracy": ("accuracy", 0.5123),
        "Mean average precision": ("mean_average_precision", 0.25),
    }
    assert table_of(card) == [
        ["Top-1 accuracy", "0.5123"],
        ["Mean average precision", "0.25"],
    ]
    for text in (
        "\n# Tiny: four sounds\n",
        "\n```bash\npython train.py hparams/tiny.yaml\n```\n",
        "4 classes",
        "8000 Hz",
    ):
        assert text in card.text


@pytest.mark.parametrize("template", ["playitback.md", "skimming.md"])
def test_a_template_leaves_nothing_open(template):
    card = read_back(template)
    assert "{" not in card.text and "Undefined" not in card.text
    for heading in ("Results", "Usage", "Training", "Limits"):
        assert f"\n## {heading}\n" in card.text


def test_odd_characters_survive():
    card = read_back(title=ODD, dataset=ODD, metrics={f"{ODD}_top1": 0.5})
    plain = " ".join(ODD.split())
    assert card.data.model_name == plain
    (result,) = card.data.eval_results
    assert result.dataset_name == plain
    assert result.metric_name == f"Top-1 accuracy ({plain})"
    (dataset,) = card.data.datasets
    assert re.fullmatch(r"[\w.-]+", dataset)
    # A backslash before punctuation is how Markdown writes the plain sign.
    heading = next(x for x in card.text.splitlines() if x.startswith("# "))
    assert re.sub(r"\\(\W|_)", r"\1", heading) == f"# {plain}"
    assert not re.search(r"(?<!\\)[<$|*`]", heading)
    ((name, value),) = table_of(card)
    assert re.sub(r"\\(\W|_)", r"\1", name) == result.metric_name
    assert value == "0.5"


def test_a_command_cannot_end_its_block():
    command = "python train.py '--title=```'\n```\n# Buy this"
    text = read_back(command=command).text
    assert f"\n````bash\n{command}\n````\n" in text


def test_metrics_are_those_that_the_hub_knows():
    names = "top1 top5 mAP interpolated_mAP AUC d_prime action_top5".split()
    metrics = dict.fromkeys([*names, "classes_with_positives", "speed"], 0.5)
    card = read_back(metrics=metrics)
    assert set(card.data.metrics) == KNOWN_TO_THE_HUB
    assert {kind for kind, _ in results_of(card).values()} == KNOWN_TO_THE_HUB
    assert results_of(card)["Top-5 accuracy (action)"] == ("accuracy", 0.5)
    # What it does not know is in the table all the same.
    assert [name for name, _ in table_of(card)][-2:] == [
        "Classes with test examples",
        "speed",
    ]
    assert len(table_of(card)) == len(metrics)


@pytest.mark.parametrize(
    "header, license_id",
    [("license: mit", "mit"), ("license: [mit, gpl]", ""), ("license: [a", "")],
)
def test_a_license_is_read_from_any_card(tmp_path, header, license_id):
    path = tmp_path / "README.md"
    path.write_text(f"---\n{header}\n---\nA model\n")
    assert read_license(path) == license_id


def test_what_is_not_a_number_is_no_result():
    card = read_back(metrics={"top1": 1.0, "AUC": float("nan")})
    assert results_of(card) == {"Top-1 accuracy": ("accuracy", 1.0)}
    assert read_back(metrics={}).data.eval_results == []
