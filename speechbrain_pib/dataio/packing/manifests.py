"""Packs the audio of manifests into tar shards or HDF5 files.

> python -m speechbrain_pib pack MANIFEST_FOLDER PACKED_FOLDER

MANIFEST_FOLDER is the output folder of a recipe, which holds train.csv and so
on. Each audio file is made mono, resampled to one rate and stored with 16 bits
in WebDataset shards (flac) or HDF5 files of about a gigabyte; the manifests in
PACKED_FOLDER then point there, by names relative to it. A finished shard is
kept by the next run; a kill costs the one that was being written. A file whose
size or time has changed since is packed anew.

Authors
 * The speechbrain_pib developers 2026
"""

import hashlib
import json
import os
from functools import partial

from tqdm.contrib import tqdm

from speechbrain_pib.dataio.audio.decoding import read_samples
from speechbrain_pib.dataio.audio.locators import UnreadableAudioError
from speechbrain_pib.dataio.audio.sources import path_of
from speechbrain_pib.dataio.manifest import (
    read_class_list,
    report_coverage,
    write_manifest,
)
from speechbrain_pib.dataio.manifest_dataset import ManifestTable
from speechbrain_pib.dataio.packing.shards import (
    INDEX,
    SHARDS,
    ShardWriter,
    read_indices,
)
from speechbrain_pib.dataio.preparation import SPLITS
from speechbrain_pib.utils.files import file_state, from_cell, locked_folder
from speechbrain_pib.utils.processes import map_processes
from speechbrain_pib.utils.tables import read_rows


def pack_manifests(
    manifest_folder,
    packed_folder,
    *,
    container="shards",
    sample_rate=16000,
    processes=1,
    shard_megabytes=1000,
):
    """Packs the audio of a recipe's manifests.

    Writes into the packed folder: shards with their indices, and, when all
    audio is there, manifests with the same rows and columns (less what cannot
    be read, which `missing.csv` lists), `classes.txt` and the reports of
    `report_coverage`.

    Arguments
    ---------
    manifest_folder : str
        Holds `train.csv`, `valid.csv`, `test.csv` or `submission.csv`,
        `classes.txt` and `missing.csv`, as the recipes write them.
    packed_folder : str
        Where the result goes.
    container : str
        "shards" (WebDataset, flac) or "hdf5" (int16).
    sample_rate : int
        In Hz.
    processes : int
        Files that are decoded at the same time.
    shard_megabytes : float
        Size of a shard in 10^6 bytes, from which on the next one begins.

    Returns
    -------
    coverage : dict
        See `report_coverage`.
    unreadable : dict
        Locator of each audio file that could not be packed -> reason.

    Raises
    ------
    ValueError
        If there are no manifests, nothing of one can be read, the packed
        folder holds others, or another process packs into it.

    Example
    -------
    >>> pack_manifests("results/VGGSound/pib/1234", "packed")  # doctest: +SKIP
    """
    _check_target(manifest_folder, packed_folder)
    paths = {s: os.path.join(manifest_folder, f"{s}.csv") for s in SPLITS}
    tables = {
        split: ManifestTable(path)
        for split, path in paths.items()
        if os.path.exists(path)
    }
    if not tables:
        raise ValueError(
            f"{manifest_folder} holds no manifest (train.csv, valid.csv or "
            "test.csv): run the recipe's train.py on the data first"
        )
    classes = read_class_list(os.path.join(manifest_folder, "classes.txt"))
    missing = _read_missing(os.path.join(manifest_folder, "missing.csv"))
    convert = partial(
        _convert, sample_rate=sample_rate, encode=SHARDS[container].encode
    )
    packed = {}  # locator -> packed locator and duration, or an error
    with locked_folder(packed_folder):
        for split, table in tables.items():
            writer = ShardWriter(
                os.path.join(packed_folder, split),
                SHARDS[container],
                sample_rate,
                1e6 * shard_megabytes,
            )
            _pack_table(table, packed, writer, convert, processes)
            missing += _unpacked_rows(table, packed, split)
        rows = {s: _packed_rows(table, packed) for s, table in tables.items()}
        coverage = report_coverage(rows, missing, classes, packed_folder)
        for split, table in tables.items():
            path = os.path.join(packed_folder, f"{split}.csv")
            write_manifest(path, _packed_rows(table, packed))
    return coverage, {
        locator: str(found)
        for locator, found in packed.items()
        if isinstance(found, UnreadableAudioError)
    }


def _check_target(manifest_folder, packed_folder):
    """Raises if packing would overwrite manifests that it did not write."""
    there = os.listdir(packed_folder) if os.path.isdir(packed_folder) else []
    packed = any(name.endswith(INDEX) for name in there)
    manifests = any(f"{split}.csv" in there for split in SPLITS)
    same = os.path.realpath(manifest_folder) == os.path.realpath(packed_folder)
    if same or (manifests and not packed):
        raise ValueError(
            f"{packed_folder} holds other manifests, which packing would "
            "overwrite; choose another folder for the result"
        )


def _pack_table(table, packed, writer, convert, processes):
    """Packs the audio of a manifest, and enters where it is into `packed`."""
    rows_of = {}
    for index, locator in enumerate(table.column("wav")):
        if locator not in packed:
            rows_of.setdefault(locator, []).append(index)
    digests = {
        locator: _digest(writer, locator, [table[i] for i in indices])
        for locator, indices in rows_of.items()
    }
    done = read_indices(writer.stem)
    todo = [x for x, digest in digests.items() if digest not in done]
    clips = [(x, table[rows_of[x][0]]["duration"]) for x in todo]
    results = map_processes(convert, clips, processes)
    progress = tqdm(
        zip(todo, results),
        desc=f"packing {os.path.basename(table.path)}",
        total=len(digests),
        initial=len(digests) - len(todo),
        unit="file",
        disable=None,
    )
    for locator, result in progress:
        if isinstance(result, UnreadableAudioError):
            packed[locator] = result
        else:
            rows = _describe([table[i] for i in rows_of[locator]])
            writer.add(digests[locator], *result, rows)
    writer.close()
    done = read_indices(writer.stem)
    for locator, digest in digests.items():
        if digest in done:
            packed[locator] = done[digest]


def _convert(clip, sample_rate, encode):
    """Encoded audio and its duration in seconds, or an error, of a locator
    and the duration of the manifest."""
    locator, duration = clip
    try:
        samples, _ = read_samples(locator, sample_rate, duration=duration)
    except UnreadableAudioError as error:
        return UnreadableAudioError(str(error))
    return encode(samples, sample_rate), len(samples) / sample_rate


def _describe(rows):
    """Rows of a manifest, less where their audio was."""
    return [{k: v for k, v in row.items() if k != "wav"} for row in rows]


def _digest(writer, locator, rows):
    """A hash of all that is stored of an audio file, as it is now."""
    state = [writer.kind.extension, writer.sample_rate, locator, rows]
    state.append(file_state(path_of(locator)))
    return hashlib.sha256(json.dumps(state).encode()).hexdigest()[:32]


def _read_missing(path):
    """Rows of a `missing.csv`, none if there is no such file."""
    if not os.path.exists(path):
        return []
    return [
        {**row, "label": from_cell(row["label"])} for _, row in read_rows(path)
    ]


def _packed_rows(table, packed):
    """The rows of a manifest whose audio is packed, as they are now."""
    for row in table:
        found = packed[row["wav"]]
        if not isinstance(found, UnreadableAudioError):
            row["wav"], row["duration"] = found
            yield row


def _unpacked_rows(table, packed, split):
    """The rows of a manifest whose audio cannot be read, with the reason."""
    for row in table:
        reason = packed[row["wav"]]
        if isinstance(reason, UnreadableAudioError):
            columns = {"ID": row["ID"], "label": row["label"]}
            yield {**columns, "split": split, "reason": reason}
