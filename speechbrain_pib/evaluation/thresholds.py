"""How much evidence tells that a clip holds a class.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
from sklearn.metrics import precision_recall_curve


def find_threshold(evidence, targets):
    """Find the threshold of evidence with the best F1 score.

    One for all classes: few clips of each would tell little of their own.

    Arguments
    ---------
    evidence : numpy.ndarray
        The most that was heard of each class in each clip [clips, classes].
    targets : numpy.ndarray
        Whether the clip holds it; soft targets of 0.5 and more do
        [clips, classes].

    Returns
    -------
    threshold : float
        In the middle between the least evidence that reaches it and the most
        that does not. None if no clip holds a class, or what is heard of it
        tells nothing.

    Example
    -------
    >>> evidence = np.array([[0.75, 0.25], [0.0, 0.5]])
    >>> find_threshold(evidence, np.eye(2))
    0.375
    """
    held = targets.ravel() >= 0.5
    if not held.any():
        return None
    evidence = evidence.ravel().astype(float)
    precision, recall, thresholds = precision_recall_curve(held, evidence)
    # Where both are 0, so is their mean. The last point has no threshold.
    scores = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    best = thresholds[scores[:-1].argmax()]
    if best <= 0:
        return None
    below = evidence[evidence < best]
    return float((best + below.max(initial=0.0)) / 2)
