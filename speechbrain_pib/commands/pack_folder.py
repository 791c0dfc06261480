"""The command pack-folder: a folder of audio files into one HDF5 file.

Authors
 * The speechbrain_pib developers 2026
"""

import os

from speechbrain_pib.commands.parsing import (
    add_json,
    add_processes,
    existing_folder,
    output_file,
    positive_int,
)
from speechbrain_pib.commands.terminal import conclude

HELP = "pack a folder of audio files into one HDF5 file"
DESCRIPTION = """\
Writes one dataset per audio file, mono, named as the file without its
extension, with its rate as the attribute sample_rate. What an interrupted run
finished is kept."""
EXAMPLE = "EPIC-KITCHENS/audio EPIC_audio.hdf5 --sample_rate 24000"


def add_arguments(parser):
    """Add the arguments of the command."""
    parser.add_argument(
        "audio_folder",
        type=existing_folder,
        help="searched, with the folders in it, for wav, flac, ogg and mp3",
    )
    parser.add_argument(
        "hdf5_file",
        type=output_file(".hdf5", ".h5"),
        help="one dataset per audio file",
    )
    parser.add_argument(
        "--dtype",
        choices=["int16", "float32"],
        default="int16",
        help="of the samples (default: %(default)s)",
    )
    parser.add_argument(
        "--sample_rate",
        type=positive_int,
        help="in Hz (default: that of each file)",
    )
    add_processes(parser, default=os.cpu_count())
    add_json(parser)


def run(arguments):
    """Pack the folder."""
    from speechbrain_pib.dataio.packing.hdf5 import pack_folder

    path = arguments.hdf5_file
    unreadable = pack_folder(
        arguments.audio_folder,
        path,
        dtype=arguments.dtype,
        sample_rate=arguments.sample_rate,
        processes=arguments.processes,
    )
    lines = [f"{path} is complete; {len(unreadable)} files left out"]
    return conclude(arguments, lines, {"hdf5_file": path}, unreadable)
