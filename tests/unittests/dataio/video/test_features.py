"""Files of features: what is read from them, and what is refused.

Authors
 * The speechbrain_pib developers 2026
"""

import os

import h5py
import numpy as np
import pytest
import torch

from speechbrain_pib.dataio.video.features import (
    FeatureStore,
    read_video_features,
)


def test_merge_that_was_killed_is_repeated(tmp_path, monkeypatch):
    path, settings = str(tmp_path / "features.hdf5"), {"model": 1}
    store = FeatureStore(path, settings)
    store.add("a/b", {"image": np.ones((2, 3))}, {"n_steps": 2})
    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", lambda *_, **__: None)
        store.merge()
    assert os.listdir(f"{path}.parts/a") == ["b.hdf5"]
    store = FeatureStore(path, settings)
    store.add("c", {"image": np.zeros((1, 3))}, {"n_steps": 1})
    store.merge()
    store = FeatureStore(path, settings)
    assert store.videos == {"a/b": {"n_steps": 2}, "c": {"n_steps": 1}}
    features = read_video_features(f"{path}::a/b", names=["image"])
    assert torch.equal(features["image"], torch.ones(2, 3))


@pytest.mark.parametrize(
    "value, problem",
    [
        (1.0, r"image of v has shape \(\), not"),
        (np.zeros(3), r"image of v has shape \(3,\), not"),
        (np.zeros((0, 4)), r"image of v has shape \(0, 4\), not"),
        (np.array([[b"a"]]), "image of v holds .*, not numbers"),
        (None, "image of v has shape None"),
    ],
)
def test_features_of_another_form_are_named(tmp_path, value, problem):
    with h5py.File(tmp_path / "features.hdf5", "w") as file:
        if value is None:
            file.create_group("v/image")
        else:
            file["v/image"] = value
    with pytest.raises(ValueError, match=f"features.hdf5: {problem}"):
        read_video_features(f"{tmp_path}/features.hdf5::v", names=["image"])


def test_a_file_that_is_no_hdf5_is_named(tmp_path):
    (tmp_path / "features.hdf5").write_text("x")
    for read in (
        lambda path: read_video_features(f"{path}::v"),
        lambda path: FeatureStore(path, {}),
    ):
        with pytest.raises(ValueError, match="features.hdf5 is damaged"):
            read(str(tmp_path / "features.hdf5"))
