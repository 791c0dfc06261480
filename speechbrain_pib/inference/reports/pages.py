"""One page for one recording: its events, to look at, to hear and to correct.

The page is a single file without anything from outside, and its security
policy forbids that. It is written piece by piece, so that a day of sound takes
no more memory than a minute, but for its events.

Authors
 * The speechbrain_pib developers 2026
"""

import base64
import bisect
import csv
import hashlib
import io
import json
import math
import os
from pathlib import Path
from urllib.parse import quote

import jinja2
import soundfile

from speechbrain_pib.dataio.timelines.blocks import open_sound
from speechbrain_pib.dataio.timelines.formats import render_events
from speechbrain_pib.inference.reports.pictures import encode_picture
from speechbrain_pib.inference.reports.replays import MOST_BANDS, draw_passes
from speechbrain_pib.inference.reports.spectrograms import (
    FACTOR,
    TILE_COLUMNS,
    TiledSpectrogram,
)
from speechbrain_pib.utils.files import atomic_writer, printable

TEMPLATES = Path(__file__).parents[1] / "templates/timeline"
SCRIPTS = (
    *("axis", "pictures", "lanes", "player", "corrections", "replays"),
    "main",
)
# Of replays; those beyond are listed without pictures. Of noise, which is the
# worst, they take some 3 MB, and the spectrogram 0.6 MB (16 kHz) to 1.5 MB (4 kHz).
PIXELS_PER_HOUR = 6e6
FEWEST_PICTURES = 20
SOUND_MARGIN = 0.25  # seconds before and after an event
SOUND_SECONDS = 30.0  # of an event, at most
HEAD_BYTES, PAGE_END = 4096, b"</body>\n</html>"


def write_page(
    path,
    recording,
    events,
    replays,
    *,
    fbanks,
    refinement,
    labels,
    costs,
    begin=None,
    with_sound=False,
    fingerprint=None,
):
    """Write the page of a recording; it appears when it is complete.

    Arguments
    ---------
    path : str
        The HTML file to write.
    recording : str
        The recording. The page plays it where it lies, seen from the page, or
        beside the page.
    events : list of Event
        What was found, in any order.
    replays : list of Replay
        What was replayed, in any order.
    fbanks : tuple of torch.nn.Module
        The front ends of the model, as for `draw_passes`.
    refinement : float
        Of the model.
    labels : list of str
        What an event may be relabelled to; other labels can be typed.
    costs : dict
        Name to text: what was computed.
    begin : datetime.datetime
        When the recording was begun, where that is known.
    with_sound : bool
        Whether the page holds the sound of each event and of each replayed
        window.
    fingerprint : str
        Tells recording and model from others: a page that holds the same is
        left as it is (default: it is written again).

    Raises
    ------
    UnreadableAudioError
        If the recording cannot be read.
    ValueError
        If a label cannot stand in a CSV file.

    Example
    -------
    >>> import torch
    >>> from speechbrain.dataio import audio_io
    >>> from speechbrain_pib.dataio.timelines.events import Event
    >>> from speechbrain_pib.inference.reports.replays import Replay
    >>> from speechbrain_pib.lobes.features import MultiHopFbank
    >>> folder = getfixture("tmpdir")
    >>> audio_io.save(folder / "a.wav", 0.1 * torch.randn(1, 96000), 16000)
    >>> write_page(
    ...     folder / "a.html",
    ...     folder / "a.wav",
    ...     [Event("dog", 2.5, 3.5, 0.9, confirmed=1)],
    ...     [Replay(1.0, 6.0, [[(2.0, 3.0)]], {"dog": [0.3, 0.9]})],
    ...     fbanks=[MultiHopFbank(hop_length=200, n_frames=400)] * 2,
    ...     refinement=1,
    ...     labels=["cat", "dog"],
    ...     costs={"windows heard": "3"},
    ... )
    >>> (folder / "a.html").read()[:15]
    '<!DOCTYPE html>'
    """
    sample_rate = fbanks[0].sample_rate
    with open_sound(recording, sample_rate) as sound:
        spectrogram = TiledSpectrogram(sound, sample_rate)
        replays = sorted(replays, key=lambda replay: replay.start)
        report = {
            "recording": _describe(recording, path, sound.duration),
            "spectrogram": _describe_tiles(spectrogram),
            **_list_events(events, recording, sound.duration, begin),
            "replays": [_describe_replay(replay) for replay in replays],
            "labels": list(labels),
            "saved_as": f"{printable(Path(path).stem)}.corrected.csv",
        }
        shown = {"report": report, "costs": costs, **_load_assets()}
        content = json.dumps([fingerprint, refinement, with_sound, shown])
        shown["digest"] = hashlib.sha256(content.encode()).hexdigest()
        if fingerprint is not None and _is_there(path, shown["digest"]):
            return
        spans = _sound_spans(report) if with_sound else []
        pieces = _load_template().generate(
            **shown,
            tiles=_encode_tiles(spectrogram),
            limits=spectrogram.limits,
            pictures=_encode_passes(replays, sound, fbanks, refinement),
            sounds=_encode_sounds(spans, sound, sample_rate),
        )
        with atomic_writer(path) as file:
            file.writelines(pieces)


def _is_there(path, digest):
    """Whether there is a whole page of this digest."""
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
            file.seek(-min(len(head), len(PAGE_END)), os.SEEK_END)
            return digest.encode() in head and file.read() == PAGE_END
    except FileNotFoundError:
        return False


def _list_events(events, recording, duration, begin):
    """Events in the order of time, each with the cells of its row in a CSV
    file, and the columns of that."""
    events = sorted(events, key=lambda event: (event[1], event[2], event[0]))
    name = os.path.basename(recording)
    text = render_events(
        "csv", events, recording=name, duration=duration, begin=begin
    )
    columns, *rows = csv.reader(io.StringIO(text, newline=""))
    return {
        "columns": columns,
        "events": [
            {**event._asdict(), "cells": cells}
            for event, cells in zip(events, rows)
        ],
    }


def _describe(recording, path, duration):
    """Name of the recording, and where a page at the path may find it."""
    recording = os.path.abspath(os.fspath(recording))
    folder = os.path.dirname(os.path.abspath(os.fspath(path)))
    places = os.path.relpath(recording, folder), os.path.basename(recording)
    return {
        "name": printable(os.path.basename(recording)),
        "duration": duration,
        # Begun by a point, a name with a colon is not taken for a protocol.
        "sources": [f"./{quote(os.fsencode(place))}" for place in places],
    }


def _describe_tiles(spectrogram):
    """How the page finds its way in the spectrogram."""
    return {
        "seconds_per_column": spectrogram.seconds_per_column,
        "columns": spectrogram.columns,
        "tile_columns": TILE_COLUMNS,
        "factor": FACTOR,
        "top": spectrogram.sample_rate / 2,
    }


def _describe_replay(replay):
    """What the page says of a replayed window; of more than one replay the
    last is shown."""
    return {**replay._asdict(), "segments": replay.segments[-1]}


def _load_template():
    """The page, which escapes all that is put in."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("page.html")


def _load_assets():
    """Style and script of the page, and the policy that allows these alone."""
    style = (TEMPLATES / "style.css").read_text("utf-8")
    scripts = [
        (TEMPLATES / f"{name}.js").read_text("utf-8") for name in SCRIPTS
    ]
    script = "".join(['"use strict";\n', *scripts])
    policy = (
        f"default-src 'none'; script-src {_digest(script)}; "
        f"style-src {_digest(style)}; img-src data:; "
        "media-src 'self' file: data: blob:; base-uri 'none'; "
        "form-action 'none'"
    )
    return {"style": style, "script": script, "policy": policy}


def _digest(text):
    """Name a script or style in a security policy."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _encode_tiles(spectrogram):
    """Tiles, as the template shows them."""
    for tile in spectrogram.tiles():
        picture = encode_picture(tile.levels)
        yield {"scale": tile.scale, "index": tile.index, "picture": picture}


def _encode_passes(replays, sound, fbanks, refinement):
    """Index and pictures of the replayed windows with the best scores."""
    pixels = sum(
        fbank.n_frames * min(fbank.n_mels, MOST_BANDS) for fbank in fbanks
    )
    most = int(PIXELS_PER_HOUR * sound.duration / 3600 / pixels)
    best = sorted(
        range(len(replays)),
        key=lambda index: (
            -max(
                (scores[-1] for scores in replays[index].scores.values()),
                default=0.0,
            )
        ),
    )
    for index in sorted(best[: max(most, FEWEST_PICTURES)]):
        passes = draw_passes(replays[index], sound, fbanks, refinement)
        yield (
            index,
            [
                {"picture": encode_picture(one.levels), "knots": one.knots}
                for one in passes
            ],
        )


def _sound_spans(report):
    """Start and stop of the sounds that the page holds, in order of time:
    replayed windows, and the events that lie in none of them."""
    windows = [
        (replay["start"], replay["stop"]) for replay in report["replays"]
    ]
    spans = list(windows)
    for event in report["events"]:
        # Of windows of one length, the last to begin before it reaches on.
        last = bisect.bisect_right(windows, (event["start"], math.inf)) - 1
        if last < 0 or windows[last][1] < event["stop"]:
            start = max(event["start"] - SOUND_MARGIN, 0.0)
            stop = event["stop"] + SOUND_MARGIN
            spans.append((start, min(stop, start + SOUND_SECONDS)))
    return sorted(spans)


def _encode_sounds(spans, sound, sample_rate):
    """Sounds, as the template holds them."""
    for start, stop in spans:
        samples = sound.cut(start, stop - start)
        file = io.BytesIO()
        soundfile.write(
            file, samples.numpy(), sample_rate, "PCM_16", format="FLAC"
        )
        yield {
            "start": start,
            "stop": start + len(samples) / sample_rate,
            "flac": base64.b64encode(file.getvalue()).decode(),
        }
