"""The command extract-features: features of each second of a folder of videos.

Authors
 * The speechbrain_pib developers 2026
"""

from speechbrain_pib.commands.parsing import (
    add_device,
    add_json,
    add_processes,
    existing_folder,
    output_file,
    positive_int,
)
from speechbrain_pib.commands.terminal import conclude

HELP = "write features of each second of a folder of videos"
DESCRIPTION = """\
Writes image and audio features of each second of each video of a folder to
one HDF5 file, and a manifest beside it. A second call continues where the
first was stopped."""
EXAMPLE = "ActivityNet/videos features.hdf5 --weights imgaud2vid.ckpt"


def add_arguments(parser):
    """Add the arguments of the command."""
    parser.add_argument(
        "video_folder", type=existing_folder, help="where the videos are"
    )
    parser.add_argument(
        "hdf5_file",
        type=output_file(".hdf5", ".h5"),
        help="where the features go",
    )
    parser.add_argument(
        "--weights",
        required=True,
        help="of an ImgAud2Vid, or torchvision's of ResNet-18 for ImageNet",
    )
    parser.add_argument(
        "--teacher",
        help="torchvision's weights of r2plus1d_18: write features of the "
        "clip of each second, too (default: do not)",
    )
    parser.add_argument(
        "--annotations",
        help="CSV with a column ID and others that the manifest shall have; "
        "videos that it does not list are left out",
    )
    parser.add_argument(
        "--image_size",
        type=positive_int,
        default=224,
        help="side of the images in pixels (default: %(default)s)",
    )
    add_processes(parser, default=2)
    add_device(parser)
    add_json(parser)


def run(arguments):
    """Extract the features."""
    from speechbrain.utils.distributed import infer_device

    from speechbrain_pib.inference.features import (
        Encoder,
        extract_features,
        read_annotations,
    )
    from speechbrain_pib.lobes.models.clip_teacher import ClipTeacher
    from speechbrain_pib.lobes.models.imgaud2vid import load_student

    path, annotations = arguments.hdf5_file, None
    if arguments.annotations:
        annotations = read_annotations(arguments.annotations)
    encoder = Encoder(
        load_student(arguments.weights),
        ClipTeacher(arguments.teacher) if arguments.teacher else None,
        arguments.device or infer_device(),
        arguments.image_size,
    )
    rows, failures = extract_features(
        arguments.video_folder,
        path,
        encoder,
        annotations=annotations,
        processes=arguments.processes,
    )
    mute = sum(not row["has_audio"] for row in rows)
    lines = [
        f"{path} has {len(rows)} videos, {mute} of them without sound; "
        f"{len(failures)} are missing or unreadable"
    ]
    result = {"hdf5_file": path, "videos": len(rows), "without_sound": mute}
    return conclude(arguments, lines, result, failures)
