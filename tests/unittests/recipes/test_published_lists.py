"""Lists that others wrote, in every reader: what is no CSV is named, and whole
numbers are read as pandas writes them in columns with holes."""

import pytest

from speechbrain_pib.dataio.manifest_dataset import ManifestTable
from speechbrain_pib.epic import annotations as epic
from speechbrain_pib.inference import features
from tests.helpers import load_recipe_module

activitynet = load_recipe_module("ActivityNet", "activitynet_prepare")
audioset = load_recipe_module("AudioSet", "audioset_lists")
esc50 = load_recipe_module("ESC50", "esc50_prepare")
vggsound = load_recipe_module("VGGSound", "vggsound_prepare")


def read_vggsound(path):
    """Read the official list of VGG-Sound."""
    return vggsound.read_annotations([path], ["dog"], 0.1)


def read_audioset(path):
    """Read a list of AudioSet's segments."""
    return list(audioset.read_segments(path, {"/m/1": "dog"}))


def read_manifest(path):
    """Read all rows of a manifest."""
    return list(ManifestTable(path))


def read_labels(path):
    """Read a column of a manifest."""
    return ManifestTable(path).column("label")


VIDEO = "abcdefghijk"
EPIC = "narration_id,participant_id,video_id,start_timestamp,stop_timestamp"
# Reader, header and a row that ends in a class, or in what can be any text.
READERS = {
    "VGG-Sound": (read_vggsound, "", f"{VIDEO},30,dog,test"),
    "events": (vggsound.read_events, "start,stop,ID\n", "0,1,dog"),
    "ESC-50": (esc50.read_meta, "filename,fold,category\n", "a.wav,1,dog"),
    "AudioSet": (read_audioset, "", f"{VIDEO}, 0, 10, /m/1"),
    "classes of AudioSet": (
        audioset.read_class_labels,
        "index,mid,display_name\n",
        "0,/m/1,dog",
    ),
    "Kinetics": (
        activitynet.read_annotations,
        "youtube_id,time_start,time_end,split,label\n",
        f"{VIDEO},0,10,train,dog",
    ),
    "annotations of features": (
        features.read_annotations,
        "ID,label\n",
        "v_1,dog",
    ),
    "EPIC": (
        epic.read_segments,
        f"{EPIC},narration\n",
        "P01_01_0,P01,P01_01,00:00:00,00:00:01,dog",
    ),
    "manifest": (read_manifest, "ID,label\n", "a,dog"),
    "column of a manifest": (read_labels, "ID,label\n", "a,dog"),
}


def read(tmp_path, name, content):
    """Call a reader on a file with this content."""
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    return READERS[name][0](str(path))


@pytest.mark.parametrize("name", READERS)
def test_every_reader_names_the_file_that_is_no_csv(tmp_path, name):
    _, header, row = READERS[name]
    assert read(tmp_path, name, (header + row).encode())
    start = row[: row.rindex(",") + 1]
    faults = {
        "a field over the limit": f"{header}{start}{'x' * 131_073}\n".encode(),
        "a quote that is not closed": f'{header}{start}"x\n{row}\n'.encode(),
        "another encoding": f"{header}{start}\xe9\n".encode("latin-1"),
    }
    for content in faults.values():
        with pytest.raises(ValueError, match=r"list\.csv\b"):
            read(tmp_path, name, content)


@pytest.mark.parametrize(
    "name, number, value",
    [
        ("VGG-Sound", ",30,", ",30.0,"),
        ("ESC-50", ",1,", ",1.0,"),
        ("classes of AudioSet", "0,", "0.0,"),
        ("Kinetics", ",0,10,", ",0.0,10.0,"),
    ],
)
def test_every_reader_takes_whole_numbers_of_pandas(
    tmp_path, name, number, value
):
    _, header, row = READERS[name]
    expected = read(tmp_path, name, (header + row).encode())
    as_float = header + row.replace(number, value, 1)
    assert as_float != header + row
    assert read(tmp_path, name, as_float.encode()) == expected
    half = header + row.replace(number, value.replace(".0", ".5"), 1)
    with pytest.raises(ValueError, match="list.csv"):
        read(tmp_path, name, half.encode())
