"""Tests of the annotations of EPIC-KITCHENS-100 and EPIC-SOUNDS.

Authors
 * The speechbrain_pib developers 2026
"""

import pytest

from speechbrain_pib.epic import annotations as epic

HEADER = "narration_id,participant_id,video_id,start_timestamp,stop_timestamp"
ROW = "P01_11_0,P01,P01_11,00:00:01.50,01:00:02.5"


def write(tmp_path, *lines):
    """A CSV file of these lines."""
    path = tmp_path / "EPIC_100_train.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("00:00:00.00", 0.0),
        ("00:00:01.89", 1.89),
        ("00:28:32.5", 1712.5),
        ("10:00:00", 36000.0),
        ("00:00:03.855", 3.855),
    ],
)
def test_timestamp_in_seconds(text, seconds):
    assert epic.read_timestamp(text) == pytest.approx(seconds, abs=1e-9)


@pytest.mark.parametrize(
    "text", ["", "1.5", "00:01", "00:00:61.0", "-00:00:01", "00:00:01,5", None]
)
def test_malformed_timestamp_is_an_error(text):
    with pytest.raises(ValueError, match="HH:MM:SS"):
        epic.read_timestamp(text)


def test_actions_have_times_and_both_classes(tmp_path):
    path = write(tmp_path, HEADER + ",verb_class,noun_class", ROW + ",3,11")
    assert epic.read_segments(path) == [
        {
            "ID": "P01_11_0",
            "video": "P01_11",
            "participant": "P01",
            "start": 1.5,
            "stop": 3602.5,
            "classes": (3, 11),
        }
    ]


def test_lists_without_labels_have_no_classes(tmp_path):
    assert epic.read_segments(write(tmp_path, HEADER, ROW))[0]["classes"] == ()


def test_samples_are_taken_rather_than_timestamps(tmp_path):
    header = HEADER.replace("narration", "annotation")
    path = write(
        tmp_path, header + ",start_sample,stop_sample", ROW + ",36001,48000"
    )
    segment = epic.read_segments(path)[0]
    assert (segment["start"], segment["stop"]) == (36001 / 24000, 2.0)


@pytest.mark.parametrize(
    "lines, message",
    [
        ((HEADER, ROW, ROW), "row 2.*P01_11_0 appears twice"),
        ((HEADER, ROW.replace("00:00:01.50", "1.5")), "row 1.*'1.5' is not"),
        ((HEADER + ",verb_class", ROW + ",take"), "row 1.*take"),
        ((HEADER + ",verb_class", ROW + ",-1"), "row 1.*class below 0"),
        ((HEADER, ROW.removeprefix("P01_11_0")), "row 1.*or no ID"),
        (("narration_id,video_id", "P01_11_0,P01_11"), "expected narration_id"),
        (("a,b", "1,2"), "expected narration_id"),
        ((HEADER,), "has no rows"),
    ],
)
def test_bad_list_names_file_and_row(tmp_path, lines, message):
    with pytest.raises(ValueError, match=f"EPIC_100_train.csv.*{message}"):
        epic.read_segments(write(tmp_path, *lines))


@pytest.mark.parametrize("duration", ["0", "nan", "long", ""])
def test_videos_last_longer_than_nothing(tmp_path, duration):
    path = write(tmp_path, "video_id,duration", f"P01_11,{duration}")
    with pytest.raises(ValueError, match="EPIC_100_train.csv"):
        epic.read_video_durations(path)


def test_class_ids_have_to_count_from_zero(tmp_path):
    with pytest.raises(ValueError, match="not 0, 1, 2"):
        epic.read_class_names(write(tmp_path, "id,key", "0,take", "2,put"))
    with pytest.raises(ValueError, match="columns id and key"):
        epic.read_class_names(write(tmp_path, "id,name", "0,take"))


def test_contradicting_or_absent_sound_classes_are_errors(tmp_path):
    rows = ["class,class_id", "zip,2", "beep,0"]
    with pytest.raises(ValueError, match=r"no classes \[1\]"):
        epic.read_sound_classes([write(tmp_path, *rows)])
    with pytest.raises(ValueError, match="class 2 is called 'zap' and 'zip'"):
        epic.read_sound_classes([write(tmp_path, *rows, "zap,2")])


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_validation_cannot_be_nothing_or_all(fraction):
    with pytest.raises(ValueError, match="valid_fraction"):
        epic.read_splits(epic.read_segments, "", "", None, fraction)


@pytest.fixture
def kitchens(shared):
    """Folder of the real annotations of EPIC-KITCHENS-100."""
    return shared / "data/annotations/epic_kitchens_100"


@pytest.fixture
def sounds(shared):
    """Folder of the real annotations of EPIC-SOUNDS."""
    return shared / "data/annotations/epic_sounds"


def test_real_validation_list_of_actions(kitchens):
    segments = epic.read_segments(kitchens / "EPIC_100_validation.csv")
    assert len(segments) == 9668
    assert len({segment["video"] for segment in segments}) == 138
    assert segments[0]["ID"] == "P01_11_0" and segments[0]["stop"] == 1.89
    assert all(segment["stop"] > segment["start"] for segment in segments)
    assert len({segment["classes"][0] for segment in segments}) == 78
    assert len({segment["classes"][1] for segment in segments}) == 211


def test_real_pickle_gives_the_same_as_its_csv(kitchens):
    csv, pickle = (
        epic.read_segments(kitchens / f"EPIC_100_validation.{extension}")
        for extension in ("csv", "pkl")
    )
    assert csv == pickle


def test_real_test_list_of_actions(kitchens):
    segments = epic.read_segments(kitchens / "EPIC_100_test_timestamps.csv")
    assert len(segments) == 13092
    assert {segment["classes"] for segment in segments} == {()}


def test_real_classes_and_groups(kitchens):
    verbs = epic.read_class_names(kitchens / "EPIC_100_verb_classes.csv")
    nouns = epic.read_class_names(kitchens / "EPIC_100_noun_classes.csv")
    assert (len(set(verbs)), len(set(nouns))) == (97, 300)
    assert (verbs[0], nouns[0]) == ("take", "tap")
    for task, classes, tail in (("verb", 97, 86), ("noun", 300, 228)):
        path = kitchens / f"EPIC_100_tail_{task}s.csv"
        indices = {int(index) for index in epic.read_column(path)}
        assert len(indices) == tail and max(indices) < classes
    path = kitchens / "EPIC_100_unseen_participant_ids_validation.csv"
    assert epic.read_column(path) == ["P18", "P32"]
    durations = epic.read_video_durations(kitchens / "EPIC_100_video_info.csv")
    assert len(durations) == 700
    assert sum(durations.values()) / 3600 == pytest.approx(100, abs=0.5)


def test_real_lists_of_sounds(sounds):
    path = sounds / "EPIC_Sounds_validation.csv"
    segments = epic.read_segments(path)
    assert len(segments) == 8035
    classes = epic.read_sound_classes([path])
    assert len(classes) == 44 and classes[43] == "drink / eat"
    row = epic.read_table(path)[0]
    start = epic.read_timestamp(row["start_timestamp"])
    assert segments[0]["start"] == pytest.approx(start, abs=1e-3)
    path = sounds / "EPIC_Sounds_recognition_test_timestamps.csv"
    assert len(epic.read_segments(path)) == 5131
