"""The command join-scenes: a long recording, with where its events are.

Authors
 * The speechbrain_pib developers 2026
"""

from speechbrain_pib.commands.parsing import (
    add_json,
    existing_folder,
    output_wav,
    positive_float,
)
from speechbrain_pib.commands.terminal import conclude

HELP = "join scenes to a long recording, with where its events are"
DESCRIPTION = """\
Joins scenes of one fold, which make-scenes made, in random order to one long
recording, and writes a CSV beside it with the label, start and stop of each
event: a reference for evaluate-timeline. When all scenes have been heard they
come again, in another order."""
EXAMPLE = "scenes fold4.wav --fold 4 --seconds 3600 --event_every 20"


def add_arguments(parser):
    """Add the arguments of the command."""
    parser.add_argument(
        "scenes_folder", type=existing_folder, help="what make-scenes made"
    )
    parser.add_argument(
        "recording", type=output_wav, help="WAV file to write; see also --fold"
    )
    parser.add_argument(
        "--fold", type=int, required=True, help="the fold that is heard"
    )
    parser.add_argument(
        "--seconds",
        type=positive_float,
        help="duration of the recording (default: each scene once)",
    )
    parser.add_argument(
        "--event_every",
        type=positive_float,
        metavar="SECONDS",
        help="mean time from one event to the next; needs scenes that were "
        "made with --background_class (default: scenes as they come)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=1234,
        help="of the order (default: %(default)s)",
    )
    add_json(parser)


def run(arguments):
    """Join the scenes."""
    from speechbrain_pib.dataio.timelines.scene_streams import join_scenes

    stream = join_scenes(
        arguments.scenes_folder,
        arguments.recording,
        arguments.fold,
        seconds=arguments.seconds,
        event_every=arguments.event_every,
        seed=arguments.seed,
    )
    lines = [
        f"{stream.path} lasts {stream.duration:.2f} s and has "
        f"{len(stream.events)} events, which {stream.events_path} lists"
    ]
    result = {
        "recording": stream.path,
        "events": stream.events_path,
        "duration": stream.duration,
        "number_of_events": len(stream.events),
    }
    return conclude(arguments, lines, result, {})
