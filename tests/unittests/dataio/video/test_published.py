"""Features and lists in the layout of the published code.

Authors
 * The speechbrain_pib developers 2026
"""

import os
import pickle
import tracemalloc

import numpy as np
import pytest

from speechbrain_pib.dataio.video.features import read_video_features
from speechbrain_pib.dataio.video.published import (
    published_rows,
    read_published_list,
)
from speechbrain_pib.utils.pickles import RefusedPickleError


@pytest.fixture
def published(tmp_path):
    """Two videos of two and three steps in the published layout."""
    rng = np.random.default_rng(0)
    paths = []
    for number, steps in enumerate([2, 3]):
        for stream in ("image", "audio"):
            folder = tmp_path / f"{stream}_features/val"
            folder.mkdir(parents=True, exist_ok=True)
            array = rng.standard_normal((steps, 4)).astype(np.float32)
            np.save(folder / f"v{number}.npy", array)
        paths.append(f"/elsewhere/imageAudio_features/val/v{number}.npy")
    with open(tmp_path / "val.pkl", "wb") as file:
        pickle.dump((paths, [1, 0]), file)
    return tmp_path


def test_published_layout_is_read(published):
    rows, missing = published_rows(
        str(published / "val.pkl"), ["Archery", "Bowling"], str(published)
    )
    assert [row["label"] for row in rows] == ["Bowling", "Archery"]
    row = rows[1]
    assert row["ID"] == "val/v1" and row["n_steps"] == 3 and not missing
    features = read_video_features(row["features"])
    for stream in ("image", "audio"):
        array = np.load(published / f"{stream}_features/val/v1.npy")
        assert np.array_equal(features[stream].numpy(), array)


def test_streams_that_differ_in_length_are_an_error(published):
    np.save(published / "audio_features/val/v0.npy", np.zeros((5, 4)))
    path = str(published / "imageAudio_features/val/v0.npy")
    with pytest.raises(ValueError, match="v0.npy: streams differ in length"):
        read_video_features(path)


def test_pickles_in_arrays_and_lists_are_not_run(published):
    trap = Trap(str(published / "trapped"))
    path = str(published / "image_features/val/v0.npy")
    np.save(path, np.array([[trap]], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="v0.npy is not an array of numbers"):
        read_video_features(path.replace("image_f", "imageAudio_f"))
    with open(published / "val.pkl", "wb") as file:
        pickle.dump(([trap], [0]), file)
    with pytest.raises(RefusedPickleError, match="val.pkl: refused"):
        read_published_list(str(published / "val.pkl"))
    assert not os.path.exists(published / "trapped")


class Trap:
    """Makes a folder where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize(
    "content, problem",
    [
        (([1, 2], [0, 1]), "not all paths"),
        ((["imageAudio_features/a.npy"], ["x"]), "not all labels"),
        ((["imageAudio_features/a.npy"], []), "differ in length"),
        (["imageAudio_features/a.npy"], "not enough values"),
    ],
)
def test_lists_of_something_else_are_named(tmp_path, content, problem):
    path = str(tmp_path / "list.pkl")
    with open(path, "wb") as file:
        pickle.dump(content, file)
    with pytest.raises(ValueError, match=f"list.pkl is not a .*{problem}"):
        read_published_list(path)


def test_published_videos_without_features_are_listed(published):
    (published / "image_features/val/v0.npy").unlink()
    rows, missing = published_rows(
        str(published / "val.pkl"), ["Archery", "Bowling"], str(published)
    )
    assert [row["ID"] for row in rows] == ["val/v1"]
    assert [row["ID"] for row in missing] == ["val/v0"]
    assert "there is no file" in missing[0]["reason"]


def test_lists_that_ask_for_memory_are_refused(tmp_path):
    path = tmp_path / "list.pkl"
    # Keeps an empty string at place 2**29, which would take 8 GB.
    path.write_bytes(b"\x80\x02X\0\0\0\0r\0\0\0\x20.")
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="list.pkl is not a pickled"):
            read_published_list(str(path))
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()


def test_lists_of_deep_tuples_do_not_crash_python(tmp_path):
    path = tmp_path / "list.pkl"
    path.write_bytes(b"\x80\x02})" + b"\x85" * 10**6 + b"Ns.")
    with pytest.raises(ValueError, match="tuples in one another"):
        read_published_list(str(path))
