"""Classifies recordings of any length with a trained Play It Back model.

Authors
 * The speechbrain_pib developers 2026
"""

import itertools
import math

import torch

from speechbrain_pib.dataio.audio.crops import (
    cut_segment,
    stack_segments,
    view_starts,
)
from speechbrain_pib.dataio.audio.levels import find_fault
from speechbrain_pib.dataio.audio.locators import open_audio
from speechbrain_pib.inference.interfaces import ExportedClassifier
from speechbrain_pib.inference.listening import Listening, merge_segments
from speechbrain_pib.nnet.losses import class_probabilities, split_tasks

# Bounds the memory that a long recording takes.
WINDOWS_PER_BATCH = 16


class PlayItBackClassifier(ExportedClassifier):
    """A ready-to-use Play It Back model, as `export_inference` writes it.

    A recording longer than the crop of the model is heard in uniform windows,
    at least `views` and as many as cover it, and the probabilities are
    averaged; a shorter one is heard once. Recordings do not depend on others
    in their batch, and results do not change from call to call.

    Load only what you trust: hyperparams.yaml can execute code.

    Arguments
    ---------
    See ``Pretrained``. The YAML holds "sample_rate", "views", "multi_label"
    (independent classes: sigmoid instead of softmax), "tasks" (number of
    classes of each task that shares the head, or None), "label_encoder" and
    the module "model".

    Example
    -------
    >>> import speechbrain_pib.inference.classifiers as classifiers
    >>> from speechbrain.dataio.encoder import CategoricalEncoder
    >>> from speechbrain_pib.lobes.features import MultiHopFbank
    >>> from speechbrain_pib.lobes.models.mvitv2 import MViTv2
    >>> from speechbrain_pib.lobes.models.playitback import PlayItBack
    >>> label_encoder = CategoricalEncoder()
    >>> label_encoder.update_from_iterable(["bark", "meow"])
    >>> model = PlayItBack(
    ...     MultiHopFbank(hop_length=160, n_frames=100), MViTv2(2, "nano")
    ... )
    >>> classifier = classifiers.PlayItBackClassifier(
    ...     modules={"model": model},
    ...     hparams={
    ...         "sample_rate": 16000,
    ...         "views": 2,
    ...         "multi_label": False,
    ...         "tasks": None,
    ...         "label_encoder": label_encoder,
    ...     },
    ...     run_opts={"device": "cpu"},
    ... )
    >>> wavs = torch.randn(3, 40000)
    >>> out_prob, score, index, text_lab = classifier.classify_batch(wavs)
    >>> out_prob.shape, score.shape, index.shape, len(text_lab)
    (torch.Size([3, 2]), torch.Size([3]), torch.Size([3]), 3)
    >>> classifier.listen_batch(wavs)[0].windows
    [(0.0, 1.0), (0.75, 1.75), (1.5, 2.5)]
    """

    HPARAMS_NEEDED = [
        "sample_rate",
        "views",
        "multi_label",
        "tasks",
        "label_encoder",
    ]
    MODULES_NEEDED = ["model"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.fbank.sample_rate != self.hparams.sample_rate:
            raise ValueError(
                f"sample_rate is {self.hparams.sample_rate}, the model's "
                f"front end was built for {self.fbank.sample_rate}"
            )

    @property
    def fbank(self):
        """The front end of the model."""
        return self.mods.model.fbank

    @property
    def num_classes(self):
        """Number of classes of the model."""
        backbone = self.mods.model.backbone
        pooled = torch.zeros(1, backbone.output_size, device=self.device)
        return backbone.forward_head(pooled).shape[-1]

    @property
    def crop_seconds(self):
        """Duration of a window in seconds."""
        return self.fbank.n_samples / self.fbank.sample_rate

    def forward(self, wavs, wav_lens=None):
        """As `classify_batch`."""
        return self.classify_batch(wavs, wav_lens)

    def classify_batch(self, wavs, wav_lens=None):
        """Classifies waveforms in memory.

        Arguments
        ---------
        wavs : torch.Tensor
            [batch, samples] or [samples], any number of samples, at the
            sampling rate of the model, in [-1, 1].
        wav_lens : torch.Tensor
            Lengths relative to `samples`, in (0, 1] [batch]; what is beyond
            is not heard (default: everything is).

        Returns
        -------
        out_prob : torch.Tensor
            Probability of each class [batch, classes].
        score : torch.Tensor
            Probability of the best class [batch]; of several tasks, the
            product of theirs.
        index : torch.Tensor
            Index of the best class [batch]; of several tasks [batch, tasks].
        text_lab : list of str
            Label of the best class; of several tasks joined by "|".

        Raises
        ------
        ValueError
            If the waveforms have the wrong shape or type, are not finite, or
            at another scale than 1.
        """
        heard = self.listen_batch(wavs, wav_lens)
        return self._decide(torch.stack([one.probabilities for one in heard]))

    def classify_file(self, path):
        """Classifies an audio file.

        Arguments
        ---------
        path : str or Path
            wav, flac, ogg, opus or mp3 of any sampling rate, number of
            channels and duration; with PyAV m4a, aac, mp4 or webm, too.

        Returns
        -------
        As `classify_batch`, for a batch of one.

        Raises
        ------
        UnreadableAudioError
            If the file is missing, damaged or empty, or its samples are no
            sound: not finite, or at another scale than 1.
        """
        return self._decide(self.listen_file(path).probabilities.unsqueeze(0))

    def encode_batch(self, wavs, wav_lens=None):
        """Computes an embedding of each waveform.

        Arguments
        ---------
        wavs : torch.Tensor
            As for `classify_batch`.
        wav_lens : torch.Tensor
            As for `classify_batch`.

        Returns
        -------
        embeddings : torch.Tensor
            What the last layer classifies [batch, 1, features].
        """
        heard = self.listen_batch(wavs, wav_lens)
        return torch.stack([one.embedding for one in heard]).unsqueeze(1)

    def listen_batch(self, wavs, wav_lens=None):
        """Tells what was heard in waveforms, and what was replayed.

        Arguments
        ---------
        wavs : torch.Tensor
            As for `classify_batch`.
        wav_lens : torch.Tensor
            As for `classify_batch`.

        Returns
        -------
        heard : list of Listening
            One for each waveform.
        """
        rows = self._rows(wavs, wav_lens)
        rate = self.fbank.sample_rate
        starts = [self._window_starts(len(row) / rate) for row in rows]
        segments = (
            row[round(start * rate) :]
            for row, row_starts in zip(rows, starts)
            for start in row_starts
        )
        windows = iter(self._hear(segments))
        return [
            self._summarize(
                len(row) / rate,
                row_starts,
                list(itertools.islice(windows, len(row_starts))),
            )
            for row, row_starts in zip(rows, starts)
        ]

    def listen_file(self, path):
        """Tells what was heard in an audio file, and what was replayed.

        The file is read window by window, however long it is.

        Arguments
        ---------
        path : str or Path
            As for `classify_file`.

        Returns
        -------
        heard : Listening
        """
        with open_audio(path) as audio:
            audio.check_end()
            starts = self._window_starts(audio.duration)
            segments = (
                cut_segment(
                    audio, start, self.crop_seconds, self.fbank.sample_rate
                )
                for start in starts
            )
            return self._summarize(audio.duration, starts, self._hear(segments))

    def _rows(self, wavs, wav_lens):
        """The waveforms [n] of a batch without their padding."""
        if wavs.ndim == 1:
            wavs = wavs.unsqueeze(0)
        if wavs.ndim != 2 or not wavs.numel() or not wavs.is_floating_point():
            raise ValueError(
                "expected waveforms [batch, samples] of floating point numbers "
                f"in [-1, 1], got {wavs.dtype} of shape {list(wavs.shape)}"
            )
        if wav_lens is None:
            wav_lens = torch.ones(len(wavs))
        if wav_lens.shape != wavs.shape[:1] or not all(
            0 < length <= 1 for length in wav_lens.tolist()
        ):
            raise ValueError(
                f"expected {len(wavs)} relative lengths in (0, 1], "
                f"got {wav_lens.tolist()}"
            )
        samples = (wav_lens * wavs.shape[1]).round().clamp(min=1).long()
        rows = [row[:n] for row, n in zip(wavs.float(), samples.tolist())]
        for index, row in enumerate(rows):
            if (fault := find_fault(row)) is not None:
                raise ValueError(f"waveform {index} of the batch {fault}")
        return rows

    def _window_starts(self, duration):
        """Where the windows of a recording begin, in seconds."""
        if duration <= self.crop_seconds:
            return [0.0]
        needed = math.ceil(round(duration / self.crop_seconds, 6))
        views = max(self.hparams.views, needed)
        return view_starts(duration, self.crop_seconds, views)

    @torch.no_grad()
    def _hear(self, segments):
        """Probabilities, embedding and segments of each window.

        Takes an iterable of waveforms [n], not longer than they need to be.
        """
        segments = iter(segments)
        heard = []
        while chunk := list(itertools.islice(segments, WINDOWS_PER_BATCH)):
            wavs, lengths = stack_segments(chunk, self.fbank.n_samples)
            with self.inference_ctx:
                output = self.mods.model(
                    wavs.to(self.device), lengths.to(self.device)
                )
            heard += zip(
                self._probabilities(output.logits.float()),
                output.embeddings.float(),
                output.segments or [[]] * len(chunk),
            )
        return heard

    def _probabilities(self, logits):
        """Probabilities of the classes [windows, classes]."""
        if not logits.isfinite().all():
            raise ValueError(
                "the model's output is not finite; are the samples in [-1, 1]?"
            )
        return class_probabilities(
            logits, self.hparams.multi_label, self.hparams.tasks
        )

    def _summarize(self, duration, starts, windows):
        """Joins the windows of a recording."""
        probabilities, embeddings, segments = zip(*windows)
        probabilities = torch.stack(probabilities)
        # The selection of the last pass is not replayed.
        replays = zip(*(passes[:-1] for passes in segments))
        return Listening(
            probabilities=probabilities.mean(dim=0),
            embedding=torch.stack(embeddings).mean(dim=0),
            segments=[
                merge_segments(
                    (start + begin, min(start + end, duration))
                    for start, window in zip(starts, replay)
                    for begin, end in window
                )
                for replay in replays
            ],
            windows=[
                (start, min(start + self.crop_seconds, duration))
                for start in starts
            ],
            window_probabilities=probabilities,
        )

    def _decide(self, out_prob):
        """Probabilities, best score, its index and label."""
        label_encoder = self.hparams.label_encoder
        if self.hparams.tasks is None:
            score, index = out_prob.max(dim=-1)
            return out_prob, score, index, label_encoder.decode_torch(index)
        parts = split_tasks(out_prob, self.hparams.tasks)
        scores, indices = zip(*(part.max(dim=-1) for part in parts))
        firsts = itertools.accumulate(self.hparams.tasks[:-1], initial=0)
        index = torch.stack([i + n for i, n in zip(indices, firsts)], dim=-1)
        labels = label_encoder.decode_torch(index)
        score = torch.stack(scores, dim=-1).prod(dim=-1)
        return out_prob, score, index, ["|".join(row) for row in labels]
