"""The command timeline: what is heard when in recordings of any length.

Authors
 * The speechbrain_pib developers 2026
"""

import argparse
import contextlib
import functools
import os
import sys
from datetime import datetime

from speechbrain_pib.commands.describing import add_budget
from speechbrain_pib.commands.parsing import (
    add_device,
    add_json,
    add_processes,
    output_folder,
)
from speechbrain_pib.commands.terminal import (
    FAILURES,
    complain,
    explain,
    print_json,
)
from speechbrain_pib.utils.files import locked_folder, printable

HELP = "list the events of long recordings, with their times"
DESCRIPTION = """\
Hears everything once, in overlapping windows, and replays those in which
something may be; writes the events of each recording into files. A second call
goes on where the first was stopped: what is there of the same sound, model and
settings is not computed again. Several machines share the recordings if torchrun
starts the command. A path of - stands for a live stream: raw mono samples of 16
bits, little-endian, at the rate of the model, from standard input; its events
are printed as soon as they are final. Files in the output folder that another
program wrote, or that are of another recording, are not replaced."""
EXAMPLE = (
    "results/ESC50/scenes/1234/inference recordings --output events "
    "--format csv audacity --threshold 0.5 dog=0.3"
)
STREAM = "-"
# Of sound; with what is computed, an event is printed two seconds after its
# end, unless fainter sound of its class goes on.
STREAM_DELAY = 1.5
FORMATS = "csv jsonl audacity raven webvtt srt textgrid rttm".split()
BEGIN = "%Y%m%d_%H%M%S"
PER_CLASS = "for all classes, or as LABEL=NUMBER for one"


def add_arguments(parser):
    """Add the arguments of the command."""
    parser.add_argument(
        "folder",
        help="inference folder that a recipe wrote, or name of one on the "
        "Hugging Face hub (owner/name); load only what you trust, its "
        "hyperparams.yaml can execute code; or a file .onnx that the command "
        "export wrote, which always computes all replays",
    )
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="path",
        help="sound, videos, and folders of them; - for a live stream",
    )
    parser.add_argument(
        "--output",
        type=output_folder,
        help="folder for the events (default: those of a stream are printed "
        "only)",
    )
    parser.add_argument(
        "--format",
        nargs="+",
        choices=FORMATS,
        default=["csv"],
        help="of the files (default: csv)",
    )
    parser.add_argument(
        "--report",
        action="store_true",
        help="also write a page (HTML) for each recording, to look at its "
        "events and replays, to hear them, and to correct the list; it plays "
        "the recording from where that lies",
    )
    parser.add_argument(
        "--report_with_sound",
        action="store_true",
        help="write such pages, and put the sound of events and replays into "
        "them",
    )
    parser.add_argument(
        "--begin",
        metavar="TIME",
        default=BEGIN,
        help="date and time of day at which a recording was begun, such as "
        "2026-05-01T04:30:00, or how names of files tell it "
        "(default: %(default)s)",
    )
    _add_settings(parser)
    add_processes(parser, default=1)
    add_device(parser)
    add_json(parser)


def _add_settings(parser):
    """Add what decides on events."""
    parser.add_argument(
        "--replays",
        choices=("none", "candidates", "all"),
        default="candidates",
        help="windows to replay (default: %(default)s, those in which the "
        "first listen heard something)",
    )
    add_budget(parser, "all passes", "replay windows")
    for name, help_ in (
        (
            "threshold",
            "evidence that an event reaches, without it what the validation "
            "clips of the training tell",
        ),
        ("min_duration", "shorter events are dropped, in seconds"),
        ("min_gap", "shorter gaps are closed, in seconds"),
    ):
        parser.add_argument(
            f"--{name}",
            nargs="+",
            type=_per_class,
            metavar="NUMBER",
            help=f"{help_}; {PER_CLASS}",
        )
    for name, help_ in (
        ("candidates", "share of the threshold that makes a candidate"),
        ("hysteresis", "share of it to which the evidence may fall meanwhile"),
        ("smoothing", "seconds over which the evidence is averaged"),
        ("delay", "seconds of sound after which an event is final"),
    ):
        parser.add_argument(f"--{name}", type=float, help=help_)
    parser.add_argument(
        "--background",
        nargs="+",
        metavar="LABEL",
        help="classes that are no events",
    )


def _per_class(text):
    """Read "0.5" or "owl=0.5" into a label, or None, and a number."""
    label, _, number = text.rpartition("=")
    try:
        return label or None, float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text} is no number, and not LABEL=NUMBER"
        ) from None


def run(arguments):
    """Find the events."""
    settings = _read_settings(arguments)
    if STREAM in arguments.paths:
        if len(arguments.paths) > 1:
            raise ValueError("a stream (-) is heard alone, without other paths")
        if arguments.report or arguments.report_with_sound:
            raise ValueError("a stream (-) is not kept, and has no report")
        return _run_stream(arguments, settings)
    if arguments.output is None:
        raise ValueError("where do the events go? Give --output FOLDER")
    return _run_files(arguments, settings)


def _read_settings(arguments):
    """The settings that were given."""
    from speechbrain_pib.dataio.timelines.settings import TimelineSettings

    given = {"replays": arguments.replays}
    for name in ("threshold", "min_duration", "min_gap"):
        if getattr(arguments, name) is not None:
            given[name] = dict(getattr(arguments, name))
    for name in ("candidates", "hysteresis", "smoothing", "delay"):
        if getattr(arguments, name) is not None:
            given[name] = getattr(arguments, name)
    if arguments.background:
        given["background"] = tuple(arguments.background)
    if STREAM in arguments.paths:
        given.setdefault("delay", STREAM_DELAY)
    return TimelineSettings(**given)


@functools.lru_cache(maxsize=1)
def _load(folder, device, budget):
    """The classifier, and a hash of it; once in each process."""
    from speechbrain_pib.inference.onnx_classifier import load_classifier
    from speechbrain_pib.inference.timeline_files import hash_model

    classifier = load_classifier(folder, device, budget)
    return classifier, hash_model(folder, classifier)


def _make_writer(arguments, settings):
    """What writes the files."""
    from speechbrain_pib.inference.timeline_files import TimelineWriter

    classifier, model = _load(
        arguments.folder, arguments.device, arguments.budget
    )
    return TimelineWriter(
        classifier,
        model,
        settings,
        arguments.output,
        arguments.format,
        report=arguments.report or arguments.report_with_sound,
        with_sound=arguments.report_with_sound,
    )


def _run_files(arguments, settings):
    """Find the events of files."""
    from speechbrain_pib.dataio.timelines.recordings import (
        find_begin,
        find_recordings,
    )
    from speechbrain_pib.utils.processes import map_processes

    find_begin("", arguments.begin)  # A wrong pattern is no matter of a file.
    recordings = find_recordings(arguments.paths)
    # As torchrun has it: each process has recordings of its own.
    rank = int(os.environ.get("RANK", 0))
    ranks = int(os.environ.get("WORLD_SIZE", 1))
    recordings = recordings[rank::ranks]
    # Wrong settings are no matter of a file either.
    _make_writer(arguments, settings)
    processes = max(min(arguments.processes, len(recordings)), 1)
    with _Progress(recordings) as progress, _lock(arguments.output, ranks):
        work = functools.partial(
            _write,
            arguments=argparse.Namespace(**{**vars(arguments), "run": None}),
            settings=settings,
            # Others are told of files that are done.
            progress=progress.tell if processes == 1 else None,
        )
        status, records = 0, []
        results = map_processes(work, recordings, processes)
        for recording, (record, error) in zip(recordings, results):
            progress.finish(recording, record)
            if record is None:
                complain(f"cannot hear {recording.path}: {error}")
                status = 1
                continue
            records.append(record)
            _print_recording(recording, record, arguments.json)
    if not arguments.json:
        print(printable(_summarize(records)), flush=True)
    return status


def _lock(folder, ranks):
    """Keeps others out of the folder, if there is one, but for the ranks of a
    torchrun."""
    alone = folder is not None and ranks == 1
    return locked_folder(folder) if alone else contextlib.nullcontext()


def _write(recording, arguments, settings, progress):
    """Record of a recording, or None and why there is none."""
    from speechbrain_pib.dataio.timelines.recordings import find_begin

    try:
        writer = _make_writer(arguments, settings)
        begin = find_begin(recording.path, arguments.begin)
        return writer.write(*recording, begin, progress), None
    except FAILURES as error:
        return None, explain(error)


class _Progress:
    """A bar on the terminal, in bytes of files: how long they last is not
    known before they are read."""

    def __init__(self, recordings):
        from tqdm import tqdm

        self.sizes = {r.path: _size(r.path) for r in recordings}
        self.bar = tqdm(
            total=sum(self.sizes.values()),
            unit="B",
            unit_scale=True,
            disable=None,
        )
        self.done = self.seconds = 0  # of files that are finished

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.bar.close()

    def tell(self, seconds, duration):
        """So many seconds of the present file were heard."""
        share = min(seconds / duration, 1.0) if duration else 0.0
        size = next(iter(self.sizes.values()))  # They are read in order.
        self._show(self.done + share * size, self.seconds + seconds)

    def finish(self, recording, record):
        """A file is done."""
        self.done += self.sizes.pop(recording.path, 0)
        if record is not None and record["heard"]:
            self.seconds += record["seconds"]
        self._show(self.done, self.seconds)
        self.bar.clear()

    def _show(self, size, seconds):
        """Move the bar."""
        elapsed = self.bar.format_dict["elapsed"]
        if elapsed:
            speed = f"{seconds / elapsed:.0f} times real time"
            self.bar.set_postfix_str(speed, refresh=False)
        self.bar.update(size - self.bar.n)


def _size(path):
    """Bytes of a file; 0 if it is not there."""
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def _print_recording(recording, record, as_json):
    """Say what was found in a recording, and what that cost."""
    if as_json:
        hidden = ("fingerprint", "replays")
        shown = {key: record[key] for key in record if key not in hidden}
        print_json({"file": recording.path, "name": recording.name, **shown})
        return
    line = f"{recording.path}: {_summarize([record])}"
    if not record["heard"]:
        line += " (there before)"
    print(printable(line), flush=True)


def _summarize(records):
    """Events of recordings and their cost, beside that of all replays."""
    names = ("seconds", "windows", "replayed", "gmacs", "gmacs_everywhere")
    total = {name: sum(record[name] for record in records) for name in names}
    events = sum(len(record["events"]) for record in records)
    hours = total["seconds"] / 3600
    line = (
        f"{events} events in {hours:.2f} h; {total['windows']} windows heard, "
        f"{total['replayed']} replayed"
    )
    if not total["gmacs_everywhere"]:
        return line
    share = total["gmacs"] / total["gmacs_everywhere"]
    return (
        f"{line}: {total['gmacs'] / hours:.1f} GMAC an hour, {share:.0%} of "
        f"{total['gmacs_everywhere'] / hours:.1f} with all replays everywhere"
    )


def _run_stream(arguments, settings):
    """Print the events of a live stream as they are found."""
    from speechbrain_pib.dataio.timelines.blocks import read_pcm
    from speechbrain_pib.dataio.timelines.recordings import find_begin
    from speechbrain_pib.inference.timelines import Timeline

    if sys.stdin is None:
        raise ValueError("there is no standard input to read a stream (-) from")
    writer = _make_writer(arguments, settings)
    begin = find_begin("", arguments.begin)
    blocks = read_pcm(sys.stdin.buffer)
    timeline = Timeline(writer.classifier, blocks, settings, live=True)
    name = f"stream_{datetime.now():%Y%m%d_%H%M%S}"
    events = []

    def keep():
        # After each event, whatever will end the stream.
        if arguments.output is not None:
            writer.write_events(events, name, name, timeline.seconds, begin)

    with _lock(arguments.output, 1):
        keep()
        for event in timeline:
            events.append(event)
            _print_event(event, arguments.json)
            keep()
        keep()
    return 0


def _print_event(event, as_json):
    """Print an event as soon as it is final."""
    if as_json:
        print_json(event._asdict())
        return
    print(
        f"{event.start:.3f} {event.stop:.3f} {event.score:.4f} "
        f"{printable(event.label)}",
        flush=True,
    )
