"""Classifies recordings of any length with a trained Play It Back model.

Authors
 * The speechbrain_pib developers 2026
"""

import torch

from speechbrain_pib.dataio.timelines.settings import EVENT_THRESHOLD
from speechbrain_pib.inference.folders import read_budgets
from speechbrain_pib.inference.interfaces import ExportedClassifier
from speechbrain_pib.inference.window_evidence import WindowListener
from speechbrain_pib.inference.windows import WindowedClassifier
from speechbrain_pib.lobes.models.until_sure import UntilSure
from speechbrain_pib.nnet.losses import class_probabilities


class PlayItBackClassifier(WindowedClassifier, ExportedClassifier):
    """A ready-to-use Play It Back model, as `export_inference` writes it.

    Hears recordings of any length, see ``WindowedClassifier``.

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
        if type(self.views) is not int or self.views < 1:
            raise ValueError(f"views is {self.views!r}, not 1, 2, 3, ...")
        if self.tasks and sum(self.tasks) != self.num_classes:
            raise ValueError(
                f"tasks have {sum(self.tasks)} classes, the model "
                f"{self.num_classes}"
            )

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
            The mean cost of a window: a share of that of all passes, such as
            0.5, or "1.5GMAC". Windows that are sure are then not replayed; how
            sure they must be was found on the validation set of the training,
            and is in budget.json (default: every window hears all passes).
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
            As there; and if it is no budget, or a first listen costs more.
        """
        classifier = super().from_hparams(source, *args, **kwargs)
        if budget is not None:
            classifier.until_sure = UntilSure(
                classifier.mods.model,
                read_budgets(source).threshold(budget),
                classifier.hparams.multi_label,
                classifier.tasks,
            )
        return classifier

    @property
    def event_threshold(self):
        """Evidence that an event of a time line reaches."""
        # Folders of release 0.1 do not tell.
        return getattr(self.hparams, "event_threshold", EVENT_THRESHOLD)

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
    def sample_rate(self):
        """Sampling rate of the model in Hz."""
        return self.hparams.sample_rate

    @property
    def n_samples(self):
        """Samples of a window."""
        return self.fbank.n_samples

    @property
    def views(self):
        """Windows of a long recording, at least."""
        return self.hparams.views

    @property
    def tasks(self):
        """Classes of each task that shares the head; None for one task."""
        return self.hparams.tasks

    @property
    def label_encoder(self):
        """Class index to label."""
        return self.hparams.label_encoder

    @property
    def labels(self):
        """Label of each class."""
        names = self.hparams.label_encoder.ind2lab
        return [str(names[index]) for index in range(self.num_classes)]

    @property
    def multi_label(self):
        """Whether classes are independent."""
        return self.hparams.multi_label

    @property
    def replays(self):
        """How often the model replays."""
        return self.mods.model.replays

    def make_listener(self, plan):
        """Makes what hears the windows of a time line.

        Arguments
        ---------
        plan : WindowPlan
            Where windows lie.

        Returns
        -------
        listener : WindowListener
        """
        return WindowListener(self, plan)

    def forward(self, wavs, wav_lens=None):
        """As `classify_batch`."""
        return self.classify_batch(wavs, wav_lens)

    @torch.no_grad()
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
        with self.inference_ctx:
            listen = self.until_sure or self.mods.model
            output = listen(wavs.to(self.device), lengths.to(self.device))
        return list(
            zip(
                self.to_probabilities(output.logits.float()),
                output.embeddings.float(),
                output.segments or [[]] * len(wavs),
            )
        )

    def to_probabilities(self, logits):
        """Computes probabilities of the classes.

        Arguments
        ---------
        logits : torch.Tensor
            Of the model [..., classes].

        Returns
        -------
        probabilities : torch.Tensor
            The same shape, in float32.

        Raises
        ------
        ValueError
            If they are not finite.
        """
        if not logits.isfinite().all():
            raise ValueError(
                "the model's output is not finite; are the samples in [-1, 1]?"
            )
        return class_probabilities(
            logits, self.hparams.multi_label, self.hparams.tasks
        )
