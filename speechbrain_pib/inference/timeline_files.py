"""Time lines of recordings, written into a folder; what is there is not
computed again.

Beside the files that were asked for each recording has a record,
NAME.timeline.json, with its events, its replays, where the recording is, and
fingerprints: of the sound, and of that with the model and the settings. The
record is written first, whole or not at all; the other files are written from
it. So a run that was killed goes on where it was, and leaves the same bytes as
one that was not. Files that have no record, or that of another recording, are
somebody else's, and are not replaced.

Authors
 * The speechbrain_pib developers 2026
"""

import contextlib
import hashlib
import json
import os
import re

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
# What decides on what a folder hears.
LOADED = re.compile(r"hyperparams\.yaml|budget\.json|.+\.ckpt")


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
            if LOADED.fullmatch(name) and os.path.isfile(path):
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
        # The page of a report has a CSV in it.
        for kind in {*formats, *(["csv"] if report else [])}:
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
            If there are files of that name which are not of this recording.
        """
        record_path = os.path.join(self.folder, name + RECORD)
        about = self._identify(path)
        earlier = _load_record(record_path)
        heard = earlier.get("fingerprint") != about["fingerprint"]
        if heard:
            self._check_earlier(earlier, about, name)
            record = self._hear(path, progress or (lambda *_: None)) | about
            # Of formats that are not asked for now, they would stay as they
            # are.
            self._remove_earlier(name)
            with atomic_writer(record_path) as file:
                json.dump(record, file)
        else:
            record = earlier
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

    def _identify(self, path):
        """Where a recording is, and hashes of it and of what decides on its
        events."""
        content = hash_file(path)
        if content is None:
            raise FileNotFoundError(f"there is no file {path}")
        everything = f"{content} {self.identity}".encode()
        return {
            "recording": os.path.realpath(path),
            "content": content,
            "fingerprint": hashlib.sha256(everything).hexdigest(),
        }

    def _results(self, name):
        """The files that there may be of a recording, but for its record."""
        for suffix in (*(kind.suffix for kind in FORMATS.values()), PAGE):
            yield os.path.join(self.folder, name + suffix)

    def _check_earlier(self, earlier, about, name):
        """Raises if what is there is not of this recording."""
        there = [*filter(os.path.lexists, self._results(name))]
        if there and not earlier:
            raise ValueError(
                f"{there[0]} is there already, and was not written by this "
                "command; move it, or give another output folder"
            )
        # It may have moved, or grown.
        keys = ("recording", "content")
        if all(earlier.get(key, about[key]) != about[key] for key in keys):
            raise ValueError(
                f"{self.folder} holds the events of {earlier['recording']} "
                f"under the name {name}; give another output folder"
            )

    def _remove_earlier(self, name):
        """Removes what was written of a recording with other settings."""
        for path in self._results(name):
            with contextlib.suppress(FileNotFoundError):
                os.remove(path)

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


def _load_record(path):
    """The record of a recording; empty if there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            record = json.load(file)
    except FileNotFoundError:
        return {}
    except ValueError:
        record = None
    # Of one that is damaged it is not known what it was of.
    return record if isinstance(record, dict) else {"damaged": True}
