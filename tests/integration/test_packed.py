"""A recipe on packed data, as a user trains on them.

Authors
 * The speechbrain_pib developers 2026
"""

import shutil

import numpy as np
import pytest

from speechbrain_pib.dataio.packing.manifests import pack_manifests

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("container", ["shards", "hdf5"])
def test_packed_data_have_the_same_scores(run_recipe, tmp_path, container):
    output = run_recipe(
        "VGGSound",
        "hparams/backbone.yaml",
        "--miniature_clips=96",
        "--number_of_epochs=1",
    )
    with np.load(output / "scores.npz") as file:
        expected = dict(file)
    packed = tmp_path / "packed"
    pack_manifests(output, packed, container=container)
    shutil.rmtree(tmp_path / "miniature_96")
    (output / "scores.npz").unlink()
    shutil.copy(output / "hyperparams.yaml", tmp_path / "same.yaml")
    run_recipe(
        "VGGSound",
        str(tmp_path / "same.yaml"),
        f"--packed_folder={packed}",
        "--test_only",
    )
    with np.load(output / "scores.npz") as file:
        assert file.keys() == expected.keys()
        for name, values in expected.items():
            assert np.array_equal(file[name], values), name
