"""Writes a whole model, from waveform to scores and segments, as one file.

Authors
 * The speechbrain_pib developers 2026
"""

import copy
import re
import warnings

import torch

from speechbrain_pib.inference.onnx_operators import translations
from speechbrain_pib.inference.window_metadata import (
    INPUTS,
    OUTPUTS,
    WindowMetadata,
)
from speechbrain_pib.lobes.features import MultiHopFbank
from speechbrain_pib.lobes.fourier_basis import with_fourier_basis
from speechbrain_pib.lobes.models.evidence import step_evidence
from speechbrain_pib.lobes.resampled_features import ResampledFbank
from speechbrain_pib.nnet.losses import class_probabilities
from speechbrain_pib.utils.files import atomic_writer
from speechbrain_pib.utils.operations import count_gmacs

# Runtimes of 2023 know it, too.
OPSET = 18
# The names of the front ends' operators begin with them.
FRONT_ENDS = ("fbank/", "replay_fbank/")


class WindowGraph(torch.nn.Module):
    """What an exported file computes: tensors to tensors.

    Arguments
    ---------
    model : PlayItBack
        It is copied.
    multi_label : bool
        Whether classes are independent.
    tasks : list of int
        Number of classes of each task that shares the head; None for one.

    Example
    -------
    >>> from speechbrain_pib.lobes.models.convnet import ConvNet
    >>> from speechbrain_pib.lobes.models.playitback import PlayItBack
    >>> fbank = MultiHopFbank(hop_length=160, n_frames=100)
    >>> graph = WindowGraph(PlayItBack(fbank, ConvNet(3)).eval(), False, None)
    >>> [tuple(x.shape) for x in graph(torch.randn(2, 16000), torch.ones(2))]
    [(2, 3), (2, 1, 3), (2, 1, 100), (2, 256),
     (2, 7, 3), (2, 1, 7, 3), (2, 1, 7)]
    """

    def __init__(self, model, multi_label, tasks):
        super().__init__()
        self.model = copy.deepcopy(model).cpu().eval()
        for name in ("fbank", "replay_fbank"):
            fbank = getattr(self.model, name)
            if isinstance(fbank, MultiHopFbank | ResampledFbank):
                setattr(self.model, name, with_fourier_basis(fbank))
        self.multi_label = multi_label
        self.tasks = tasks

    def forward(self, waveform, lengths):
        """Classifies windows.

        Arguments
        ---------
        waveform : torch.Tensor
            [batch, samples]
        lengths : torch.Tensor
            Relative lengths before padding [batch].

        Returns
        -------
        probabilities : torch.Tensor
            [batch, classes]
        pass_probabilities : torch.Tensor
            After each pass [batch, passes, classes].
        segments : torch.Tensor
            Base frames that each pass selected, boolean [batch, passes, T];
            pass k + 1 replays those of pass k.
        embeddings : torch.Tensor
            What the last layer classifies [batch, features].
        first_evidence : torch.Tensor
            Of each class in the time steps of the first pass, as if there
            were no others, see `WindowListener` [batch, time, classes].
        evidence : torch.Tensor
            Of all passes, fused [batch, passes, time, classes].
        times : torch.Tensor
            Of the steps, in samples [batch, passes, time].

        Where a pass has fewer steps than others, its last one comes again.
        """
        output = self.model(waveform, lengths)
        segments = output.masks
        if segments is None:
            frames = self.model.fbank.n_frames
            segments = waveform.new_zeros(waveform.shape[0], 1, frames).bool()
        model = self.model
        evidence, times = step_evidence(model, output, self._probabilities)
        # What the decoder says after a pass does not depend on later ones.
        first = output._replace(logits=output.pass_logits[:, 0])
        first, _ = step_evidence(model, first, self._probabilities)
        return (
            self._probabilities(output.logits),
            self._probabilities(output.pass_logits),
            segments,
            output.embeddings,
            first[:, 0],
            evidence,
            times,
        )

    def _probabilities(self, logits):
        return class_probabilities(logits, self.multi_label, self.tasks)


def describe_windows(classifier, license_id=""):
    """Collects what a file says of itself.

    Arguments
    ---------
    classifier : PlayItBackClassifier
        The model.
    license_id : str
        License of the weights.

    Returns
    -------
    metadata : WindowMetadata

    Example
    -------
    >>> describe_windows(classifier).labels  # doctest: +SKIP
    ['bark', 'meow']
    """
    wavs = torch.zeros(1, classifier.n_samples, device=classifier.device)
    # All passes, whatever the budget of the classifier is.
    gmacs = count_gmacs(lambda: classifier.mods.model(wavs))
    return WindowMetadata(
        labels=classifier.labels,
        sample_rate=classifier.sample_rate,
        window_samples=classifier.n_samples,
        hop_samples=classifier.fbank.hop_length,
        views=classifier.views,
        multi_label=classifier.hparams.multi_label,
        event_threshold=classifier.event_threshold,
        tasks=classifier.tasks,
        license=license_id,
        gmacs=gmacs,
    )


def trace_windows(classifier):
    """Has torch.export trace a model, for batches of any size.

    Arguments
    ---------
    classifier : PlayItBackClassifier
        The model.

    Returns
    -------
    program : torch.export.ExportedProgram
        Of a WindowGraph.

    Raises
    ------
    ValueError
        If torch cannot trace the model.

    Example
    -------
    >>> trace_windows(classifier)  # doctest: +SKIP
    """
    graph = WindowGraph(
        classifier.mods.model, classifier.hparams.multi_label, classifier.tasks
    )
    # Two clips of different length: of a single one torch takes the size of
    # the batch for a constant.
    inputs = torch.zeros(2, classifier.n_samples), torch.tensor([1.0, 0.5])
    batch = {0: torch.export.Dim("batch")}
    try:
        with torch.no_grad():
            program = torch.export.export(
                graph, inputs, dynamic_shapes=(batch, batch), strict=False
            )
    except Exception as error:  # Of a foreign backbone it can be anything.
        raise _refusal(classifier, error) from error
    for module in program.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.nodes:
                # It names the folders of this machine.
                node.meta.pop("stack_trace", None)
    return program


def export_pt2(classifier, path, license_id=""):
    """Writes a model as a file that torch.export.load reads.

    Arguments
    ---------
    classifier : PlayItBackClassifier
        The model.
    path : str
        Where to write.
    license_id : str
        License of the weights.

    Raises
    ------
    ValueError
        If torch cannot export the model.

    Example
    -------
    >>> export_pt2(classifier, "model.pt2")  # doctest: +SKIP
    """
    program = trace_windows(classifier)
    properties = describe_windows(classifier, license_id).to_properties()
    with atomic_writer(path, "wb") as file:
        torch.export.save(program, file, extra_files=properties)


def export_onnx(classifier, path, license_id=""):
    """Writes a model as an ONNX file, see `WindowGraph`.

    Arguments
    ---------
    classifier : PlayItBackClassifier
        The model.
    path : str
        Where to write.
    license_id : str
        License of the weights.

    Raises
    ------
    ImportError
        If the extra "onnx" is not installed.
    ValueError
        If torch cannot export the model.

    Example
    -------
    >>> export_onnx(classifier, "model.onnx")  # doctest: +SKIP
    """
    _require_onnx()
    program = trace_windows(classifier)
    try:
        with warnings.catch_warnings():
            # Of the exporter's own code.
            warnings.simplefilter("ignore")
            exported = torch.onnx.export(
                program,
                input_names=INPUTS,
                output_names=OUTPUTS,
                opset_version=OPSET,
                custom_translation_table=translations(),
                dynamo=True,
                verbose=False,
            )
    except Exception as error:  # Of a foreign backbone it can be anything.
        raise _refusal(classifier, error) from error
    model = exported.model_proto
    _tidy(model.graph)
    metadata = describe_windows(classifier, license_id)
    for name, value in metadata.to_properties().items():
        model.metadata_props.add(key=name, value=value)
    with atomic_writer(path, "wb") as file:
        file.write(model.SerializeToString())


def _require_onnx():
    """Raises if what torch exports with is missing."""
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "writing ONNX files needs onnx and onnxscript: "
            "pip install onnx onnxscript"
        ) from error


def _tidy(graph):
    """Names the operators of a graph after the parts of the model, and takes
    out what the exporter noted about its code, most of a small file."""
    for node in graph.node:
        notes = {note.key: note.value for note in node.metadata_props}
        part = re.search(r"/model\.(\w+)[.:]", notes.get("namespace", ""))
        node.name = f"{part[1] if part else 'model'}/{node.name}"
    values = (*graph.value_info, *graph.input, *graph.output)
    for noted in (graph, *graph.node, *graph.initializer, *values):
        del noted.metadata_props[:]


def _refusal(classifier, error):
    """An error that says in one line why a model cannot be exported."""
    # The exporters' texts go on for pages.
    reason = next(filter(None, map(str.strip, str(error).splitlines())), "")
    model = classifier.mods.model
    backbones = {type(model.encoder(index)[1]).__name__ for index in (0, 1)}
    return ValueError(
        f"torch {torch.__version__} cannot export a model with "
        f"{' and '.join(sorted(backbones))}: "
        f"{type(error).__name__}: {reason}"
    )
