"""Metrics of actions, each a verb and a noun (https://arxiv.org/abs/2006.13256).

As in the official evaluation of EPIC-KITCHENS-100, the score of an action is
the product of the probabilities of its verb and its noun; a clip is of the
tail by its verb, by its noun or, for actions, by either of them.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np

from speechbrain_pib.evaluation.metrics import classes_ahead

CLIPS_AT_A_TIME = 256  # of all actions: 30 MB for 97 verbs and 300 nouns


def actions_ahead(verb_scores, noun_scores, verbs, nouns):
    """Count the actions that are ranked before the true one, of all pairs of
    a verb and a noun.

    Arguments
    ---------
    verb_scores : numpy.ndarray
        Probabilities [clips, verbs].
    noun_scores : numpy.ndarray
        Probabilities [clips, nouns].
    verbs : numpy.ndarray
        True at the verb of the clip [clips, verbs].
    nouns : numpy.ndarray
        True at the noun of the clip [clips, nouns].

    Returns
    -------
    ahead : numpy.ndarray
        [clips], see `speechbrain_pib.evaluation.metrics.classes_ahead`.

    Example
    -------
    >>> verb_scores, noun_scores = (
    ...     np.array([[0.6, 0.4]]),
    ...     np.array([[0.7, 0.3]]),
    ... )
    >>> verbs, nouns = np.array([[False, True]]), np.array([[True, False]])
    >>> actions_ahead(verb_scores, noun_scores, verbs, nouns)
    array([1.])
    """
    ahead = []
    for first in range(0, len(verbs), CLIPS_AT_A_TIME):
        rows = slice(first, first + CLIPS_AT_A_TIME)
        ahead.append(
            classes_ahead(
                _multiply_pairs(verb_scores[rows], noun_scores[rows]),
                _multiply_pairs(verbs[rows], nouns[rows]),
            )
        )
    return np.concatenate(ahead)


def _multiply_pairs(verbs, nouns):
    """Products of all pairs [clips, verbs * nouns]."""
    products = verbs[:, :, None] * nouns[:, None, :]
    return products.reshape(len(products), -1)


def count_verbs(class_names):
    """Count the verbs among the classes of actions.

    Arguments
    ---------
    class_names : list of str
        "verb:take", ... and then "noun:tap", ..., or any other classes.

    Returns
    -------
    num_verbs : int
        0 where the classes are not those of actions.

    Example
    -------
    >>> count_verbs(["verb:take", "verb:put", "noun:tap"])
    2
    >>> count_verbs(["dog", "cat"])
    0
    """
    verbs = sum(name.startswith("verb:") for name in class_names)
    tasks = ["verb"] * verbs + ["noun"] * (len(class_names) - verbs)
    named = [name.partition(":")[0] for name in class_names]
    return verbs if named == tasks else 0


def find_right_clips(
    scores,
    targets,
    participants,
    *,
    num_verbs,
    unseen_participants=(),
    tail_verbs=(),
    tail_nouns=(),
):
    """Find the clips that each accuracy of verbs, nouns and actions counts.

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
    clips : dict
        "verb_top1", "verb_top5", "noun_top1", ..., "action_top5", and the
        same after "unseen_" and "tail_" for those clips, where there are any,
        to two Boolean arrays [clips]: which are right, and which of all clips
        count.

    Raises
    ------
    ValueError
        If a clip does not have one verb and one noun.

    Example
    -------
    >>> scores = np.array([[0.9, 0.1, 0.2, 0.8], [0.3, 0.7, 0.6, 0.4]])
    >>> targets = np.array([[1, 0, 0, 1], [0, 1, 0, 1]])
    >>> clips = find_right_clips(scores, targets, ["P1", "P2"], num_verbs=2)
    >>> clips["noun_top1"]
    (array([ True, False]), array([ True,  True]))
    """
    verbs, nouns = np.split(targets.astype(bool), [num_verbs], axis=1)
    if not all((task.sum(axis=1) == 1).all() for task in (verbs, nouns)):
        raise ValueError("each clip must have one verb and one noun")
    verb_scores, noun_scores = np.split(scores, [num_verbs], axis=1)
    ahead = {
        "verb": classes_ahead(verb_scores, verbs),
        "noun": classes_ahead(noun_scores, nouns),
        "action": actions_ahead(verb_scores, noun_scores, verbs, nouns),
    }
    everything = np.ones(len(targets), dtype=bool)
    unseen = np.isin(participants, list(unseen_participants))
    tail_verb = verbs[:, list(tail_verbs)].any(axis=1)
    tail_noun = nouns[:, list(tail_nouns)].any(axis=1)
    clips = {
        "": (everything, everything, everything),
        "unseen_": (unseen, unseen, unseen),
        "tail_": (tail_verb, tail_noun, tail_verb | tail_noun),
    }
    return {
        f"{group}{task}_top{k}": (ahead[task] < k, chosen)
        for group, masks in clips.items()
        for task, chosen in zip(ahead, masks)
        for k in (1, 5)
        if chosen.any()
    }


def summarize_actions(scores, targets, participants, **groups):
    """Compute top-1 and top-5 accuracies of verbs, nouns and actions.

    Arguments
    ---------
    scores : numpy.ndarray
        As for `find_right_clips`, as are all arguments.
    targets : numpy.ndarray
        [clips, classes].
    participants : list of str
        Who is heard in each clip.
    **groups : dict
        "num_verbs", and what is reported separately.

    Returns
    -------
    metrics : dict
        The names of `find_right_clips` to floats.

    Example
    -------
    >>> scores = np.array([[0.9, 0.1, 0.2, 0.8], [0.3, 0.7, 0.6, 0.4]])
    >>> targets = np.array([[1, 0, 0, 1], [0, 1, 0, 1]])
    >>> metrics = summarize_actions(scores, targets, ["P1", "P2"], num_verbs=2)
    >>> metrics["verb_top1"], metrics["noun_top1"], metrics["action_top1"]
    (1.0, 0.5, 0.5)
    """
    clips = find_right_clips(scores, targets, participants, **groups)
    return {
        name: float(right[counted].mean())
        for name, (right, counted) in clips.items()
    }
