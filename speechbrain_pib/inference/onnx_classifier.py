"""Classifies recordings with a model file, which is data and not code.

Authors
 * The speechbrain_pib developers 2026
"""

import os

import torch
from speechbrain.dataio.encoder import CategoricalEncoder

from speechbrain_pib.inference.classifiers import PlayItBackClassifier
from speechbrain_pib.inference.onnx_evidence import OnnxListener
from speechbrain_pib.inference.window_metadata import (
    INPUTS,
    OUTPUTS,
    WindowMetadata,
)
from speechbrain_pib.inference.windows import WindowedClassifier
from speechbrain_pib.lobes.models.replay import mask_to_segments

SUFFIX = ".onnx"


class OnnxClassifier(WindowedClassifier):
    """A Play It Back model in one file, as `export_onnx` writes it.

    Hears recordings of any length, see ``WindowedClassifier``, on the CPU, in
    as many threads as torch has. Nothing in the file is run but the operators
    of onnxruntime.

    Arguments
    ---------
    path : str or Path
        The file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If onnxruntime is not installed.
    ValueError
        If the file is no model that `speechbrain-pib export` wrote.

    Example
    -------
    >>> classifier = OnnxClassifier("model.onnx")  # doctest: +SKIP
    >>> classifier.classify_file("dog.wav")  # doctest: +SKIP
    """

    def __init__(self, path):
        self.path = os.fspath(path)
        self._session = _open_session(self.path)
        properties = self._session.get_modelmeta().custom_metadata_map
        try:
            self.metadata = WindowMetadata.from_properties(properties)
            self._check_shapes()
        except ValueError as error:
            raise ValueError(f"{self.path} cannot be used: {error}") from None
        self.label_encoder = CategoricalEncoder()
        self.label_encoder.update_from_iterable(self.metadata.labels)
        self.label_encoder.expect_len(len(self.metadata.labels))

    @property
    def sample_rate(self):
        """Sampling rate of the model in Hz."""
        return self.metadata.sample_rate

    @property
    def n_samples(self):
        """Samples of a window."""
        return self.metadata.window_samples

    @property
    def views(self):
        """Windows of a long recording, at least."""
        return self.metadata.views

    @property
    def tasks(self):
        """Classes of each task that shares the head; None for one task."""
        return self.metadata.tasks

    @property
    def labels(self):
        """Label of each class."""
        return self.metadata.labels

    @property
    def multi_label(self):
        """Whether classes are independent."""
        return self.metadata.multi_label

    @property
    def event_threshold(self):
        """Evidence that an event of a time line reaches."""
        return self.metadata.event_threshold

    @property
    def replays(self):
        """How often the model replays."""
        return self._passes - 1

    def make_listener(self, plan):
        """Makes what hears the windows of a time line.

        Arguments
        ---------
        plan : WindowPlan
            Where windows lie.

        Returns
        -------
        listener : OnnxListener
        """
        return OnnxListener(self, plan)

    def run(self, wavs, lengths):
        """Computes all that the file does.

        Arguments
        ---------
        wavs : torch.Tensor
            Crops of the model's size [windows, samples].
        lengths : torch.Tensor
            Relative lengths before padding [windows].

        Returns
        -------
        outputs : dict
            Name to torch.Tensor, see `WindowGraph`.

        Raises
        ------
        ValueError
            If onnxruntime cannot, or the probabilities are not finite.
        """
        given = {
            name: tensor.float().cpu().numpy()
            for name, tensor in zip(INPUTS, (wavs, lengths))
        }
        try:
            outputs = self._session.run(OUTPUTS, given)
        except Exception as error:  # onnxruntime's have no base of their own
            raise _unusable(self.path, error) from error
        outputs = dict(zip(OUTPUTS, map(torch.from_numpy, outputs)))
        if not outputs["probabilities"].isfinite().all():
            raise ValueError(
                f"what {self.path} computes is not finite; are the samples in "
                "[-1, 1]?"
            )
        return outputs

    def hear_windows(self, wavs, lengths):
        """Tells what is heard in windows.

        Arguments
        ---------
        wavs : torch.Tensor
            Crops of the model's size [windows, samples].
        lengths : torch.Tensor
            Relative lengths before padding [windows].

        Returns
        -------
        heard : list of tuple
            Probabilities [classes], embedding [features] and the segments of
            each pass, of each window.
        """
        outputs = self.run(wavs, lengths)
        segments = map(self.to_segments, outputs["segments"])
        return list(
            zip(outputs["probabilities"], outputs["embeddings"], segments)
        )

    def to_segments(self, masks):
        """Converts what the passes selected.

        Arguments
        ---------
        masks : torch.Tensor
            Base frames, boolean [passes, T].

        Returns
        -------
        segments : list
            Of each pass: (start, stop) in seconds of the window.
        """
        seconds = self.metadata.hop_samples / self.sample_rate
        return [mask_to_segments(mask, seconds) for mask in masks]

    def _check_shapes(self):
        """Raises if inputs or outputs are not what the metadata say."""
        session, metadata = self._session, self.metadata
        tensors = {
            tensor.name: tensor
            for tensor in (*session.get_inputs(), *session.get_outputs())
        }
        if missing := {*INPUTS, *OUTPUTS} - set(tensors):
            raise ValueError(f"it lacks {', '.join(sorted(missing))}")
        samples, classes = metadata.window_samples, len(metadata.labels)
        passes = (*tensors["pass_probabilities"].shape, None, None)[1]
        if type(passes) is not int:
            raise ValueError("its number of passes is not fixed")
        # None: as many as there are.
        shapes = {
            "waveform": [samples],
            "lengths": [],
            "probabilities": [classes],
            "pass_probabilities": [passes, classes],
            "segments": [passes, None],
            "embeddings": [None],
            "first_evidence": [None, classes],
            "evidence": [passes, None, classes],
            "times": [passes, None],
        }
        for name, shape in shapes.items():
            _check_tensor(tensors[name], shape)
        self._passes = passes


def load_classifier(source, device=None, budget=None):
    """Loads an inference folder, or a model file.

    Arguments
    ---------
    source : str or Path
        A file that ends in .onnx, or what `PlayItBackClassifier.from_hparams`
        takes; that can execute code, the file cannot.
    device : str
        Such as "cpu" or "cuda:0" (default: a GPU if there is); a file is
        computed on the CPU.
    budget : float or str
        As for `PlayItBackClassifier.from_hparams`; a file has none.

    Returns
    -------
    classifier : WindowedClassifier

    Raises
    ------
    ValueError
        If a file is to be computed elsewhere, or with a budget; see also both
        classes.

    Example
    -------
    >>> load_classifier("no/such.onnx")
    Traceback (most recent call last):
        ...
    FileNotFoundError: there is no file no/such.onnx
    """
    if not os.fspath(source).endswith(SUFFIX) or os.path.isdir(source):
        return PlayItBackClassifier.from_hparams(
            source, budget=budget, run_opts={"device": device}
        )
    if budget is not None:
        raise ValueError(
            "an ONNX file hears all passes of every window; give the inference "
            "folder for a budget"
        )
    if device is not None and torch.device(device).type != "cpu":
        raise ValueError(
            f"an ONNX file is computed on the CPU, not on {device}; give the "
            "inference folder for that"
        )
    return OnnxClassifier(source)


def _check_tensor(tensor, shape):
    """Raises if an input or output of a file is not of a shape, below that of
    the batch."""
    kind = "tensor(bool)" if tensor.name == "segments" else "tensor(float)"
    if tensor.type != kind:
        raise ValueError(f"its {tensor.name} are a {tensor.type}, not a {kind}")
    found = tensor.shape[1:]
    if len(tensor.shape) != len(shape) + 1 or any(
        size not in (None, given) for size, given in zip(shape, found)
    ):
        raise ValueError(f"its {tensor.name} are {found}, not {shape}")


def _open_session(path):
    """Opens a model file by onnxruntime."""
    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no file {path}")
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(
            "reading ONNX files needs onnxruntime: pip install onnxruntime"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # what is wrong is said by the error
    try:
        return onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's have no base of their own
        raise _unusable(path, error) from error


def _unusable(path, error):
    """An error that says in one line why onnxruntime cannot use a file."""
    reason = " ".join(str(error).split())
    return ValueError(f"{path} cannot be used by onnxruntime: {reason}")
