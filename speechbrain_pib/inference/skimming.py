"""Classifies videos of any length with a trained Skimmer, decoding what it
looks at.

Authors
 * The speechbrain_pib developers 2026
"""

import itertools
import os
from typing import NamedTuple

import torch

from speechbrain_pib.dataio.video.files import probe_video
from speechbrain_pib.dataio.video.frames import iter_frames, read_frames
from speechbrain_pib.dataio.video.sound import iter_seconds, read_sound
from speechbrain_pib.dataio.video.steps import CHUNK, count_steps
from speechbrain_pib.inference.folders import read_budgets
from speechbrain_pib.inference.interfaces import ExportedClassifier
from speechbrain_pib.utils.silence import is_silent


class Look(NamedTuple):
    """A moment at which a stream was looked at.

    Arguments
    ---------
    seconds : float
        Where it begins; a moment is a frame and the second that follows.
    stream : str
        "image" or "audio".
    weight : float
        Share of the stream's query in choosing it; the same for all streams
        if nothing was seen before.

    Example
    -------
    >>> Look(7.0, "image", 0.75).stream
    'image'
    """

    seconds: float
    stream: str
    weight: float


class Skimming(NamedTuple):
    """What was seen in a video.

    Arguments
    ---------
    label : str
        The best class.
    score : float
        Its probability.
    looks : list of Look
        Where the model looked, in its order; the preview is not among them.
    probabilities : torch.Tensor
        Of all classes [classes].
    duration : float
        Of the video in seconds.
    decoded_frames : int
        How many moments' frames were decoded, preview included.
    has_audio : bool
        Whether any second that was listened to is not silent.

    Example
    -------
    >>> Skimming("cat", 0.9, [], torch.ones(1), 13.0, 4, True).label
    'cat'
    """

    label: str
    score: float
    looks: list
    probabilities: torch.Tensor
    duration: float
    decoded_frames: int
    has_audio: bool


class SkimmingClassifier(ExportedClassifier):
    """A ready-to-use Skimmer, as `export_skimming` writes it.

    Each video is previewed: every second of its sound, or every few of them,
    and every few frames, as the skimmer's `subsample` says. Then the skimmer
    chooses moments, and what the preview does not know of them is decoded.
    Memory does not grow with the video but by its features, some kB a second.

    Load only what you trust: hyperparams.yaml can execute code.

    Arguments
    ---------
    See ``Pretrained``. The YAML holds "image_size" (pixels), "label_encoder",
    and the modules "model" (Skimmer) and "student" (ImgAud2Vid).

    Example
    -------
    >>> classifier = SkimmingClassifier.from_hparams(
    ...     "results/ActivityNet/miniature/1234/inference"
    ... )  # doctest: +SKIP
    >>> classifier.classify_video("clip.mp4").label  # doctest: +SKIP
    'disc, rising'
    """

    HPARAMS_NEEDED = ["image_size", "label_encoder"]
    MODULES_NEEDED = ["model", "student"]

    threshold = None

    @classmethod
    def from_hparams(cls, source, *args, budget=None, **kwargs):
        """Load an inference folder.

        Arguments
        ---------
        source : str or Path
            As for ``ExportedClassifier.from_hparams``.
        *args : tuple
            As there.
        budget : float or str
            The mean cost of a video, a share of that of all looks, such as
            0.5, or "50GMAC": nobody looks on at a video that is sure. How sure
            it must be was found on the validation set of the training, for
            videos as long as there (default: all looks).
        **kwargs : dict
            As there.

        Returns
        -------
        classifier : cls

        Raises
        ------
        FileNotFoundError
            As there; and if there is a budget and no budget.json.
        ValueError
            As there; and if it is no budget, or the preview costs more.
        """
        classifier = super().from_hparams(source, *args, **kwargs)
        if budget is not None:
            classifier.threshold = read_budgets(source).threshold(budget)
        return classifier

    @property
    def num_classes(self):
        """Number of classes of the model."""
        return self.mods.model.classifier.out_features

    def forward(self, path):
        """As `classify_video`."""
        return self.classify_video(path)

    @torch.no_grad()
    def classify_video(self, path):
        """Classifies a video file.

        Arguments
        ---------
        path : str or Path
            Any file that FFmpeg reads, of any length, with or without sound.

        Returns
        -------
        seen : Skimming

        Raises
        ------
        UnreadableVideoError
            If the file is missing or damaged, or has no pictures.
        """
        path = os.fspath(path)
        duration = probe_video(path).duration
        steps = count_steps(duration)
        video = _Video(path, steps, self)
        with self.inference_ctx:
            features = video.preview()
            # The preview does not know the moments well enough to mix them.
            output = self.mods.model(
                features,
                fetch=video.fetch,
                attention="hard",
                threshold=self.threshold,
            )
        probabilities = output.logits[0].float().softmax(dim=-1)
        score, index = probabilities.max(dim=-1)
        labels = self.hparams.label_encoder.decode_torch(index.unsqueeze(0))
        return Skimming(
            label=labels[0],
            score=score.item(),
            looks=self._looks(output),
            probabilities=probabilities,
            duration=duration,
            decoded_frames=len(video.seen["image"]),
            has_audio=video.has_audio,
        )

    def _looks(self, output):
        """Where the model looked in the one video of a batch."""
        names = self.mods.model.streams
        weights_before = output.modality_weights[0].tolist()[:-1]
        return [
            Look(float(moment), name, weight)
            for moments, weights, counted in zip(
                output.looked_at[0].tolist(),
                [[1 / len(names)] * len(names), *weights_before],
                output.counted[0].tolist(),
            )
            for name, moment, weight in zip(names, moments, weights)
            if counted and moment >= 0
        ]


class _Video:
    """Computes features of a video file, those that are asked for."""

    def __init__(self, path, steps, classifier):
        self.path, self.steps = path, steps
        self.device = classifier.device
        self.student = classifier.mods.student
        self.image_size = classifier.hparams.image_size
        self.subsample = dict(
            zip(classifier.mods.model.streams, classifier.mods.model.subsample)
        )
        self.seen = {"image": {}, "audio": {}}
        self.has_audio = False

    def preview(self):
        """Features [1, T, size] of each stream, 0 where nobody looked yet."""
        return {
            name: self._preview(name, min(factor, self.steps))
            for name, factor in self.subsample.items()
        }

    def _preview(self, name, factor):
        """Features [1, T, size] of every factor-th moment of a stream."""
        moments = range(0, self.steps, factor)
        if name == "image":
            source = iter_frames(self.path, moments, self.image_size)
        elif factor == 1:
            rate = self.student.sample_rate
            source = iter_seconds(self.path, rate, self.steps)
        else:
            source = map(self._sound, moments)
        bank = None
        pairs = zip(moments, source, strict=True)
        while chunk := list(itertools.islice(pairs, CHUNK)):
            index, inputs = zip(*chunk)
            features = self._features(name, torch.stack(inputs))
            if bank is None:
                bank = features.new_zeros(self.steps, features.shape[1])
            bank[list(index)] = features
            self.seen[name] |= dict(zip(index, features))
        return bank.unsqueeze(0)

    def fetch(self, name, indices):
        """Features [1, size] of a stream at the moment asked for."""
        moment = int(indices[0])
        if moment not in self.seen[name]:
            if name == "image":
                inputs = read_frames(self.path, [moment], self.image_size)
            else:
                inputs = self._sound(moment).unsqueeze(0)
            self.seen[name][moment] = self._features(name, inputs)[0]
        return self.seen[name][moment].unsqueeze(0)

    def _sound(self, moment):
        """The second of sound of a moment."""
        rate = self.student.sample_rate
        return read_sound(self.path, moment, moment + 1, rate)[0]

    def _features(self, name, inputs):
        """Features of moments of a stream [n, size]."""
        if name == "image":
            return self.student.image_features(inputs.to(self.device))
        self.has_audio = self.has_audio or not is_silent(inputs).all()
        return self.student.audio_features(inputs.to(self.device))
