"""Metrics of actions, each a verb and a noun (https://arxiv.org/abs/2006.13256).

As in the official evaluation of EPIC-KITCHENS-100, the score of an action is
the product of the probabilities of its verb and its noun; a clip is of the
tail by its verb, by its noun or, for actions, by either of them.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np

CLIPS_AT_A_TIME = 256  # of all actions: 30 MB for 97 verbs and 300 nouns


def classes_ahead(scores, true):
    """How many classes are ranked before the true one.

    Others with the very score of the true class are ranked before it, so that
    constant scores are never right by luck; so are all if a score is NaN.

    Arguments
    ---------
    scores : numpy.ndarray
        [clips, classes].
    true : numpy.ndarray
        Index of the true class [clips].

    Returns
    -------
    ahead : numpy.ndarray
        [clips], 0 where the best score is that of the true class.

    Example
    -------
    >>> scores = np.array([[0.1, 0.6, 0.3], [0.4, 0.4, 0.2]])
    >>> classes_ahead(scores, np.array([2, 0]))
    array([1, 1])
    """
    own = np.take_along_axis(scores, true[:, None], axis=1)
    return (~(scores < own)).sum(axis=1) - 1


def actions_ahead(verb_scores, noun_scores, verbs, nouns):
    """How many actions are ranked before the true one, of all pairs of a verb
    and a noun.

    Arguments
    ---------
    verb_scores : numpy.ndarray
        Probabilities [clips, verbs].
    noun_scores : numpy.ndarray
        Probabilities [clips, nouns].
    verbs : numpy.ndarray
        Index of the true verb [clips].
    nouns : numpy.ndarray
        Index of the true noun [clips].

    Returns
    -------
    ahead : numpy.ndarray
        [clips]

    Example
    -------
    >>> verb_scores, noun_scores = (
    ...     np.array([[0.6, 0.4]]),
    ...     np.array([[0.7, 0.3]]),
    ... )
    >>> actions_ahead(verb_scores, noun_scores, np.array([1]), np.array([0]))
    array([1])
    """
    ahead = []
    for first in range(0, len(verbs), CLIPS_AT_A_TIME):
        rows = slice(first, first + CLIPS_AT_A_TIME)
        products = verb_scores[rows, :, None] * noun_scores[rows, None, :]
        true = verbs[rows] * noun_scores.shape[1] + nouns[rows]
        flat = products.reshape(len(products), -1)
        ahead.append(classes_ahead(flat, true))
    return np.concatenate(ahead)


def summarize_actions(
    scores,
    targets,
    participants,
    *,
    num_verbs,
    unseen_participants=(),
    tail_verbs=(),
    tail_nouns=(),
):
    """Top-1 and top-5 accuracy of verbs, nouns and actions.

    Arguments
    ---------
    scores : numpy.ndarray
        Probabilities of the verbs and then of the nouns [clips, classes].
    targets : numpy.ndarray
        1 for the verb and the noun of the clip and 0 elsewhere
        [clips, classes].
    participants : list of str
        Who is heard in each clip.
    num_verbs : int
        How many of the classes are verbs.
    unseen_participants : list of str
        Participants without training clips.
    tail_verbs : list of int
        Indices of the rare verbs.
    tail_nouns : list of int
        Indices of the rare nouns.

    Returns
    -------
    metrics : dict
        "verb_top1", "verb_top5", "noun_top1", ..., "action_top5", and the
        same after "unseen_" and "tail_" for those clips, where there are any.

    Raises
    ------
    ValueError
        If a clip does not have one verb and one noun.

    Example
    -------
    >>> scores = np.array([[0.9, 0.1, 0.2, 0.8], [0.3, 0.7, 0.6, 0.4]])
    >>> targets = np.array([[1, 0, 0, 1], [0, 1, 0, 1]])
    >>> metrics = summarize_actions(scores, targets, ["P1", "P2"], num_verbs=2)
    >>> metrics["verb_top1"], metrics["noun_top1"], metrics["action_top1"]
    (1.0, 0.5, 0.5)
    """
    parts = np.split(targets, [num_verbs], axis=1)
    if not all((part.sum(axis=1) == 1).all() for part in parts):
        raise ValueError("each clip must have one verb and one noun")
    verbs, nouns = (part.argmax(axis=1) for part in parts)
    verb_scores, noun_scores = np.split(scores, [num_verbs], axis=1)
    ahead = {
        "verb": classes_ahead(verb_scores, verbs),
        "noun": classes_ahead(noun_scores, nouns),
        "action": actions_ahead(verb_scores, noun_scores, verbs, nouns),
    }
    everything = np.ones(len(targets), dtype=bool)
    unseen = np.isin(participants, list(unseen_participants))
    tail_verb = np.isin(verbs, list(tail_verbs))
    tail_noun = np.isin(nouns, list(tail_nouns))
    clips = {
        "": (everything, everything, everything),
        "unseen_": (unseen, unseen, unseen),
        "tail_": (tail_verb, tail_noun, tail_verb | tail_noun),
    }
    return {
        f"{group}{task}_top{k}": float((ahead[task][chosen] < k).mean())
        for group, masks in clips.items()
        for task, chosen in zip(ahead, masks)
        for k in (1, 5)
        if chosen.any()
    }
