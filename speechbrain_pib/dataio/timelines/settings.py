"""What counts as an event, and what is replayed.

Authors
 * The speechbrain_pib developers 2026
"""

from dataclasses import dataclass, replace

import numpy as np

REPLAYS = ("none", "candidates", "all")
EVENT_THRESHOLD = 0.5  # of a model that does not tell


@dataclass(frozen=True)
class TimelineSettings:
    """Settings of a time line.

    Those of classes are a number for all, or a dictionary of label to number,
    in which the label None stands for all others.

    Arguments
    ---------
    replays : str
        Which windows are replayed: "none", "all", or the "candidates", in
        which the first listen heard something.
    candidates : float
        Evidence that makes a window a candidate, as a share of the threshold
        of its class; that of all classes together where they exclude each
        other.
    threshold : float or dict
        Evidence that an event reaches (default: what the model tells, see
        `for_model`).
    hysteresis : float
        To what share of the threshold the evidence may fall within an event.
    smoothing : float
        Over how many seconds evidence is averaged.
    min_duration : float or dict
        Shorter events are dropped, in seconds.
    min_gap : float or dict
        Shorter gaps between two events of a class are closed, in seconds.
    background : tuple of str
        Labels of classes that are no events.
    delay : float
        How long after its end, in seconds of sound, an event is final at the
        latest, unless fainter sound of its class goes on (default: when the
        windows that hold its end and overlap by half were heard; replays wait
        for full batches). Less costs more windows.

    Raises
    ------
    ValueError
        If a value is none that it can be.

    Example
    -------
    >>> settings = TimelineSettings(threshold={None: 0.5, "owl": 0.3})
    >>> settings.of_classes("threshold", ["dog", "owl"])
    array([0.5, 0.3])
    """

    replays: str = "candidates"
    candidates: float = 0.5
    threshold: float | dict | None = None
    hysteresis: float = 0.5
    smoothing: float = 0.1
    min_duration: float | dict = 0.1
    min_gap: float | dict = 0.2
    background: tuple = ()
    delay: float | None = None

    def __post_init__(self):
        if self.replays not in REPLAYS:
            raise ValueError(
                f"replays are {', '.join(REPLAYS)}, not {self.replays}"
            )
        for name in ("candidates", "hysteresis", "threshold"):
            for value in _values(getattr(self, name)):
                if not 0 < value <= 1:
                    raise ValueError(f"{name} must be in (0, 1], got {value}")
        for name in ("smoothing", "min_duration", "min_gap"):
            for value in _values(getattr(self, name)):
                if not 0 <= value < float("inf"):
                    raise ValueError(f"{name} must be seconds, got {value}")

    def for_model(self, event_threshold):
        """Fill in what was not given.

        Arguments
        ---------
        event_threshold : float
            Evidence that an event of this model reaches.

        Returns
        -------
        settings : TimelineSettings
            With a threshold for all classes.

        Example
        -------
        >>> settings = TimelineSettings(threshold={"owl": 0.3})
        >>> settings.for_model(0.2).of_classes("threshold", ["dog", "owl"])
        array([0.2, 0.3])
        """
        given = self.threshold
        if given is None:
            given = {}
        elif not isinstance(given, dict):
            given = {None: given}
        return replace(self, threshold={None: event_threshold, **given})

    def of_classes(self, name, labels):
        """Look up a setting for each class.

        Arguments
        ---------
        name : str
            "threshold", "min_duration" or "min_gap".
        labels : list of str
            Of the classes.

        Returns
        -------
        values : numpy.ndarray
            [classes].

        Raises
        ------
        ValueError
            If there is a label that no class has.
        """
        given = getattr(self, name)
        if not isinstance(given, dict):
            given = {None: given}
        check_labels(filter(None, given), labels)
        default = given.get(None)
        if default is None:
            default = getattr(TimelineSettings, name) or EVENT_THRESHOLD
        return np.array([given.get(label, default) for label in labels])

    def describe(self, labels):
        """Describe what decides on events, for a comparison.

        Arguments
        ---------
        labels : list of str
            Of the classes.

        Returns
        -------
        description : dict
            Plain values, the same for settings that mean the same.
        """
        of_classes = ("threshold", "min_duration", "min_gap")
        return {
            **{
                name: getattr(self, name)
                for name in (
                    "replays",
                    "candidates",
                    "hysteresis",
                    "smoothing",
                    "delay",
                )
            },
            **{x: self.of_classes(x, labels).tolist() for x in of_classes},
            "is_event": self.is_event(labels).tolist(),
        }

    def is_event(self, labels):
        """Tell which classes are events.

        Arguments
        ---------
        labels : list of str
            Of the classes.

        Returns
        -------
        is_event : numpy.ndarray
            Boolean [classes].
        """
        check_labels(self.background, labels)
        return np.array([label not in self.background for label in labels])


def check_labels(names, labels):
    """Raise if there is no such label.

    Arguments
    ---------
    names : iterable of str
        Of classes.
    labels : list of str
        Those that there are.

    Raises
    ------
    ValueError
        Naming those that are none.

    Example
    -------
    >>> check_labels(["owl"], ["dog", "cat"])
    Traceback (most recent call last):
        ...
    ValueError: the model has no class owl; it has dog, cat
    """
    unknown = [name for name in names if name not in labels]
    if unknown:
        shown = ", ".join([*labels[:20], *["..."][: len(labels) > 20]])
        raise ValueError(
            f"the model has no class {', '.join(unknown)}; it has {shown}"
        )


def _values(setting):
    """The numbers of a setting; none if it was not given."""
    if setting is None:
        return []
    return setting.values() if isinstance(setting, dict) else [setting]
