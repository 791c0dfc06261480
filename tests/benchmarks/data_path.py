#!/usr/bin/env python3
"""Clips per second of the data path alone: read, decode, crop, collate.

> python tests/benchmarks/data_path.py --folder=/fast/disk --output=results.json

Makes clips of coloured noise, stores them as wav and flac files and packs them
into HDF5 files and shards, then reads random crops of them with one worker of
a loader, in random order. All is read once before, so that what is measured is
the work of the processor, not the disk's.

Authors
 * The speechbrain_pib developers 2026
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time

import numpy as np
import soundfile
import torch
from speechbrain.dataio.dataloader import make_dataloader

from speechbrain_pib.dataio.clip_datasets import (
    clip_dataset,
    load_label_encoder,
)
from speechbrain_pib.dataio.manifest import report_coverage, write_manifest
from speechbrain_pib.dataio.packing.manifests import pack_manifests


def make_clip(rng, seconds, sample_rate):
    """Noise whose spectrum falls as that of music and speech does."""
    size = round(seconds * sample_rate)
    spectrum = np.fft.rfft(rng.normal(size=size))
    spectrum /= 1 + np.arange(len(spectrum)) / (100 * seconds)
    noise = np.fft.irfft(spectrum, size)
    return 0.3 * noise / np.abs(noise).max()


def write_folder(folder, extension, sample_rate, options):
    """Clips as files, and their manifest; returns the folder."""
    rng, rows = np.random.default_rng(0), []
    os.makedirs(folder)
    for index in range(options.clips):
        path = os.path.join(folder, f"{index:05d}.{extension}")
        clip = make_clip(rng, options.clip_seconds, sample_rate)
        soundfile.write(path, clip, sample_rate, subtype="PCM_16")
        rows.append(
            {
                "ID": f"{index:05d}",
                "duration": options.clip_seconds,
                "wav": path,
                "label": "noise",
            }
        )
    write_manifest(os.path.join(folder, "train.csv"), rows)
    report_coverage({"train": rows}, [], ["noise"], folder)
    return folder


def measure(folder, options):
    """Clips per second of one worker, once for each repeat."""
    dataset = clip_dataset(
        os.path.join(folder, "train.csv"),
        load_label_encoder(os.path.join(folder, "classes.txt")),
        crop_seconds=options.crop_seconds,
        sample_rate=16000,
    )
    rates = []
    for repeat in range(options.repeats + 1):
        torch.manual_seed(repeat)
        loader = make_dataloader(
            dataset,
            batch_size=options.batch_size,
            num_workers=1,
            sampler=torch.utils.data.RandomSampler(dataset),
        )
        batches = iter(loader)
        next(batches)  # the worker has started
        start, clips = time.perf_counter(), 0
        for batch in batches:
            clips += len(batch.id)
        rates.append(clips / (time.perf_counter() - start))
    return rates[1:]  # the first one read from the disk


def read_processor():
    """Name of the processor."""
    try:
        with open("/proc/cpuinfo") as file:
            lines = [line for line in file if line.startswith("model name")]
        return lines[0].split(":")[1].strip()
    except (OSError, IndexError):
        return platform.processor()


def run(folder, options):
    """Makes all stores; returns name -> clips per second of each repeat."""
    results, folders = {}, {}
    for extension in ("wav", "flac"):
        for rate in (16000, 44100):
            name = f"{extension} folder, {rate} Hz"
            place = os.path.join(folder, f"{extension}{rate}")
            folders[name] = write_folder(place, extension, rate, options)
    for name, container in (("HDF5", "hdf5"), ("shards", "shards")):
        place = os.path.join(folder, container)
        pack_manifests(
            folders["wav folder, 16000 Hz"], place, container=container
        )
        folders[f"{name}, 16000 Hz"] = place
    for name, place in folders.items():
        results[name] = measure(place, options)
    return results


def main():
    """Runs the benchmark, prints a table, and writes JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", help="where to put the clips for a while")
    parser.add_argument("--output", help="JSON file of the results")
    parser.add_argument("--clips", type=int, default=512)
    parser.add_argument("--clip_seconds", type=float, default=10.0)
    parser.add_argument("--crop_seconds", type=float, default=5.0)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        results = run(folder, options)
    report = {
        "processor": read_processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "options": vars(options),
        "clips_per_second": results,
    }
    print(f"{report['processor']}, {report['cores']} cores, one worker")
    print("\n| store | clips per second (median) | range |\n|---|---|---|")
    for name, rates in results.items():
        median = statistics.median(rates)
        print(f"| {name} | {median:.0f} | {min(rates):.0f}-{max(rates):.0f} |")
    if options.output:
        with open(options.output, "w") as file:
            json.dump(report, file, indent=2)


if __name__ == "__main__":
    main()
