#!/usr/bin/env python3
"""Measures how fast Play It Back is, and how fast each of its parts.

Compares with the same model computed in the way of the published code, in the
same process. Prints tables, and writes them with hardware and versions to a
JSON file. From the root of the repository:

    PYTHONPATH=. python tests/benchmarks/throughput.py --device cuda --batch 64

Needs torch and torchaudio; librosa for the comparison of front ends alone, and
the extra "onnx" for --onnx.

Authors
 * The speechbrain_pib developers 2026
"""

import argparse
import copy
import json
from pathlib import Path
from unittest.mock import patch

import torch
from baseline import published, unfused
from front_end import front_end_rows
from measure import count_flops, hardware, matmul_peak, median_seconds
from models import (
    DTYPES,
    autocast,
    build_model,
    noise,
    worth_measuring,
)
from training import training_rows

from speechbrain_pib.lobes.models.latent_decoder import DecoderOutput

REPLAYS = 3
TABLES = ("inference", "parts", "front_end", "training")


def parse_arguments():
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--variant", default="B", help="of MViTv2")
    parser.add_argument(
        "--precision", nargs="+", default=list(DTYPES), choices=list(DTYPES)
    )
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--training_batch", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--tables", nargs="+", default=list(TABLES), choices=TABLES
    )
    parser.add_argument(
        "--compile",
        choices=("parts", "whole"),
        help="measure the compiled model too: front end, backbone pass, "
        "selector and decoder each compiled, or the whole forward in a graph",
    )
    parser.add_argument(
        "--onnx",
        action="store_true",
        help="measure the exported file too, by onnxruntime on the CPU, whole "
        "and with matrix products in 8 bits",
    )
    parser.add_argument("--mode", help="of torch.compile on a GPU")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("results/benchmarks/throughput.json"),
    )
    return parser.parse_args()


def compiled(model, arguments, how):
    """Copies a model and has it compiled for inference.

    Arguments
    ---------
    model : PlayItBack
        In evaluation mode.
    arguments : argparse.Namespace
        Of the command line.
    how : str
        "parts" or "whole".

    Returns
    -------
    model : PlayItBack
    """
    model = copy.deepcopy(model)
    if arguments.device == "cpu":
        # Weights become constants in the layout that the CPU likes best.
        options = {"options": {"freezing": True}}
    else:
        options = {"mode": arguments.mode}
    if how == "whole":
        model.compile(fullgraph=True, **options)
        return model
    for part in (model.fbank, model.selector, model.decoder):
        part.compile(fullgraph=True, **options)
    model.backbone.forward_features = torch.compile(
        model.backbone.forward_features, fullgraph=True, **options
    )
    return model


def caller(model, wavs, precision, **given):
    """A function without arguments that calls the model."""

    def call():
        with torch.no_grad(), autocast(wavs.device, precision):
            return model(wavs, **given)

    return call


def inference_rows(arguments, models, wavs, peaks):
    """From waveforms on the device to logits.

    Arguments
    ---------
    arguments : argparse.Namespace
        Of the command line.
    models : dict
        How it is computed to PlayItBack, in evaluation mode.
    wavs : torch.Tensor
        [batch, samples].
    peaks : dict
        FLOP/s of matrix products in each precision.

    Returns
    -------
    rows : list
        A dictionary for each table row.
    """
    model = models["eager"]
    if arguments.compile == "whole":
        whole = compiled(model, arguments, "whole")
        models = {**models, "compiled whole": whole}
    baseline = ("as published", "fp32")
    functions = {baseline: caller(published(model), wavs, "fp32")}
    for precision in arguments.precision:
        for how, fast in models.items():
            functions[how, precision] = caller(fast, wavs, precision)
    if arguments.onnx:
        # Needs more packages than the other rows.
        from exported import exported_callers

        functions |= exported_callers(model, wavs)
    stepwise = unfused(model).requires_grad_(False)
    stepwise = caller(stepwise, wavs, "fp32")
    flops = count_flops(stepwise)
    exact = stepwise().pass_logits[:, 0]
    medians = median_seconds(functions, wavs.device, arguments.repeats)
    rows = []
    for (how, precision), median in medians.items():
        logits = functions[how, precision]().pass_logits[:, 0]
        rows.append(
            {
                "computed": how,
                "precision": precision,
                "ms/clip": 1000 * median / len(wavs),
                "clips/s": len(wavs) / median,
                "GFLOP/clip": flops / len(wavs) / 1e9,
                "TFLOP/s": flops / median / 1e12,
                # That of products in 8 bits is not known.
                "of matmul peak": flops / median / peaks[precision]
                if precision in peaks
                else None,
                "times as fast": medians[baseline] / median,
                # Of the first pass: later ones hear what was selected, and
                # rounding moves that.
                "difference": ((logits - exact).norm() / exact.norm()).item(),
            }
        )
    return rows


def part_functions(model, wavs, precision):
    """Functions that run each part for all passes.

    Arguments
    ---------
    model : PlayItBack
        In evaluation mode.
    wavs : torch.Tensor
        [batch, samples].
    precision : str
        "fp32" or "bf16".

    Returns
    -------
    functions : dict
        Name to callable.
    """
    output = caller(model, wavs, precision)()
    # Contiguous as in the model, so that nothing is compiled anew.
    log_mels = [_contiguous(log_mel) for log_mel in output.log_mel]
    centres = [_contiguous(where) for where in output.centres]
    grids, grid = output.grids, _contiguous(output.grids[0])
    times = [torch.zeros(of.shape[:2], device=wavs.device) for of in grids]
    decoded = DecoderOutput(
        output.logits,
        output.pass_logits,
        output.embeddings,
        output.latents,
        output.summaries,
    )
    listen = model.backbone.forward_features

    def select_and_replay():
        """The whole forward, in which the other parts cost nothing."""
        with (
            patch.object(model.fbank, "forward", lambda *_: log_mels[0]),
            patch.object(model.backbone, "forward_features", lambda _: grid),
            patch.object(model.decoder, "forward", lambda *_: decoded),
        ):
            return model(wavs)

    functions = {
        "front end": lambda: [model.fbank(wavs, where) for where in centres],
        "backbone": lambda: [listen(log_mel) for log_mel in log_mels],
        "select + replay": select_and_replay,
        "decoder": lambda: model.decoder(grids, times),
        "whole": lambda: model(wavs),
    }

    def in_context(function):
        def call():
            with torch.no_grad(), autocast(wavs.device, precision):
                return function()

        return call

    return {name: in_context(part) for name, part in functions.items()}


def _contiguous(tensor):
    """A copy with the strides of a new tensor, even where a size is 1."""
    return tensor.clone(memory_format=torch.contiguous_format)


def part_rows(arguments, models, wavs, peaks):
    """Where the time of X3 goes.

    Arguments
    ---------
    arguments : argparse.Namespace
        Of the command line.
    models : dict
        How it is computed to PlayItBack, in evaluation mode.
    wavs : torch.Tensor
        [batch, samples].
    peaks : dict
        FLOP/s of matrix products in each precision.

    Returns
    -------
    rows : list
        A dictionary for each table row.
    """
    stepwise = unfused(models["eager"]).requires_grad_(False)
    counted = part_functions(stepwise, wavs, "fp32")
    flops = {name: count_flops(part) for name, part in counted.items()}
    rows = []
    for precision in arguments.precision:
        for how, model in models.items():
            functions = part_functions(model, wavs, precision)
            medians = median_seconds(functions, wavs.device, arguments.repeats)
            for part, median in medians.items():
                rows.append(
                    {
                        "computed": how,
                        "precision": precision,
                        "part": part,
                        "ms/clip": 1000 * median / len(wavs),
                        "of the whole": median / medians["whole"],
                        "passes/s": (REPLAYS + 1) * len(wavs) / median,
                        "TFLOP/s": flops[part] / median / 1e12,
                        "of matmul peak": (
                            flops[part] / median / peaks[precision]
                        ),
                    }
                )
    return rows


def print_table(name, rows):
    """Prints rows as a table in Markdown.

    Arguments
    ---------
    name : str
        Title.
    rows : list
        Dictionaries with the same keys.
    """
    print(f"\n{name}\n")
    print("| " + " | ".join(rows[0]) + " |")
    print("|" + "---|" * len(rows[0]))
    for row in rows:
        cells = [
            f"{value:.3g}" if isinstance(value, float) else str(value)
            for value in row.values()
        ]
        print("| " + " | ".join(cells) + " |", flush=True)


def main():
    """Measures the tables that were asked for."""
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    report = {"hardware": hardware(device), "arguments": vars(arguments)}
    print(json.dumps(report["hardware"], indent=4))
    arguments.precision = worth_measuring(arguments.precision, device)
    peaks = {
        precision: matmul_peak(DTYPES[precision], device)
        # What is compared with is computed in fp32.
        for precision in dict.fromkeys(["fp32", *arguments.precision])
    }
    report["matmul_peak"] = peaks
    for precision, peak in peaks.items():
        print(f"matmul peak, {precision}: {peak / 1e12:.3g} TFLOP/s")
    model = build_model(arguments.variant, REPLAYS).to(device).eval()
    wavs = noise(arguments.batch, model, device)
    models = {"eager": model}
    if arguments.compile:
        models["compiled parts"] = compiled(model, arguments, "parts")
    tables = {
        "inference": lambda: inference_rows(arguments, models, wavs, peaks),
        "parts": lambda: part_rows(arguments, models, wavs, peaks),
        "front_end": lambda: front_end_rows(model, wavs, arguments.repeats),
        "training": lambda: training_rows(arguments),
    }
    for name in arguments.tables:
        report[name] = tables[name]()
        print_table(name, report[name])
        # Written after each table, so that an interruption loses one at most.
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(json.dumps(report, indent=4, default=str))


if __name__ == "__main__":
    main()
