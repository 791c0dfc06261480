"""The exported model, run by onnxruntime, for the benchmarks.

Authors
 * The speechbrain_pib developers 2026
"""

import os
import tempfile

import torch
from speechbrain.dataio.encoder import CategoricalEncoder

from speechbrain_pib.inference.classifiers import PlayItBackClassifier
from speechbrain_pib.inference.export_graph import export_onnx
from speechbrain_pib.inference.onnx_classifier import OnnxClassifier
from speechbrain_pib.inference.quantization import quantize_products
from speechbrain_pib.lobes.models.playitback import PlayItBackOutput


def exported_callers(model, wavs):
    """Functions that run a model's exported files, in as many threads as torch.

    Arguments
    ---------
    model : PlayItBack
        In evaluation mode.
    wavs : torch.Tensor
        [batch, samples].

    Returns
    -------
    functions : dict
        ("onnxruntime", precision) to a function without arguments that
        returns an output with `pass_logits`.
    """
    functions = {}
    with tempfile.TemporaryDirectory() as folder:
        whole, small = (
            os.path.join(folder, f"{name}.onnx") for name in ("fp32", "int8")
        )
        export_onnx(_classifier(model), whole)
        quantize_products(whole, small)
        for precision, path in (("fp32", whole), ("int8", small)):
            print(f"{precision}.onnx: {os.path.getsize(path) / 1e6:.1f} MB")
            functions["onnxruntime", precision] = _caller(path, wavs)
    return functions


def _classifier(model):
    """The model with labels, whose probabilities can be turned back."""
    labels = CategoricalEncoder()
    classes = model.backbone.head.out_features
    labels.update_from_iterable([f"class {n}" for n in range(classes)])
    hparams = {
        "sample_rate": model.fbank.sample_rate,
        "views": 1,
        "multi_label": True,
        "tasks": None,
        "label_encoder": labels,
    }
    return PlayItBackClassifier(
        modules={"model": model}, hparams=hparams, run_opts={"device": "cpu"}
    )


def _caller(path, wavs):
    """A function without arguments that calls a file."""
    classifier, lengths = OnnxClassifier(path), torch.ones(len(wavs))

    def call():
        outputs = classifier.run(wavs, lengths)
        passes = outputs["pass_probabilities"].logit()
        return PlayItBackOutput(outputs["probabilities"].logit(), passes)

    return call
