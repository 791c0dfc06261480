"""Time lines of recordings, written into a folder; what is there is not
computed again.

Beside the files that were asked for each recording has a record,
NAME.timeline.json, with its events, its replays and a fingerprint: of the sound,
the model and the settings. The record is written first, whole or not at all; the other files
are written from it. So a run that was killed goes on where it was, and leaves
the same bytes as one that was not.

Authors
 * The speechbrain_pib developers 2026
"""

import hashlib
import json
import os

import speechbrain_pib
from speechbrain_pib.dataio.timelines.blocks import open_sound
from speechbrain_pib.dataio.timelines.events import Event
from speechbrain_pib.dataio.timelines.formats import (
    FORMATS,
    render_events,
    require_labels,
)
from speechbrain_pib.dataio.timelines.pairs import RECORD
from speechbrain_pib.inference.reports.pages import write_page
from speechbrain_pib.inference.reports.replays import Replay, summarize_replay
from speechbrain_pib.inference.timelines import Timeline
from speechbrain_pib.utils.files import atomic_writer, hash_file

PAGE = ".html"


def hash_model(source, classifier):
    """Hash a model, so that another one is noticed.

    Arguments
    ---------
    source : str
        What it was loaded from: a folder, a file or a name.
    classifier : WindowedClassifier
        What it was loaded as.

    Returns
    -------
    digest : str
        SHA-256.

    Example
    -------
    >>> folder = getfixture("tmpdir")
    >>> (folder / "model.ckpt").write("1234")
    >>> len(hash_model(str(folder), None))
    64
    """
    digest = hashlib.sha256(speechbrain_pib.__version__.encode())
    if os.path.isdir(source):
        for name in sorted(os.listdir(source)):
            path = os.path.join(source, name)
            if os.path.isfile(path):
                digest.update(f"{name} {hash_file(path)}\n".encode())
    elif os.path.isfile(source):
        digest.update(hash_file(source).encode())
    else:
        digest.update(source.encode())
        for name, tensor in classifier.state_dict().items():
            digest.update(name.encode() + tensor.cpu().numpy().tobytes())
    return digest.hexdigest()


class TimelineWriter:
    """Writes the time lines of recordings.

    Arguments
    ---------
    classifier : WindowedClassifier
        Finds the events.
    model : str
        Tells the model from others, see `hash_model`.
    settings : TimelineSettings
        What counts as an event, and what is replayed.
    folder : str
        Where the files go.
    formats : list of str
        Names of FORMATS.
    report : bool
        Whether to write a page for each recording, see
        `speechbrain_pib.inference.reports.pages`.
    with_sound : bool
        Whether the pages hold sound.

    Raises
    ------
    ValueError
        If a setting is none that it can be for this model, or a format cannot
        hold one of its labels, which is named.

    Example
    -------
    >>> writer = TimelineWriter(
    ...     classifier, model, settings, "events", ["csv"]
    ... )  # doctest: +SKIP
    >>> writer.write("woods/owl.wav", "owl")["windows"]  # doctest: +SKIP
    719
    """

    def __init__(
        self,
        classifier,
        model,
        settings,
        folder,
        formats,
        report=False,
        with_sound=False,
    ):
        settings = settings.for_model(classifier.event_threshold)
        self.classifier, self.settings = classifier, settings
        self.folder, self.formats = folder, formats
        self.report, self.with_sound = report, with_sound
        if report and not hasattr(classifier, "fbank"):
            raise ValueError(
                "a report shows what the front end hears, which a model file "
                "does not tell; give the inference folder, or leave out the "
                "report"
            )
        # Settings that are wrong are an error now, not one of a recording.
        Timeline(classifier, (), settings)
        labels = classifier.labels
        is_event = settings.is_event(labels)
        for kind in formats:
            require_labels(kind, [x for x, y in zip(labels, is_event) if y])
        description = settings.describe(labels)
        sure = classifier.until_sure and classifier.until_sure.threshold
        self.identity = json.dumps([model, labels, description, sure])

    def write(self, path, name, begin=None, progress=None):
        """Write the time line of a recording, unless it is there.

        Arguments
        ---------
        path : str
            The recording.
        name : str
            Of its files in the folder, without an extension.
        begin : datetime.datetime
            When the recording was begun (default: nobody knows).
        progress : callable
            Is told how much was heard: seconds, and how many there are.

        Returns
        -------
        record : dict
            "events", "seconds", "windows", "replayed", "gmacs",
            "gmacs_everywhere" and "replays", see
            `speechbrain_pib.inference.reports.replays.Replay`; "heard" is
            False if it was there.

        Raises
        ------
        UnreadableAudioError, UnreadableVideoError
            If it cannot be read to its end; then nothing is written.
        ValueError
            If a format cannot hold a label, which is named.
        """
        record_path = os.path.join(self.folder, name + RECORD)
        fingerprint = self._fingerprint(path)
        record = _load_record(record_path, fingerprint)
        heard = record is None
        if heard:
            record = self._hear(path, progress or (lambda *_: None))
            record["fingerprint"] = fingerprint
            with atomic_writer(record_path) as file:
                json.dump(record, file)
        self.write_events(
            [Event(*event) for event in record["events"]],
            os.path.basename(path),
            name,
            record["seconds"],
            begin,
        )
        if self.report:
            self._write_page(path, name, record, begin)
        return {**record, "heard": heard}

    def write_events(self, events, recording, name, seconds, begin=None):
        """Write the files of a time line that are not there as they should be.

        Arguments
        ---------
        events : list of Event
            In any order.
        recording : str
            Name of the recording.
        name : str
            Of the files, without an extension.
        seconds : float
            Duration of the recording.
        begin : datetime.datetime
            When it was begun.
        """
        for kind in self.formats:
            text = render_events(
                kind, events, recording=recording, duration=seconds, begin=begin
            )
            path = os.path.join(self.folder, name + FORMATS[kind].suffix)
            if hash_file(path) != hashlib.sha256(text.encode()).hexdigest():
                with atomic_writer(path) as file:
                    file.write(text)

    def _write_page(self, path, name, record, begin):
        """Write the page of a recording, unless it is there."""
        model = self.classifier.mods.model
        write_page(
            os.path.join(self.folder, name + PAGE),
            path,
            [Event(*event) for event in record["events"]],
            [Replay(*replay) for replay in record["replays"]],
            fbanks=[model.encoder(index)[0] for index in (0, 1)],
            refinement=model.refinement,
            labels=self.classifier.labels,
            costs=_describe_costs(record),
            begin=begin,
            with_sound=self.with_sound,
            fingerprint=record["fingerprint"],
        )

    def _fingerprint(self, path):
        """Hash what decides on the events of a recording."""
        content = hash_file(path)
        if content is None:
            raise FileNotFoundError(f"there is no file {path}")
        return hashlib.sha256(f"{content} {self.identity}".encode()).hexdigest()

    def _hear(self, path, progress):
        """Find the events of a recording."""
        events, replays = [], []
        labels, rate = self.classifier.labels, self.classifier.sample_rate
        with open_sound(path, rate) as sound:
            timeline = Timeline(self.classifier, sound.blocks, self.settings)
            for part in timeline.parts():
                events += part.events
                replays += [
                    summarize_replay(one, labels) for one in part.replayed
                ]
                progress(part.stop, sound.duration)
        costs = timeline.costs
        return {
            "events": sorted(events, key=lambda event: event[1:3] + event[:1]),
            "seconds": costs.seconds,
            "windows": costs.windows,
            "replayed": costs.replayed,
            "gmacs": costs.gmacs,
            "gmacs_everywhere": costs.gmacs_everywhere,
            "replays": replays,
        }


def _describe_costs(record):
    """What was computed, for people."""
    share = record["gmacs"] / max(record["gmacs_everywhere"], 1e-9)
    return {
        "windows heard": f"{record['windows']:,}",
        "replayed": f"{record['replayed']:,}",
        "GMAC": f"{record['gmacs']:,.2f}",
        "with all replays everywhere": f"{record['gmacs_everywhere']:,.2f}",
        "share": f"{share:.0%}",
    }


def _load_record(path, fingerprint):
    """The record of a recording; None if there is none of this fingerprint."""
    try:
        with open(path, encoding="utf-8") as file:
            record = json.load(file)
    except (FileNotFoundError, ValueError):
        return None
    fits = isinstance(record, dict) and record.get("fingerprint") == fingerprint
    return record if fits else None
