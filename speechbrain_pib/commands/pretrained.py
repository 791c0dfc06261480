"""The command pretrained: a classifier from published weights.

Authors
 * The speechbrain_pib developers 2026
"""

from speechbrain_pib.commands.parsing import add_json, output_folder
from speechbrain_pib.commands.terminal import conclude

HELP = "make a classifier of published weights, without training"
DESCRIPTION = """\
Writes the weights of a published network as a folder that the command classify
takes. yamnet: 521 sounds of AudioSet; weights are yamnet.h5 of its release, or
such weights as .npz, .safetensors or a file of torch.save. ast: 527 sounds of
AudioSet; weights are model.safetensors of MIT/ast-finetuned-audioset-10-10-0.4593
on the Hugging Face Hub, and transformers must be installed."""
EXAMPLE = "yamnet /path/to/yamnet.h5 hears --classes yamnet_class_map.csv"


def add_arguments(parser):
    """Add the arguments of the command."""
    parser.add_argument(
        "network", choices=["yamnet", "ast"], help="which network"
    )
    parser.add_argument(
        "weights",
        help="a file, or hf://owner/name/file of the Hugging Face Hub",
    )
    parser.add_argument(
        "folder", type=output_folder, help="where the result goes"
    )
    parser.add_argument(
        "--classes",
        help="CSV file with the columns index and display_name, or "
        "config.json (default: yamnet_class_map.csv or config.json of the "
        "release, beside the weights)",
    )
    add_json(parser)


def run(arguments):
    """Write the inference folder."""
    from speechbrain_pib.inference.pretrained import write_pretrained

    num_classes = write_pretrained(
        arguments.folder,
        arguments.network,
        arguments.weights,
        arguments.classes,
    )
    lines = [
        f"{arguments.folder} knows {num_classes} sounds",
        f"Hear with it: speechbrain-pib classify {arguments.folder} sound.wav",
    ]
    result = {"folder": arguments.folder, "classes": num_classes}
    return conclude(arguments, lines, result, {})
