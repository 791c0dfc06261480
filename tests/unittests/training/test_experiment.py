"""Tests of what the scripts of recipes share.

Authors
 * The speechbrain_pib developers 2026
"""

import pytest

from speechbrain_pib.training.experiment import load_challenge_data


def test_a_list_without_labels_is_refused_for_a_training():
    prepared = []
    with pytest.raises(ValueError, match="--test_only=True"):
        load_challenge_data(
            prepared.append,
            {"submission_list": "test.csv"},
            {"test_only": False},
            folder=None,
        )
    assert not prepared
