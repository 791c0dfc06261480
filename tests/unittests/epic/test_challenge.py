"""Lists without labels are scored, never trained on."""

import pytest

from speechbrain_pib.epic.challenge import load_challenge_data


def test_a_list_without_labels_is_refused_for_a_training():
    prepared = []
    with pytest.raises(ValueError, match="--test_only=True"):
        load_challenge_data(
            prepared.append,
            {"submission_list": "test.csv"},
            {"test_only": False},
        )
    assert not prepared
