"""Tests of the preparation of AudioSet.

Authors
 * The speechbrain_pib developers 2026
"""

import json
import logging
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.helpers import load_recipe_module, read_rows

MIDS = {
    "/m/09x0r": "Speech",
    "/m/05zppz": "Male speech, man speaking",
    "/t/dd00125": "Inside, small room",
}
NAMES = list(MIDS.values())
HEAD = """\
# Segments csv created Sun Mar  5 10:54:25 2017
# num_ytids={0}, num_segs={0}, num_unique_labels=3, num_positive_labels=9
# YTID, start_seconds, end_seconds, positive_labels
"""


audioset = load_recipe_module("AudioSet", "audioset_prepare")
lists = load_recipe_module("AudioSet", "audioset_lists")


def video(index, kind="b"):
    """An id in YouTube's form, some of which begin with Y."""
    return f"{'Y' if index % 5 == 0 else '-'}{kind}_vide{index:04d}"


def rows_of(kind, count):
    """Segments with one to three classes."""
    mids = list(MIDS)
    return [
        (video(n, kind), 10 * n, mids[n % 3 :] or mids) for n in range(count)
    ]


def official(rows, head=HEAD):
    """A list as it is published."""
    return head.format(len(rows)) + "".join(
        f'{v}, {start:.3f}, {start + 10:.3f}, "{",".join(mids)}"\n'
        for v, start, mids in rows
    )


class Corpus:
    """A made-up AudioSet of 40 + 60 training and 6 test clips."""

    def __init__(self, folder):
        self.data, self.save = folder / "data", folder / "save"
        self.data.mkdir()
        self.classes = folder / "class_labels_indices.csv"
        lines = [f'{n},{m},"{MIDS[m]}"' for n, m in enumerate(MIDS)]
        self.classes.write_text("index,mid,display_name\n" + "\n".join(lines))
        self.rows = {
            "balanced": rows_of("b", 40),
            "unbalanced": rows_of("u", 60),
            "eval": rows_of("e", 6),
        }
        self.segments = {}
        for name, rows in self.rows.items():
            self.segments[name] = str(folder / f"{name}_segments.csv")
            Path(self.segments[name]).write_text(official(rows))
            for clip, _, _ in rows:
                self.write_clip(f"Y{clip}.flac")

    def write_clip(self, name, seconds=0.25):
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.full(round(8000 * seconds), 0.1), 8000)
        return path

    def prepare(self, **options):
        options = {"valid_fraction": 0.25, **options}
        audioset.prepare_audioset(
            str(self.data),
            str(self.save),
            class_labels=str(self.classes),
            segments=self.segments,
            **options,
        )

    def manifest(self, split):
        return read_table(self.save / f"{split}.csv")

    def train_ids(self):
        return self.manifest("train").keys() | self.manifest("valid").keys()


def read_table(path):
    """Rows of a CSV file by their ID."""
    return {row["ID"]: row for row in read_rows(path)}


@pytest.fixture
def corpus(tmp_path):
    return Corpus(tmp_path)


@pytest.fixture
def warnings(caplog):
    """What the recipe warns of."""
    caplog.set_level(logging.WARNING)
    return caplog


def test_balanced_list_becomes_three_manifests(corpus):
    corpus.prepare()
    assert corpus.train_ids() == {video(n) for n in range(40)}
    assert corpus.manifest("valid") and corpus.manifest("train")
    test = corpus.manifest("test")
    assert test.keys() == {video(n, "e") for n in range(6)}
    row = test[video(1, "e")]
    assert row["label"] == "Male speech, man speaking|Inside, small room"
    assert float(row["duration"]) == 0.25
    assert row["wav"] == str(corpus.data / f"Y{video(1, 'e')}.flac")
    assert (corpus.save / "classes.txt").read_text().splitlines() == NAMES


def test_train_lists_are_those_of_the_literature(corpus, tmp_path, warnings):
    balanced = {video(n) for n in range(40)}
    unbalanced = {video(n, "u") for n in range(60)}
    corpus.prepare(train_list="AS-2M")
    assert corpus.train_ids() == balanced | unbalanced

    chosen = sorted(unbalanced)[:30]
    subset = tmp_path / "as500k.txt"
    subset.write_text("\n".join([*chosen, "unknown_vid"]))
    corpus.prepare(train_list="AS-500K", subset=str(subset))
    assert corpus.train_ids() == set(chosen)
    assert "1 of the 31 videos" in warnings.text
    subset.write_text(official(corpus.rows["unbalanced"][:20]))
    corpus.prepare(train_list="AS-500K", subset=str(subset))
    assert corpus.train_ids() == {video(n, "u") for n in range(20)}


def test_spreadsheet_and_comment_free_lists_give_the_same(corpus):
    corpus.prepare()
    expected = {split: corpus.manifest(split) for split in audioset.SPLITS}
    rows = corpus.rows["balanced"]
    plain = official(rows, "")
    mangled = ""
    for clip, start, mids in rows:
        cells = [f'"""{mids[0]}', *mids[1:]]
        cells[-1] += '"""'
        cells = [cells[0] + '"' * (len(cells) > 1), *cells[1:]]
        cells[-1] = ('"' if len(cells) > 1 else "") + cells[-1]
        cells += [""] * (5 - len(cells))
        mangled += f"{clip},{start}.000,{start + 10}.000,{','.join(cells)}\r\n"
    for text in (plain, mangled, "\ufeff" + mangled.rstrip()):
        Path(corpus.segments["balanced"]).write_bytes(text.encode())
        corpus.prepare()
        assert expected == {s: corpus.manifest(s) for s in audioset.SPLITS}


def test_pickled_lists_give_the_same(corpus, monkeypatch):
    corpus.prepare()
    expected = corpus.manifest("test")
    table = {
        "video": [f"{v}_{s}_{s + 10}.mp4" for v, s, _ in corpus.rows["eval"]],
        "classes": [
            [MIDS[mid] for mid in mids] for _, _, mids in corpus.rows["eval"]
        ],
    }
    monkeypatch.setattr(lists, "read_pickled_table", lambda path: table)
    corpus.segments["eval"] = str(corpus.classes.with_name("test.pkl"))
    Path(corpus.segments["eval"]).touch()
    corpus.prepare()
    assert corpus.manifest("test") == expected


@pytest.mark.parametrize(
    "stem, clip",
    [
        ("Y--4gqARaEJE", ("--4gqARaEJE", None)),
        ("--4gqARaEJE", ("--4gqARaEJE", None)),
        ("Y4gqARaEJE_", ("Y4gqARaEJE_", None)),
        ("YY4gqARaEJE_", ("Y4gqARaEJE_", None)),
        ("--4gqARaEJE_0_10", ("--4gqARaEJE", 0)),
        ("Y4gqARaEJE__30_40", ("Y4gqARaEJE_", 30)),
        ("Y--4gqARaEJE_30.000_40.000", ("--4gqARaEJE", 30)),
        ("--4gqARaEJE_30000", ("--4gqARaEJE", 30000)),
        ("abc_1234567", ("abc_1234567", None)),
        ("notes", None),
        ("--4gqARaEJE_part", None),
        ("X--4gqARaEJE", None),
    ],
)
def test_names_of_common_downloaders_are_understood(stem, clip):
    assert lists.parse_clip_name(stem) == clip


def test_any_format_and_name_in_any_folder_is_found(corpus):
    names = (
        "a/b/{}.wav",
        "{}_10_20.mp3",
        "x/Y{}_20000_30000.ogg",
        "{}_30000.flac",
    )
    for n, name in enumerate(names):
        (corpus.data / f"Y{video(n, 'e')}.flac").unlink()
        corpus.write_clip(name.format(video(n, "e")))
    corpus.prepare()
    test = corpus.manifest("test")
    for n, name in enumerate(names):
        path = test[video(n, "e")]["wav"]
        assert path == str(corpus.data / name.format(video(n, "e")))


def test_other_parts_of_a_video_are_not_taken(corpus):
    clips = [video(n, "e") for n in range(3)]
    for clip in clips:
        (corpus.data / f"Y{clip}.flac").unlink()
    corpus.write_clip(f"{clips[0]}_30_40.wav")  # of 0 to 10 s
    corpus.write_clip(f"{clips[0]}_0_10.flac")
    corpus.write_clip(f"{clips[1]}_70_80.wav")  # of 10 to 20 s
    corpus.write_clip(f"{clips[2]}.wav", seconds=183)
    corpus.prepare()
    test = corpus.manifest("test")
    assert test[clips[0]]["wav"].endswith("_0_10.flac")
    missing = read_table(corpus.save / "missing.csv")
    assert "another part" in missing[clips[1]]["reason"]
    assert "183.0 s: not cut" in missing[clips[2]]["reason"]


def test_missing_and_broken_clips_are_listed_and_left_out(corpus):
    gone, cut = video(0, "e"), video(1, "e")
    (corpus.data / f"Y{gone}.flac").unlink()
    (corpus.data / f"Y{cut}.flac").write_bytes(b"fLaC")
    corpus.prepare()
    missing = read_table(corpus.save / "missing.csv")
    assert missing.keys() == {gone, cut}
    assert missing[gone]["reason"] == "no audio file"
    coverage = json.loads((corpus.save / "coverage.json").read_text())
    assert coverage["test"]["expected"] == 6
    assert coverage["test"]["found"] == 4
    assert coverage["test"]["classes_without_clips"] == []


def test_coverage_counts_each_class_of_a_clip(corpus):
    corpus.prepare()
    counts = {
        row["label"]: int(row["found"])
        for row in read_rows(corpus.save / "coverage.csv")
        if row["split"] == "test"
    }
    mids = Counter(m for _, _, mids in corpus.rows["eval"] for m in mids)
    assert counts == {MIDS[mid]: count for mid, count in mids.items()}


def test_training_clips_in_the_test_are_left_out(corpus, warnings):
    again = corpus.rows["eval"][:4] + corpus.rows["balanced"][:2]
    rows = corpus.rows["balanced"] + again
    Path(corpus.segments["balanced"]).write_text(official(rows))
    corpus.prepare()
    assert corpus.train_ids() == {video(n) for n in range(40)}
    assert len(corpus.manifest("test")) == 6
    assert "4 training clips are in the test too" in warnings.text
    assert "2 repeated segments count once" in warnings.text


def test_contradictions_are_an_error(corpus):
    clip, start, _ = corpus.rows["balanced"][0]
    other = (clip, start, ["/m/05zppz"])
    path = Path(corpus.segments["balanced"])
    path.write_text(official([*corpus.rows["balanced"], other]))
    with pytest.raises(ValueError, match=f"{path.name}.*contradicts"):
        corpus.prepare()


def test_a_head_that_counts_otherwise_is_warned_of(corpus, warnings):
    path = Path(corpus.segments["balanced"])
    path.write_text(path.read_text().replace("num_segs=40", "num_segs=41"))
    corpus.prepare()
    assert "has 40 segments, but says 41" in warnings.text


def test_finished_preparation_is_skipped_until_clips_arrive(corpus):
    late = corpus.data / f"Y{video(3, 'e')}.flac"
    late.unlink()
    corpus.prepare()
    before = (corpus.save / "test.csv").stat().st_mtime_ns
    corpus.prepare()
    assert (corpus.save / "test.csv").stat().st_mtime_ns == before
    corpus.write_clip(late.name)
    corpus.prepare()
    assert video(3, "e") in corpus.manifest("test")


def test_a_clip_that_is_repaired_is_taken(corpus):
    clip = video(2, "e")
    path = corpus.data / f"Y{clip}.flac"
    whole = path.read_bytes()
    path.write_bytes(whole[:60])
    corpus.prepare()
    assert clip not in corpus.manifest("test")
    path.write_bytes(whole)
    corpus.prepare()
    assert clip in corpus.manifest("test")


def test_of_several_copies_a_whole_one_of_the_clip_is_taken(corpus):
    corpus.write_clip(f"Y{video(1, 'e')}.wav").write_bytes(b"RIFF")
    corpus.write_clip(f"Y{video(2, 'e')}.wav", seconds=183)
    corpus.prepare()
    test = corpus.manifest("test")
    for n in (1, 2):
        assert test[video(n, "e")]["wav"].endswith(".flac")


@pytest.mark.parametrize(
    "line, message",
    [
        ("#NAME?,0.000,10.000,/m/09x0r", "line 2: '#NAME\\?' is not"),
        ("--4gqARaEJE,0.000,10.000", "line 2: --4gqARaEJE has no class"),
        ("--4gqARaEJE,0.000", "line 2: expected a YouTube id"),
        ("--4gqARaEJE,start,stop,/m/09x0r", "line 2: expected a YouTube id"),
        ("--4gqARaEJE,0,10,/m/owl", "line 2: .*/m/owl.* not in the class"),
    ],
)
def test_bad_list_names_file_and_line(corpus, line, message):
    first = official(corpus.rows["balanced"][:1], "")
    path = Path(corpus.segments["balanced"])
    path.write_text(first + line + "\n")
    with pytest.raises(ValueError, match=f"{path.name}, {message}"):
        corpus.prepare()


def test_senseless_arguments_are_an_error(corpus):
    with pytest.raises(ValueError, match="AS-20K, AS-2M, AS-500K"):
        corpus.prepare(train_list="AS-1M")
    with pytest.raises(ValueError, match="subset_list"):
        corpus.prepare(train_list="AS-500K")
    with pytest.raises(ValueError, match="no valid clips"):
        corpus.prepare(valid_fraction=1e-6)
    for clip, _, _ in corpus.rows["eval"]:
        (corpus.data / f"Y{clip}.flac").unlink()
    with pytest.raises(ValueError, match="none of the 6 test clips"):
        corpus.prepare()
    corpus.segments["eval"] = "gone.csv"
    with pytest.raises(ValueError, match="no file gone.csv"):
        corpus.prepare()


def test_a_class_list_out_of_order_is_an_error(tmp_path):
    path = tmp_path / "classes.csv"
    for lines in ("1,/m/09x0r,Speech", "0,/m/09x0r,Speech|Talk"):
        path.write_text(f"index,mid,display_name\n{lines}\n")
        with pytest.raises(ValueError, match="classes.csv"):
            lists.read_class_labels(str(path))


def test_published_files_parse(shared):
    folder = shared / "data/annotations/audioset"
    labels = lists.read_class_labels(folder / "class_labels_indices.csv")
    assert len(labels) == 527
    assert list(labels.values())[:2] == NAMES[:2]
    parsed = {
        form: list(lists.read_segments(folder / name, labels))
        for form, name in (
            ("csv", "eval_segments.csv"),
            ("pkl", "reference_test.pkl"),
        )
    }
    for segments in parsed.values():
        assert len(segments) == 20371
        assert len({segment.video for segment in segments}) == 20371
    classes = Counter(
        name for s in parsed["csv"] for name in s.label.split("|")
    )
    assert len(classes) == 527
    assert parsed["csv"][0] == (
        "--4gqARaEJE",
        0.0,
        "Animal|Domestic animals, pets|Dog|Squeak",
    )
    assert {(s.video, s.label) for s in parsed["csv"]} == {
        (s.video, s.label) for s in parsed["pkl"]
    }
