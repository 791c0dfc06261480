"""Tests of the annotations of EPIC-KITCHENS-100 and EPIC-SOUNDS.

Authors
 * The speechbrain_pib developers 2026
"""

import pytest

from speechbrain_pib.epic.annotations import (
    read_class_names,
    read_column,
    read_segments,
    read_sound_classes,
    read_table,
    read_timestamp,
    read_video_durations,
)
from speechbrain_pib.utils.tables import read_whole_number

HEADER = "narration_id,participant_id,video_id,start_timestamp,stop_timestamp"
ROW = "P01_11_0,P01,P01_11,00:00:01.50,01:00:02.5"
SOUNDS_HEADER = (
    "annotation_id,participant_id,video_id,start_timestamp,stop_timestamp,"
    "start_sample,stop_sample,description,class,class_id"
)


def write(tmp_path, *lines):
    """A CSV file of these lines."""
    tmp_path.mkdir(exist_ok=True)
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
        ("-00:00:01.5", -1.5),
    ],
)
def test_timestamp_in_seconds(text, seconds):
    assert read_timestamp(text) == pytest.approx(seconds, abs=1e-9)


@pytest.mark.parametrize(
    "text", ["", "1.5", "00:01", "00:00:61.0", "00:00:-1", "00:00:01,5", None]
)
def test_malformed_timestamp_is_an_error(text):
    with pytest.raises(ValueError, match="HH:MM:SS"):
        read_timestamp(text)


def test_actions_have_times_and_both_classes(tmp_path):
    path = write(tmp_path, HEADER + ",verb_class,noun_class", ROW + ",3,11")
    assert read_segments(path) == [
        {
            "ID": "P01_11_0",
            "video": "P01_11",
            "start": 1.5,
            "stop": 3602.5,
            "classes": (3, 11),
        }
    ]


def test_lists_without_labels_have_no_classes(tmp_path):
    assert read_segments(write(tmp_path, HEADER, ROW))[0]["classes"] == ()


def read_sound(tmp_path, times, end="d,rustle,4"):
    """The segment of a list of EPIC-SOUNDS with a single row."""
    row = f"P01_01_0,P01,P01_01,{times},{end}"
    return read_segments(write(tmp_path, SOUNDS_HEADER, row))[0]


def test_samples_are_taken_rather_than_timestamps(tmp_path):
    times = "00:00:01.500,00:00:02.000,36001,48000"
    segment = read_sound(tmp_path, times)
    assert (segment["start"], segment["stop"]) == (36001 / 24000, 2.0)


@pytest.mark.parametrize(
    "times, message",
    [
        (
            "00:01:02.000,00:01:05.000,62,65",
            "start_sample is at 0.003 s, start_timestamp at 62.000 s",
        ),
        (
            "00:00:01.500,00:00:02.000,36000,96000",
            "stop_sample is at 4.000 s, stop_timestamp at 2.000 s",
        ),
        (
            "00:00:02.466,00:00:05.315,2.466,5.315",
            "'2.466' is not a whole number; expected .*start_sample",
        ),
    ],
)
def test_samples_that_contradict_the_timestamps_are_an_error(
    tmp_path, times, message
):
    with pytest.raises(
        ValueError, match=f"EPIC_100_train.csv, row 1.*{message}"
    ):
        read_sound(tmp_path, times)


def test_tables_that_pandas_saved_again_are_read(tmp_path):
    times = "00:00:02.466,00:00:05.315,59184.0,127560.0"
    segment = read_sound(tmp_path, times, end="d,rustle,4.0")
    assert (segment["start"], segment["classes"]) == (2.466, (4,))
    # With the index as a column without a name.
    path = write(tmp_path, ",class,class_id", "0,zip,1.0", "1,beep,0.0")
    assert read_sound_classes([path]) == ["beep", "zip"]
    path = write(tmp_path, ",id,key", "0,0.0,take", "1,1.0,put")
    assert read_class_names(path) == ["take", "put"]
    path = write(tmp_path, ",verb", "0,10.0", "1,12.0")
    assert read_column(path, "verb", read_whole_number) == [10, 12]


def test_form_of_the_file_does_not_matter(tmp_path):
    path = tmp_path / "EPIC_100_train.csv"
    path.write_bytes(
        b'\xef\xbb\xbfverb_class,note,"video_id",stop_timestamp,noun_class,'
        b"narration_id,start_timestamp,participant_id\r\n"
        b'3,"a ""b"", c",P01_11,"01:00:02.5",11,P01_11_0,00:00:01.50,P01\r\n'
        b"\r\n"
    )
    plain = write(
        tmp_path.joinpath("plain"),
        HEADER + ",verb_class,noun_class",
        ROW + ",3,11",
    )
    assert read_segments(path) == read_segments(plain)


@pytest.mark.parametrize(
    "content, message",
    [
        (HEADER.encode("utf-16"), "not UTF-8"),
        (f'{HEADER},x\n{ROW},"y\n{ROW},y\n'.encode(), "unexpected end"),
        (f"{HEADER}\n{ROW},y,z\n".encode(), "line 2.*'y', 'z'"),
    ],
)
def test_what_is_no_table_is_an_error_with_its_name(tmp_path, content, message):
    path = tmp_path / "EPIC_100_train.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"EPIC_100_train.csv.*{message}"):
        read_segments(path)


@pytest.mark.parametrize(
    "lines, message",
    [
        ((HEADER, ROW, ROW), "row 2.*P01_11_0 appears twice"),
        ((HEADER, ROW.replace("00:00:01.50", "1.5")), "row 1.*'1.5' is not"),
        ((HEADER + ",verb_class", ROW + ",take"), "row 1.*take"),
        ((HEADER + ",verb_class", ROW + ",-1"), "row 1.*class below 0"),
        ((HEADER + ",verb_class", ROW), "row 1.*None is not a whole"),
        ((HEADER, ROW.removeprefix("P01_11_0")), "row 1.*narration_id is no"),
        ((HEADER, ROW.replace("11_0", "11_\x1b0")), r"row 1.*'P01_11_\\x1b0'"),
        (
            (HEADER, ROW.replace("11_0", "11_\u200b")),
            r"row 1.*'P01_11_\\u200b'",
        ),
        ((HEADER, ROW.replace("P01_11_0", "P01_12_0")), "of another video"),
        ((HEADER, ROW.replace(",P01,", ",P02,")), "of another participant"),
        (
            ("narration_id,video_id", "P01_11_0,P01_11"),
            "no column participant_id",
        ),
        (("a,b", "1,2"), "expected narration_id"),
        ((HEADER,), "has no rows"),
    ],
)
def test_bad_list_names_file_and_row(tmp_path, lines, message):
    with pytest.raises(ValueError, match=f"EPIC_100_train.csv.*{message}"):
        read_segments(write(tmp_path, *lines))


@pytest.mark.parametrize("duration", ["0", "nan", "inf", "long", ""])
def test_videos_last_longer_than_nothing(tmp_path, duration):
    path = write(tmp_path, "video_id,duration", f"P01_11,{duration}")
    with pytest.raises(ValueError, match="EPIC_100_train.csv, row 1"):
        read_video_durations(path)
    path = write(tmp_path, "video_id,duration", "P01_11")
    with pytest.raises(ValueError, match="EPIC_100_train.csv, row 1"):
        read_video_durations(path)


def test_a_video_has_one_duration(tmp_path):
    rows = ["video_id,duration", "P01_11,9.5", "P01_12,3", "P01_11,9.50"]
    assert read_video_durations(write(tmp_path, *rows))["P01_11"] == 9.5
    with pytest.raises(ValueError, match="row 4.*P01_11 lasts 9.5 s above"):
        read_video_durations(write(tmp_path, *rows, "P01_11,9.6"))


def test_class_ids_have_to_count_from_zero(tmp_path):
    with pytest.raises(ValueError, match="not 0, 1, 2"):
        read_class_names(write(tmp_path, "id,key", "0,take", "2,put"))
    with pytest.raises(ValueError, match="columns id and key"):
        read_class_names(write(tmp_path, "id,name", "0,take"))


def test_contradicting_or_absent_sound_classes_are_errors(tmp_path):
    rows = ["class,class_id", "zip,2", "beep,0"]
    with pytest.raises(ValueError, match=r"no classes \[1\]"):
        read_sound_classes([write(tmp_path, *rows)])
    with pytest.raises(ValueError, match="row 3.*called 'zap', but 'zip'"):
        read_sound_classes([write(tmp_path, *rows, "zap,2")])
    with pytest.raises(ValueError, match="row 3.*'zip' was class 2"):
        read_sound_classes([write(tmp_path, *rows, "zip,1")])


def test_absent_column_is_an_error(tmp_path):
    path = write(tmp_path, "verb", "10")
    with pytest.raises(ValueError, match="EPIC_100_train.csv.*a column noun"):
        read_column(path, "noun")


@pytest.fixture
def kitchens(shared):
    """Folder of the real annotations of EPIC-KITCHENS-100."""
    return shared / "data/annotations/epic_kitchens_100"


@pytest.fixture
def sounds(shared):
    """Folder of the real annotations of EPIC-SOUNDS."""
    return shared / "data/annotations/epic_sounds"


def test_real_validation_list_of_actions(kitchens):
    segments = read_segments(kitchens / "EPIC_100_validation.csv")
    assert len(segments) == 9668
    assert len({segment["video"] for segment in segments}) == 138
    assert segments[0]["ID"] == "P01_11_0" and segments[0]["stop"] == 1.89
    assert all(segment["stop"] > segment["start"] for segment in segments)
    assert len({segment["classes"][0] for segment in segments}) == 78
    assert len({segment["classes"][1] for segment in segments}) == 211


def test_real_pickle_gives_the_same_as_its_csv(kitchens):
    csv, pickle = (
        read_segments(kitchens / f"EPIC_100_validation.{extension}")
        for extension in ("csv", "pkl")
    )
    assert csv == pickle


def test_real_test_list_of_actions(kitchens):
    segments = read_segments(kitchens / "EPIC_100_test_timestamps.csv")
    assert len(segments) == 13092
    assert {segment["classes"] for segment in segments} == {()}


def test_real_classes_and_groups(kitchens):
    verbs = read_class_names(kitchens / "EPIC_100_verb_classes.csv")
    nouns = read_class_names(kitchens / "EPIC_100_noun_classes.csv")
    assert (len(set(verbs)), len(set(nouns))) == (97, 300)
    assert (verbs[0], nouns[0]) == ("take", "tap")
    for task, classes, tail in (("verb", 97, 86), ("noun", 300, 228)):
        path = kitchens / f"EPIC_100_tail_{task}s.csv"
        indices = set(read_column(path, task, read_whole_number))
        assert len(indices) == tail and max(indices) < classes
    path = kitchens / "EPIC_100_unseen_participant_ids_validation.csv"
    assert read_column(path, "participant_id") == ["P18", "P32"]
    durations = read_video_durations(kitchens / "EPIC_100_video_info.csv")
    assert len(durations) == 700
    assert sum(durations.values()) / 3600 == pytest.approx(100, abs=0.5)


def test_real_lists_of_sounds(sounds):
    path = sounds / "EPIC_Sounds_validation.csv"
    segments = read_segments(path)
    assert len(segments) == 8035
    classes = read_sound_classes([path])
    assert len(classes) == 44 and classes[43] == "drink / eat"
    row = read_table(path)[0]
    start = read_timestamp(row["start_timestamp"])
    assert segments[0]["start"] == pytest.approx(start, abs=1e-3)
    path = sounds / "EPIC_Sounds_recognition_test_timestamps.csv"
    assert len(read_segments(path)) == 5131
