"""What a model file says of the windows that it takes and gives.

Authors
 * The speechbrain_pib developers 2026
"""

import json
from typing import NamedTuple

# Files of strangers may say what they like.
MOST = 10**9
MOST_HERTZ = 10**6
MOST_VIEWS = 1000
FORMAT = "speechbrain_pib window 1"
# Names of the tensors, see inference.export_graph.WindowGraph.
INPUTS = ("waveform", "lengths")
OUTPUTS = (
    "probabilities",
    "pass_probabilities",
    "segments",
    "embeddings",
    "first_evidence",
    "evidence",
    "times",
)


class WindowMetadata(NamedTuple):
    """What is to be known of a model file to use it.

    Arguments
    ---------
    labels : list of str
        Of the classes, in their order.
    sample_rate : int
        Of the waveforms, in Hz.
    window_samples : int
        Samples of a window.
    hop_samples : float
        Samples of a base frame of the segments.
    views : int
        Windows of a long recording, at least.
    multi_label : bool
        Whether classes are independent, their probabilities do not sum to 1.
    tasks : list of int
        Classes of each task that shares the head; None for a single task.
    event_threshold : float
        Evidence that an event of a time line reaches.
    license : str
        Of the weights, an identifier; empty if it is not known.
    gmacs : float
        Multiply-accumulate operations of a window in 1e9.

    Example
    -------
    >>> metadata = WindowMetadata(
    ...     ["a", "b"], 8000, 8000, 80, 2, False, None, 0.5, "", 0.1
    ... )
    >>> metadata.to_properties()["labels"]
    '["a", "b"]'
    >>> WindowMetadata.from_properties(metadata.to_properties()) == metadata
    True
    """

    labels: list
    sample_rate: int
    window_samples: int
    hop_samples: float
    views: int
    multi_label: bool
    tasks: list | None
    event_threshold: float
    license: str
    gmacs: float

    def to_properties(self):
        """Make strings of the fields, as model files hold them.

        Returns
        -------
        properties : dict
            Name to JSON, and "format".
        """
        fields = self._asdict().items()
        return {"format": FORMAT, **{k: json.dumps(v) for k, v in fields}}

    @classmethod
    def from_properties(cls, properties):
        """Read the strings of a model file, which anybody may have written.

        Arguments
        ---------
        properties : dict
            As of `to_properties`; others are ignored.

        Returns
        -------
        metadata : WindowMetadata

        Raises
        ------
        ValueError
            If one is missing, or is not what it should be.
        """
        if properties.get("format") != FORMAT:
            raise ValueError(
                "it does not say that speechbrain-pib export wrote it"
            )
        fields = {}
        for name in cls._fields:
            try:
                fields[name] = json.loads(properties[name])
                valid = _CHECKS[name](fields[name])
            except (KeyError, ValueError, OverflowError, RecursionError):
                valid = False
            if not valid:
                raise ValueError(f"it does not say what its {name} is")
        metadata = cls(**fields)
        if metadata.tasks and sum(metadata.tasks) != len(metadata.labels):
            raise ValueError(
                f"it has {len(metadata.labels)} labels, its tasks "
                f"{sum(metadata.tasks)} classes"
            )
        return metadata


def _is_count(value, most=MOST):
    """Tell whether a value is 1, 2, 3, ..."""
    return type(value) is int and 0 < value <= most


def _is_positive(value):
    """Tell whether a value is a number above 0."""
    return type(value) in (int, float) and 0 < value <= MOST


def _are_labels(value):
    """Tell whether a value is a list of different strings."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(label, str) for label in value)
        and len(set(value)) == len(value)
    )


def _are_tasks(value):
    """Tell whether a value is a list of counts, or None."""
    return value is None or (
        isinstance(value, list) and bool(value) and all(map(_is_count, value))
    )


_CHECKS = {
    "labels": _are_labels,
    "sample_rate": lambda value: _is_count(value, MOST_HERTZ),
    "window_samples": _is_count,
    "hop_samples": _is_positive,
    "views": lambda value: _is_count(value, MOST_VIEWS),
    "multi_label": lambda value: isinstance(value, bool),
    "tasks": _are_tasks,
    "event_threshold": lambda value: _is_positive(value) and value <= 1,
    "license": lambda value: isinstance(value, str),
    "gmacs": _is_positive,
}
