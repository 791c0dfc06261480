"""The command pack: the audio of a recipe's manifests into few large files.

Authors
 * The speechbrain_pib developers 2026
"""

import os

from speechbrain_pib.commands.parsing import (
    add_json,
    add_processes,
    existing_folder,
    output_folder,
    positive_int,
)
from speechbrain_pib.commands.terminal import conclude

HELP = "pack the audio of a recipe's manifests into few large files"
DESCRIPTION = """\
Makes each audio file that manifests name mono, resamples it to one rate and
stores it with 16 bits in WebDataset shards (flac) or HDF5 files; manifests
beside them point there. What an interrupted run finished is kept."""
EXAMPLE = "results/AudioSet/backbone/1234 packed --processes 16"


def add_arguments(parser):
    """Add the arguments of the command."""
    parser.add_argument(
        "manifest_folder",
        type=existing_folder,
        help="a recipe's output folder, with train.csv and so on",
    )
    parser.add_argument(
        "packed_folder", type=output_folder, help="where the result goes"
    )
    parser.add_argument(
        "--format",
        choices=["hdf5", "shards"],
        default="shards",
        help="WebDataset tar shards of flac, or HDF5 of int16 "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--sample_rate",
        type=positive_int,
        default=16000,
        help="in Hz (default: %(default)s)",
    )
    parser.add_argument(
        "--shard_megabytes",
        type=positive_int,
        default=1000,
        help="size of a shard (default: %(default)s)",
    )
    add_processes(parser, default=os.cpu_count())
    add_json(parser)


def run(arguments):
    """Pack what the manifests name."""
    from speechbrain_pib.dataio.packing.manifests import pack_manifests

    folder = arguments.packed_folder
    coverage, unreadable = pack_manifests(
        arguments.manifest_folder,
        folder,
        container=arguments.format,
        sample_rate=arguments.sample_rate,
        processes=arguments.processes,
        shard_megabytes=arguments.shard_megabytes,
    )
    lines = [
        f"{split}: {part['found']} of {part['expected']} clips"
        for split, part in coverage.items()
    ]
    lines.append(f"Train on it with --packed_folder={folder}")
    result = {"packed_folder": folder, "coverage": coverage}
    return conclude(arguments, lines, result, unreadable)
