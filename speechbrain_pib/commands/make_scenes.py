"""The command make-scenes: short real events in real backgrounds.

Authors
 * The speechbrain_pib developers 2026
"""

from speechbrain_pib.commands.parsing import (
    add_json,
    existing_folder,
    output_folder,
    positive_int,
)
from speechbrain_pib.commands.terminal import conclude

HELP = "make scenes of real sounds, with where their events are"
DESCRIPTION = """\
Cuts the most energetic part out of clips of a data set in ESC-50's layout
(audio/ and meta/esc50.csv with columns filename, fold, category, src_file)
and mixes it at a random place into a clip of another category that sounds all
the time. The scenes are written in the same layout, with event_start and
event_stop; recipes/ESC50 trains on them. All clips of a scene are of one fold
and no recording may be in two, so that whatever folds are trained and tested
on, they share no recording. The folder appears when it is complete."""
EXAMPLE = "ESC-50-master scenes --seed 1 --snr 0 10"


def add_arguments(parser):
    """Add the arguments of the command."""
    parser.add_argument(
        "data_folder", type=existing_folder, help="in ESC-50's layout"
    )
    parser.add_argument(
        "scenes_folder", type=output_folder, help="where the scenes go"
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=1234,
        help="of all that is random (default: %(default)s)",
    )
    parser.add_argument(
        "--scenes_per_fold",
        type=positive_int,
        default=800,
        help="scenes of each fold; its classes take turns "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--backgrounds",
        nargs="+",
        metavar="CATEGORY",
        default=(),
        help="categories that are heard all the time and are no class "
        "(default: rain, wind, engine and the like, as far as they are there)",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=5.0,
        help="duration of a scene (default: %(default)s)",
    )
    parser.add_argument(
        "--event_seconds",
        type=float,
        nargs=2,
        metavar=("SHORTEST", "LONGEST"),
        default=(0.3, 1.0),
        help="duration of an event (default: 0.3 1.0)",
    )
    parser.add_argument(
        "--snr",
        type=float,
        nargs=2,
        metavar=("LOWEST", "HIGHEST"),
        default=(0.0, 10.0),
        help="level of an event above its background, in dB (default: 0 10)",
    )
    parser.add_argument(
        "--distractors",
        type=int,
        default=1,
        help="further events in a scene, as long and as loud, of other "
        "backgrounds' categories (default: %(default)s)",
    )
    parser.add_argument(
        "--sample_rate",
        type=positive_int,
        default=16000,
        help="in Hz (default: %(default)s)",
    )
    parser.add_argument(
        "--background_class",
        metavar="NAME",
        default="",
        help="class of scenes without an event, which takes its turn as the "
        "others do (default: every scene has an event)",
    )
    add_json(parser)


def run(arguments):
    """Make the scenes."""
    from speechbrain_pib.dataio.scene_mixing import SceneSettings
    from speechbrain_pib.dataio.scenes import make_scenes

    settings = SceneSettings(
        seed=arguments.seed,
        scenes_per_fold=arguments.scenes_per_fold,
        backgrounds=tuple(arguments.backgrounds),
        seconds=arguments.seconds,
        event_seconds=tuple(arguments.event_seconds),
        snr=tuple(arguments.snr),
        distractors=arguments.distractors,
        sample_rate=arguments.sample_rate,
        background_class=arguments.background_class,
    )
    folder = arguments.scenes_folder
    scenes = make_scenes(arguments.data_folder, folder, settings)
    classes, failures = len(scenes.classes), scenes.failures
    lines = [
        f"{folder} has {settings.scenes_per_fold} scenes of each fold "
        f"({', '.join(map(str, scenes.folds))}) in {classes} classes; "
        f"{len(failures)} clips left out",
        f"Train on it with --data_folder={folder} --num_classes={classes}",
    ]
    result = {
        "scenes_folder": folder,
        "folds": scenes.folds,
        "classes": scenes.classes,
    }
    return conclude(arguments, lines, result, failures)
