"""The command extract-audio: the sound of a folder of videos.

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

HELP = "write the sound of a folder of videos to audio files"
DESCRIPTION = """\
Writes the sound of each video of a folder to a mono 16-bit file. A second
call continues where the first was stopped."""
EXAMPLE = "EPIC-KITCHENS/videos EPIC-KITCHENS/audio --processes 8"


def add_arguments(parser):
    """Add the arguments of the command."""
    parser.add_argument(
        "video_folder", type=existing_folder, help="where the videos are"
    )
    parser.add_argument(
        "audio_folder", type=output_folder, help="where the audio files go"
    )
    parser.add_argument(
        "--sample_rate",
        type=positive_int,
        default=24000,
        help="in Hz (default: %(default)s)",
    )
    parser.add_argument(
        "--format",
        choices=["flac", "wav"],
        default="flac",
        help="of the audio files (default: %(default)s)",
    )
    add_processes(parser, default=os.cpu_count())
    add_json(parser)


def run(arguments):
    """Extract the sound."""
    from speechbrain_pib.dataio.video.extract_audio import extract_folder

    done = extract_folder(
        arguments.video_folder,
        arguments.audio_folder,
        arguments.sample_rate,
        extension=arguments.format,
        processes=arguments.processes,
    )
    lines = [
        f"{len(done.written)} written, {len(done.present)} there before, "
        f"{len(done.without_sound)} without sound, {len(done.failures)} failed"
    ]
    result = {
        "written": done.written,
        "present": done.present,
        "without_sound": done.without_sound,
    }
    return conclude(arguments, lines, result, done.failures)
