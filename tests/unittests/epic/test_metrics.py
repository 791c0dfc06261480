"""Tests of the metrics of actions.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
import pytest
from sklearn.metrics import top_k_accuracy_score

from speechbrain_pib.epic.metrics import actions_ahead, summarize_actions

VERBS, NOUNS, CLIPS = 7, 9, 300
OPTIONS = {
    "num_verbs": VERBS,
    "unseen_participants": ["P18", "P32"],
    "tail_verbs": [5, 6],
    "tail_nouns": [7],
}


@pytest.fixture
def clips():
    """Probabilities that tend to the truth, targets, and who is heard."""
    rng = np.random.default_rng(3)
    verbs, nouns = rng.integers(0, VERBS, CLIPS), rng.integers(0, NOUNS, CLIPS)
    targets = np.hstack([np.eye(VERBS)[verbs], np.eye(NOUNS)[nouns]])
    logits = rng.normal(size=targets.shape) + targets
    parts = np.split(np.exp(logits), [VERBS], axis=1)
    parts = [part / part.sum(axis=1, keepdims=True) for part in parts]
    people = rng.choice(["P01", "P18", "P32", "P37"], CLIPS).tolist()
    return np.hstack(parts), targets, people, verbs, nouns


def action_hit(verb_scores, noun_scores, verb, noun, k):
    """Whether the true pair is among the k best, by sorting all of them."""
    pairs = [
        (verb_scores[v] * noun_scores[n], v, n)
        for v in range(VERBS)
        for n in range(NOUNS)
    ]
    best = sorted(pairs, reverse=True)[:k]
    return any((v, n) == (verb, noun) for _, v, n in best)


def test_verbs_and_nouns_as_scikit_learn(clips):
    scores, targets, people, verbs, nouns = clips
    metrics = summarize_actions(scores, targets, people, **OPTIONS)
    for task, true, columns in (
        ("verb", verbs, slice(None, VERBS)),
        ("noun", nouns, slice(VERBS, None)),
    ):
        for k in (1, 5):
            expected = top_k_accuracy_score(true, scores[:, columns], k=k)
            assert metrics[f"{task}_top{k}"] == pytest.approx(expected)


@pytest.mark.parametrize("k", [1, 5])
def test_actions_as_by_sorting_all_pairs(clips, k):
    scores, targets, people, verbs, nouns = clips
    metrics = summarize_actions(scores, targets, people, **OPTIONS)
    hits = np.array(
        [
            action_hit(row[:VERBS], row[VERBS:], verb, noun, k)
            for row, verb, noun in zip(scores, verbs, nouns)
        ]
    )
    assert metrics[f"action_top{k}"] == pytest.approx(hits.mean())
    unseen = np.isin(people, ["P18", "P32"])
    expected = hits[unseen].mean()
    assert metrics[f"unseen_action_top{k}"] == pytest.approx(expected)
    tail = np.array([v in (5, 6) or n == 7 for v, n in zip(verbs, nouns)])
    assert metrics[f"tail_action_top{k}"] == pytest.approx(hits[tail].mean())


def test_tail_of_a_task_is_by_its_own_classes(clips):
    scores, targets, people, verbs, nouns = clips
    metrics = summarize_actions(scores, targets, people, **OPTIONS)
    chosen = verbs >= 5
    right = scores[chosen, :VERBS].argmax(axis=1) == verbs[chosen]
    assert metrics["tail_verb_top1"] == pytest.approx(right.mean())
    chosen = nouns == 7
    right = scores[chosen, VERBS:].argmax(axis=1) == 7
    assert metrics["tail_noun_top1"] == pytest.approx(right.mean())


def test_groups_without_clips_are_left_out(clips):
    scores, targets, people, *_ = clips
    metrics = summarize_actions(scores, targets, people, num_verbs=VERBS)
    assert list(metrics) == [
        f"{task}_top{k}" for task in ("verb", "noun", "action") for k in (1, 5)
    ]


def test_many_clips_are_ranked_as_few(clips):
    scores, targets, *_ = clips
    parts = np.split(scores, [VERBS], axis=1)
    parts += np.split(targets.astype(bool), [VERBS], axis=1)
    together = actions_ahead(*parts)
    apart = [
        actions_ahead(*(part[i : i + 1] for part in parts))[0]
        for i in range(CLIPS)
    ]
    assert together.tolist() == apart


def test_clip_without_a_verb_is_an_error(clips):
    scores, targets, people, *_ = clips
    targets[0, :VERBS] = 0
    with pytest.raises(ValueError, match="one verb and one noun"):
        summarize_actions(scores, targets, people, **OPTIONS)
