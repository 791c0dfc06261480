"""Settings of time lines.

Authors
 * The speechbrain_pib developers 2026
"""

import pytest

from speechbrain_pib.dataio.timelines.settings import TimelineSettings

LABELS = ["dog", "owl", "rain"]


def test_a_number_is_for_all_classes_and_a_label_for_its_own():
    settings = TimelineSettings(
        threshold={"owl": 0.25}, min_gap={None: 1.0, "dog": 0.0}, min_duration=3
    )
    assert settings.of_classes("threshold", LABELS).tolist() == [0.5, 0.25, 0.5]
    assert settings.of_classes("min_gap", LABELS).tolist() == [0.0, 1.0, 1.0]
    assert settings.of_classes("min_duration", LABELS).tolist() == [3, 3, 3]
    settings = TimelineSettings(background=("rain",))
    assert settings.is_event(LABELS).tolist() == [True, True, False]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"replays": "some"}, "replays are none, candidates, all, not some"),
        (
            {"threshold": {"owl": 1.5}},
            r"threshold must be in \(0, 1\], got 1.5",
        ),
        ({"hysteresis": 0.0}, "hysteresis"),
        ({"min_gap": float("nan")}, "min_gap must be seconds, got nan"),
    ],
)
def test_impossible_values_are_errors(options, message):
    with pytest.raises(ValueError, match=message):
        TimelineSettings(**options)


def test_unknown_labels_are_errors():
    with pytest.raises(ValueError, match="no class bear; it has dog, owl, ra"):
        TimelineSettings(threshold={"bear": 0.5}).of_classes(
            "threshold", LABELS
        )
    with pytest.raises(ValueError, match="no class bear"):
        TimelineSettings(background=("bear",)).is_event(LABELS)


def test_settings_that_mean_the_same_are_described_alike():
    one = TimelineSettings(threshold={"owl": 0.5}, background=("dog", "owl"))
    other = TimelineSettings(background=("owl", "dog"))
    assert one.describe(LABELS) == other.describe(LABELS)
    for option in ({"delay": 1.5}, {"min_gap": {"dog": 1}}, {"replays": "all"}):
        changed = TimelineSettings(background=("owl", "dog"), **option)
        assert changed.describe(LABELS) != one.describe(LABELS)


def test_a_threshold_that_was_not_given_is_the_models():
    labels = ["dog", "owl"]
    for given, expected in (
        (None, [0.2, 0.2]),
        (0.4, [0.4, 0.4]),
        ({"owl": 0.3}, [0.2, 0.3]),
        ({None: 0.1, "owl": 0.3}, [0.1, 0.3]),
    ):
        settings = TimelineSettings(threshold=given).for_model(0.2)
        assert settings.of_classes("threshold", labels).tolist() == expected
        assert settings.for_model(0.9).describe(labels) == settings.describe(
            labels
        )
