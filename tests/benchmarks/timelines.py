#!/usr/bin/env python3
"""Time lines of long recordings: memory, speed, where the time goes, and what
is left of a run that was killed.

> PYTHONPATH=. python tests/benchmarks/timelines.py --threads 2

Makes recordings of noise with a tone every 20 s (flac, 16 kHz), and hears them
with a small X3 of random weights, whose threshold is the 99.9th percentile of its
evidence in the first minute. Each length is heard in a process of its own.

Authors
 * The speechbrain_pib developers 2026
"""

import argparse
import itertools
import json
import multiprocessing
import os
import random
import signal
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import torch
from measure import hardware, peak_memory
from speechbrain.dataio.encoder import CategoricalEncoder

from speechbrain_pib.dataio.timelines.blocks import open_sound
from speechbrain_pib.dataio.timelines.settings import TimelineSettings
from speechbrain_pib.inference.classifiers import PlayItBackClassifier
from speechbrain_pib.inference.timeline_files import TimelineWriter
from speechbrain_pib.inference.timelines import Timeline
from speechbrain_pib.lobes.features import MultiHopFbank
from speechbrain_pib.lobes.models.convnet import ConvNet
from speechbrain_pib.lobes.models.latent_decoder import LatentDecoder
from speechbrain_pib.lobes.models.playitback import PlayItBack
from speechbrain_pib.lobes.models.slot_attention import SlotSelector

RATE, CLASSES, MINUTES = 16000, 20, 10


def build_classifier(options):
    """A small X3 of random weights."""
    torch.manual_seed(0)
    backbone = ConvNet(CLASSES, channels=options.channels)
    size = backbone.output_size
    model = PlayItBack(
        MultiHopFbank(options.hop, 400, sample_rate=RATE, n_mels=64, n_fft=512),
        backbone,
        SlotSelector(size, slot_size=64),
        LatentDecoder(
            size,
            CLASSES,
            4,
            num_latents=16,
            latent_size=128,
            latent_heads=2,
            self_blocks=1,
        ),
        replays=3,
        largest_share=0.2,
    )
    labels = CategoricalEncoder()
    labels.update_from_iterable([f"class {n}" for n in range(CLASSES)])
    return PlayItBackClassifier(
        modules={"model": model.eval()},
        hparams={
            "sample_rate": RATE,
            "views": 1,
            "multi_label": False,
            "tasks": None,
            "label_encoder": labels,
        },
        run_opts={"device": "cpu"},
    )


def write_recording(path, hours, seed=0):
    """Ten minutes of noise with tones, again and again at other levels."""
    rng = np.random.default_rng(seed)
    size = MINUTES * 60 * RATE
    time_ = np.arange(size) / RATE
    tones = np.sin(2 * np.pi * 1000 * time_) * (time_ % 20 < 0.5)
    noise = 0.01 * rng.standard_normal(size) + 0.1 * tones
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        left = round(hours * 3600 * RATE)
        while left > 0:
            file.write((noise * rng.uniform(0.5, 2))[:left])
            left -= size


def find_settings(classifier, path):
    """Settings with which the model hears events in a part of the windows."""
    with open_sound(path, RATE) as sound:
        blocks = itertools.islice(sound.blocks, 6)
        parts = Timeline(classifier, blocks, TimelineSettings()).parts()
        evidence = np.concatenate([part.evidence for part in parts])
    level = float(np.quantile(evidence.max(axis=1), 0.999))
    return TimelineSettings(threshold=level, candidates=1.0, hysteresis=0.9)


class Stopwatch:
    """Processor time of what is called through it, in seconds."""

    def __init__(self):
        self.seconds = 0.0

    def around(self, function):
        """The function, with its time counted."""

        def call(*arguments, **options):
            start = time.process_time()
            try:
                return function(*arguments, **options)
            finally:
                self.seconds += time.process_time() - start

        return call


def hear(path, options):
    """Memory, speed and shares of a time line; in a process of its own."""
    torch.set_num_threads(options.threads)
    classifier = build_classifier(options)
    settings = find_settings(classifier, path)
    reading, front_end, listening = Stopwatch(), Stopwatch(), Stopwatch()
    wall, cpu = time.perf_counter(), time.process_time()
    with open_sound(path, RATE) as sound:
        take = reading.around(iter(sound.blocks).__next__)

        def blocks():
            while True:
                try:
                    block = take()
                except StopIteration:
                    return
                yield block

        timeline = Timeline(classifier, blocks(), settings)
        model, listener = classifier.mods.model, timeline.listener
        model.fbank.forward = front_end.around(model.fbank.forward)
        listener.listen = listening.around(listener.listen)
        listener.replay = listening.around(listener.replay)
        events = sum(1 for _ in timeline)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "hours": timeline.seconds / 3600,
        "events": events,
        "windows": timeline.windows,
        "replayed": timeline.replayed,
        "peak_mb": peak_memory(torch.device("cpu")) / 2**20,
        "times_real_time": timeline.seconds / wall,
        "times_real_time_of_processor": timeline.seconds / cpu,
        "reading": reading.seconds / cpu,
        "front_end": front_end.seconds / cpu,
        "network": (listening.seconds - front_end.seconds) / cpu,
        "events_share": 1 - (reading.seconds + listening.seconds) / cpu,
        "hardware": hardware(torch.device("cpu")),
    }


def write_all(folder, output, options):
    """Write the time lines of a folder, as the command does."""
    torch.set_num_threads(1)
    classifier = build_classifier(options)
    paths = sorted(Path(folder).glob("*.flac"))
    settings = find_settings(classifier, paths[0])
    formats = ["csv", "audacity", "textgrid"]
    writer = TimelineWriter(classifier, "random", settings, output, formats)
    for path in paths:
        writer.write(str(path), path.stem)


def run_and_kill(arguments, after=None):
    """Let a process write for some seconds at most; returns how long it did."""
    # A fork, so that the moments lie in the work, not in the imports.
    process = multiprocessing.get_context("fork").Process(
        target=write_all, args=arguments
    )
    start = time.perf_counter()
    process.start()
    process.join(after)
    if process.is_alive():
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    return time.perf_counter() - start


def contents(folder):
    """Content of all whole files in a folder, by their names."""
    return {
        path.name: path.read_bytes()
        for path in Path(folder).glob("*")
        if path.suffix != ".tmp"
    }


def count_identical(folder, options):
    """How many killed runs end with the bytes of one that was not killed."""
    recordings = os.path.join(folder, "recordings")
    os.makedirs(recordings)
    for seed in range(6):
        path = os.path.join(recordings, f"{seed}.flac")
        write_recording(path, 1 / 90, seed)
    expected = os.path.join(folder, "whole")
    # What is imported at the first use is so before the forks.
    torch.set_num_threads(1)
    _ = Timeline(build_classifier(options), (), TimelineSettings()).costs
    seconds = run_and_kill((recordings, expected, options))
    moments, cut_short, identical = random.Random(0), 0, 0
    for number in range(options.kills):
        output = os.path.join(folder, f"killed{number}")
        arguments = recordings, output, options
        run_and_kill(arguments, moments.uniform(0, seconds))
        cut_short += contents(output) != contents(expected)
        run_and_kill(arguments)
        identical += contents(output) == contents(expected)
    return {
        "kills": options.kills,
        "cut_short": cut_short,
        "identical": identical,
    }


def main():
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, nargs="*", default=[1, 24])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--channels",
        type=int,
        nargs="+",
        default=[16, 32, 64, 96],
        help="of the backbone",
    )
    parser.add_argument(
        "--hop", type=int, default=200, help="a window is 400 of them"
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--output")
    options = parser.parse_args()
    results = {"timelines": []}
    with tempfile.TemporaryDirectory() as folder:
        spawn = multiprocessing.get_context("spawn")
        for hours in options.hours:
            path = os.path.join(folder, "recording.flac")
            write_recording(path, hours)
            with spawn.Pool(1) as pool:
                row = pool.apply(hear, (path, options))
            results["timelines"].append(row)
            print(json.dumps(row), flush=True)
        if options.kills:
            results["kills"] = count_identical(folder, options)
            print(json.dumps(results["kills"]))
    if options.output:
        Path(options.output).write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
