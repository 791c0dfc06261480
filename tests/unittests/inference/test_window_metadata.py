"""What model files say of themselves, and files of strangers."""

import json

import pytest

from speechbrain_pib.inference.window_metadata import WindowMetadata

LABELS = ["a dog's", "caf\u00e9", "rain"]
METADATA = WindowMetadata(
    LABELS, 8000, 16000, 80.5, 3, True, [1, 2], 0.4, "mit", 0.25
)


def test_what_was_written_is_read():
    properties = METADATA.to_properties()
    assert all(isinstance(value, str) for value in properties.values())
    assert json.loads(properties["labels"]) == METADATA.labels
    assert WindowMetadata.from_properties(properties) == METADATA
    properties["author"] = "somebody"
    assert WindowMetadata.from_properties(properties) == METADATA


@pytest.mark.parametrize(
    "name, value",
    [
        ("labels", "no JSON"),
        ("labels", "[]"),
        ("labels", '["a", "a", "b"]'),
        ("labels", '["a", 1, "b"]'),
        ("labels", "[" * 100_000),
        ("sample_rate", "0"),
        ("sample_rate", "8000.5"),
        ("sample_rate", "true"),
        ("sample_rate", "9999999967"),
        ("window_samples", "-1"),
        ("hop_samples", "NaN"),
        ("hop_samples", "0"),
        ("hop_samples", "1e300"),
        ("views", '"2"'),
        ("views", "1000000000"),
        ("views", None),
        ("multi_label", "1"),
        ("tasks", "[]"),
        ("tasks", "[3, 0]"),
        ("event_threshold", "1.5"),
        ("license", "null"),
        ("gmacs", "-1.0"),
        ("gmacs", "1" + 400 * "0"),
    ],
)
def test_a_wrong_or_missing_field_is_an_error_that_names_it(name, value):
    properties = {**METADATA.to_properties(), name: value}
    if value is None:
        del properties[name]
    with pytest.raises(ValueError, match=f"what its {name} is"):
        WindowMetadata.from_properties(properties)


def test_files_of_others_are_errors():
    properties = METADATA.to_properties()
    for changed in ({}, {**properties, "format": "another"}):
        with pytest.raises(ValueError, match="export wrote it"):
            WindowMetadata.from_properties(changed)
    properties["tasks"] = "[1, 1]"
    with pytest.raises(ValueError, match="3 labels, its tasks 2"):
        WindowMetadata.from_properties(properties)
