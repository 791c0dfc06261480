"""The command export: a trained model as one file.

Authors
 * The speechbrain_pib developers 2026
"""

import os
import tempfile

from speechbrain_pib.commands.parsing import (
    add_json,
    existing_folder,
    output_file,
)
from speechbrain_pib.commands.terminal import conclude

HELP = "write a trained Play It Back model as one file, for any runtime"
DESCRIPTION = """\
Writes all of a model, from the waveform of a window to probabilities and
segments, as an ONNX file, or one of torch.export. Labels, sampling rate and
license are in it, and it is data, not code. Takes a minute or more."""
EXAMPLE = "results/VGGSound/pib/1234/inference sounds.onnx"


def add_arguments(parser):
    """Add the arguments of the command."""
    parser.add_argument(
        "folder",
        type=existing_folder,
        help="inference folder that a recipe wrote; one that you trust",
    )
    parser.add_argument(
        "file",
        type=output_file(".onnx", ".pt2"),
        help="what to write: a name in .onnx or .pt2",
    )
    parser.add_argument(
        "--int8",
        action="store_true",
        help="matrix products in 8 bits: smaller, and mostly faster",
    )
    parser.add_argument(
        "--agreement",
        metavar="MANIFEST",
        help="hear the clips of a manifest, such as the test.csv of the "
        "recipe, with the file and with what it was made of, and compare: "
        "with the folder, or with the whole ONNX file if --int8",
    )
    add_json(parser)


def run(arguments):
    """Export a model."""
    from speechbrain_pib.inference.classifiers import PlayItBackClassifier

    if arguments.file.endswith(".pt2") and (
        arguments.int8 or arguments.agreement
    ):
        raise ValueError("--int8 and --agreement are for files in .onnx")
    classifier = PlayItBackClassifier.from_hparams(
        arguments.folder, run_opts={"device": "cpu"}
    )
    with tempfile.TemporaryDirectory() as folder:
        result = _export(arguments, classifier, folder)
    return conclude(arguments, to_lines(result), result, {})


def _export(arguments, classifier, folder):
    """Write the file, and compare it; the folder is for the time between."""
    from speechbrain_pib.inference import agreement, export_graph, quantization
    from speechbrain_pib.inference.model_cards import read_license
    from speechbrain_pib.inference.onnx_classifier import OnnxClassifier

    path, reference = arguments.file, classifier
    license_id = read_license(os.path.join(arguments.folder, "README.md"))
    result = {"file": path}
    if path.endswith(".pt2"):
        export_graph.export_pt2(classifier, path, license_id)
    elif arguments.int8:
        whole = os.path.join(folder, "whole.onnx")
        export_graph.export_onnx(classifier, whole, license_id)
        quantization.quantize_products(whole, path)
        result["bytes_fp32"] = os.path.getsize(whole)
        if arguments.agreement:
            reference = OnnxClassifier(whole)
    else:
        export_graph.export_onnx(classifier, path, license_id)
    result["bytes"] = os.path.getsize(path)
    if arguments.agreement:
        result["agreement"] = agreement.measure_agreement(
            reference, OnnxClassifier(path), arguments.agreement
        )._asdict()
    return result


def to_lines(result):
    """Lay out the result for a terminal.

    Arguments
    ---------
    result : dict
        "file", "bytes", and perhaps "bytes_fp32" and "agreement".

    Returns
    -------
    lines : list of str

    Example
    -------
    >>> to_lines({"file": "a.onnx", "bytes": 1.5e6, "bytes_fp32": 6e6})
    ['a.onnx: 1.5 MB, 6.0 MB in float32']
    """
    line = f"{result['file']}: {result['bytes'] / 1e6:.1f} MB"
    if "bytes_fp32" in result:
        line += f", {result['bytes_fp32'] / 1e6:.1f} MB in float32"
    if "agreement" not in result:
        return [line]
    found = result["agreement"]
    clips, before = found["clips"], "folder"
    if "bytes_fp32" in result:
        before = "float32"
    lines = [
        line,
        f"same label for {found['same_label']} of {clips} clips, the same "
        f"segments for {found['same_segments']}; probabilities differ by "
        f"{found['largest_difference']:.2g} at most",
        "top-1 {1:.4f}, {0:.4f} of the {2}".format(*found["top1"], before),
        "{1:.1f} ms a window, {0:.1f} of the {2}".format(
            *found["ms_per_window"], before
        ),
    ]
    if found["unreadable"]:
        lines.append(f"{found['unreadable']} clips could not be read")
    return lines
